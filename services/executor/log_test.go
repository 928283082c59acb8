package executor

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/pkg/order"
	"github.com/hourglass-trading/hourglass/pkg/tracing"
)

// memoryLog is an event log with the promises of the real one: an append must name the account's last event.
type memoryLog struct {
	mu        sync.Mutex // guards stored and snapshots
	stored    []bus.Stored
	snapshots map[order.AccountID]bus.Snapshot
	batches   int
	// mishap, if set, is asked at each append: lost is an acknowledgement that does not arrive, refuse an event that is not stored.
	mishap func(id string) (refuse, lost bool)
}

var errNetwork = errors.New("no answer")

func (m *memoryLog) AppendEvent(ctx context.Context, a order.AccountID, id string, body []byte, last uint64) (uint64, error) {
	var refuse, lost bool
	if m.mishap != nil {
		refuse, lost = m.mishap(id)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if refuse || m.last(a) != last {
		return 0, bus.ErrOutcomeUnknown
	}
	seq := uint64(len(m.stored) + 1)
	m.stored = append(m.stored, bus.Stored{Seq: seq, Account: a, Data: bytes.Clone(body), At: time.Now(), Origin: tracing.OriginOf(ctx)})
	if lost {
		return 0, errors.Join(bus.ErrOutcomeUnknown, errNetwork)
	}
	return seq, nil
}

// AppendEvents appends all or none, as the mishap of the first one says.
func (m *memoryLog) AppendEvents(_ context.Context, events []bus.Append) ([]uint64, error) {
	var refuse, lost bool
	if m.mishap != nil {
		refuse, lost = m.mishap(events[0].ID)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range events {
		refuse = refuse || m.last(e.Account) != e.Last
	}
	if refuse {
		return nil, bus.ErrOutcomeUnknown
	}
	var sequences []uint64
	for _, e := range events {
		sequences = append(sequences, uint64(len(m.stored)+1))
		m.stored = append(m.stored, bus.Stored{Seq: uint64(len(m.stored) + 1), Account: e.Account, Data: bytes.Clone(e.Body), At: time.Now(), Origin: e.Origin})
	}
	m.batches++
	if lost {
		return nil, errors.Join(bus.ErrOutcomeUnknown, errNetwork)
	}
	return sequences, nil
}

func (m *memoryLog) last(a order.AccountID) (seq uint64) {
	for _, s := range m.stored {
		if s.Account == a {
			seq = s.Seq
		}
	}
	return seq
}

func (m *memoryLog) ReadEvents(_ context.Context, a order.AccountID, from uint64, handle func(bus.Stored) error) error {
	m.mu.Lock()
	stored := slices.Clone(m.stored)
	m.mu.Unlock()
	for _, s := range stored {
		if s.Seq >= from && (a == "" || s.Account == a) {
			if err := handle(s); err != nil {
				return err
			}
		}
	}
	return nil
}

func (m *memoryLog) ReadPartitions(ctx context.Context, partitions []int, from uint64, handle func(bus.Stored) error) error {
	return m.ReadEvents(ctx, "", from, func(s bus.Stored) error {
		if s.Account != "" && !slices.Contains(partitions, s.Account.Partition()) {
			return nil
		}
		return handle(s)
	})
}

func (m *memoryLog) LastEvents(_ context.Context, partition int, handle func(bus.Stored)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	lastEvents(m.stored, partition, handle)
	return nil
}

// lastEvents hands over the last event of each account of a partition, and each that is no account's.
func lastEvents(stored []bus.Stored, partition int, handle func(bus.Stored)) {
	last := map[order.AccountID]int{}
	for i := range stored {
		last[stored[i].Account] = i
	}
	for i := range stored {
		if id := stored[i].Account; last[id] == i && (id == "" || id.Partition() == partition) {
			handle(stored[i])
		}
	}
}

func (m *memoryLog) ReadSnapshots(_ context.Context, partition int, handle func(*bus.Snapshot)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for id, s := range m.snapshots {
		if id.Partition() == partition {
			handle(&s)
		}
	}
	return nil
}

// KeepSnapshot stores any snapshot, one that is older than what is there too.
func (m *memoryLog) KeepSnapshot(_ context.Context, s *bus.Snapshot) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.snapshots == nil {
		m.snapshots = map[order.AccountID]bus.Snapshot{}
	}
	m.snapshots[s.Account] = *s
	return nil
}

// kept returns the snapshot that was stored of an account.
func (m *memoryLog) kept(a order.AccountID) (s bus.Snapshot, there bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, there = m.snapshots[a]
	return s, there
}

// events decodes what is stored and checks that each account's versions have no hole.
func (m *memoryLog) events(t *testing.T) []order.Event {
	t.Helper()
	var out []order.Event
	versions := map[order.AccountID]uint64{}
	for _, s := range m.stored {
		var e order.Event
		if err := json.Unmarshal(s.Data, &e); err != nil || s.Account == "" {
			continue // planted by a test
		}
		if versions[e.Account]++; e.Version != versions[e.Account] {
			t.Fatalf("event %s has version %d, want %d", e.ID, e.Version, versions[e.Account])
		}
		out = append(out, e)
	}
	return out
}

func (m *memoryLog) count(t *testing.T, typ order.EventType) (n int) {
	t.Helper()
	for _, e := range m.events(t) {
		if e.Type == typ {
			n++
		}
	}
	return n
}
