//go:build !linux

package executor

import (
	"context"
	"time"
)

// alarm does nothing where the kernel is another than Linux: the loop's timer is then as late as the runtime is.
type alarm struct{}

func newAlarm() (*alarm, error) { return &alarm{}, nil }

func (*alarm) set(time.Duration) {}

func (*alarm) run(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

func (*alarm) close() {}
