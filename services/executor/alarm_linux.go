package executor

import (
	"context"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// alarm wakes the runtime when the loop's timer is due. By itself the runtime is up to a millisecond late where it has
// nothing to do, and up to ten and more while it collects garbage in that time: it looks after what is ready to be read then,
// but not after timers. An alarm is a timer of the kernel that becomes ready to be read. Nobody waits for it but run, and
// nothing hangs on it: the loop goes by its own timer.
type alarm struct {
	fd   int
	file *os.File
}

func newAlarm() (*alarm, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("create an alarm: %w", err)
	}
	return &alarm{fd: fd, file: os.NewFile(uintptr(fd), "alarm")}, nil
}

// set has the alarm go off after d, and not when it was to go off before.
func (a *alarm) set(d time.Duration) {
	spec := unix.ItimerSpec{Value: unix.NsecToTimespec(int64(max(d, 1)))} // zero would switch it off
	_ = unix.TimerfdSettime(a.fd, 0, &spec, nil)                          // fails for a bad argument only
}

// run hears the alarm until ctx ends.
func (a *alarm) run(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { _ = a.file.SetReadDeadline(time.Unix(0, 0)) }) // it can have one
	defer stop()
	var times [8]byte
	for {
		if _, err := a.file.Read(times[:]); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return fmt.Errorf("hear the alarm: %w", err)
		}
	}
}

// close is called once neither set nor run is.
func (a *alarm) close() { _ = a.file.Close() } // nothing is written to it
