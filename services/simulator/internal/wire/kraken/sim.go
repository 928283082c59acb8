package kraken

import (
	"hash/crc32"
	"math/big"
	"time"

	"github.com/hourglass-trading/hourglass/services/simulator/internal/floor"
	"github.com/hourglass-trading/hourglass/services/simulator/internal/market"
	"github.com/hourglass-trading/hourglass/services/simulator/internal/span"
	"github.com/hourglass-trading/hourglass/services/simulator/internal/tape"
)

const (
	// keepTrades is how many trades of a pair are remembered for those who ask: the endpoint gives out no more.
	keepTrades = maxTrades
	// keepFrames is how many messages of a channel are kept for slow clients: more than half a minute.
	keepFrames = 1024
)

// Sim is a Market over the synthetic one.
type Sim struct {
	floor *floor.Floor
	pairs []Pair
	named map[string]*simPair // by the name on the streams
}

// simPair is a pair and what is followed of it. All but the first two fields belong to the floor's lock.
type simPair struct {
	pair   *market.Pair
	symbol string

	channels map[Topic]*channel
	trades   []market.Trade // the last ones, oldest first
}

// channel is one followed topic.
type channel struct {
	topic     Topic
	ring      *tape.Ring
	followers int
	seq       int64

	bids, asks []market.Level // the book as its followers have it
	running    *market.Running
	history    func() *market.History
}

