// Package collector is the service that connects to exchanges: it keeps verified order books, publishes them with touches,
// trades and candles, and answers questions about pairs, candles and books.
//
// Run starts a handful of goroutines for each exchange and returns when all have ended. Exchanges share nothing but the
// connection to the bus: one that is down, slow or wrong harms no other.
//
// A collector decides nothing about orders and stores nothing: after a restart it reads everything from the exchanges anew.
package collector

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/pkg/daemon"
	"github.com/hourglass-trading/hourglass/pkg/metrics"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange"
	"github.com/hourglass-trading/hourglass/services/collector/internal/feed"
	"github.com/hourglass-trading/hourglass/services/collector/internal/publish"
)

// Bus is what a collector needs of the connection to the bus.
type Bus interface {
	publish.Bus
	buckets
	EnsureStreams(ctx context.Context) error
	Orders() *nats.Conn
	Closed() <-chan struct{}
	Measure(r *metrics.Registry)
}

var _ Bus = (*bus.Conn)(nil)

// errBusLost ends a collector that has lost the bus for good, so that it is started anew.
var errBusLost = errors.New("the connection to the bus is closed")

// ensureWait is between two attempts to create the streams.
const ensureWait = time.Second

// Run collects until ctx ends. The connection must outlive it; closing it is up to the caller.
func Run(ctx context.Context, cfg Config, conn Bus, log *slog.Logger) error {
	health, reg := daemon.NewHealth(), metrics.New("collector", daemon.Version())
	meters := newMeters(reg)
	conn.Measure(reg)
	g := daemon.NewGroup(ctx)
	g.Go("health", func(ctx context.Context) error {
		return daemon.ListenAndServe(ctx, cfg.HealthListen, reg.Pages(health.Handler()))
	})
	g.Go("bus", func(ctx context.Context) error {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-conn.Closed():
			return errBusLost
		}
	})
	made := make(chan struct{})
	g.Go("streams", func(ctx context.Context) error {
		if err := ensure(ctx, conn, log); err != nil {
			return err
		}
		close(made)
		<-ctx.Done()
		return ctx.Err()
	})
	web := feed.NewWeb()
	defer web.Close()
	for _, e := range cfg.Exchanges {
		d := newDesk(e, adapters[e.Exchange].make(cfg), cfg, conn, web, log.With("exchange", e.Exchange))
		meters.watch(d)
		d.start(g, conn, health, made)
	}
	return g.Wait()
}

// desk is everything about one exchange.
type desk struct {
	catalog   *catalog
	klines    *klines
	seeder    *seeder
	lease     *lease
	interest  *interest
	selection *selection
	publisher *publish.Publisher
	feed      *feed.Feed
	traits    exchange.Traits
	endpoint  Endpoint
	log       *slog.Logger
}

func newDesk(e Endpoint, ex exchange.Exchange, cfg Config, conn Bus, web *feed.Web, log *slog.Logger) *desk {
	d := &desk{endpoint: e, traits: ex.Traits(), log: log}
	rest := feed.NewREST(e.REST, d.traits, web)
	d.catalog = newCatalog(ex, rest, log)
	// Books are numbered from the time in milliseconds, which no book's count can overtake: who has seen the books of a
	// collector before this one, or of another that has died, does not take the new ones for old.
	d.publisher = publish.New(e.Exchange, uint64(time.Now().UnixMilli()), conn, func(l *exchange.Listing) { d.seeder.ask(l) }, log)
	d.klines = newKlines(ex, rest, d.catalog, d.publisher.Recent, log)
	d.seeder = newSeeder(d.klines, log)
	d.seeder.seed = d.publisher.Seed
	d.lease = newLease(e.Exchange, log)
	d.interest = newInterest(e.Exchange, log)
	d.feed = feed.New(feed.Config{
		Exchange: ex, WS: e.WS, REST: rest, Web: web, Recorded: cfg.Recorded, Sink: d.publisher, Log: log,
	})
	d.selection = newSelection(cfg.Symbols, d.interest, d.catalog, d.feed.Want, log)
	return d
}

// start starts the parts of a desk. None returns before ctx ends, so no exchange can end the process. What can be known by
// many is; what is done is done by the holder of the exchange's lease alone. The buckets of both are there once made is closed.
func (d *desk) start(g *daemon.Group, conn Bus, health *daemon.Health, made <-chan struct{}) {
	name := string(d.endpoint.Exchange)
	health.Check(name, d.check)
	g.Go(name+" instruments", d.catalog.run)
	g.Go(name+" interest", func(ctx context.Context) error {
		if err := await(ctx, made); err != nil {
			return err
		}
		return d.interest.run(ctx, conn)
	})
	g.Go(name, func(ctx context.Context) error {
		if err := await(ctx, made); err != nil {
			return err
		}
		return d.lease.hold(ctx, conn, func(held *daemon.Group) {
			held.Go("feed", d.feed.Run)
			held.Go("selection", d.selection.run)
			held.Go("seeds", d.seeder.run)
			held.Go("status", func(ctx context.Context) error { return d.tellStatus(ctx, conn) })
			held.Go("questions", func(ctx context.Context) error { return d.service().Serve(ctx, conn.Orders(), d.log) })
		})
	})
}

// check is the desk's health: a book in sync, or another collector that has the exchange.
func (d *desk) check(context.Context) error {
	switch {
	case !d.lease.held.Load() && d.lease.others.Load():
		return nil
	case !d.lease.held.Load():
		return errors.New("waiting for the lease")
	}
	if status := d.status(time.Now().UTC()); status.SymbolsLive == 0 {
		return fmt.Errorf("%s: no book in sync: %s", status.State, status.Reason)
	}
	return nil
}

// ensure creates the streams and buckets, trying again until ctx ends.
func ensure(ctx context.Context, conn Bus, log *slog.Logger) error {
	for {
		err := conn.EnsureStreams(ctx)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		log.Warn("streams not created", "error", err)
		if err := daemon.Wait(ctx, ensureWait); err != nil {
			return err
		}
	}
}

// await returns when ch is closed, or fails when ctx ends.
func await(ctx context.Context, ch <-chan struct{}) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-ch:
		return nil
	}
}
