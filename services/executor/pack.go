package executor

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/pkg/daemon"
	"github.com/hourglass-trading/hourglass/pkg/order"
)

const (
	// packTime is how long the packing of snapshots keeps a processor at a time, but for what it does in one piece, mostly an
	// order: the loop may have to wait for that one.
	packTime = 500 * time.Microsecond
	// packRest is how many times as long it rests then, so that it takes a fifth of a processor at most. Where accounts
	// change more than that allows for, their snapshots come later.
	packRest = 4
)

// packer packs snapshots. It has one owner, and keeps what it works with: that is larger than most states.
type packer struct {
	zip   *gzip.Writer
	into  bytes.Buffer
	sum   hash.Hash
	pause func() error // after each piece; its error ends the packing
}

func newPacker(pause func() error) *packer {
	p := &packer{sum: sha256.New(), pause: pause}
	p.zip, _ = gzip.NewWriterLevel(&p.into, gzip.BestSpeed) // the level is one that there is
	return p
}

// pack makes a snapshot of a whole frozen account: its state, encoded, summed and made small piece by piece.
func (p *packer) pack(f *frozen) (*bus.Snapshot, error) {
	p.into.Reset()
	p.zip.Reset(&p.into)
	p.sum.Reset()
	err := f.state.Encode(io.MultiWriter(p.sum, p.zip), p.pause)
	if err == nil {
		err = p.zip.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("pack the snapshot: %w", err)
	}
	return &bus.Snapshot{
		Account: f.state.Account(), Format: layout, Form: order.SnapshotForm, Version: f.state.Version(), Seq: f.seq, Prev: f.state.Hash(),
		State: bytes.Clone(p.into.Bytes()), Sum: hex.EncodeToString(p.sum.Sum(nil)), Origins: f.origins,
	}, nil
}

// pacer holds work back that has time.
type pacer struct {
	began  time.Time
	worked time.Duration // since the last rest, until began
}

// pause rests once there was work for packTime. It fails when ctx ends.
func (p *pacer) pause(ctx context.Context) error {
	now := time.Now()
	p.worked, p.began = p.worked+now.Sub(p.began), now
	if p.worked < packTime {
		return ctx.Err()
	}
	err := daemon.Wait(ctx, packRest*p.worked)
	p.worked, p.began = 0, time.Now()
	return err
}

// snapshotStore is where snapshots are kept.
type snapshotStore interface {
	KeepSnapshot(ctx context.Context, s *bus.Snapshot) error
}

// keepSnapshots packs and stores what the loop has frozen until ctx ends. One that cannot be stored is told and given up: the
// account's next event leads to another.
func (l *loop) keepSnapshots(ctx context.Context, store snapshotStore) error {
	var pace pacer
	p := newPacker(func() error { return pace.pause(ctx) })
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case f := <-l.snapshots:
			pace.began = time.Now()
			s, err := p.pack(f)
			l.queued.Add(-int64(f.state.Orders()))
			if err == nil {
				err = store.KeepSnapshot(ctx, s)
			}
			if err == nil {
				l.meters.snapshots.Add(1)
			} else if ctx.Err() == nil {
				l.log.Warn("snapshot not kept", "account", f.state.Account(), "error", err)
			}
		}
	}
}
