package daemon

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

var errFeed = errors.New("feed lost")

func TestFirstPartToReturnStopsTheRest(t *testing.T) {
	tests := map[string]struct {
		first error
		want  error
	}{
		"without an error": {first: nil, want: nil},
		"with an error":    {first: errFeed, want: errFeed},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				g := NewGroup(t.Context())
				g.Go("feed", func(context.Context) error {
					<-time.After(time.Second)
					return tt.first
				})
				g.Go("loop", func(ctx context.Context) error {
					<-ctx.Done()
					<-time.After(3 * time.Second) // finishes, publishes, drains
					return ctx.Err()
				})
				if err := g.Wait(); !errors.Is(err, tt.want) {
					t.Errorf("error %v, want %v", err, tt.want)
				}
				if took := time.Since(start); took != 4*time.Second {
					t.Errorf("waited %s, want 4s", took)
				}
			})
		})
	}
}

func TestWaitReturnsTheFirstErrorAndNamesItsPart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGroup(t.Context())
		g.Go("feed", func(context.Context) error { return errFeed })
		g.Go("publisher", func(ctx context.Context) error {
			<-ctx.Done()
			return errors.New("bus closed")
		})
		if err := g.Wait(); err == nil || err.Error() != "feed: feed lost" {
			t.Errorf("error %v", err)
		}
	})
}

func TestStoppingFromOutsideIsNoError(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	g := NewGroup(ctx)
	g.Go("loop", func(ctx context.Context) error {
		<-ctx.Done()
		return ctx.Err()
	})
	cancel()
	if err := g.Wait(); err != nil {
		t.Error(err)
	}
}

func TestPanicBecomesAnErrorNamingThePart(t *testing.T) {
	g := NewGroup(t.Context())
	stopped := false
	g.Go("loop", func(context.Context) error { panic(errFeed) })
	g.Go("publisher", func(ctx context.Context) error {
		<-ctx.Done()
		stopped = true
		return nil
	})
	err := g.Wait()
	var broken *PanicError
	if !errors.As(err, &broken) || broken.Part != "loop" || !strings.Contains(string(broken.Stack), "group_test.go") {
		t.Fatalf("error %v", err)
	}
	if !errors.Is(err, errFeed) || err.Error() != "loop: panic: feed lost" || !stopped {
		t.Errorf("error %v, stopped %v", err, stopped)
	}
}

func TestPartThatNeverReturnsIsAnError(t *testing.T) {
	g := NewGroup(t.Context())
	g.Go("loop", func(context.Context) error {
		runtime.Goexit()
		return nil
	})
	if err := g.Wait(); !errors.Is(err, errNoReturn) {
		t.Errorf("error %v", err)
	}
}
