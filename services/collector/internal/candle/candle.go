// Package candle builds candles from trades, as they come, for several intervals at once.
//
// Candles open at whole multiples of their interval since the year 1 in UTC, so that seven days start on a Monday. A candle is given out only if every trade since its
// opening is in it: the first one after a start or a loss of trades is held back until it is seeded with what the exchange
// says of it, or until the next one opens.
//
// A Set belongs to one goroutine. It reads no clock: the caller tells the time, which should be the exchange's, because
// trades are sorted into intervals by that. It corrects nothing: a trade that comes after its candle was finished is left out.
package candle

import (
	"time"

	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
)

// Grace is how long after its end a candle waits for trades still on their way, unless one of the next interval has come.
const Grace = 500 * time.Millisecond

// maxQuiet bounds how many candles without a trade are made in a row for a gap in time. A longer gap is no market but a
// clock that jumped, and starts anew.
const maxQuiet = 300

// Keep is how many finished candles of each interval a Set remembers.
const Keep = 120

// Set builds the candles of one instrument.
type Set struct{ series []*series }

// Finished is a candle that is complete.
type Finished struct {
	Interval time.Duration
	Candle   market.Candle
}

// NewSet returns a set for the given intervals.
func NewSet(intervals ...time.Duration) *Set {
	s := &Set{}
	for _, d := range intervals {
		s.series = append(s.series, &series{interval: d})
	}
	return s
}

// Start says that trades are complete from the given time on: at the beginning, and again after a loss.
func (s *Set) Start(at time.Time) {
	for _, each := range s.series {
		each.start(at)
	}
}

// Seed gives what the exchange says of the candle that is running, the trades so far included. It replaces what was built
// of that candle; candles of other times change nothing.
func (s *Set) Seed(interval time.Duration, c market.Candle) {
	for _, each := range s.series {
		if each.interval == interval {
			each.seed(c)
		}
	}
}

// Trade adds a trade and returns the candles that it shows to be finished. Its error is decimal.ErrOverflow.
func (s *Set) Trade(price, quantity decimal.Decimal, at time.Time) (finished []Finished, err error) {
	for _, each := range s.series {
		for _, c := range each.advance(at, 0) {
			finished = append(finished, Finished{each.interval, c})
		}
		if err = each.add(price, quantity, at); err != nil {
			return finished, err
		}
	}
	return finished, nil
}

// Advance returns the candles that are finished by now.
func (s *Set) Advance(now time.Time) (finished []Finished) {
	for _, each := range s.series {
		for _, c := range each.advance(now, Grace) {
			finished = append(finished, Finished{each.interval, c})
		}
	}
	return finished
}

// Running calls yield with each candle that is running and whole so far.
func (s *Set) Running(yield func(time.Duration, market.Candle)) {
	for _, each := range s.series {
		if each.usable() {
			yield(each.interval, each.current)
		}
	}
}

// Recent returns the finished candles of an interval, oldest first, Keep at most, and the running one behind them.
func (s *Set) Recent(interval time.Duration) []market.Candle {
	for _, each := range s.series {
		if each.interval != interval {
			continue
		}
		recent := append([]market.Candle(nil), each.done...)
		if each.usable() {
			recent = append(recent, each.current)
		}
		return recent
	}
	return nil
}

// series builds the candles of one interval.
type series struct {
	interval time.Duration
	since    time.Time // trades are complete from here
	current  market.Candle
	whole    bool // every trade since the opening of current is in it
	priced   bool // current has prices
	done     []market.Candle
}

func (s *series) usable() bool { return s.whole && s.priced }

func (s *series) start(at time.Time) {
	s.since, s.whole, s.priced = at, false, false // the last price may be long past
	if at.Before(s.current.OpenTime) || s.current.OpenTime.IsZero() {
		s.open(at) // the beginning, or a clock that was set back
	}
}

// open begins the candle that holds at, at the last price if one is known.
func (s *series) open(at time.Time) {
	last := s.current.Close
	start := at.UTC().Truncate(s.interval)
	s.current = market.Candle{
		OpenTime: start, CloseTime: start.Add(s.interval - time.Millisecond),
		Open: last, High: last, Low: last, Close: last,
	}
	s.whole = !start.Before(s.since)
}

// advance finishes candles until the one that holds now is running.
func (s *series) advance(now time.Time, grace time.Duration) (finished []market.Candle) {
	if s.current.OpenTime.IsZero() {
		s.open(now)
		return nil
	}
	if now.Sub(s.current.OpenTime) > maxQuiet*s.interval+grace {
		s.since, s.priced, s.current.Close = now, false, decimal.Decimal{}
		s.open(now)
		return nil
	}
	for end := s.end(); !now.Before(end.Add(grace)); end = s.end() {
		if s.usable() {
			c := s.current
			c.Complete = true
			finished = append(finished, c)
			s.remember(c)
		}
		s.open(end)
	}
	return finished
}

func (s *series) end() time.Time { return s.current.OpenTime.Add(s.interval) }

func (s *series) remember(c market.Candle) {
	if len(s.done) == 2*Keep { // the older half goes at once, so that keeping costs nothing per candle
		s.done = s.done[:copy(s.done, s.done[Keep:])]
	}
	s.done = append(s.done, c)
}

func (s *series) add(price, quantity decimal.Decimal, at time.Time) error {
	if at.Before(s.current.OpenTime) {
		return nil // its candle is finished
	}
	volume, err := s.current.Volume.Add(quantity)
	if err != nil {
		return err
	}
	if s.current.Volume.IsZero() || !s.priced { // the first trade: until now there was only the last price
		s.current.Open, s.current.High, s.current.Low = price, price, price
	}
	s.current.High, s.current.Low = s.current.High.Max(price), s.current.Low.Min(price)
	s.current.Close, s.current.Volume, s.priced = price, volume, true
	return nil
}

func (s *series) seed(c market.Candle) {
	if !c.OpenTime.Equal(s.current.OpenTime) {
		return
	}
	c.Complete = false
	s.current, s.whole, s.priced = c, true, true
}

// Aggregate joins candles, oldest first, into candles of a longer interval, a multiple of theirs. The first one may lack
// its beginning; it is complete only where the last of its parts is. Its error is decimal.ErrOverflow.
func Aggregate(candles []market.Candle, interval time.Duration, now time.Time) ([]market.Candle, error) {
	var out []market.Candle
	for _, c := range candles {
		start := c.OpenTime.Truncate(interval)
		if n := len(out); n > 0 && out[n-1].OpenTime.Equal(start) {
			last := &out[n-1]
			volume, err := last.Volume.Add(c.Volume)
			if err != nil {
				return nil, err
			}
			last.High, last.Low = last.High.Max(c.High), last.Low.Min(c.Low)
			last.Close, last.Volume = c.Close, volume
			continue
		}
		c.OpenTime, c.CloseTime = start, start.Add(interval-time.Millisecond)
		c.Complete = !now.Before(start.Add(interval))
		out = append(out, c)
	}
	return out, nil
}
