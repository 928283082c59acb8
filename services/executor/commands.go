package executor

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/pkg/daemon"
	"github.com/hourglass-trading/hourglass/pkg/order"
)

// queuedCommands bounds the commands between the log and the loop; the log keeps the rest.
const queuedCommands = 256

// command is a stored command, brought for a round of places.
type command struct {
	bus.Stored
	round uint64
}

// places say which partitions' commands are wanted, and after which sequence.
type places struct {
	round uint64
	after []place
}

type place struct {
	partition int
	done      uint64
}

// follow asks for the commands of all partitions that have been read. Commands of the round before are dropped from now
// on: among them may be later ones of a partition whose earlier ones are yet to come.
func (l *loop) follow() {
	l.round++
	l.wanted = places{round: l.round}
	for p, part := range l.parts {
		if part != nil && part.loaded {
			l.wanted.after = append(l.wanted.after, place{p, part.done})
		}
	}
}

// placing is where places go; nil, which nothing goes to, unless commands are to be followed anew.
func (l *loop) placing() chan<- places {
	if l.wanted.after != nil {
		return l.places
	}
	return nil
}

// commandLog is what following commands needs of the bus.
type commandLog interface {
	FirstCommand(ctx context.Context, partition int, from uint64) (uint64, error)
	FollowPartitions(ctx context.Context, partitions []int, from uint64, handle func(bus.Stored) error) error
}

// errMoved says that other places are wanted.
var errMoved = errors.New("commands are wanted from elsewhere")

// followCommands brings the stored commands of the wanted partitions to the loop, in order, until ctx ends.
func followCommands(ctx context.Context, store commandLog, in <-chan places, out chan<- command, log *slog.Logger) error {
	var wanted places
	select {
	case wanted = <-in:
	case <-ctx.Done():
		return ctx.Err()
	}
	for {
		next := wanted
		g := daemon.NewGroup(ctx)
		g.Go("places", func(ctx context.Context) error {
			select {
			case next = <-in:
				return errMoved
			case <-ctx.Done():
				return ctx.Err()
			}
		})
		g.Go("log", func(ctx context.Context) error { return bring(ctx, store, &wanted, out) })
		err := g.Wait()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if !errors.Is(err, errMoved) {
			log.Warn("commands not followed", "error", err)
			if err := daemon.Wait(ctx, time.Second); err != nil {
				return err
			}
		}
		wanted = next
	}
}

// bring hands on the commands that come after the places, from the first that is there.
func bring(ctx context.Context, store commandLog, wanted *places, out chan<- command) error {
	partitions, from := make([]int, 0, order.Partitions), uint64(math.MaxUint64)
	for _, p := range wanted.after {
		first, err := store.FirstCommand(ctx, p.partition, p.done+1)
		if err != nil {
			return err
		}
		partitions, from = append(partitions, p.partition), min(from, first)
	}
	if len(partitions) == 0 {
		<-ctx.Done()
		return ctx.Err()
	}
	return store.FollowPartitions(ctx, partitions, from, func(m bus.Stored) error {
		select {
		case out <- command{m, wanted.round}:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
}
