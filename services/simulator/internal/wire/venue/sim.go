package venue

import (
	"time"

	"github.com/hourglass-trading/hourglass/services/simulator/internal/floor"
	"github.com/hourglass-trading/hourglass/services/simulator/internal/market"
	"github.com/hourglass-trading/hourglass/services/simulator/internal/span"
)

const (
	// keepTrades is how many trades of a pair are remembered for those who ask: no endpoint gives out more.
	keepTrades = 1000
	// keepPast is how many of them come with a picture on a channel that carries trades.
	keepPast = 50
)

// Sim is a Market over the synthetic one.
type Sim struct {
	floor *floor.Floor
	words Words
	pairs []*simPair
	named map[string]*simPair // by symbol
}

// simPair is a pair and what is followed of it. All but the first three fields belong to the floor's lock.
type simPair struct {
	pair   *market.Pair
	symbol string
	spelling

	channels map[string]*channel // by name
	past     []Trade             // the last ones, oldest first
}

// NewSim returns the pairs of an exchange on the floor. It listens to the floor, so it must be made before that runs.
func NewSim(f *floor.Floor, exchange string, words Words) *Sim {
	m := &Sim{floor: f, words: words, named: map[string]*simPair{}}
	byPair := map[*market.Pair]*simPair{}
	shortPx, shortQty := words.Short()
	for _, p := range f.Pairs(exchange) {
		s := &simPair{
			pair: p, symbol: words.Symbol(p.Base, p.Quote), spelling: spelling{&p.Spec, shortPx, shortQty}, channels: map[string]*channel{},
		}
		m.pairs = append(m.pairs, s)
		m.named[s.symbol], byPair[p] = s, s
	}
	f.Listen(func(p *market.Pair, u *market.Update) {
		if s := byPair[p]; s != nil {
			s.publish(m.words, u)
		}
	})
	return m
}

// Now implements Market.
func (m *Sim) Now() time.Time { return m.floor.Now() }

// Changed implements Market.
func (m *Sim) Changed() <-chan struct{} { return m.floor.Changed() }

// Instruments implements Market.
func (m *Sim) Instruments() []Instrument {
	out := make([]Instrument, 0, len(m.pairs))
	for _, s := range m.pairs {
		p := s.pair
		out = append(out, Instrument{
			Symbol: s.symbol, Base: p.Base, Quote: p.Quote, Tick: market.Step(p.PriceDecimals), Step: market.Step(p.QtyDecimals),
			MinQty: p.MinQty, MinValue: p.MinValue,
		})
	}
	return out
}

// Book implements Market.
func (m *Sim) Book(symbol string, n int) (Book, error) {
	s := m.named[symbol]
	var b Book
	m.floor.With(s.pair, func(fm *market.Market) {
		b = Book{s.levels(s.pair.Bids(nil, n)), s.levels(s.pair.Asks(nil, n)), s.pair.LastID(), fm.Now()}
	})
	return b, nil
}

// Trades implements Market.
func (m *Sim) Trades(symbol string, n int) ([]Trade, error) {
	s := m.named[symbol]
	var out []Trade
	m.floor.With(s.pair, func(*market.Market) { out = append(out, s.last(n)...) })
	return out, nil
}

// last are the last n trades.
func (s *simPair) last(n int) []Trade { return s.past[max(0, len(s.past)-n):] }

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
	kind, ok := m.words.Channel(t.Channel)
	out := Stream{Topic: t}
	if !ok || kind.Kind == Others {
		return out, nil
	}
	s := m.named[t.Symbol]
	var c *channel
	release := m.floor.Hold(s.pair, func(fm *market.Market) {
		if c = s.channels[t.Channel]; c == nil {
			c = newChannel(t, kind, s, fm)
			s.channels[t.Channel] = c
		}
		c.followers++
		out.Tape, out.Pos = c.ring, c.ring.End()
		if kind.Kind == Books || kind.Kind == Pictures {
			out.Picture = m.words.Book(c.picture(s, fm.Now()))
		}
	})
	out.Release = func() {
		release(func() {
			if c.followers--; c.followers == 0 {
				delete(s.channels, t.Channel)
			}
		})
	}
	return out, nil
}

// publish puts an update on the followed channels.
func (s *simPair) publish(words Words, u *market.Update) {
	trades := s.trades(u)
	if over := len(s.past) + len(trades) - 2*keepTrades; over > 0 {
		s.past = append([]Trade(nil), s.last(keepTrades)...)
	}
	s.past = append(s.past, trades...)
	for _, c := range s.channels {
		c.publish(words, s, u, trades)
	}
}
