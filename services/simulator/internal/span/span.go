// Package span knows the intervals candles are made for, in UTC. It is pure.
package span

import (
	"sort"
	"strconv"
	"time"
)

// Span is an interval on a fixed grid. The zero value is no interval.
type Span struct {
	width  time.Duration
	offset time.Duration // of the grid from the Unix epoch
	months int           // calendar months; width is 0 then
}

// Binance's names; 1m is a minute, 1M a month. A week begins on Monday, while the epoch was a Thursday.
var binance = map[string]Span{
	"1s": every(time.Second), "1m": Minutes(1), "3m": Minutes(3), "5m": Minutes(5), "15m": Minutes(15), "30m": Minutes(30),
	"1h": Minutes(60), "2h": Minutes(120), "4h": Minutes(240), "6h": Minutes(360), "8h": Minutes(480), "12h": Minutes(720),
	"1d": Minutes(1440), "3d": Minutes(4320), "1w": {width: 7 * 24 * time.Hour, offset: 4 * 24 * time.Hour}, "1M": {months: 1},
}

func every(d time.Duration) Span { return Span{width: d} }

// Minutes is an interval of n minutes on a grid that begins at the Unix epoch.
func Minutes(n int) Span { return every(time.Duration(n) * time.Minute) }

// Shifted is an interval on a grid that begins that much after the Unix epoch.
func Shifted(width, offset time.Duration) Span { return Span{width: width, offset: offset} }

// Months are n calendar months, from January on, that begin that much after UTC's.
func Months(n int, offset time.Duration) Span { return Span{months: n, offset: offset} }

// Seconds is an interval of n seconds on such a grid.
func Seconds(n int) Span { return every(time.Duration(n) * time.Second) }

// Binance returns the interval of a name in Binance's spelling.
func Binance(name string) (Span, bool) {
	s, ok := binance[name]
	return s, ok
}

// Kraken returns the interval of that many minutes if Kraken serves it.
func Kraken(minutes string) (Span, bool) {
	switch minutes {
	case "1", "5", "15", "30", "60", "240", "1440", "10080", "21600":
		n, err := strconv.Atoi(minutes)
		return Minutes(n), err == nil
	}
	return Span{}, false
}

// Start is the beginning of the interval that t lies in.
func (s Span) Start(t time.Time) time.Time {
	t = t.UTC()
	if s.months > 0 {
		t = t.Add(-s.offset)
		first := t.Month() - (t.Month()-1)%time.Month(s.months)
		return time.Date(t.Year(), first, 1, 0, 0, 0, 0, time.UTC).Add(s.offset)
	}
	ns := t.UnixNano() - int64(s.offset)
	rest := ns % int64(s.width)
	if rest < 0 {
		rest += int64(s.width)
	}
	return t.Add(-time.Duration(rest))
}

// Next is the beginning of the interval after the one that begins at start.
func (s Span) Next(start time.Time) time.Time {
	if s.months > 0 {
		return start.Add(-s.offset).AddDate(0, s.months, 0).Add(s.offset)
	}
	return start.Add(s.width)
}

// Back is the beginning of the n-th interval before the one that begins at start.
func (s Span) Back(start time.Time, n int) time.Time {
	if s.months > 0 {
		return start.Add(-s.offset).AddDate(0, -n*s.months, 0).Add(s.offset)
	}
	return start.Add(-time.Duration(n) * s.width)
}

// Window is the part of a history that somebody asks for. Zero times are open ends.
type Window struct {
	// From and To bound the starts of the candles, both inclusive.
	From, To time.Time
	// Limit is the most candles wanted: the first ones where From is given, else the last ones.
	Limit int
}

// Cut returns the wanted part of n candles, oldest first, as the indexes of its first one and of the one behind its last.
func (w Window) Cut(n int, start func(i int) time.Time) (lo, hi int) {
	lo = sort.Search(n, func(i int) bool { return !start(i).Before(w.From) })
	hi = n
	if !w.To.IsZero() {
		hi = max(lo, sort.Search(n, func(i int) bool { return start(i).After(w.To) }))
	}
	if hi-lo > w.Limit {
		if w.From.IsZero() {
			lo = hi - w.Limit
		} else {
			hi = lo + w.Limit
		}
	}
	return lo, hi
}
