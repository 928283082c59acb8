package market

import (
	"math"
	"math/big"
	"math/bits"
	"slices"
	"time"

	"github.com/hourglass-trading/hourglass/services/simulator/internal/span"
)

// Sum is a non-negative number of 128 bits, for turnover in ticks times steps.
type Sum struct{ hi, lo uint64 }

func (s *Sum) add(o Sum) {
	var carry uint64
	s.lo, carry = bits.Add64(s.lo, o.lo, 0)
	s.hi += o.hi + carry
}

func product(a, b int64) Sum {
	hi, lo := bits.Mul64(uint64(a), uint64(b))
	return Sum{hi, lo}
}

// Int is the value.
func (s Sum) Int() *big.Int {
	v := new(big.Int).SetUint64(s.hi)
	v.Lsh(v, 64)
	return v.Add(v, new(big.Int).SetUint64(s.lo))
}

// Bar is what was traded in some time: prices in ticks, quantities in steps, turnovers in ticks times steps.
type Bar struct {
	Start, Next            time.Time
	Open, High, Low, Close int64
	Qty, TakerQty          int64 // all, and what takers bought
	Value, TakerValue      Sum
	Trades                 int
}

// then appends what followed.
func (b *Bar) then(o *Bar) {
	if o.Trades == 0 {
		return
	}
	if b.Trades == 0 {
		b.Open, b.High, b.Low = o.Open, o.High, o.Low
	}
	b.High, b.Low, b.Close = max(b.High, o.High), min(b.Low, o.Low), o.Close
	b.Qty += o.Qty
	b.TakerQty += o.TakerQty
	b.Value.add(o.Value)
	b.TakerValue.add(o.TakerValue)
	b.Trades += o.Trades
}

// minute is a minute a pair has lived through, or a part of it.
type minute struct {
	Bar
	from, until time.Time
}

// keptMinutes bounds the lived minutes remembered: a day. Older ones are told from the path again.
const keptMinutes = 1440

// bars are a pair's lived minutes, oldest first.
type bars struct{ minutes []minute }

// woken begins to count at a moment.
func (b *bars) woken(at time.Time) { b.minute(at) }

// minute is the minute of a moment; a new one is counted from there.
func (b *bars) minute(at time.Time) *minute {
	start := at.Truncate(time.Minute)
	if n := len(b.minutes); n > 0 && b.minutes[n-1].Start.Equal(start) {
		return &b.minutes[n-1]
	}
	if len(b.minutes) >= 2*keptMinutes {
		b.minutes = append([]minute(nil), b.minutes[len(b.minutes)-keptMinutes:]...)
	}
	b.minutes = append(b.minutes, minute{Bar: Bar{Start: start, Next: start.Add(time.Minute)}, from: at, until: at})
	return &b.minutes[len(b.minutes)-1]
}

func (b *bars) trade(t *Trade) {
	m := b.minute(t.At)
	o := Bar{Open: t.Price, High: t.Price, Low: t.Price, Close: t.Price, Qty: t.Qty, Value: product(t.Price, t.Qty), Trades: 1}
	if !t.Sell {
		o.TakerQty, o.TakerValue = o.Qty, o.Value
	}
	m.then(&o)
}

// covered says that the step up to a moment has been counted. A step lies within one minute.
func (b *bars) covered(at time.Time) {
	begin := at.Add(-Grid)
	m := b.minute(begin)
	if m.from.After(begin) {
		m.from = begin // the step's first trade came later than its beginning
	}
	m.until = at
}

// History tells the candles of a pair: from what it has lived through, else from the path of its price.
type History struct {
	spec    *Spec
	seed    uint64
	fair    fair
	minutes []minute
	// Begin is where the history starts, Now where it ends.
	Begin, Now time.Time
	// Hours, where not nil, remembers finished hours, at most those of the history, for the next time they are asked for.
	Hours map[time.Time]Bar
}

// historyLength is how far back candles go.
const historyLength = 180 * 24 * time.Hour

// samples is how often a minute of the path is looked at, on a grid on which looking is cheap.
const (
	samples    = 5
	sampleGrid = 64
)

// lived finds the minute that begins at a moment.
func (h *History) lived(start time.Time) (*minute, bool) {
	i, ok := slices.BinarySearchFunc(h.minutes, start, func(m minute, t time.Time) int { return m.Start.Compare(t) })
	if !ok {
		return nil, false
	}
	return &h.minutes[i], true
}

// Bar is what was traded from start until next, or until now.
func (h *History) Bar(start, next time.Time) Bar {
	out := Bar{Start: start, Next: next}
	end := next
	if end.After(h.Now) {
		end = h.Now
	}
	if next.Sub(start) < time.Minute {
		part := h.told(start, end)
		out.then(&part)
		return out
	}
	if start.Before(h.Begin) {
		start = h.Begin
	}
	for at := start.Truncate(time.Minute); at.Before(end); {
		if hour := at.Add(time.Hour); h.Hours != nil && at.Equal(at.Truncate(time.Hour)) && !hour.After(end) {
			part := h.hour(at)
			out.then(&part)
			at = hour
			continue
		}
		stop := at.Add(time.Minute)
		if stop.After(end) {
			stop = end
		}
		part := h.minute(at, stop)
		out.then(&part)
		at = stop
	}
	return out
}

