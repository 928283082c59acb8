package view

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/pkg/tracing"
)

// Raw is an event as it is stored. Data must not be changed.
type Raw struct {
	Version uint64
	Data    []byte
	Origin  tracing.Origin // what led to it, where that is known
}

// Bounds of what an account that somebody watches keeps of its newest events; older ones are read from the stream.
const (
	tailEvents = 512
	tailBytes  = 1 << 20
)

// tail holds the newest events without a hole, oldest first.
type tail struct {
	events []Raw
	bytes  int
}

func (t *tail) push(r Raw) {
	if n := len(t.events); n > 0 && t.events[n-1].Version+1 != r.Version {
		*t = tail{}
	}
	t.events = append(t.events, r)
	t.bytes += len(r.Data)
	drop := 0
	for len(t.events)-drop > 1 && (len(t.events)-drop > tailEvents || t.bytes > tailBytes) {
		t.bytes -= len(t.events[drop].Data)
		drop++
	}
	t.events = slices.Delete(t.events, 0, drop)
}

// Watch calls back with the version of each event from now on, until stop. The callback must not wait and must not call
// the account.
func (a *Account) Watch(call func(version uint64)) (stop func()) {
	key := &call
	a.mu.Lock()
	defer a.mu.Unlock()
	a.watchers[key] = struct{}{}
	return func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		delete(a.watchers, key)
		if len(a.watchers) == 0 {
			a.tail = tail{}
		}
	}
}

// Events returns the account's events from a version on, in order and without a hole, at most the given number; none if
// there is none yet.
func (a *Account) Events(ctx context.Context, from uint64, most int) ([]Raw, error) {
	from = max(from, 1)
	a.mu.Lock()
	version, held := a.version, a.tail.events
	if from > version {
		a.mu.Unlock()
		return nil, nil
	}
	if len(held) > 0 && held[0].Version <= from {
		i, _ := slices.BinarySearchFunc(held, from, func(r Raw, v uint64) int { return cmp.Compare(r.Version, v) })
		found := slices.Clone(held[i:min(i+most, len(held))])
		a.mu.Unlock()
		return found, nil
	}
	mark := uint64(1)
	if i := (from - 1) / markEvery; i < uint64(len(a.marks)) {
		mark = a.marks[i]
	}
	lacks := a.lacking
	a.mu.Unlock()
	if mark == 0 && lacks != nil {
		if mark = lacks.seq; from <= lacks.version {
			if err := a.complete(ctx); err != nil {
				return nil, err
			}
			return a.Events(ctx, from, most)
		}
	}

	var found []Raw
	err := a.bus.ReadEvents(ctx, a.id, mark, func(m bus.Stored) error {
		var head struct {
			Version uint64 `json:"v"` // 0 where it cannot be read, which is below any
		}
		_ = json.Unmarshal(m.Data, &head)
		if head.Version < from || head.Version > version {
			return nil
		}
		found = append(found, Raw{Version: head.Version, Data: m.Data, Origin: m.Origin})
		if len(found) == most {
			return errEnough
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return nil, unavailable("read the events", err)
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("%w: event %d is not there", bus.ErrUnavailable, from)
	}
	return found, nil
}
