package chaos

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/pkg/order"
	"github.com/hourglass-trading/hourglass/services/hourglass/internal/embedded"
)

// TestAPowerCutTakesNothingAcknowledged cuts the power HOURGLASS_POWER_CUTS times; it is skipped without, and needs root and a
// kernel with loop devices and ext4. The store lies on a file system of its own, which is shut down by the kernel in the
// middle of work (EXT4_IOC_SHUTDOWN without a flush of the journal): what was not written to the disk by then is gone, as
// when the power is. The control run shows that the cut is one: with NATS's default sync, acknowledged messages must be lost.
func TestAPowerCutTakesNothingAcknowledged(t *testing.T) {
	cuts, err := strconv.Atoi(os.Getenv("HOURGLASS_POWER_CUTS"))
	if err != nil {
		t.Skip("needs root and loop devices: set HOURGLASS_POWER_CUTS, or `make powercut`")
	}
	d := newDisk(t)
	acknowledged := 0
	for i := range cuts {
		told, kept := d.trial("always", time.Duration(300+i*97%1700)*time.Millisecond)
		acknowledged += told
		if kept < told {
			t.Errorf("cut %d: %d messages were acknowledged, %d are there", i, told, kept)
		}
	}
	told, kept := d.trial("default", 2*time.Second)
	if kept >= told || told == 0 {
		t.Errorf("control: %d messages were acknowledged and %d are there: the cut takes nothing, so it shows nothing", told, kept)
	}
	t.Logf("%d cuts: %d messages acknowledged, all there; control without sync: %d of %d lost", cuts, acknowledged, told-kept, told)
}

// disk is a file system in a file.
type disk struct {
	t          *testing.T
	image, dir string
}

func newDisk(t *testing.T) *disk {
	t.Helper()
	if os.Getuid() != 0 {
		t.Fatal("only root may mount a file system")
	}
	d := &disk{t: t, image: filepath.Join(t.TempDir(), "disk"), dir: t.TempDir()}
	f, err := os.Create(d.image)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Truncate(512<<20), f.Close()); err != nil {
		t.Fatal(err)
	}
	return d
}

func (d *disk) command(name string, args ...string) {
	d.t.Helper()
	if out, err := exec.CommandContext(context.Background(), name, args...).CombinedOutput(); err != nil {
		d.t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
}

// trial stores messages on a new file system until the power is cut, and returns how many were acknowledged and how many of
// those are there afterwards.
func (d *disk) trial(sync string, after time.Duration) (told, kept int) {
	d.t.Helper()
	d.command("mkfs.ext4", "-q", "-F", d.image)
	d.command("mount", "-o", "loop", d.image, d.dir)
	mounted := true
	defer func() {
		if mounted {
			d.command("umount", d.dir)
		}
	}()
	addr := freeAddr(d.t)
	nats := natsCommand(addr, filepath.Join(d.dir, "nats"), sync)
	var said bytes.Buffer
	nats.Stdout, nats.Stderr = &said, &said
	if err := nats.Start(); err != nil {
		d.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(d.t.Context(), time.Minute)
	defer cancel()
	conn, err := bus.Connect(ctx, bus.Config{URL: "nats://" + addr, Name: "powercut"}, discard)
	if err == nil {
		err = conn.EnsureStreams(ctx)
	}
	if err != nil {
		_ = nats.Process.Kill()
		_ = nats.Wait()
		d.t.Fatalf("%v; the server said: %s", err, said.Bytes())
	}
	var dark atomic.Bool
	cut := make(chan error, 1)
	time.AfterFunc(after, func() {
		dark.Store(true)
		cut <- errors.Join(shutdown(d.dir), nats.Process.Kill())
	})
	told = d.fill(ctx, conn, &dark)
	err = <-cut
	_ = nats.Wait() // killed
	conn.Close()
	if err != nil {
		d.t.Fatalf("cut the power: %v", err)
	}
	d.command("umount", d.dir)
	mounted = false
	d.command("mount", "-o", "loop", d.image, d.dir) // the journal is read back, as at a start after a cut
	mounted = true
	return told, d.count(told)
}

// fill stores messages until the power is cut. What is acknowledged from then on is not counted: the server lives a moment
// longer than its disk here, which no power cut allows.
func (d *disk) fill(ctx context.Context, conn *bus.Conn, dark *atomic.Bool) (told int) {
	for {
		within, cancel := context.WithTimeout(ctx, 2*time.Second)
		_, err := conn.AppendEvent(within, "apower", strconv.Itoa(told), fmt.Appendf(nil, "%d", told+1), uint64(told))
		cancel()
		if err != nil || dark.Load() {
			return told
		}
		told++
	}
}

// count returns how many of the first messages are there, unchanged.
func (d *disk) count(told int) (kept int) {
	nats, err := embedded.Start(embedded.Config{Dir: filepath.Join(d.dir, "nats")}, slog.New(slog.DiscardHandler))
	if err != nil {
		return 0
	}
	defer embedded.Stop(nats)
	conn, err := bus.Connect(d.t.Context(), bus.Config{InProcess: nats, Name: "count"}, discard)
	if err != nil {
		d.t.Fatal(err)
	}
	defer conn.Close()
	err = conn.ReadEvents(d.t.Context(), order.AccountID("apower"), 1, func(m bus.Stored) error {
		if m.Seq == uint64(kept+1) && string(m.Data) == strconv.Itoa(kept+1) {
			kept++
		}
		return nil
	})
	if err != nil && !errors.Is(err, jetstream.ErrStreamNotFound) {
		d.t.Errorf("read what was kept: %v", err)
	}
	return min(kept, told)
}

// shutdown cuts the power of a file system: nothing is written to it any more, not even what its journal still owes.
func shutdown(dir string) error {
	const (
		goDown     = 0x8004587d // EXT4_IOC_SHUTDOWN
		noLogFlush = uint32(2)  // EXT4_GOING_FLAGS_NOLOGFLUSH
	)
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	flag := noLogFlush
	_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, f.Fd(), goDown, uintptr(unsafe.Pointer(&flag)))
	if errno != 0 {
		return errors.Join(fmt.Errorf("shut the file system down: %w", errno), f.Close())
	}
	return f.Close()
}
