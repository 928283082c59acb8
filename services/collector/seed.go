package collector

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/pkg/daemon"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/services/collector/internal/candle"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange"
)

// Bounds of seeding.
const (
	seedQueue = 1024 // listings waiting; one that finds no place gets its candles when the next ones open
	seedTries = 3
	seedPause = 5 * time.Second
)

// seeder completes the candles that were running when the trades of a listing began to arrive, by what the exchange says of
// them. A trade on its way at that moment may be counted twice or not at all: the exchange's answer names no trade.
type seeder struct {
	klines *klines
	seed   func(l *exchange.Listing, interval time.Duration, c market.Candle)
	log    *slog.Logger
	queue  chan *exchange.Listing
}

func newSeeder(k *klines, log *slog.Logger) *seeder {
	return &seeder{klines: k, log: log, queue: make(chan *exchange.Listing, seedQueue)}
}

// ask queues a listing without waiting.
func (s *seeder) ask(l *exchange.Listing) {
	select {
	case s.queue <- l:
	default:
		s.log.Warn("candles not seeded", "symbol", l.Symbol, "error", "queue full")
	}
}

// run seeds one listing after the other until ctx ends.
func (s *seeder) run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case l := <-s.queue:
			s.listing(ctx, l)
		}
	}
}

func (s *seeder) listing(ctx context.Context, l *exchange.Listing) {
	for try := 1; ctx.Err() == nil; try++ {
		err := s.once(ctx, l)
		if err == nil {
			return
		}
		if try == seedTries {
			s.log.Warn("candles not seeded", "symbol", l.Symbol, "error", err)
			return
		}
		if daemon.Wait(ctx, seedPause) != nil {
			return
		}
	}
}

// once reads the minutes of the running hour and the hours of the running day: all longer candles are made of these.
func (s *seeder) once(ctx context.Context, l *exchange.Listing) error {
	for _, part := range []struct{ base, whole time.Duration }{{time.Minute, time.Hour}, {time.Hour, 24 * time.Hour}} {
		if !slices.Contains(s.klines.exchange.Intervals(), part.base) {
			continue
		}
		now := time.Now().UTC()
		rows, err := s.klines.page(ctx, l, part.base, time.Time{}, time.Time{}, int(part.whole/part.base), now)
		if err != nil {
			return err
		}
		for _, i := range bus.Intervals {
			if d := i.Duration(); d%part.base != 0 || d > part.whole {
				continue
			}
			joined, err := candle.Aggregate(rows, i.Duration(), now)
			if err != nil {
				return err
			}
			if n := len(joined); n > 0 {
				s.seed(l, i.Duration(), joined[n-1])
			}
		}
	}
	return nil
}