// NewSim returns the pairs of the floor's Kraken. It listens to the floor, so it must be made before that runs.
func NewSim(f *floor.Floor) *Sim {
	m := &Sim{floor: f, named: map[string]*simPair{}}
	byPair := map[*market.Pair]*simPair{}
	for _, p := range f.Pairs("kraken") {
		s := &simPair{pair: p, symbol: p.Base + "/" + p.Quote, channels: map[Topic]*channel{}}
		m.named[s.symbol], byPair[p] = s, s
		m.pairs = append(m.pairs, Pair{
			Symbol: s.symbol, Base: p.Base, Quote: p.Quote, PriceDecimals: p.PriceDecimals, QtyDecimals: p.QtyDecimals,
			CostDecimals: 5, Tick: step(p.PriceDecimals), MinQty: p.MinQty, MinValue: p.MinValue, Status: "online",
		}.named())
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

// Pairs implements Market.
func (m *Sim) Pairs() []Pair { return m.pairs }

// Depth implements Market.
func (m *Sim) Depth(symbol string, n int) (Book, error) {
	s := m.named[symbol]
	var b Book
	m.floor.With(s.pair, func(*market.Market) {
		b = Book{s.levels(s.pair.Bids(nil, n)), s.levels(s.pair.Asks(nil, n))}
	})
	return b, nil
}

// Trades implements Market.
func (m *Sim) Trades(symbol string, n int) ([]Trade, error) {
	s := m.named[symbol]
	var out []Trade
	m.floor.With(s.pair, func(*market.Market) { out = s.spell(s.trades[max(0, len(s.trades)-n):]) })
	return out, nil
}

// Candles implements Market.
func (m *Sim) Candles(symbol string, s span.Span, w span.Window) ([]Candle, error) {
	p := m.named[symbol]
	bars := m.floor.Bars(p.pair, s, w)
	out := make([]Candle, len(bars))
	for i := range bars {
		out[i] = p.candle(&bars[i])
	}
	return out, nil
}

// Follow implements Market.
func (m *Sim) Follow(t Topic) (Stream, error) {
	s := m.named[t.Symbol]
	out := Stream{Depth: t.Depth}
	var c *channel
	release := m.floor.Hold(s.pair, func(fm *market.Market) {
		if c = s.channels[t]; c == nil {
			c = &channel{topic: t, ring: tape.NewRing(keepFrames)}
			switch t.Channel {
			case "book":
				c.bids, c.asks = s.pair.Bids(nil, t.Depth), s.pair.Asks(nil, t.Depth)
			case "ohlc":
				c.history = func() *market.History { return fm.Recent(s.pair) }
				c.running = market.NewRunning(c.history(), span.Minutes(t.Interval))
			}
			s.channels[t] = c
		}
		c.followers++
		out.Tape, out.Pos = c.ring, c.ring.End()
		if t.Channel == "book" {
			out.Picture = bookFrame("snapshot", s.symbol, s.levels(c.bids), s.levels(c.asks), s.checksum(c.bids, c.asks), fm.Now())
		}
	})
	out.Release = func() {
		release(func() {
			if c.followers--; c.followers == 0 {
				delete(s.channels, t)
			}
		})
	}
	return out, nil
}

// publish puts an update on the followed channels.
func (s *simPair) publish(u *market.Update) {
	if over := len(s.trades) + len(u.Trades) - 2*keepTrades; over > 0 {
		s.trades = append([]market.Trade(nil), s.trades[len(s.trades)-keepTrades:]...)
	}
	s.trades = append(s.trades, u.Trades...)
	for _, c := range s.channels {
		switch c.topic.Channel {
		case "book":
			c.difference(s, u)
		case "trade":
			if len(u.Trades) > 0 {
				c.append(tradeFrame("update", s.symbol, s.spell(u.Trades)))
			}
		case "ohlc":
			if len(u.Trades) > 0 {
				c.candle(s, u)
			}
		}
	}
}

func (c *channel) append(data []byte) {
	c.seq++
	c.ring.Append(tape.Frame{Due: time.Now(), Seq: c.seq, Data: data})
}

// difference tells the followers of a depth what they do not have: levels that are new to them or have changed, a level that
// has come back into their depth, and removals; but nothing of a level that has only been pushed out, for they cut it off
// themselves.
func (c *channel) difference(s *simPair, u *market.Update) {
	if len(u.Changes) == 0 {
		return
	}
	bids, asks := s.pair.Bids(nil, c.topic.Depth), s.pair.Asks(nil, c.topic.Depth)
	b, a := s.missing(true, c.bids, bids), s.missing(false, c.asks, asks)
	c.bids, c.asks = bids, asks
	if len(b) > 0 || len(a) > 0 {
		c.append(bookFrame("update", s.symbol, s.levels(b), s.levels(a), s.checksum(bids, asks), u.At))
	}
}

// missing walks two sides, best first, and returns the entries that turn the old one into the new one.
func (s *simPair) missing(bid bool, before, now []market.Level) []market.Level {
	var out []market.Level
	i := 0
	gone := func(l market.Level) {
		if s.pair.Held(bid, l.Price) == 0 {
			out = append(out, market.Level{Price: l.Price})
		}
	}
	for _, l := range now {
		for ; i < len(before) && before[i].Price != l.Price && (before[i].Price > l.Price) == bid; i++ {
			gone(before[i])
		}
		if i < len(before) && before[i].Price == l.Price {
			if before[i].Qty != l.Qty {
				out = append(out, l)
			}
			i++
			continue
		}
		out = append(out, l)
	}
	for ; i < len(before); i++ {
		gone(before[i])
	}
	return out
}

func (c *channel) candle(s *simPair, u *market.Update) {
	now, ended := c.running.Look(c.history())
	if ended != nil && ended.Trades > 0 {
		c.append(ohlcFrame("update", s.symbol, c.topic.Interval, []Candle{s.candle(ended)}, u.At))
	}
	if now.Trades > 0 {
		c.append(ohlcFrame("update", s.symbol, c.topic.Interval, []Candle{s.candle(&now)}, u.At))
	}
}

func (s *simPair) levels(side []market.Level) []Level {
	out := make([]Level, len(side))
	for i, l := range side {
		out[i] = Level{s.pair.Price(l.Price), s.pair.Qty(l.Qty)}
	}
	return out
}

// checksum is over the ten best of each side, asks first. Ticks and steps are the numbers without point and leading zeros.
func (s *simPair) checksum(bids, asks []market.Level) uint32 {
	var text []byte
	for _, side := range [][]market.Level{asks, bids} {
		for _, l := range side[:min(10, len(side))] {
			text = market.AppendDecimal(text, l.Price, 0)
			text = market.AppendDecimal(text, l.Qty, 0)
		}
	}
	return crc32.ChecksumIEEE(text)
}

func (s *simPair) spell(trades []market.Trade) []Trade {
	out := make([]Trade, len(trades))
	for i, t := range trades {
		kind := "market"
		if t.Order%3 == 0 {
			kind = "limit" // a taker's limit order that crossed
		}
		out[i] = Trade{t.ID, s.pair.Price(t.Price), s.pair.Qty(t.Qty), t.At, t.Sell, kind}
	}
	return out
}

func (s *simPair) candle(b *market.Bar) Candle {
	vwap := b.Close
	if b.Qty > 0 {
		vwap = new(big.Int).Quo(b.Value.Int(), big.NewInt(b.Qty)).Int64()
	}
	p := s.pair
	return Candle{
		Start: b.Start, Next: b.Next, Open: p.Price(b.Open), High: p.Price(b.High), Low: p.Price(b.Low), Close: p.Price(b.Close),
		VWAP: p.Price(vwap), Volume: p.Qty(b.Qty), Trades: b.Trades,
	}
}
