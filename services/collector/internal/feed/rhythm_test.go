package feed

import (
	"testing"
	"time"
)

func TestASilenceIsMeasuredByTheRhythmBeforeIt(t *testing.T) {
	const least = 10 * time.Second
	tests := map[string]struct {
		gap               time.Duration
		frames            int
		silent            time.Duration
		stopped, hopeless bool
	}{
		"a busy stream that pauses":                {gap: 100 * time.Millisecond, frames: 500, silent: 9 * time.Second},
		"a busy stream that stops":                 {gap: 100 * time.Millisecond, frames: 500, silent: 11 * time.Second, stopped: true},
		"a busy stream that does not come back":    {gap: 100 * time.Millisecond, frames: 500, silent: 31 * time.Second, stopped: true, hopeless: true},
		"a thin pair is silent now and then":       {gap: 8 * time.Second, frames: 500, silent: 35 * time.Second},
		"but not for ever":                         {gap: 8 * time.Second, frames: 500, silent: 41 * time.Second, stopped: true},
		"of a new connection nothing is known yet": {gap: 100 * time.Millisecond, frames: 29, silent: time.Hour},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var r rhythm
			at := time.Unix(1790000000, 0)
			for range tt.frames {
				at = at.Add(tt.gap)
				r.beat(at)
			}
			if _, stopped, hopeless := r.stopped(at.Add(tt.silent), least); stopped != tt.stopped || hopeless != tt.hopeless {
				t.Errorf("stopped %t, hopeless %t", stopped, hopeless)
			}
		})
	}
}

func TestALongGapIsForgotten(t *testing.T) {
	var r rhythm
	at := time.Unix(1790000000, 0)
	for i := range 5000 {
		gap := 100 * time.Millisecond
		if i == 200 {
			gap = time.Minute
		}
		at = at.Add(gap)
		if r.beat(at); i == 200 && r.limit(time.Second) != 5*time.Minute {
			t.Fatalf("limit %s right after a minute's gap", r.limit(time.Second))
		}
	}
	if got := r.limit(time.Second); got > 5*time.Second {
		t.Errorf("limit %s long after it", got)
	}
}
