package twap

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/hourglass-trading/hourglass/pkg/order"
)

func TestSplitMixGivesTheKnownNumbers(t *testing.T) {
	var s splitMix
	for i, want := range []uint64{0xe220a8397b1dcdaf, 0x6e789e6aa1b965f4, 0x06c45d188009454f} {
		if got := s.next(); got != want {
			t.Errorf("number %d = %#x, want %#x", i, got, want)
		}
	}
}

func anyPlan(t *rapid.T) plan {
	return plan{
		lots: rapid.Int64Range(1, 1<<62).Draw(t, "lots"), slices: rapid.IntRange(1, 500).Draw(t, "slices"),
		start: time.UnixMilli(1_700_000_000_000), durationMS: 1000 * rapid.Int64Range(1, order.MaxDurationSeconds).Draw(t, "seconds"),
		sizeBps: rapid.IntRange(0, order.MaxRandomSizeBps).Draw(t, "size"), timeBps: rapid.IntRange(0, order.MaxRandomTimeBps).Draw(t, "time"),
		seed: order.Seed(rapid.Uint64().Draw(t, "seed")),
	}
}

func TestAScheduleSumsToTheQuantityAndStaysInItsWindow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := anyPlan(t)
		var sum int64
		last := p.start.Add(-1)
		end := p.start.Add(time.Duration(p.durationMS) * time.Millisecond)
		for _, s := range p.schedule() {
			if s.lots < 0 || !s.due.After(last) && p.durationMS/int64(p.slices) > 10 || !s.due.Before(end) {
				t.Fatalf("slice %+v after %s before %s", s, last, end)
			}
			sum, last = sum+s.lots, s.due
		}
		if sum != p.lots {
			t.Fatalf("sum %d of %d", sum, p.lots)
		}
	})
}

func TestEqualSlicesDifferByOneLotAtMost(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := anyPlan(t)
		p.sizeBps = 0
		each := p.lots / int64(p.slices)
		for _, s := range p.schedule() {
			if s.lots != each && s.lots != each+1 {
				t.Fatalf("slice of %d lots, want %d or one more", s.lots, each)
			}
		}
	})
}

func TestNoSliceFallsBelowTheMinimumWhateverTheSeed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := anyPlan(t)
		p.lots = p.lots%1_000_000 + 1
		least := rapid.Int64Range(1, 1000).Draw(t, "least")
		most := maxSlices(p.lots, least, p.sizeBps)
		if most == 0 {
			if p.lots >= least {
				t.Fatalf("%d lots of at least %d cannot be one slice", p.lots, least)
			}
			return
		}
		p.slices = int(min(most, order.MaxSlices))
		for _, s := range p.schedule() {
			if s.lots < least {
				t.Fatalf("slice of %d lots, at least %d", s.lots, least)
			}
		}
	})
}

func TestRandomSizesAndRandomTimesDoNotChangeEachOther(t *testing.T) {
	p := plan{lots: 10_000, slices: 20, durationMS: 600_000, sizeBps: 3000, timeBps: 5000, seed: 7}
	both := p.schedule()
	sizes, times := p, p
	sizes.timeBps, times.sizeBps = 0, 0
	for i := range both {
		if s := sizes.schedule()[i]; s.lots != both[i].lots {
			t.Errorf("slice %d is %d lots with random times, %d without", i, both[i].lots, s.lots)
		}
		if s := times.schedule()[i]; !s.due.Equal(both[i].due) {
			t.Errorf("slice %d is due at %s with random sizes, at %s without", i, both[i].due, s.due)
		}
	}
}
