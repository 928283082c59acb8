// Package executor owns the accounts and works their orders on the books that the collectors publish.
//
// Several executors share the accounts, each has some partitions of them by leases (internal/lease). One goroutine, the
// loop, owns the accounts of this one's partitions, what is known of the market, and one timer. Whatever it decides is appended
// to the event log first and takes effect when it is stored, so that what an account's owner was told survives anything;
// after a restart the same events make the same accounts. Other goroutines only bring it messages.
//
// What an order does is decided in internal/account and internal/twap, which are pure; this package never looks into a
// book.
package executor

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/pkg/daemon"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/pkg/metrics"
	"github.com/hourglass-trading/hourglass/pkg/tracing"
)

const (
	// pairsEvery is how often the exchanges' instruments are asked for again; pairsRetry after a failure.
	pairsEvery = time.Minute
	pairsRetry = time.Second
)

// errLost says that the connection to the bus is gone for good, so that the process must be started anew.
var errLost = errors.New("the connection to the bus is lost for good")

// Run works orders until ctx ends or the bus is lost for good.
func Run(ctx context.Context, cfg Config, conn *bus.Conn, log *slog.Logger) error {
	if err := conn.EnsureStreams(ctx); err != nil {
		return err
	}
	last, err := conn.LastEvent(ctx)
	if err != nil {
		return err
	}
	store, err := conn.Bucket(ctx, bus.LeaseBucket)
	if err != nil {
		return err
	}
	mark, err := newMark(ctx, store, last, log)
	if err != nil {
		return err
	}
	health := daemon.NewHealth("events")
	health.Check("bus", func(context.Context) error {
		if !conn.Connected() {
			return errors.New("not connected")
		}
		return nil
	})
	reg := metrics.New("executor", daemon.Version())
	conn.Measure(reg)
	tracer, err := tracing.New(ctx, cfg.Tracing, "executor", daemon.Version())
	if err != nil {
		return err
	}
	defer tracer.Close()
	alarm, err := newAlarm()
	if err != nil {
		return err
	}
	defer alarm.close()
	l := newLoop(cfg, conn, log)
	l.tracer, l.alarm = tracer, alarm.set
	l.meters.observe(reg)
	observeQueues(reg, conn.CommandsPending, l.inbox)
	l.stored.Store(last)
	l.ready = func() { health.Set("events", nil) }
	leases := newLeases(store, conn.ForgetLease, l.holdings, &l.meters, log)

	stop, err := subscribe(conn, l.inbox)
	if err != nil {
		return err
	}
	defer stop()

	g := daemon.NewGroup(ctx)
	g.Go("health", func(ctx context.Context) error {
		return daemon.ListenAndServe(ctx, cfg.HealthListen, reg.Pages(health.Handler()))
	})
	g.Go("bus", func(ctx context.Context) error { return untilLost(ctx, conn) })
	for _, e := range cfg.Exchanges {
		g.Go("pairs of "+string(e), func(ctx context.Context) error { return followPairs(ctx, conn, e, l.pairs, log) })
	}
	g.Go("interest", func(ctx context.Context) error { return renewInterest(ctx, conn, l.wishes.lists, log) })
	g.Go("mark", func(ctx context.Context) error { return mark.keep(ctx, &l.stored) })
	g.Go("leases", func(ctx context.Context) error { return leases.keep(ctx, l.ended) })
	g.Go("recovery", func(ctx context.Context) error {
		return (&recovery{events: conn, meters: &l.meters, log: log}).run(ctx, l.claims, l.recovered)
	})
	g.Go("snapshots", func(ctx context.Context) error { return l.keepSnapshots(ctx, conn) })
	g.Go("commands", func(ctx context.Context) error { return followCommands(ctx, conn, l.places, l.commands, log) })
	g.Go("questions", func(ctx context.Context) error { return service(l.questions).Serve(ctx, conn.Orders(), log) })
	g.Go("alarm", alarm.run)
	g.Go("loop", l.run)
	return g.Wait()
}

// subscribe brings books and trades to the inbox until stop is called.
func subscribe(conn *bus.Conn, in *inbox) (stop func(), err error) {
	stopBooks, err := conn.SubscribeMarket(bus.AllBooks, in.putBook)
	if err != nil {
		return nil, err
	}
	stopTrades, err := conn.SubscribeMarket(bus.AllTrades, in.putTrade)
	if err != nil {
		stopBooks()
		return nil, err
	}
	return func() {
		stopTrades()
		stopBooks()
	}, nil
}

// untilLost returns when the bus is lost for good, or ctx ends.
func untilLost(ctx context.Context, conn *bus.Conn) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-conn.Closed():
		return errLost
	}
}

// listing is what an exchange lists.
type listing struct {
	exchange    market.Exchange
	instruments []market.Instrument
}

// followPairs brings an exchange's instruments to the loop, at once and each minute. An exchange that does not answer is
// asked again each second; orders on it are refused meanwhile.
func followPairs(ctx context.Context, conn *bus.Conn, e market.Exchange, out chan<- listing, log *slog.Logger) error {
	silent := false
	for {
		var reply bus.PairsReply
		err := conn.Ask(ctx, bus.CollectorSubject(e, bus.AskPairs), bus.PairsRequest{}, &reply)
		wait := pairsEvery
		if err != nil {
			if !silent && ctx.Err() == nil {
				log.Warn("instruments not told", "exchange", e, "error", err)
			}
			silent, wait = true, pairsRetry
		} else {
			silent = false
			select {
			case out <- listing{e, reply.Instruments}:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
	}
}
