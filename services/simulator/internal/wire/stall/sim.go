package stall

import (
	"context"
	"time"

	"github.com/hourglass-trading/hourglass/services/simulator/internal/floor"
	"github.com/hourglass-trading/hourglass/services/simulator/internal/market"
	"github.com/hourglass-trading/hourglass/services/simulator/internal/span"
	"github.com/hourglass-trading/hourglass/services/simulator/internal/tape"
)

const (
	// keepTrades is how many trades of a pair are remembered for those who ask: no exchange gives out more.
	keepTrades = 1000
	// keepFrames is how many messages of a stream are kept for slow clients: more than half a minute of the busiest.
	keepFrames = 2048
)

// Words are how an exchange spells the synthetic market.
type Words struct {
	// Exchange is its name on the floor.
	Exchange string
	// Symbol spells a pair.
	Symbol func(base, quote string) string
	// Micros says that a book's id is its time in microseconds.
	Micros bool
	// Encoder finds a kind of stream; false for those there are not.
	Encoder func(kind string) (Encoder, bool)
}

// Encoder makes the messages of one kind of stream. Its functions are called under the floor's lock.
type Encoder struct {
	// Start, where not nil, is called when a stream gets its first follower.
	Start func(c *Channel)
	// Picture, where not nil, is the message that a follower gets first: the state as the followers of c have it, at the
	// market's time.
	Picture func(c *Channel, at time.Time) []byte
	// Update appends what an update means for the stream.
	Update func(c *Channel, u *market.Update)
}

// Channel is one followed stream of one pair.
type Channel struct {
	*Pair
	Kind string
	// Bids, Asks and ID are for encoders that remember what their followers have.
	Bids, Asks []market.Level
	ID         int64

	encoder   Encoder
	ring      *tape.Ring
	followers int
	seq       int64
	running   *market.Running
	history   func() *market.History
	told      time.Time
}

// Pair is a pair of the synthetic market and the streams of it that are followed.
type Pair struct {
	*market.Pair
	Symbol string

	channels map[string]*Channel
	trades   []market.Trade // the last ones, oldest first
}

// Sim is a Market over the synthetic one.
type Sim struct {
	words Words
	floor *floor.Floor
	pairs []*Pair
	named map[string]*Pair
}

// NewSim returns the pairs of one exchange of the floor. It listens to the floor, so it must be made before that runs.
func NewSim(f *floor.Floor, w Words) *Sim {
	m := &Sim{words: w, floor: f, named: map[string]*Pair{}}
	byPair := map[*market.Pair]*Pair{}
	for _, p := range f.Pairs(w.Exchange) {
		s := &Pair{Pair: p, Symbol: w.Symbol(p.Base, p.Quote), channels: map[string]*Channel{}}
		m.pairs = append(m.pairs, s)
		m.named[s.Symbol], byPair[p] = s, s
	}
	f.Listen(func(p *market.Pair, u *market.Update) {
		if s := byPair[p]; s != nil {
			s.publish(u)
		}
	})
	return m
}

// Now implements Market.
func (m *Sim) Now() time.Time { return m.floor.Now() }

// Changed implements Market.
func (m *Sim) Changed() <-chan struct{} { return m.floor.Changed() }

// Symbols implements Market.
func (m *Sim) Symbols() []Symbol {
	out := make([]Symbol, 0, len(m.pairs))
	for _, p := range m.pairs {
		out = append(out, Symbol{
			Symbol: p.Symbol, Base: p.Base, Quote: p.Quote, PriceDecimals: p.PriceDecimals, QtyDecimals: p.QtyDecimals,
			MinQty: p.MinQty, MinValue: p.MinValue,
		})
	}
	return out
}

// Book implements Market.
func (m *Sim) Book(_ context.Context, symbol string, n int) (Book, error) {
	p := m.named[symbol]
	var bids, asks []market.Level
	var b Book
	m.floor.With(p.Pair, func(fm *market.Market) {
		bids, asks = p.Bids(nil, n), p.Asks(nil, n)
		b.ID, b.At = p.LastID(), fm.Now()
	})
	if m.words.Micros {
		b.ID = b.At.UnixMicro()
	}
	b.Bids, b.Asks = p.Levels(bids), p.Levels(asks)
	return b, nil
}

// Candles implements Market.
func (m *Sim) Candles(symbol string, s span.Span, w span.Window) ([]Candle, error) {
	p := m.named[symbol]
	bars := m.floor.Bars(p.Pair, s, w)
	out := make([]Candle, len(bars))
	for i := range bars {
		out[i] = p.candle(&bars[i])
	}
	return out, nil
}

// Trades implements Market.
func (m *Sim) Trades(symbol string, n int) ([]Trade, error) {
	p := m.named[symbol]
	var last []market.Trade
	m.floor.With(p.Pair, func(*market.Market) { last = append(last, p.trades[max(0, len(p.trades)-n):]...) })
	return p.Prints(last), nil
}

