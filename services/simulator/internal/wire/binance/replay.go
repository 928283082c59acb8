package binance

import (
	"context"
	"strings"
	"time"

	"github.com/hourglass-trading/hourglass/services/simulator/internal/replay"
	"github.com/hourglass-trading/hourglass/services/simulator/internal/span"
	"github.com/hourglass-trading/hourglass/services/simulator/internal/tape"
)

// maxHold is how long a depth request waits for the moment at which the recording got its snapshot; past it the request fails
// as one would that the exchange cannot answer, and the client asks again.
const maxHold = 5 * time.Second

// Replay is a Market of recordings. Each begins to play when one of its streams is first followed.
type Replay struct {
	symbols []Symbol
	players map[string]*replay.Player
}

// NewReplay returns an empty market; Add fills it before it is used.
func NewReplay() *Replay { return &Replay{players: map[string]*replay.Player{}} }

// Add offers a symbol of a recording.
func (m *Replay) Add(p *replay.Player, i replay.Instrument) error {
	s := Symbol{Symbol: i.Symbol, Base: i.Base, Quote: i.Quote, Entry: i.Entry}
	if i.Entry == nil {
		s.Tick, s.Step = decimalStep(i.PriceDecimals), decimalStep(i.QtyDecimals)
		s.MinPrice, s.MinQty = s.Tick, s.Step
		s.MaxPrice, s.MaxQty, s.MinValue = "1000000.00000000", "9000.00000000", "5.00000000"
	}
	m.symbols = append(m.symbols, s)
	m.players[i.Symbol] = p
	return nil
}

// decimalStep spells 10^-decimals with eight decimals, as the exchange does.
func decimalStep(decimals int) string {
	if decimals <= 0 {
		return "1.00000000"
	}
	decimals = min(decimals, 8)
	return "0." + strings.Repeat("0", decimals-1) + "1" + strings.Repeat("0", 8-decimals)
}

// Now implements Market. It is the wall clock: recordings of several days may play at once.
func (m *Replay) Now() time.Time { return time.Now() }

// Symbols implements Market.
func (m *Replay) Symbols() []Symbol { return m.symbols }

// Changed implements Market; recorded tapes are complete.
func (m *Replay) Changed() <-chan struct{} { return nil }

// Depth implements Market: the recorded answer for those who ask before its moment in the recording, and wait for it; the
// book as played for those who ask later.
func (m *Replay) Depth(ctx context.Context, symbol string, limit int) ([]byte, error) {
	p := m.players[symbol]
	at, ok := p.Anchored(symbol)
	if !ok {
		return nil, errNoBook // no snapshot fits the recorded ids: the book must never be built
	}
	due, started := p.Due(at)
	if wait := time.Until(due); !started || wait > 0 {
		// A request can overtake the subscription that starts the recording.
		if ok, err := hold(ctx, p, at); !ok {
			return nil, err
		}
		body, _ := p.RecordedDepth(symbol)
		return cutDepth(body, limit)
	}
	picture, ok, err := p.Book(symbol, limit, time.Now())
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, errNoBook
	}
	return appendDepth(nil, picture), nil
}

// hold waits until a place of the recording has been played; false if that takes too long.
func hold(ctx context.Context, p *replay.Player, at time.Duration) (bool, error) {
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
			return false, errNoBook
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
			Open: c.Start, Close: c.Next.Add(-time.Millisecond), O: c.Open, H: c.High, L: c.Low, C: c.Close,
			Volume: c.Base(8), QuoteVolume: c.Quote(8), TakerVolume: c.TakerBase(8), TakerQuote: c.TakerQuote(8),
			Trades: c.Trades, FirstID: c.FirstID, LastID: c.LastID,
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
		out = append(out, Trade{
			ID: t.Last, Price: t.Price, Qty: t.Qty, QuoteQty: t.Value(8), Time: t.At.UnixMilli(), IsBuyerMaker: t.Sell, IsBestMatch: true,
		})
	}
	return out, nil
}

// Touch implements Market.
func (m *Replay) Touch(symbol string) (Touch, error) {
	p, ok, err := m.players[symbol].Book(symbol, 1, time.Now())
	if err != nil {
		return Touch{}, err
	}
	if !ok || len(p.Bids) == 0 || len(p.Asks) == 0 {
		return Touch{}, errNoBook
	}
	return Touch{
		symbol, string(p.Bids[0].Price), string(p.Bids[0].Qty), string(p.Asks[0].Price), string(p.Asks[0].Qty),
	}, nil
}

// Follow implements Market.
func (m *Replay) Follow(stream string) (tape.Tape, int64, func()) {
	symbol, _, _ := strings.Cut(stream, "@")
	p := m.players[strings.ToUpper(symbol)]
	if p == nil || symbol != strings.ToLower(symbol) {
		return nil, 0, nil
	}
	now := time.Now()
	p.Start(now)
	t, pos, ok := p.Tape(stream, now)
	if !ok {
		return nil, 0, nil
	}
	return t, pos, nil
}
