package stall

import (
	"context"
	"time"

	"github.com/hourglass-trading/hourglass/services/simulator/internal/replay"
	"github.com/hourglass-trading/hourglass/services/simulator/internal/span"
)

// maxHold is how long a book request waits for the moment at which the recording got its answer; past it the request fails as
// one would that the exchange cannot answer, and the client asks again.
const maxHold = 5 * time.Second

// decimals of the volumes of recorded candles.
const decimals = 8

// Replay is a Market of recordings. Each begins to play when one of its streams is first followed.
type Replay struct {
	// name is the recorded stream of a kind; empty where there is none.
	name    func(symbol, kind string) string
	symbols []Symbol
	players map[string]*replay.Player
}

// NewReplay returns an empty market; Add fills it before it is used.
func NewReplay(name func(symbol, kind string) string) *Replay {
	return &Replay{name: name, players: map[string]*replay.Player{}}
}

// Add offers a symbol of a recording.
func (m *Replay) Add(p *replay.Player, i replay.Instrument) error {
	m.symbols = append(m.symbols, Symbol{
		Symbol: i.Symbol, Base: i.Base, Quote: i.Quote, Entry: i.Entry, PriceDecimals: i.PriceDecimals, QtyDecimals: i.QtyDecimals,
		MinQty: "0.00001", MinValue: "1",
	})
	m.players[i.Symbol] = p
	return nil
}

// Player is the recording a symbol is played from.
func (m *Replay) Player(symbol string) *replay.Player { return m.players[symbol] }

// Now implements Market. It is the wall clock: recordings of several days may play at once.
func (m *Replay) Now() time.Time { return time.Now() }

// Symbols implements Market.
func (m *Replay) Symbols() []Symbol { return m.symbols }

// Changed implements Market; recorded tapes are complete.
func (m *Replay) Changed() <-chan struct{} { return nil }

// Book implements Market: the recorded answer for those who ask before its moment in the recording, and wait for it; the book
// as played for those who ask later.
func (m *Replay) Book(ctx context.Context, symbol string, n int) (Book, error) {
	p := m.players[symbol]
	at, ok := p.Anchored(symbol)
	if !ok {
		return Book{}, ErrNoBook // no answer fits the recorded ids: the book must never be built
	}
	due, started := p.Due(at)
	when := time.Now()
	if !started || when.Before(due) {
		// A request can overtake the subscription that starts the recording.
		if ok, err := Await(ctx, p, at); !ok {
			return Book{}, err
		}
		due, _ = p.Due(at)
		when = due // not later: what the recorder got is what the client gets
	}
	picture, ok, err := p.Book(symbol, n, when)
	if err != nil {
		return Book{}, err
	}
	if !ok {
		return Book{}, ErrNoBook
	}
	return Book{Bids: texts(picture.Bids), Asks: texts(picture.Asks), ID: picture.LastID, At: p.Now(when)}, nil
}

func texts(levels []replay.Level) []Level {
	out := make([]Level, len(levels))
	for i, l := range levels {
		out[i] = Level{string(l.Price), string(l.Qty)}
	}
	return out
}

// Await waits until a place of a recording has been played; it fails with ErrNoBook if that takes too long.
func Await(ctx context.Context, p *replay.Player, at time.Duration) (bool, error) {
	deadline := time.NewTimer(maxHold)
	defer deadline.Stop()
	for {
		due, started := p.Due(at)
		wait := 10 * time.Millisecond // until somebody starts the recording
		if started {
			if wait = time.Until(due); wait <= 0 {
				return true, nil
			}
		}
		next := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			next.Stop()
			return false, ctx.Err()
		case <-deadline.C:
			next.Stop()
			return false, ErrNoBook
		case <-next.C:
		}
	}
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
		out = append(out, Candle{
			Start: c.Start, Next: c.Next, Open: c.Open, High: c.High, Low: c.Low, Close: c.Close,
			Volume: c.Base(decimals), QuoteVolume: c.Quote(decimals), Trades: c.Trades,
			TakerVolume: c.TakerBase(decimals), TakerQuote: c.TakerQuote(decimals),
		})
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
		out = append(out, Trade{ID: t.Last, Price: t.Price, Qty: t.Qty, At: t.At, Sell: t.Sell})
	}
	return out, nil
}

// Follow implements Market.
func (m *Replay) Follow(symbol, kind string) (Stream, bool) {
	name := m.name(symbol, kind)
	if name == "" {
		return Stream{}, false
	}
	p, now := m.players[symbol], time.Now()
	p.Start(now)
	t, pos, ok := p.Tape(name, now)
	if !ok {
		return Stream{}, true // nothing was recorded of it
	}
	return Stream{Tape: t, Pos: pos}, true
}
