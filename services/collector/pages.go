package collector

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange"
)

// Bounds of what is remembered of an exchange's candles.
const (
	pagesKept  = 64 // of a thousand candles at most; then all are forgotten
	minPageAge = time.Second
	maxPageAge = 10 * time.Second
)

// pages remembers the newest answers of an exchange for a while, and lets whoever asks the same at the same time wait for one
// call: a page that many people look at costs the exchange as much as one person.
type pages struct {
	mu     sync.Mutex // guards byCall
	byCall map[exchange.Call]*page
}

// page is an answer, or one to come.
type page struct {
	ready   chan struct{} // closed when the rest is set
	candles []market.Candle
	err     error
	until   time.Time
}

func newPages() *pages { return &pages{byCall: map[exchange.Call]*page{}} }

// pageAge is how long candles of an interval serve again: the running one moves, but a long one slowly.
func pageAge(interval time.Duration) time.Duration {
	return min(max(interval/30, minPageAge), maxPageAge)
}

// get returns the answer to a call in memory of the caller's own, by fetch if it is not remembered.
func (p *pages) get(ctx context.Context, call exchange.Call, age time.Duration, fetch func(context.Context) ([]market.Candle, error)) ([]market.Candle, error) {
	entry, ours := p.entry(call)
	if ours {
		entry.candles, entry.err = fetch(ctx)
		p.mu.Lock()
		if entry.until = time.Now().Add(age); entry.err != nil {
			delete(p.byCall, call)
		}
		p.mu.Unlock()
		close(entry.ready)
	}
	select {
	case <-entry.ready:
		return slices.Clone(entry.candles), entry.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// entry returns the entry of a call, and whether it is ours to fill.
func (p *pages) entry(call exchange.Call) (*page, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if old := p.byCall[call]; old != nil && (old.until.IsZero() || time.Now().Before(old.until)) {
		return old, false
	}
	if len(p.byCall) >= pagesKept {
		clear(p.byCall)
	}
	entry := &page{ready: make(chan struct{})}
	p.byCall[call] = entry
	return entry, true
}
