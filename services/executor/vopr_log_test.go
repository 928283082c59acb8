package executor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/pkg/order"
)

// voprLog is what is stored of the events: the log's promise is that it appends only after the event that the writer names.
type voprLog struct {
	stored  []bus.Stored // an event's sequence is its place, from 1
	last    map[order.AccountID]uint64
	held    [][]bus.Append // appends that may still land
	batches int

	attempts int // to append
}

// maxAttempts is far more than the attempts to append that a world ever sees (some hundred).
const maxAttempts = 100_000

// put appends events of different accounts, all or none.
func (l *voprLog) put(events []bus.Append) bool {
	for i := range events {
		if l.last[events[i].Account] != events[i].Last {
			return false
		}
	}
	if len(events) > 1 {
		l.batches++
	}
	for _, e := range events {
		seq := uint64(len(l.stored) + 1)
		l.stored = append(l.stored, bus.Stored{Seq: seq, Account: e.Account, Data: bytes.Clone(e.Body), Origin: e.Origin})
		l.last[e.Account] = seq
	}
	return true
}

// land lets an append arrive that its writer has given up.
func (w *world) land() {
	if len(w.log.held) == 0 {
		return
	}
	i := w.rng.IntN(len(w.log.held)) // any: the network reorders
	w.log.put(w.log.held[i])
	if w.rng.IntN(3) > 0 { // else it comes again
		w.log.held = slices.Delete(w.log.held, i, i+1)
	}
}

// errKilled is what an executor's calls fail with once it was killed: nothing comes of what it does after.
var errKilled = errors.New("killed")

// append is a writer's append, with what may become of it and what happens until the answer is there.
func (wr *writer) append(events []bus.Append) (first uint64, err error) {
	w := wr.world
	if w.log.attempts++; w.log.attempts > maxAttempts {
		w.fault, wr.doomed = errors.New("the executors try without end"), true
	}
	w.meanwhile()
	if wr.doomed {
		return 0, errKilled
	}
	fate := 0
	if !w.calm {
		fate = w.rng.IntN(12)
	}
	stored := false
	switch {
	case fate < 10:
		stored = w.log.put(events)
	case fate < 11:
		w.log.held = append(w.log.held, events) // it lands later, or never
	}
	first = uint64(len(w.log.stored)-len(events)) + 1
	w.meanwhile()
	if wr.doomed {
		return 0, errKilled
	}
	if !stored || fate == 8 || fate == 9 { // the acknowledgement is lost
		return 0, bus.ErrOutcomeUnknown
	}
	return first, nil
}

// AppendEvent, AppendEvents, ReadEvents, ReadPartitions, LastEvents and ReadSnapshots are the log as a writer sees it.
func (wr *writer) AppendEvent(_ context.Context, a order.AccountID, id string, body []byte, last uint64) (uint64, error) {
	return wr.append([]bus.Append{{Account: a, ID: id, Body: body, Last: last}})
}

func (wr *writer) AppendEvents(_ context.Context, events []bus.Append) ([]uint64, error) {
	first, err := wr.append(slices.Clone(events))
	if err != nil {
		return nil, err
	}
	sequences := make([]uint64, len(events))
	for i := range sequences {
		sequences[i] = first + uint64(i)
	}
	return sequences, nil
}

func (wr *writer) ReadEvents(_ context.Context, a order.AccountID, from uint64, handle func(bus.Stored) error) error {
	return wr.read(from, func(id order.AccountID) bool { return id == a }, handle)
}

func (wr *writer) ReadPartitions(_ context.Context, partitions []int, from uint64, handle func(bus.Stored) error) error {
	return wr.read(from, func(id order.AccountID) bool { return slices.Contains(partitions, id.Partition()) }, handle)
}

func (wr *writer) LastEvents(_ context.Context, partition int, handle func(bus.Stored)) error {
	w := wr.world
	if !w.knows(partition) {
		return nil
	}
	if !w.calm && w.rng.IntN(10) == 0 {
		return errNetwork
	}
	lastEvents(w.log.stored, partition, handle)
	w.meanwhile()
	return nil
}

func (w *world) knows(partition int) bool {
	return slices.ContainsFunc(w.accounts, func(id order.AccountID) bool { return id.Partition() == partition })
}

func (wr *writer) ReadSnapshots(_ context.Context, partition int, handle func(*bus.Snapshot)) error {
	w := wr.world
	if !w.knows(partition) {
		return nil
	}
	for _, id := range w.accounts {
		if s := w.snapshots[id]; s != nil && id.Partition() == partition {
			handle(s)
		}
	}
	if !w.calm && w.rng.IntN(10) == 0 {
		return errNetwork
	}
	w.meanwhile()
	return nil
}

// read may fail anywhere in between, and what is stored while it reads is not told.
func (wr *writer) read(from uint64, wanted func(order.AccountID) bool, handle func(bus.Stored) error) error {
	w := wr.world
	fails := !w.calm && w.rng.IntN(10) == 0
	for _, m := range w.log.stored[max(from, 1)-1:] {
		if fails && w.rng.IntN(4) == 0 {
			return errNetwork
		}
		if wanted(m.Account) {
			if err := handle(m); err != nil {
				return err
			}
		}
	}
	w.meanwhile()
	return nil
}

// check reads each account from its first event and holds it against what its user asked for.
func (w *world) check() error {
	answers := map[string]int{}
	for _, id := range w.accounts {
		s, err := w.fold(id, answers)
		if err != nil {
			return err
		}
		for _, o := range s.Orders() {
			if o.Quantity.Less(o.FilledQuantity) || !o.Status.Ended() && o.Status != order.Paused && o.Resting == nil || o.Status.Ended() && !o.Reserved.Amount.IsZero() {
				return fmt.Errorf("order %s is %s with %s of %s filled and %s held", o.ID, o.Status, o.FilledQuantity, o.Quantity, o.Reserved.Amount)
			}
		}
		if err := w.agree(s); err != nil {
			return err
		}
	}
	for _, c := range w.commands {
		if answers[c.ID] != 1 {
			return fmt.Errorf("command %s (%s) has %d answers", c.ID, c.Type, answers[c.ID])
		}
	}
	return nil
}
