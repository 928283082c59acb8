package lease

import (
	"testing"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/order"
)

func TestAnExecutorWhoseWritesFailLeavesItsShareToOthers(t *testing.T) {
	b := newBucket(t)
	b.join("a")
	b.mute["b"] = true
	b.join("b")
	b.pass(Tolerated + Expires + 2*Beat)
	b.want("when it has fallen silent", map[string]int{"a": 64})
	before := b.keys
	b.pass(FirstSilence - Expires - 3*Beat)
	if b.keys != before {
		t.Errorf("its share is given back while it is silent: %v", b.held())
	}
	b.pass(2 * time.Minute)
	before, changes := b.keys, 0
	for range 600 {
		b.pass(Beat)
		if b.keys[63].revision != before[63].revision || b.keys[0].revision != before[0].revision {
			changes, before = changes+1, b.keys
		}
	}
	if changes > 5*4 { // let go, taken, let go, taken: each time that it is heard again
		t.Errorf("the share goes to and fro %d times in two minutes", changes)
	}
	b.mute["b"] = false
	b.pass(MaxSilence + 3*Beat)
	b.want("when its writes succeed again", map[string]int{"a": 32, "b": 32})
	b.mute["b"] = true
	b.leave("a")
	b.pass(time.Minute)
	if b.tables["b"].Silent(b.now) {
		t.Error("silent although nobody else is there")
	}
}

func TestWhatAnExecutorHoldsIsTakenWhenItsWritesFail(t *testing.T) {
	b := newBucket(t)
	b.join("a")
	b.mute["a"] = true // it cannot let go of anything either
	b.join("b")
	b.pass(Tolerated + Orphaned + 2*Beat)
	b.want("when it has fallen silent", map[string]int{"b": 64})
}

func TestSilencesGrowUntilAWriteIsAnswered(t *testing.T) {
	at := time.Time{}
	a, revision := New("a"), uint64(1)
	fail := func(during time.Duration) (silence time.Duration) {
		for end := at.Add(during); at.Before(end) && silence == 0; {
			at, revision = at.Add(Beat), revision+2
			a.Alive(at, "b", revision)
			a.Alive(at, "a", revision+1)
			silence = a.Wrote(at, false)
		}
		return silence
	}
	fail(Beat)
	for _, want := range []time.Duration{FirstSilence, 2 * FirstSilence, 4 * FirstSilence, MaxSilence, MaxSilence} {
		if got := fail(Tolerated - Beat); got != 0 {
			t.Fatalf("silent for %s too soon", got)
		}
		if got := fail(2 * Beat); got != want || !a.Silent(at.Add(want-1)) || a.Silent(at.Add(want)) {
			t.Fatalf("silent for %s, want %s", got, want)
		}
		at = at.Add(want)
	}
	a.Wrote(at, true)
	if got := fail(Tolerated + Expires); got != FirstSilence {
		t.Errorf("after an answer: silent for %s", got)
	}
}

func TestFailuresThatAreFarBetweenMakeNobodySilent(t *testing.T) {
	at := time.Time{}
	a := New("a")
	for i := range uint64(100) {
		at = at.Add(Beat)
		a.Alive(at, "b", 2*i+1)
		a.Alive(at, "a", 2*i+2)
		if i%5 == 0 && a.Wrote(at, false) != 0 {
			t.Fatalf("silent after %s", at.Sub(time.Time{}))
		}
	}
	for range 100 { // the bus is away: our own signs of life are not heard either
		at = at.Add(time.Second)
		if a.Wrote(at, false) != 0 {
			t.Fatal("silent although the bus was away")
		}
	}
}

func TestNothingIsPlannedInSilence(t *testing.T) {
	at := time.Time{}
	a := New("a")
	for i := range uint64(20) {
		at = at.Add(Beat)
		a.Alive(at, "b", 2*i+1)
		a.Alive(at, "a", 2*i+2)
		a.Wrote(at, false)
	}
	a.Lease(3, "", 100)
	if !a.Silent(at) || a.Plan() != nil {
		t.Error("something is planned")
	}
	if at = at.Add(MaxSilence); a.Silent(at) || len(a.Plan()) != order.Partitions/2 {
		t.Error("nothing is planned afterwards")
	}
}
