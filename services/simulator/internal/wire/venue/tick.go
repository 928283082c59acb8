package venue

import (
	"time"

	"github.com/hourglass-trading/hourglass/services/simulator/internal/market"
)

// Tick is the state of a market after a trade.
type Tick struct {
	Last     Trade
	Bid, Ask Level
	// Day is what was traded in the last 24 hours, to the minute.
	Day Candle
	At  time.Time
}

// Ticking are Words that can spell a Tick; exchanges with channels of Tickers have them.
type Ticking interface {
	Ticker(t Topic, k *Tick) []byte
}

// dayKept is how long the sum of a day is good for: adding it up takes milliseconds, and a day moves slowly.
const dayKept = time.Minute

// day adds the last 24 hours up, hour by hour as far as they are remembered.
func (c *channel) day(at time.Time) *market.Bar {
	if at.Sub(c.summed) >= dayKept {
		h := c.history()
		h.Hours = c.hours
		c.total, c.summed = h.Bar(at.Add(-24*time.Hour).Truncate(time.Minute), at.Add(time.Minute)), at
	}
	return &c.total
}

// tick tells the state after the trades of an update.
func (c *channel) tick(words Words, s *simPair, u *market.Update, trades []Trade) {
	spell, ok := words.(Ticking)
	bids, asks := s.levels(s.pair.Bids(nil, 1)), s.levels(s.pair.Asks(nil, 1))
	if !ok || len(bids) == 0 || len(asks) == 0 {
		return
	}
	k := &Tick{Last: trades[len(trades)-1], Bid: bids[0], Ask: asks[0], Day: s.candle(c.day(u.At)), At: u.At}
	c.append(spell.Ticker(c.topic, k))
}
