package tape

import (
	"errors"
	"testing"
	"time"
)

func TestARingKeepsTheLastMessagesAndTellsWhoFellBehind(t *testing.T) {
	r := NewRing(4)
	for i := range 20 {
		r.Append(Frame{Seq: int64(i)})
	}
	if got := r.End(); got != 20 {
		t.Fatalf("End() = %d, want 20", got)
	}
	if f, ok, err := r.Frame(19); !ok || err != nil || f.Seq != 19 {
		t.Errorf("Frame(19) = %v, %v, %v", f, ok, err)
	}
	if _, ok, err := r.Frame(20); ok || err != nil {
		t.Errorf("Frame(20) = %v, %v; want neither a frame nor an error", ok, err)
	}
	if _, _, err := r.Frame(16); err != nil {
		t.Errorf("Frame(16): %v; the last four are always kept", err)
	}
	if _, _, err := r.Frame(3); !errors.Is(err, ErrLost) {
		t.Errorf("Frame(3): %v, want ErrLost", err)
	}
}

func TestARingForgetsWhatIsOld(t *testing.T) {
	r := NewRing(4096)
	at := time.Unix(1790000000, 0)
	for i := range 4000 {
		r.Append(Frame{Seq: int64(i), Due: at.Add(time.Duration(i) * 100 * time.Millisecond)})
	}
	if _, _, err := r.Frame(4000 - 900); err != nil {
		t.Errorf("what came 90 s ago: %v", err)
	}
	if _, _, err := r.Frame(4000 - 900 - 300); !errors.Is(err, ErrLost) {
		t.Errorf("what came two minutes ago: %v, want ErrLost", err)
	}
}
