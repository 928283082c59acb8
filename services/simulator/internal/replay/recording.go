// Package replay reads recorded exchange traffic and plays it back: what was received when, the order book at any point of it,
// the trades up to there.
//
// A Recording is immutable once read and may be shared. A Player adds the clock; all its methods may be called by many
// goroutines at once. The package opens files but no sockets and starts no goroutine; it knows the two wire formats it replays
// only as far as a book needs, and never alters a payload.
package replay

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// The exchanges whose recordings can be played.
const (
	Binance   = "binance"
	BinanceUS = "binance_us" // speaks as Binance does
	Kraken    = "kraken"
)

// Frame is one recorded data message.
type Frame struct {
	// At is its place in the recording: time since the first line.
	At time.Duration
	// Data is the payload without the combined-stream wrapping, Whole with it, each byte for byte as recorded.
	// Without such a wrapping Whole is nil.
	Data, Whole []byte
}

// Stream is all messages of one stream.
type Stream struct {
	// Name is how the stream is subscribed to: btcusdt@depth@100ms, book BTC/USD.
	Name   string
	Symbol string
	Frames []Frame
	// Depth is the acknowledged depth of a Kraken book, else 0.
	Depth int
	seqs  []int64 // the place of each message among all messages of the recording
}

// body is a recorded answer of the REST depth endpoint.
type body struct {
	at   time.Duration
	id   int64
	data []byte
}

// Recording is one file's traffic.
type Recording struct {
	File     string
	Exchange string
	// Start is the recorder's time of the first line.
	Start time.Time
	// Length is the time from the first line to the last.
	Length time.Duration
	// Streams by name.
	Streams map[string]*Stream
	// Symbols, in the exchange's spelling, that have data, in order of appearance.
	Symbols []string

	bodies map[string][]body
	seq    int64
}

// readRecording reads one file; the reason is set, and the recording nil, if it is of a kind that is not played here.
func readRecording(path, name string) (rec *Recording, reason string, err error) {
	err = readLines(path, func(l line) error {
		if rec == nil {
			if l.kind != lineOpened {
				reason = "the first line is not a connection, so the exchange is unknown"
				return errStop
			}
			var exchange string
			if exchange, reason = exchangeOf(l.url); reason != "" {
				return errStop
			}
			rec = &Recording{
				File: name, Exchange: exchange, Start: time.Unix(0, l.at).UTC(),
				Streams: map[string]*Stream{}, bodies: map[string][]body{},
			}
			return nil
		}
		return rec.add(l)
	})
	if err != nil || rec == nil {
		return nil, reason, err
	}
	if len(rec.Symbols) == 0 {
		return nil, "it holds no data message", nil
	}
	return rec, "", nil
}

// exchangeOf names the exchange behind a WebSocket address, or why its recordings are not played.
func exchangeOf(address string) (exchange, reason string) {
	u, err := url.Parse(address)
	if err != nil {
		return "", "the connection's address cannot be read"
	}
	switch host := u.Hostname(); {
	case host == "stream.binance.com" || host == "data-stream.binance.vision":
		return Binance, ""
	case host == "fstream.binance.com" || host == "dstream.binance.com":
		return "", "binance futures: their update ids follow other rules than spot"
	case host == "stream.binance.us":
		return BinanceUS, ""
	case host == "ws.kraken.com" && u.Path == "/v2":
		return Kraken, ""
	case host == "ws.kraken.com":
		return "", "kraken's first WebSocket protocol is not served"
	case speaks(u) != "":
		return speaks(u), ""
	default:
		return "", "the exchange at " + host + " is not served yet"
	}
}

func (r *Recording) add(l line) error {
	at := time.Duration(l.at - r.Start.UnixNano())
	if at < r.Length {
		return fmt.Errorf("time goes backwards by %v", r.Length-at)
	}
	r.Length = at
	if d := dialects[r.Exchange]; d != nil {
		switch {
		case l.kind == lineReceived:
			return d.add(r, at, l.body)
		case l.kind == lineFetched && d.fetched != nil:
			return r.addAnswer(d, at, l)
		}
		return nil
	}
	switch {
	case l.kind == lineFetched && r.binance():
		return r.addBody(at, l)
	case l.kind == lineReceived && r.binance():
		return r.addCombined(at, l.body)
	case l.kind == lineReceived:
		return r.addKraken(at, l.body)
	}
	return nil
}

// binance says whether the recording is in Binance's words.
func (r *Recording) binance() bool { return r.Exchange == Binance || r.Exchange == BinanceUS }

