package replay

import (
	"encoding/json"
	"net/url"
	"time"
)

// dialect is how one exchange's recordings are read, for exchanges whose books begin within their stream or from an answer
// over REST. (Binance's and Kraken's ways are written out where they are needed.)
type dialect struct {
	// socket says whether a WebSocket address is one of the exchange's.
	socket func(u *url.URL) bool
	// add keeps a received message on a stream of the recording, or passes it over if it belongs to the recorded session only.
	add func(r *Recording, at time.Duration, payload []byte) error
	// books and trades name the streams that a symbol's book and trades are read from, the best first.
	books, trades func(symbol string) []string
	// apply applies a message of the book's stream, and says whether it was a picture of the whole book.
	apply func(b *Book, data []byte) (picture bool, err error)
	// levels visits all levels of a message of the book's stream.
	levels func(data []byte, visit func(price, qty []byte) error) error
	// read reads the trades of a message of the trades' stream; those of the time before it are not among them.
	read func(data []byte) ([]Trade, error)
	// split takes a symbol apart; empty where it is no spot pair.
	split func(symbol string) (base, quote string)
	// listing reads a recorded answer of the instruments endpoint; nil where the address is another one.
	listing func(u *url.URL, body []byte) (map[string]Instrument, error)
	// fetched reads an answer over REST: whose book it is, and the id that it stands at; the symbol is empty for other answers.
	// Nil where no book starts from one.
	fetched func(u *url.URL, body []byte) (symbol string, id int64, err error)
	// first and last are the keys of the first and the last id of a message of the book's stream, where books start over REST.
	first, last string
	// advance plays a book on; nil for a book that begins with a picture on its stream.
	advance func(p *Player, g *progress, symbol string, position time.Duration) error
}

// dialects by the exchange's name.
var dialects = map[string]*dialect{
	"bitstamp": bitstamp,
	"bybit":    bybit,
	"coinbase": coinbase,
	"gateio":   gateio,
	"gemini":   gemini,
	"kucoin":   kucoin,
	"okx":      okx,
}

// speaks finds the exchange behind a WebSocket address; empty where it is none of the dialects'.
func speaks(u *url.URL) string {
	for name, d := range dialects {
		if d.socket(u) {
			return name
		}
	}
	return ""
}

// first is the first stream of those names that has messages; nil where none has.
func (r *Recording) first(names []string) *Stream {
	for _, name := range names {
		if s := r.Streams[name]; s != nil && len(s.Frames) > 0 {
			return s
		}
	}
	return nil
}

// advanceInBand plays a book on that begins with a picture on its stream. Changes before the picture are worth nothing.
func (g *progress) advanceInBand(d *dialect, position time.Duration) error {
	for ; g.next < len(g.stream.Frames) && g.stream.Frames[g.next].At <= position; g.next++ {
		picture, err := d.apply(&g.book, g.stream.Frames[g.next].Data)
		if err != nil {
			return err
		}
		if g.begun = g.begun || picture; !g.begun {
			g.book.reset()
		}
	}
	return nil
}

// BookStream names the stream that a symbol's book is built from; empty if none was recorded.
func (r *Recording) BookStream(symbol string) string {
	if s := r.depthStream(symbol); s != nil {
		return s.Name
	}
	return ""
}

// entries reads instruments that are objects with these three keys.
func entries(rows []json.RawMessage, symbol, base, quote string) (map[string]Instrument, error) {
	out := make(map[string]Instrument, len(rows))
	for _, raw := range rows {
		var fields map[string]json.RawMessage
		if err := json.Unmarshal(raw, &fields); err != nil {
			return nil, err
		}
		i := Instrument{Entry: raw}
		for key, to := range map[string]*string{symbol: &i.Symbol, base: &i.Base, quote: &i.Quote} {
			if err := json.Unmarshal(fields[key], to); err != nil {
				return nil, err
			}
		}
		out[i.Symbol] = i
	}
	return out, nil
}
