package view

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/market"
)

// silence is how long a collector may say nothing about a book. A live book is told once a second, so after three seconds
// the collector or the bus is gone, and what we hold must not be shown as live.
const silence = 3 * time.Second

// Book returns the newest book at the time now, nil if there is none yet. Its levels are shared: nobody changes them. A
// book of which nothing has been heard for three seconds is no longer called live.
func (f *Feed) Book(now time.Time) (*market.Book, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.newest.N == 0 {
		return nil, nil
	}
	if f.bookN != f.newest.N {
		b := new(market.Book)
		if err := json.Unmarshal(f.newest.Payload, b); err != nil {
			return nil, fmt.Errorf("decode the book on %s: %w", f.subject, err)
		}
		f.book, f.bookN = b, f.newest.N
	}
	if f.book.State != market.Live || now.Sub(f.newest.At) <= silence {
		return f.book, nil
	}
	silent := *f.book
	silent.State, silent.Reason = market.Stale, "nothing heard from the collector"
	return &silent, nil
}

// Live reports whether the newest book is live at the time now.
func (f *Feed) Live(now time.Time) bool {
	b, err := f.Book(now)
	return err == nil && b != nil && b.State == market.Live
}

// AnyLive returns true as soon as one of the feeds has a live book, false when the context ends first.
func AnyLive(ctx context.Context, feeds []*Feed) bool {
	return await(ctx, feeds, func() bool {
		now := time.Now()
		return slices.ContainsFunc(feeds, func(f *Feed) bool { return f.Live(now) })
	})
}

// settling is how long a new feed's first book is waited for where others have theirs.
const settling = 2 * time.Second

// Settled returns when every feed has a book, or has been open for so long that none is to be expected, or when the
// context ends.
func Settled(ctx context.Context, feeds []*Feed) {
	await(ctx, feeds, func() bool {
		return !slices.ContainsFunc(feeds, func(f *Feed) bool { return f.Newest().N == 0 && time.Since(f.openedAt) < settling })
	})
}

// await returns true as soon as done does, which is asked after each payload, false when the context ends first.
func await(ctx context.Context, feeds []*Feed, done func() bool) bool {
	changed := make(chan struct{}, 1) // one wake-up covers all that has happened
	stops := make([]func(), len(feeds))
	for i, f := range feeds {
		stops[i] = f.Listen(func(Update) {
			select {
			case changed <- struct{}{}:
			default:
			}
		})
	}
	defer func() {
		for _, stop := range stops {
			stop()
		}
	}()
	for !done() {
		select {
		case <-changed:
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// Cut returns the best depth levels.
func Cut(levels []market.Level, depth int) []market.Level {
	if levels == nil {
		return []market.Level{} // an empty side is [] in JSON, never null
	}
	return levels[:min(depth, len(levels))]
}
