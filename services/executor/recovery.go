package executor

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"runtime"
	"slices"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/pkg/daemon"
	"github.com/hourglass-trading/hourglass/pkg/order"
)

// recovered is what was read of some partitions.
type recovered struct {
	claims   []claim
	accounts map[order.AccountID]*owned
	done     [order.Partitions]uint64 // the largest sequence of a command that an event carries
	last     uint64                   // the largest sequence read
	events   int                      // that were read
	restored int                      // accounts that were made from snapshots
	took     time.Duration
}

// recovery reads partitions from the log, besides the loop, which goes on with its other accounts.
type recovery struct {
	events eventLog
	meters *meters
	log    *slog.Logger
	hands  int // goroutines that make accounts side by side
}

const (
	// maxHands bounds the goroutines that make accounts.
	maxHands = 16
	// handQueue bounds the events between the log and each of them.
	handQueue = 64
)

// run reads what is claimed and hands it over, until ctx ends. A log that cannot be read is tried again each second.
func (r *recovery) run(ctx context.Context, claims <-chan []claim, out chan<- *recovered) error {
	hands := min(runtime.GOMAXPROCS(0), maxHands)
	r.hands = hands
	for {
		var wanted []claim
		select {
		case <-ctx.Done():
			return ctx.Err()
		case wanted = <-claims:
		}
		for {
			found, err := r.read(ctx, wanted)
			if err == nil {
				select {
				case <-ctx.Done():
					return ctx.Err()
				case out <- found:
				}
				r.hands = max(hands-1, 1) // from now on the loop has work of its own
				break
			}
			if broken := (*daemon.PanicError)(nil); errors.As(err, &broken) {
				return err
			}
			r.log.Warn("accounts not recovered", "error", err)
			if err := daemon.Wait(ctx, time.Second); err != nil {
				return err
			}
		}
	}
}

// read makes the accounts of some partitions anew: from snapshots and what came after them, or from all their events. A
// snapshot counts for nothing unless the event that it names is in the log as it was, and the account's further events
// follow from it.
func (r *recovery) read(ctx context.Context, claims []claim) (*recovered, error) {
	began := time.Now()
	in := newReading(r, claims)
	if err := in.each("restore accounts", func(s *shard) { s.restoreAll(ctx) }); err != nil {
		return nil, err
	}
	var partitions []int
	from := uint64(0)
	for _, s := range in.shards {
		partitions = append(partitions, s.partitions...)
		if s.from > 0 && (from == 0 || s.from < from) {
			from = s.from
		}
	}
	if len(partitions) > 0 {
		if err := in.replay(ctx, partitions, from); err != nil {
			return nil, err
		}
	}
	if err := in.again(ctx); err != nil {
		return nil, err
	}
	out := in.gather(claims)
	out.took = time.Since(began)
	return out, nil
}

// reading is one attempt to read partitions. Each partition is one shard's, and so are its accounts: what is read is handed
// to their shards, which make the accounts side by side.
type reading struct {
	*recovery
	shards []*shard
}

func newReading(r *recovery, claims []claim) *reading {
	in := &reading{recovery: r}
	for range max(r.hands, 1) {
		in.shards = append(in.shards, &shard{recovery: r, accounts: map[order.AccountID]*owned{}, misfits: map[order.AccountID]bool{}})
	}
	for _, c := range claims {
		s := in.shard(c.partition)
		s.configs[c.partition] = c.cfg
		s.claims = append(s.claims, c)
	}
	return in
}

func (in *reading) shard(partition int) *shard { return in.shards[partition%len(in.shards)] }

// each has all shards do something, side by side. A single one does it here.
func (in *reading) each(name string, do func(*shard)) error {
	if len(in.shards) == 1 {
		do(in.shards[0])
		return nil
	}
	g := daemon.NewGroup(context.Background()) // none of its parts heeds that another has done its share
	for _, s := range in.shards {
		g.Go(name, func(context.Context) error {
			do(s)
			return nil
		})
	}
	return g.Wait()
}

// replay hands the events of some partitions to their shards.
func (in *reading) replay(ctx context.Context, partitions []int, from uint64) error {
	slices.Sort(partitions)
	if len(in.shards) == 1 {
		return in.events.ReadPartitions(ctx, partitions, from, func(m bus.Stored) error {
			in.shards[0].take(m)
			return nil
		})
	}
	g := daemon.NewGroup(ctx)
	queues := make([]chan bus.Stored, len(in.shards))
	for i, s := range in.shards {
		queues[i] = make(chan bus.Stored, handQueue)
		g.Go("make accounts", func(context.Context) error { // it ends with its queue, whatever else has ended
			for m := range queues[i] {
				s.take(m)
			}
			return nil
		})
	}
	g.Go("read events", func(ctx context.Context) error {
		defer func() {
			for _, q := range queues {
				close(q)
			}
		}()
		return in.events.ReadPartitions(ctx, partitions, from, func(m bus.Stored) error {
			q := queues[0] // for what is no account's
			if m.Account != "" {
				q = queues[m.Account.Partition()%len(queues)]
			}
			select {
			case q <- m:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	})
	if err := g.Wait(); err != nil {
		return err
	}
	return ctx.Err() // which is no error to the group
}

// again makes the accounts whose snapshots did not fit from all their events.
func (in *reading) again(ctx context.Context) error {
	partitions := map[int]bool{}
	for _, s := range in.shards {
		s.prove()
		for id := range s.misfits {
			partitions[id.Partition()] = true
		}
		s.only, s.misfits = s.misfits, map[order.AccountID]bool{}
	}
	if len(partitions) == 0 {
		return nil
	}
	return in.replay(ctx, slices.Collect(maps.Keys(partitions)), 1)
}

// gather puts together what the shards have made.
func (in *reading) gather(claims []claim) *recovered {
	out := &recovered{claims: claims, accounts: map[order.AccountID]*owned{}}
	for _, s := range in.shards {
		out.events += s.read
		out.last = max(out.last, s.last)
		for id, a := range s.accounts {
			p := id.Partition()
			out.accounts[id] = a
			out.done[p] = max(out.done[p], a.state.CommandSeq)
			out.last = max(out.last, a.seq)
			if a.saved > 0 {
				out.restored++
			}
		}
	}
	return out
}
