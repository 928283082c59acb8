package collector

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/pkg/daemon"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange"
)

const (
	// grace is how long a book is kept after the last wish for it: a client that comes back at once finds it in sync.
	grace = 30 * time.Second
	// selectEvery is how often wishes are looked at for having expired; the bus does not tell.
	selectEvery = 5 * time.Second
	// maxWishes bounds what is collected of one exchange. Wishes beyond it are not heard until others expire.
	maxWishes  = 1000
	watchPause = time.Second // before a watch that ended begins again
)

// interest knows which symbols of an exchange somebody wants.
type interest struct {
	exchange market.Exchange
	log      *slog.Logger
	changed  chan struct{} // one place: there are other wishes than before

	mu     sync.Mutex                  // guards wishes
	wishes map[market.Symbol]time.Time // when each ends, the grace included
}

func newInterest(e market.Exchange, log *slog.Logger) *interest {
	return &interest{exchange: e, log: log, changed: make(chan struct{}, 1), wishes: map[market.Symbol]time.Time{}}
}

// buckets opens key-value buckets.
type buckets interface {
	Bucket(ctx context.Context, name string) (jetstream.KeyValue, error)
}

// run watches the wishes until ctx ends. It begins again whenever the watch ends; wishes heard before stay until they expire.
func (in *interest) run(ctx context.Context, conn buckets) error {
	for {
		if err := in.watch(ctx, conn); ctx.Err() == nil {
			in.log.Warn("interest not watched", "error", err)
		}
		if err := daemon.Wait(ctx, watchPause); err != nil {
			return err
		}
	}
}

func (in *interest) watch(ctx context.Context, conn buckets) error {
	kv, err := conn.Bucket(ctx, bus.InterestBucket)
	if err != nil {
		return err
	}
	watcher, err := kv.Watch(ctx, string(in.exchange)+".*")
	if err != nil {
		return fmt.Errorf("watch interest: %w", err)
	}
	defer func() { _ = watcher.Stop() }() // it may have ended by itself
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case entry, ok := <-watcher.Updates():
			if !ok {
				return errors.New("the watch ended")
			}
			if entry != nil { // nil: all that was there has been told
				in.hear(entry.Key(), entry.Operation() == jetstream.KeyValuePut, time.Now())
			}
		}
	}
}

// hear takes a wish, or the end of one.
func (in *interest) hear(key string, wanted bool, now time.Time) {
	e, symbol, err := bus.ParseInterestKey(key)
	if err != nil || e != in.exchange {
		in.log.Debug("wish not understood", "key", fmt.Sprintf("%.80q", key))
		return
	}
	in.mu.Lock()
	_, known := in.wishes[symbol]
	switch {
	case wanted && !known && len(in.wishes) >= maxWishes:
		in.mu.Unlock()
		in.log.Warn("wish not heard", "symbol", symbol, "most", maxWishes)
		return
	case wanted:
		in.wishes[symbol] = now.Add(bus.InterestTTL + grace)
	case known:
		in.wishes[symbol] = now.Add(grace)
	}
	in.mu.Unlock()
	if wanted && !known {
		select {
		case in.changed <- struct{}{}:
		default:
		}
	}
}

// wanted returns the symbols wanted now.
func (in *interest) wanted(now time.Time) []market.Symbol {
	in.mu.Lock()
	defer in.mu.Unlock()
	maps.DeleteFunc(in.wishes, func(_ market.Symbol, end time.Time) bool { return !now.Before(end) })
	return slices.Collect(maps.Keys(in.wishes))
}

// selection decides what a feed follows: the configured symbols and the wanted ones, as far as the exchange lists them.
type selection struct {
	always   []market.Symbol
	interest *interest
	catalog  *catalog
	want     func([]*exchange.Listing)
	log      *slog.Logger
	unlisted map[market.Symbol]bool // told once
}

func newSelection(always []market.Symbol, in *interest, c *catalog, want func([]*exchange.Listing), log *slog.Logger) *selection {
	return &selection{always: always, interest: in, catalog: c, want: want, log: log, unlisted: map[market.Symbol]bool{}}
}

// run decides again whenever something changes, until ctx ends.
func (s *selection) run(ctx context.Context) error {
	ticker := time.NewTicker(selectEvery)
	defer ticker.Stop()
	var followed []*exchange.Listing
	for {
		if next := s.choose(time.Now()); !slices.Equal(next, followed) {
			followed = next
			s.want(next)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.catalog.changed:
		case <-s.interest.changed:
		case <-ticker.C:
		}
	}
}

// choose returns the listings to follow, by symbol.
func (s *selection) choose(now time.Time) []*exchange.Listing {
	symbols := append(slices.Clone(s.always), s.interest.wanted(now)...)
	slices.Sort(symbols)
	var listings []*exchange.Listing
	for _, symbol := range slices.Compact(symbols) {
		l, err := s.catalog.find(symbol)
		switch {
		case err == nil:
			delete(s.unlisted, symbol)
			listings = append(listings, l)
		case errors.Is(err, bus.ErrNotFound) && !s.unlisted[symbol]:
			s.unlisted[symbol] = true
			s.log.Info("symbol not listed", "symbol", symbol)
		}
	}
	return listings
}
