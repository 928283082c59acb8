package executor

import (
	"context"
	"errors"
	"testing"
	"time"
)

func TestAnAlarmGoesOffWhenItWasLastSetTo(t *testing.T) {
	a, err := newAlarm()
	if err != nil {
		t.Fatal(err)
	}
	defer a.close()
	began := time.Now()
	a.set(time.Hour)
	a.set(time.Millisecond)
	a.set(20 * time.Millisecond)
	if err := a.file.SetReadDeadline(began.Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	var times [8]byte
	if _, err := a.file.Read(times[:]); err != nil {
		t.Fatal(err)
	}
	if d := time.Since(began); d < 20*time.Millisecond {
		t.Errorf("it went off after %s", d)
	}
	a.set(0) // at once
	if _, err := a.file.Read(times[:]); err != nil {
		t.Fatal(err)
	}
}

func TestWhoHearsTheAlarmEndsWithTheContext(t *testing.T) {
	a, err := newAlarm()
	if err != nil {
		t.Fatal(err)
	}
	defer a.close()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- a.run(ctx) }()
	a.set(time.Microsecond)
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
