package binance

import (
	"context"
	"math/big"
	"strings"
	"time"

	"github.com/hourglass-trading/hourglass/services/simulator/internal/floor"
	"github.com/hourglass-trading/hourglass/services/simulator/internal/market"
	"github.com/hourglass-trading/hourglass/services/simulator/internal/span"
	"github.com/hourglass-trading/hourglass/services/simulator/internal/tape"
)

// keepTrades is how many trades of a pair are remembered for those who ask: the endpoint gives out no more.
const keepTrades = 1000

// Sim is a Market over the synthetic one.
type Sim struct {
	floor *floor.Floor
	pairs []*simPair
	named map[string]*simPair // by symbol
}

// simPair is a pair and the streams of it that are followed. All but the first three fields belong to the floor's lock.
type simPair struct {
	pair   *market.Pair
	symbol string
	digits digits

	streams map[string]*simStream
	trades  []market.Trade // the last ones, oldest first
	aggID   int64
}

// NewSim returns the pairs of the floor's Binance, or of a relative that speaks as it does. It listens to the floor, so it must be made before that runs.
func NewSim(f *floor.Floor, exchange string) *Sim {
	m := &Sim{floor: f, named: map[string]*simPair{}}
	byPair := map[*market.Pair]*simPair{}
	for _, p := range f.Pairs(exchange) {
		s := &simPair{pair: p, symbol: p.Base + p.Quote, digits: digits{p.PriceDecimals, p.QtyDecimals}, streams: map[string]*simStream{}}
		m.pairs = append(m.pairs, s)
		m.named[s.symbol], byPair[p] = s, s
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
	for _, s := range m.pairs {
		p := s.pair
		tick, step := s.digits.price(1), s.digits.qty(1)
		out = append(out, Symbol{
			Symbol: s.symbol, Base: p.Base, Quote: p.Quote, Tick: tick, Step: step, MinPrice: tick, MaxPrice: "1000000.00000000",
			MinQty: step, MaxQty: "9000000000.00000000", MinValue: padded(p.MinValue),
		})
	}
	return out
}

// padded spells a number with eight decimals.
func padded(s string) string {
	whole, frac, _ := strings.Cut(s, ".")
	return whole + "." + frac + strings.Repeat("0", 8-min(8, len(frac)))
}

// Depth implements Market.
func (m *Sim) Depth(_ context.Context, symbol string, limit int) ([]byte, error) {
	s := m.named[symbol]
	var bids, asks []market.Level
	var id int64
	m.floor.With(s.pair, func(*market.Market) {
		bids, asks, id = s.pair.Bids(nil, limit), s.pair.Asks(nil, limit), s.pair.LastID()
	})
	return s.digits.picture(nil, id, bids, asks), nil
}

// Touch implements Market.
func (m *Sim) Touch(symbol string) (Touch, error) {
	s := m.named[symbol]
	var bid, ask []market.Level
	m.floor.With(s.pair, func(*market.Market) { bid, ask = s.pair.Bids(nil, 1), s.pair.Asks(nil, 1) })
	if len(bid) == 0 || len(ask) == 0 {
		return Touch{}, errNoBook
	}
	d := s.digits
	return Touch{s.symbol, d.price(bid[0].Price), d.qty(bid[0].Qty), d.price(ask[0].Price), d.qty(ask[0].Qty)}, nil
}

// Trades implements Market.
func (m *Sim) Trades(symbol string, n int) ([]Trade, error) {
	s := m.named[symbol]
	var last []market.Trade
	m.floor.With(s.pair, func(*market.Market) {
		last = append(last, s.trades[max(0, len(s.trades)-n):]...)
	})
	out := make([]Trade, 0, len(last))
	for _, t := range last {
		value := new(big.Int).Mul(big.NewInt(t.Price), big.NewInt(t.Qty))
		out = append(out, Trade{
			ID: t.ID, Price: s.digits.price(t.Price), Qty: s.digits.qty(t.Qty), QuoteQty: s.digits.value(value),
			Time: t.At.UnixMilli(), IsBuyerMaker: t.Sell, IsBestMatch: true,
		})
	}
	return out, nil
}

// Candles implements Market.
func (m *Sim) Candles(symbol string, s span.Span, w span.Window) ([]Candle, error) {
	p := m.named[symbol]
	bars := m.floor.Bars(p.pair, s, w)
	out := make([]Candle, len(bars))
	for i := range bars {
		out[i] = p.digits.candle(&bars[i])
	}
	return out, nil
}

// Follow implements Market.
func (m *Sim) Follow(stream string) (tape.Tape, int64, func()) {
	name, kind, _ := strings.Cut(stream, "@")
	s := m.named[strings.ToUpper(name)]
	encode := kindOf(kind)
	if s == nil || encode == nil || name != strings.ToLower(name) {
		return nil, 0, nil
	}
	var followed *simStream
	var pos int64
	release := m.floor.Hold(s.pair, func(fm *market.Market) {
		followed = s.streams[kind]
		if followed == nil {
			followed = newSimStream(fm, s, kind, encode)
			s.streams[kind] = followed
		}
		followed.followers++
		pos = followed.ring.End()
	})
	return followed.ring, pos, func() {
		release(func() {
			if followed.followers--; followed.followers == 0 {
				delete(s.streams, kind)
			}
		})
	}
}

// publish puts an update on the followed streams.
func (s *simPair) publish(u *market.Update) {
	if over := len(s.trades) + len(u.Trades) - 2*keepTrades; over > 0 {
		s.trades = append([]market.Trade(nil), s.trades[len(s.trades)-keepTrades:]...)
	}
	s.trades = append(s.trades, u.Trades...)
	aggregates := aggregate(u.Trades)
	if s.aggID == 0 && len(u.Trades) > 0 {
		s.aggID = u.Trades[0].ID
	}
	for _, stream := range s.streams {
		stream.encode(stream, s, u, aggregates)
	}
	s.aggID += int64(len(aggregates))
}

// aggregate groups trades as the exchange does: one taker order at one price. It returns the ends of the groups.
func aggregate(trades []market.Trade) []int {
	var ends []int
	for i := range trades {
		if i > 0 && trades[i].Order == trades[i-1].Order && trades[i].Price == trades[i-1].Price {
			ends[len(ends)-1] = i + 1
		} else {
			ends = append(ends, i+1)
		}
	}
	return ends
}