// addBody keeps an answer of Binance's depth endpoint; other endpoints are of no use here.
func (r *Recording) addBody(at time.Duration, l line) error {
	u, err := url.Parse(l.url)
	if err != nil || u.Path != "/api/v3/depth" {
		return nil //nolint:nilerr // an address we cannot read is not the depth endpoint's
	}
	id, ok := integer(l.body, `"lastUpdateId":`)
	if !ok {
		return fmt.Errorf("depth answer for %.20q without lastUpdateId", u.Query().Get("symbol"))
	}
	symbol := u.Query().Get("symbol")
	r.bodies[symbol] = append(r.bodies[symbol], body{at, id, l.body})
	return nil
}

var combinedPrefix, combinedData = []byte(`{"stream":"`), []byte(`","data":`)

// addCombined keeps a message of Binance's combined streams. Others (answers to commands) belong to the recorded session only.
func (r *Recording) addCombined(at time.Duration, payload []byte) error {
	rest, ok := bytes.CutPrefix(payload, combinedPrefix)
	if !ok {
		return nil
	}
	name, data, ok := bytes.Cut(rest, combinedData)
	if !ok || len(data) == 0 || data[len(data)-1] != '}' {
		return fmt.Errorf("combined message %.40q is not as expected", payload)
	}
	symbol, _, ok := strings.Cut(string(name), "@")
	if !ok {
		return nil // !serverShutdown and the like concern the recorded session
	}
	r.stream(string(name), strings.ToUpper(symbol)).add(Frame{at, data[:len(data)-1], payload}, &r.seq)
	return nil
}

// addKraken keeps a message of a channel. The heartbeats and answers of the recorded session are not kept: the session that
// listens now has its own.
func (r *Recording) addKraken(at time.Duration, payload []byte) error {
	var m struct {
		Channel string          `json:"channel"`
		Method  string          `json:"method"`
		Success bool            `json:"success"`
		Data    json.RawMessage `json:"data"`
		Result  struct {
			Channel string `json:"channel"`
			Symbol  string `json:"symbol"`
			Depth   int    `json:"depth"`
		} `json:"result"`
	}
	if err := json.Unmarshal(payload, &m); err != nil {
		return fmt.Errorf("message %.40q: %w", payload, err)
	}
	if m.Method == "subscribe" && m.Success && m.Result.Channel == "book" {
		r.stream("book "+m.Result.Symbol, m.Result.Symbol).Depth = m.Result.Depth
		return nil
	}
	if m.Channel != "book" && m.Channel != "trade" {
		return nil
	}
	var entries []struct {
		Symbol string `json:"symbol"`
	}
	if err := json.Unmarshal(m.Data, &entries); err != nil || len(entries) == 0 {
		return fmt.Errorf("message %.40q names no symbol", payload)
	}
	symbol := entries[0].Symbol
	r.stream(m.Channel+" "+symbol, symbol).add(Frame{at, payload, nil}, &r.seq)
	return nil
}

func (r *Recording) stream(name, symbol string) *Stream {
	s := r.Streams[name]
	if s == nil {
		s = &Stream{Name: name, Symbol: symbol}
		r.Streams[name] = s
	}
	for _, known := range r.Symbols {
		if known == symbol {
			return s
		}
	}
	r.Symbols = append(r.Symbols, symbol)
	return s
}

func (s *Stream) add(f Frame, seq *int64) {
	*seq++
	s.Frames = append(s.Frames, f)
	s.seqs = append(s.seqs, *seq)
}

// depthStream is the stream a symbol's book is built from; nil if none was recorded.
func (r *Recording) depthStream(symbol string) *Stream {
	if d := dialects[r.Exchange]; d != nil {
		return r.first(d.books(symbol))
	}
	names := []string{"book " + symbol}
	if r.binance() {
		lower := strings.ToLower(symbol)
		names = []string{lower + "@depth@100ms", lower + "@depth"}
	}
	return r.first(names)
}

// anchor is the recorded depth answer a symbol's book can start from; false if none lies in the range of the recorded ids.
func (r *Recording) anchor(symbol string) (body, bool) {
	s := r.depthStream(symbol)
	if s == nil {
		return body{}, false
	}
	from, to := `"U":`, `"u":`
	if d := dialects[r.Exchange]; d != nil {
		from, to = d.first, d.last
	}
	first, ok := integer(s.Frames[0].Data, from)
	last, ok2 := integer(s.Frames[len(s.Frames)-1].Data, to)
	if !ok || !ok2 {
		return body{}, false
	}
	for _, b := range r.bodies[symbol] {
		if b.id >= first-1 && b.id <= last {
			return b, true
		}
	}
	return body{}, false
}

// integer finds the number after a key in JSON text, in quotes or not.
func integer(data []byte, key string) (int64, bool) {
	i := bytes.Index(data, []byte(key))
	if i < 0 {
		return 0, false
	}
	var v int64
	n := 0
	for _, c := range bytes.TrimLeft(data[i+len(key):], ` "`) {
		if c < '0' || c > '9' || n == 18 {
			break
		}
		v, n = v*10+int64(c-'0'), n+1
	}
	return v, n > 0
}
