package collector

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/pkg/daemon"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/pkg/order"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange"
	"github.com/hourglass-trading/hourglass/services/collector/internal/feed"
)

// refreshEvery is how often an exchange's instruments are read again: a new pair can be traded, and a changed tick is known,
// within this time. The answer may have ten megabytes, so not more often.
const refreshEvery = 15 * time.Minute

// catalog holds the instruments of an exchange.
type catalog struct {
	exchange exchange.Exchange
	rest     *feed.REST
	log      *slog.Logger
	changed  chan struct{} // one place: there are other listings than before

	mu        sync.RWMutex // guards all below
	bySymbol  map[market.Symbol]*exchange.Listing
	sorted    []market.Instrument
	fetchedAt time.Time
	err       error // of the newest attempt
}

func newCatalog(ex exchange.Exchange, rest *feed.REST, log *slog.Logger) *catalog {
	return &catalog{exchange: ex, rest: rest, log: log, changed: make(chan struct{}, 1)}
}

// run keeps the catalog fresh until ctx ends.
func (c *catalog) run(ctx context.Context) error {
	retry := backoff.NewExponentialBackOff()
	retry.InitialInterval, retry.MaxInterval, retry.RandomizationFactor = time.Second, time.Minute, 1
	for {
		pause := refreshEvery
		if err := c.refresh(ctx); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			pause = max(retry.NextBackOff(), c.rest.Wait())
			c.log.Warn("instruments not read", "error", err, "retry_in", pause)
		} else {
			retry.Reset()
		}
		if err := daemon.Wait(ctx, pause); err != nil {
			return err
		}
	}
}

// refresh reads the instruments once.
func (c *catalog) refresh(ctx context.Context) error {
	body, err := c.rest.Get(ctx, c.exchange.Listings())
	var listings []exchange.Listing
	skipped := 0
	if err == nil {
		listings, skipped, err = c.exchange.ParseListings(body)
	}
	if err == nil && len(listings) == 0 {
		err = fmt.Errorf("%w: no instruments", exchange.ErrRefused)
	}
	if err != nil {
		c.mu.Lock()
		c.err = err
		c.mu.Unlock()
		return err
	}
	if added, dropped := c.replace(listings, time.Now().UTC()); added+dropped > 0 {
		c.log.Info("instruments read", "count", len(listings), "left_out", skipped, "new", added, "dropped", dropped)
		select {
		case c.changed <- struct{}{}:
		default:
		}
	}
	return nil
}

// replace takes over what was read. A listing that is as before stays the same object, because the feed knows it by that.
func (c *catalog) replace(listings []exchange.Listing, now time.Time) (added, dropped int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	bySymbol := make(map[market.Symbol]*exchange.Listing, len(listings))
	for i := range listings {
		l := &listings[i]
		if other := bySymbol[l.Symbol]; other != nil && (other.Status == market.Trading || l.Status != market.Trading) {
			continue // two of one name: the one that trades counts, else the first
		}
		bySymbol[l.Symbol] = l
	}
	for symbol, l := range bySymbol {
		if old := c.bySymbol[symbol]; old != nil && *old == *l {
			bySymbol[symbol] = old
		} else {
			added++
		}
	}
	for symbol := range c.bySymbol {
		if bySymbol[symbol] == nil {
			dropped++
		}
	}
	sorted := make([]market.Instrument, 0, len(bySymbol))
	for _, l := range bySymbol {
		sorted = append(sorted, l.Instrument)
	}
	slices.SortFunc(sorted, func(a, b market.Instrument) int { return cmp.Compare(a.Symbol, b.Symbol) })
	c.bySymbol, c.sorted, c.fetchedAt, c.err = bySymbol, sorted, now, nil
	return added, dropped
}

// find returns a listing. It fails with a bus.Failure: not found, or unavailable while the instruments are not known.
func (c *catalog) find(symbol market.Symbol) (*exchange.Listing, error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.bySymbol == nil {
		return nil, c.unavailable()
	}
	if l := c.bySymbol[symbol]; l != nil {
		return l, nil
	}
	return nil, notFound("unknown_symbol", fmt.Sprintf("%s does not list %.40s", c.exchange.Name(), symbol))
}

// lookUp is find for who asked for the symbol: not found then names what was perhaps meant.
func (c *catalog) lookUp(symbol market.Symbol) (*exchange.Listing, error) {
	l, err := c.find(symbol)
	if failure := (*bus.Failure)(nil); errors.As(err, &failure) && failure.Kind == order.NotFound {
		failure.Detail += market.DidYouMean(market.Closest(string(symbol), c.names()))
	}
	return l, err
}

// names returns all symbols, in order.
func (c *catalog) names() []string {
	c.mu.RLock()
	defer c.mu.RUnlock()
	names := make([]string, len(c.sorted))
	for i := range c.sorted {
		names[i] = string(c.sorted[i].Symbol)
	}
	return names
}

// pairs answers with all instruments.
func (c *catalog) pairs() (bus.PairsReply, error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.bySymbol == nil {
		return bus.PairsReply{}, c.unavailable()
	}
	return bus.PairsReply{Exchange: c.exchange.Name(), FetchedAt: c.fetchedAt, Instruments: c.sorted}, nil
}

func (c *catalog) unavailable() error {
	detail := fmt.Sprintf("the instruments of %s are not known yet", c.exchange.Name())
	if c.err != nil {
		detail += ": " + feed.Reason(c.err)
	}
	return unavailable(detail)
}
