package kraken

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/hourglass-trading/hourglass/services/simulator/internal/replay"
	"github.com/hourglass-trading/hourglass/services/simulator/internal/span"
)

// Replay is a Market of recordings. Each begins to play when one of its symbols is first subscribed to.
type Replay struct {
	pairs   []Pair
	players map[string]*replay.Player
}

// NewReplay returns an empty market; Add fills it before it is used.
func NewReplay() *Replay { return &Replay{players: map[string]*replay.Player{}} }

// Add offers a symbol of a recording.
func (m *Replay) Add(p *replay.Player, i replay.Instrument) error {
	pair := Pair{
		Symbol: i.Symbol, Base: i.Base, Quote: i.Quote, Key: i.Key, Entry: i.Entry, PriceDecimals: i.PriceDecimals,
		QtyDecimals: i.QtyDecimals, CostDecimals: 5, Tick: step(i.PriceDecimals), MinQty: step(i.QtyDecimals), MinValue: "0.5", Status: "online",
	}
	if i.Entry != nil {
		if err := pair.describe(i.Entry); err != nil {
			return fmt.Errorf("recorded description of %s: %w", i.Symbol, err)
		}
	}
	m.pairs = append(m.pairs, pair.named())
	m.players[i.Symbol] = p
	return nil
}

// describe takes the numbers of a recorded description.
func (p *Pair) describe(entry json.RawMessage) error {
	var e struct {
		PairDecimals int    `json:"pair_decimals"`
		LotDecimals  int    `json:"lot_decimals"`
		CostDecimals int    `json:"cost_decimals"`
		OrderMin     string `json:"ordermin"`
		CostMin      string `json:"costmin"`
		TickSize     string `json:"tick_size"`
		Status       string `json:"status"`
	}
	if err := json.Unmarshal(entry, &e); err != nil {
		return err
	}
	p.PriceDecimals, p.QtyDecimals, p.CostDecimals = e.PairDecimals, e.LotDecimals, e.CostDecimals
	p.Tick, p.MinQty = step(e.PairDecimals), step(e.LotDecimals)
	// Descriptions of 2021 lack some of these.
	for to, from := range map[*string]string{&p.Tick: e.TickSize, &p.MinQty: e.OrderMin, &p.MinValue: e.CostMin, &p.Status: e.Status} {
		if from != "" {
			*to = from
		}
	}
	return nil
}

// Now implements Market. It is the wall clock: recordings of several days may play at once.
func (m *Replay) Now() time.Time { return time.Now() }

// Pairs implements Market.
func (m *Replay) Pairs() []Pair { return m.pairs }

// Changed implements Market; recorded tapes are complete.
func (m *Replay) Changed() <-chan struct{} { return nil }

// Depth implements Market.
func (m *Replay) Depth(symbol string, n int) (Book, error) {
	p, ok, err := m.players[symbol].Book(symbol, n, time.Now())
	if err != nil {
		return Book{}, err
	}
	if !ok {
		return Book{}, errNoBook
	}
	return Book{levels(p.Bids), levels(p.Asks)}, nil
}

func levels(side []replay.Level) []Level {
	out := make([]Level, len(side))
	for i, l := range side {
		out[i] = Level{string(l.Price), string(l.Qty)}
	}
	return out
}

// Candles implements Market.
func (m *Replay) Candles(symbol string, s span.Span, w span.Window) ([]Candle, error) {
	all, err := m.players[symbol].Candles(symbol, s, time.Now())
	if err != nil {
		return nil, err
	}
	lo, hi := w.Cut(len(all), func(i int) time.Time { return all[i].Start })
	out := make([]Candle, 0, hi-lo)
	for i := lo; i < hi; i++ {
		c := &all[i]
		_, frac, _ := strings.Cut(c.Close, ".")
		out = append(out, Candle{c.Start, c.Next, c.Open, c.High, c.Low, c.Close, c.VWAP(len(frac)), c.Base(8), c.Trades})
	}
	return out, nil
}

// Trades implements Market.
func (m *Replay) Trades(symbol string, n int) ([]Trade, error) {
	trades, err := m.players[symbol].Trades(symbol, n, time.Now())
	if err != nil {
		return nil, err
	}
	out := make([]Trade, 0, len(trades))
	for i := range trades {
		t := &trades[i]
		out = append(out, Trade{t.ID, t.Price, t.Qty, t.At, t.Sell, t.OrdType})
	}
	return out, nil
}

// Follow implements Market. Who subscribes to a book that is already being played gets it as it stands; who subscribes before
// its recorded snapshot gets that one.
func (m *Replay) Follow(t Topic) (Stream, error) {
	p := m.players[t.Symbol]
	now := time.Now()
	p.Start(now)
	out := Stream{Depth: t.Depth}
	recorded, pos, ok := p.Tape(t.Channel+" "+t.Symbol, now)
	if t.Channel != "book" {
		if ok {
			out.Tape, out.Pos = recorded, pos
		}
		return out, nil
	}
	if !ok {
		return out, errNoBook // only its trades were recorded
	}
	picture, begun, err := p.Book(t.Symbol, 0, now)
	if err != nil {
		return out, err
	}
	// The book may have been played a little further than now by somebody else: the two must meet.
	out.Tape, out.Pos = recorded, picture.Next
	if depth := p.Streams["book "+t.Symbol].Depth; depth > 0 {
		out.Depth = depth
	}
	if begun {
		out.Picture = bookFrame("snapshot", t.Symbol, levels(picture.Bids), levels(picture.Asks), picture.Checksum, p.Now(now))
	}
	return out, nil
}