// Follow implements Market.
func (m *Sim) Follow(symbol, kind string) (Stream, bool) {
	p := m.named[symbol]
	encoder, ok := m.words.Encoder(kind)
	if !ok {
		return Stream{}, false
	}
	var c *Channel
	var out Stream
	release := m.floor.Hold(p.Pair, func(fm *market.Market) {
		if c = p.channels[kind]; c == nil {
			c = &Channel{Pair: p, Kind: kind, encoder: encoder, ring: tape.NewRing(keepFrames), ID: p.LastID()}
			c.history = func() *market.History { return fm.Recent(p.Pair) }
			if encoder.Start != nil {
				encoder.Start(c)
			}
			p.channels[kind] = c
		}
		c.followers++
		out.Tape, out.Pos = c.ring, c.ring.End()
		if c.encoder.Picture != nil {
			out.Picture = c.encoder.Picture(c, fm.Now())
		}
	})
	out.Release = func() {
		release(func() {
			if c.followers--; c.followers == 0 {
				delete(p.channels, kind)
			}
		})
	}
	return out, true
}

// publish puts an update on the followed streams.
func (p *Pair) publish(u *market.Update) {
	if over := len(p.trades) + len(u.Trades) - 2*keepTrades; over > 0 {
		p.trades = append([]market.Trade(nil), p.trades[max(0, len(p.trades)-keepTrades):]...)
	}
	p.trades = append(p.trades, u.Trades...)
	for _, c := range p.channels {
		c.encoder.Update(c, u)
	}
}

// Append puts a message on the stream.
func (c *Channel) Append(data []byte) {
	c.seq++
	c.ring.Append(tape.Frame{Due: time.Now(), Seq: c.seq, Data: data})
}

// Levels spells levels.
func (p *Pair) Levels(side []market.Level) []Level {
	out := make([]Level, len(side))
	for i, l := range side {
		out[i] = Level{p.Price(l.Price), p.Qty(l.Qty)}
	}
	return out
}

// Changed spells the changed levels of a side.
func (p *Pair) Changed(u *market.Update, bid bool) []Level {
	out := make([]Level, 0, len(u.Changes))
	for _, c := range u.Changes {
		if c.Bid == bid {
			out = append(out, Level{p.Price(c.Price), p.Qty(c.Qty)})
		}
	}
	return out
}

// Prints spells trades.
func (p *Pair) Prints(trades []market.Trade) []Trade {
	out := make([]Trade, len(trades))
	for i, t := range trades {
		out[i] = Trade{t.ID, p.Price(t.Price), p.Qty(t.Qty), t.At, t.Sell, t.Order}
	}
	return out
}

func (p *Pair) candle(b *market.Bar) Candle {
	decimals := p.PriceDecimals + p.QtyDecimals
	return Candle{
		Start: b.Start, Next: b.Next, Open: p.Price(b.Open), High: p.Price(b.High), Low: p.Price(b.Low), Close: p.Price(b.Close),
		Volume: p.Qty(b.Qty), QuoteVolume: spell(b.Value.Int(), decimals), Trades: b.Trades,
		TakerVolume: p.Qty(b.TakerQty), TakerQuote: spell(b.TakerValue.Int(), decimals),
	}
}

// RunCandles makes the channel one of candles; it belongs into an encoder's Start.
func (c *Channel) RunCandles(s span.Span) { c.running = market.NewRunning(c.history(), s) }

// Candle is the running candle where something was traded in it, at most once in every interval given; and the one before,
// once, where an update has ended it.
func (c *Channel) Candle(u *market.Update, every time.Duration) (now, ended *Candle) {
	due := len(u.Trades) > 0 && !u.At.Before(c.told.Add(every))
	if !due && u.At.Nanosecond() != 0 {
		return nil, nil // candles end at whole seconds only
	}
	running, before := c.running.Look(c.history())
	if before != nil && before.Trades > 0 {
		spelled := c.candle(before)
		ended = &spelled
	}
	if due && running.Trades > 0 {
		c.told = u.At
		spelled := c.candle(&running)
		now = &spelled
	}
	return now, ended
}

// Window takes the best n levels a side as what the followers have now, and returns the entries that tell them so: levels that
// are new to them or have another size, and removals, with size 0, of all that are there no more.
func (c *Channel) Window(n int) (bids, asks []market.Level) {
	b, a := c.Pair.Bids(nil, n), c.Pair.Asks(nil, n)
	bids, asks = difference(c.Bids, b), difference(c.Asks, a)
	c.Bids, c.Asks = b, a
	return bids, asks
}

func difference(before, now []market.Level) []market.Level {
	held := make(map[int64]int64, len(before))
	for _, l := range before {
		held[l.Price] = l.Qty
	}
	var out []market.Level
	for _, l := range now {
		if held[l.Price] != l.Qty {
			out = append(out, l)
		}
		delete(held, l.Price)
	}
	for _, l := range before { // in their order, which a map does not keep
		if _, gone := held[l.Price]; gone {
			out = append(out, market.Level{Price: l.Price})
		}
	}
	return out
}
