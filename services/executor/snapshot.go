package executor

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/pkg/order"
	"github.com/hourglass-trading/hourglass/services/executor/internal/account"
)

const (
	// snapshotAfter is how long an account's first event since its last snapshot may be without one.
	snapshotAfter = 30 * time.Second
	// snapshotTick is how often the loop looks whose snapshot is due, snapshotTime what it spends on them then at most, but
	// for the last of them: slices must not wait.
	snapshotTick = 100 * time.Millisecond
	snapshotTime = 5 * time.Millisecond
	// queuedSnapshots bounds those that wait to be stored. Further ones are taken once there is room.
	queuedSnapshots = 32
	// maxState bounds what a snapshot may unfold to: far more than the largest that fits a message.
	maxState = 256 << 20
)

// layout is the form of the snapshots that are made and read here.
var layout = account.Layout()

// errSnapshot says that a snapshot cannot be used.
var errSnapshot = errors.New("snapshot does not fit")

// changed notes that an account has an event that its snapshot lacks.
func (l *loop) changed(id order.AccountID, a *owned) {
	if a.since.IsZero() {
		a.since = l.now()
		l.unsaved = append(l.unsaved, id)
	}
}

// snapshot hands on the snapshots that are due, as many as there is room and time for.
func (l *loop) snapshot() {
	began := time.Now()
	for len(l.unsaved) > 0 && len(l.snapshots) < cap(l.snapshots) && time.Since(began) < snapshotTime {
		id := l.unsaved[0]
		a := l.accounts[id]
		if a != nil && !a.since.IsZero() && l.now().Sub(a.since) < snapshotAfter {
			return
		}
		l.unsaved = l.unsaved[1:]
		if a == nil || a.broken || a.since.IsZero() { // it has left since, or came anew and has been saved
			continue
		}
		a.since = time.Time{}
		if s, err := a.freeze(id); err != nil {
			l.log.Error("snapshot not made", "account", id, "error", err)
		} else {
			l.snapshots <- s
		}
	}
}

// freeze makes the snapshot of an account, its state not packed yet.
func (a *owned) freeze(id order.AccountID) (*bus.Snapshot, error) {
	state, err := json.Marshal(a.state)
	if err != nil {
		return nil, fmt.Errorf("encode the state: %w", err)
	}
	return &bus.Snapshot{
		Account: id, Format: layout, Version: a.state.Version, Seq: a.seq, Prev: a.state.Hash, State: state, Origins: maps.Clone(a.origins),
	}, nil
}

// packer packs snapshots. It has one owner, and keeps what it works with: that is larger than most states.
type packer struct {
	zip  *gzip.Writer
	into bytes.Buffer
}

// pack sums a snapshot's state and makes it small.
func (p *packer) pack(s *bus.Snapshot) error {
	sum := sha256.Sum256(s.State)
	s.Sum = hex.EncodeToString(sum[:])
	p.into.Reset()
	if p.zip == nil {
		p.zip, _ = gzip.NewWriterLevel(&p.into, gzip.BestSpeed) // the level is one that there is
	} else {
		p.zip.Reset(&p.into)
	}
	_, err := p.zip.Write(s.State)
	if err == nil {
		err = p.zip.Close()
	}
	if err != nil {
		return fmt.Errorf("pack snapshot of %s: %w", s.Account, err)
	}
	s.State = bytes.Clone(p.into.Bytes())
	return nil
}

// thaw makes an account from its snapshot. That it fits the events is yet to be shown.
func thaw(s *bus.Snapshot, cfg *account.Config) (*owned, error) {
	if s.Format != layout {
		return nil, fmt.Errorf("%w: format %.40q", errSnapshot, s.Format)
	}
	r, err := gzip.NewReader(bytes.NewReader(s.State))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errSnapshot, err)
	}
	state, err := io.ReadAll(io.LimitReader(r, maxState))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errSnapshot, err)
	}
	if sum := sha256.Sum256(state); hex.EncodeToString(sum[:]) != s.Sum {
		return nil, fmt.Errorf("%w: its sum is another", errSnapshot)
	}
	restored, err := account.Restore(state, cfg)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errSnapshot, err)
	}
	if restored.ID != s.Account || restored.Version != s.Version || restored.Hash != s.Prev || s.Seq == 0 {
		return nil, fmt.Errorf("%w: it says other things than its state", errSnapshot)
	}
	a := newOwned(restored)
	a.seq, a.saved, a.proof = s.Seq, s.Seq, s.Prev
	maps.Copy(a.origins, s.Origins)
	return a, nil
}

// snapshotStore is where snapshots are kept.
type snapshotStore interface {
	KeepSnapshot(ctx context.Context, s *bus.Snapshot) error
}

// keepSnapshots stores the snapshots that the loop makes until ctx ends. One that cannot be stored is told and given up: the
// account's next event leads to another.
func keepSnapshots(ctx context.Context, store snapshotStore, in <-chan *bus.Snapshot, m *meters, log *slog.Logger) error {
	var p packer
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case s := <-in:
			err := p.pack(s)
			if err == nil {
				err = store.KeepSnapshot(ctx, s)
			}
			if err == nil {
				m.snapshots.Add(1)
			} else if ctx.Err() == nil {
				log.Warn("snapshot not kept", "account", s.Account, "error", err)
			}
		}
	}
}
