// Package floor runs the synthetic market in real time: one lock, one clock, and the pairs that somebody is interested in.
//
// All methods may be called by many goroutines at once, except Listen, which comes before everything else. Listeners are called under the lock, one update at a
// time; they must not call back. The package speaks no protocol.
package floor

import (
	"context"
	"sync"
	"time"

	"github.com/hourglass-trading/hourglass/services/simulator/internal/market"
	"github.com/hourglass-trading/hourglass/services/simulator/internal/span"
)

const (
	// patience is how long a pair that nobody follows stays awake after the last question about it.
	patience = time.Minute
	// maxBehind is how many steps are made up for at once, after the process has been held up; what is more is skipped, and the
	// prices jump.
	maxBehind = 6000
	// minTick bounds how often the market is looked after when it runs fast.
	minTick = 5 * time.Millisecond
)

// Listener is shown every update of a pair that is awake.
type Listener func(p *market.Pair, u *market.Update)

// Floor is a running market.
type Floor struct {
	speed     float64
	began     time.Time // on the wall clock
	origin    time.Time // the market's time then
	listeners []Listener

	mu      sync.Mutex // guards all below
	market  *market.Market
	changed chan struct{}
	holds   map[*market.Pair]int
	asked   map[*market.Pair]time.Time

	historyMu sync.Mutex // guards hours, and is held while a history is told; never taken under mu
	hours     map[*market.Pair]map[time.Time]market.Bar
}

// New returns a floor of a market that stands at now and runs speed times as fast as the wall clock.
func New(m *market.Market, speed float64, now time.Time) *Floor {
	return &Floor{
		speed: speed, began: now, origin: m.Now(), market: m, changed: make(chan struct{}),
		holds: map[*market.Pair]int{}, asked: map[*market.Pair]time.Time{}, hours: map[*market.Pair]map[time.Time]market.Bar{},
	}
}

// Listen adds a listener.
func (f *Floor) Listen(l Listener) { f.listeners = append(f.listeners, l) }

// Now is the market's time.
func (f *Floor) Now() time.Time {
	return f.origin.Add(time.Duration(float64(time.Since(f.began)) * f.speed))
}

// Pairs are all pairs of an exchange. What they are may be read freely, how they stand only within With.
func (f *Floor) Pairs(exchange string) []*market.Pair {
	var out []*market.Pair
	for _, p := range f.market.Pairs() {
		if p.Exchange == exchange {
			out = append(out, p)
		}
	}
	return out
}

// Changed returns a channel that is closed at the market's next step.
func (f *Floor) Changed() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.changed
}

// With wakes a pair and calls do while the market stands still.
func (f *Floor) With(p *market.Pair, do func(m *market.Market)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked[p] = time.Now()
	f.market.Wake(p)
	do(f.market)
}

// Hold keeps a pair awake until the returned function is called, and calls do as With does.
func (f *Floor) Hold(p *market.Pair, do func(m *market.Market)) (release func(under func())) {
	f.With(p, func(m *market.Market) {
		f.holds[p]++
		do(m)
	})
	var once sync.Once
	return func(under func()) {
		once.Do(func() {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.holds[p]--
			f.asked[p] = time.Now()
			under()
		})
	}
}

// Feel changes the mood of all exchanges, for a time or, where that is zero, until it is changed again. The time is the
// market's, which may run faster than the wall clock's.
func (f *Floor) Feel(mood market.Mood, d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.market.Feel(mood, d)
}

// Mood is the present one.
func (f *Floor) Mood() market.Mood {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.market.Mood()
}

// Bars are the candles of a pair.
func (f *Floor) Bars(p *market.Pair, s span.Span, w span.Window) []market.Bar {
	var h *market.History
	f.With(p, func(m *market.Market) { h = m.History(p) })
	// Outside the lock: half a year of minutes takes a second to tell, and the market must not wait.
	f.historyMu.Lock()
	defer f.historyMu.Unlock()
	if f.hours[p] == nil {
		f.hours[p] = map[time.Time]market.Bar{}
	}
	h.Hours = f.hours[p]
	return h.Bars(s, w)
}

// Run moves the market until ctx ends.
func (f *Floor) Run(ctx context.Context) {
	tick := time.NewTicker(max(minTick, time.Duration(float64(market.Grid)/f.speed)))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			f.move()
		}
	}
}

func (f *Floor) move() {
	now := f.Now()
	f.mu.Lock()
	defer f.mu.Unlock()
	if !now.After(f.market.Now()) {
		return
	}
	if behind := now.Sub(f.market.Now()); behind > maxBehind*market.Grid {
		f.market.Skip(now.Add(-market.Grid))
	}
	before := f.market.Now()
	f.market.Advance(now, func(p *market.Pair, u *market.Update) {
		for _, l := range f.listeners {
			l(p, u)
		}
	})
	if f.market.Now().Equal(before) {
		return
	}
	for p, at := range f.asked {
		if f.holds[p] == 0 && time.Since(at) > patience {
			f.market.Rest(p)
			delete(f.asked, p)
		}
	}
	close(f.changed)
	f.changed = make(chan struct{})
}