func (h *History) hour(start time.Time) Bar {
	out, ok := h.Hours[start]
	if !ok {
		for at := start; at.Before(start.Add(time.Hour)); at = at.Add(time.Minute) {
			part := h.minute(at, at.Add(time.Minute))
			out.then(&part)
		}
		if len(h.Hours) > int(2*historyLength/time.Hour) {
			clear(h.Hours) // those before the history's beginning pile up
		}
		h.Hours[start] = out
	}
	return out
}

// minute is what was traded in a minute, or its first part.
func (h *History) minute(start, stop time.Time) Bar {
	m, ok := h.lived(start)
	if !ok {
		return h.told(start, stop)
	}
	out, after := h.told(start, m.from), h.told(m.until, stop)
	out.then(&m.Bar)
	out.then(&after)
	return out
}

// Bars are the bars of a window, oldest first. Those before the history's beginning do not exist, and the one of now is unfinished.
func (h *History) Bars(s span.Span, w span.Window) []Bar {
	first, last := s.Start(h.Begin), s.Start(h.Now)
	if first.Before(h.Begin) {
		first = s.Next(first)
	}
	if !w.To.IsZero() && w.To.Before(last) {
		last = s.Start(w.To)
	}
	from := s.Back(last, w.Limit-1)
	if !w.From.IsZero() {
		if from = s.Start(w.From); from.Before(w.From) {
			from = s.Next(from)
		}
	}
	if from.Before(first) {
		from = first
	}
	var out []Bar
	for at := from; !at.After(last) && len(out) < w.Limit; at = s.Next(at) {
		if b := h.Bar(at, s.Next(at)); b.Trades > 0 {
			out = append(out, b)
		}
	}
	return out
}

// Running follows the unfinished bar of an interval without adding it up anew each time.
type Running struct {
	span span.Span
	done Bar       // of the finished minutes
	upto time.Time // where those end
}

// NewRunning begins to follow a pair's bar.
func NewRunning(h *History, s span.Span) *Running {
	r := &Running{span: s}
	r.begin(s.Start(h.Now))
	r.advance(h)
	return r
}

func (r *Running) begin(start time.Time) {
	r.done, r.upto = Bar{Start: start, Next: r.span.Next(start)}, start
}

func (r *Running) advance(h *History) {
	for r.upto.Before(r.done.Next) {
		next := r.upto.Add(time.Minute)
		if next.After(h.Now) || r.done.Next.Sub(r.done.Start) < time.Minute {
			return
		}
		part := h.Bar(r.upto, next)
		r.done.then(&part)
		r.upto = next
	}
}

// Look returns the bar as it stands, and the one that has ended since the last look, if any.
func (r *Running) Look(h *History) (now Bar, ended *Bar) {
	r.advance(h)
	if !h.Now.Before(r.done.Next) {
		last := r.done
		if r.upto.Before(last.Next) {
			part := h.Bar(r.upto, last.Next)
			last.then(&part)
		}
		ended = &last
		r.begin(r.span.Start(h.Now))
		r.advance(h)
	}
	now = r.done
	if h.Now.After(r.upto) {
		// The rest lies within one minute, or one second.
		part := h.Bar(r.upto, r.upto.Add(min(time.Minute, r.done.Next.Sub(r.upto))))
		now.then(&part)
	}
	return now, ended
}

// told makes up what was traded between two moments within a minute, from the path and the seed alone.
func (h *History) told(from, to time.Time) Bar {
	first, last := stepOf(from), stepOf(to)
	if last <= first {
		return Bar{}
	}
	open, activity := h.fair.at(first)
	b := Bar{Open: max(1, int64(open)), Trades: 1}
	b.High, b.Low, b.Close = b.Open, b.Open, b.Open
	for i := int64(1); i <= samples; i++ {
		at := first + (last-first)*i/samples
		if aligned := at &^ (sampleGrid - 1); i < samples && aligned > first {
			at = aligned
		}
		price, active := h.fair.at(at)
		b.Close = max(1, int64(price))
		b.High, b.Low = max(b.High, b.Close), min(b.Low, b.Close)
		activity += active
	}
	activity /= samples + 1
	noise := hash(h.seed, uint64(first))
	seconds := to.Sub(from).Seconds()
	orders := h.spec.orders * seconds * math.Sqrt(activity)
	mean := h.spec.order * math.Exp(orderSigma*orderSigma/2) * 0.75 // the largest are cut off
	coins := orders * mean * math.Exp(0.5*bell(noise)-0.125)
	b.Qty = max(1, int64(coins*math.Pow10(h.spec.QtyDecimals)))
	b.TakerQty = int64(float64(b.Qty) * (0.3 + 0.4*unit(mix(noise+1))))
	middle := (b.Open + b.High + b.Low + b.Close) / 4
	b.Value, b.TakerValue = product(middle, b.Qty), product(middle, b.TakerQty)
	b.Trades = max(1, int(2.8*orders))
	return b
}
