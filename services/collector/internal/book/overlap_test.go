package book

import (
	"errors"
	"testing"
)

// timed are the rules of an exchange whose numbers are times.
var timed = Rules{Anchored: true, Overlaps: true, Chain: func(last Seq, next *Update) Verdict {
	if next.Last <= last {
		return Skip
	}
	return Apply
}}

func TestASnapshotOfATimedStreamMustContainAMessage(t *testing.T) {
	delta := func(at Seq) *Update { return &Update{Last: at, Bids: []Level{{Price: 100, Size: int64(at)}}} }
	snapshot := func(at Seq) *Update {
		return &Update{Kind: Snapshot, Last: at, Bids: []Level{{Price: 99, Size: 1}}, Asks: []Level{{Price: 101, Size: 1}}}
	}
	type step struct {
		update *Update
		want   Outcome
	}
	tests := map[string][]step{
		"it does and the next follows":            {{delta(10), Held}, {delta(20), Held}, {snapshot(15), Applied}},
		"it contains all and waits for the next":  {{delta(10), Held}, {snapshot(10), Waiting}, {delta(20), Applied}},
		"an old one is asked for again":           {{delta(10), Held}, {snapshot(9), Stale}, {snapshot(10), Waiting}, {delta(11), Applied}},
		"older messages behind it prove it too":   {{snapshot(15), Waiting}, {delta(10), Ignored}, {delta(20), Applied}},
		"before any message nothing proves it":    {{snapshot(15), Waiting}, {delta(20), Stale}, {snapshot(21), Waiting}, {delta(30), Applied}},
		"what made it stale is kept and not lost": {{snapshot(15), Waiting}, {delta(20), Stale}, {delta(25), Held}, {snapshot(22), Applied}},
	}
	for name, steps := range tests {
		t.Run(name, func(t *testing.T) {
			b := New(Scale{}, timed)
			b.Restart()
			for i, s := range steps {
				got, err := b.Apply(s.update)
				if got != s.want || (got == Stale) != errors.Is(err, ErrTooOld) {
					t.Fatalf("step %d: %v, %v, want %v", i, got, err, s.want)
				}
			}
			if b.State() != InSync {
				t.Errorf("state %v", b.State())
			}
		})
	}
}

func TestARefreshKnowsWhatTheBookHasSeen(t *testing.T) {
	level := func(price int64) []Level { return []Level{{Price: price, Size: 1}} }
	tests := map[string]struct {
		snapshot Seq
		want     int // levels of the bid side once the next message has come
	}{
		"a snapshot of the book's own time takes over": {snapshot: 20, want: 3},
		"a newer one too": {snapshot: 25, want: 3},
		"an older one may lack what came before it does": {snapshot: 19, want: 2},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			b := New(Scale{}, timed)
			b.Restart()
			for _, u := range []*Update{
				{Last: 10}, {Kind: Snapshot, Last: 15, Bids: level(99), Asks: level(101)}, {Last: 20, Bids: level(98)},
			} {
				if _, err := b.Apply(u); err != nil {
					t.Fatal(err)
				}
			}
			b.Refresh()
			fresh := &Update{Kind: Snapshot, Last: tt.snapshot, Bids: []Level{{99, 1}, {98, 1}, {90, 1}}, Asks: level(101)}
			if _, err := b.Apply(fresh); err != nil {
				t.Fatal(err)
			}
			if _, err := b.Apply(&Update{Last: 30, Asks: level(102)}); err != nil {
				t.Fatal(err)
			}
			if bids, _ := b.Len(); bids != tt.want || b.State() != InSync || b.Seq() != 30 {
				t.Errorf("%d bids at %d, state %v", bids, b.Seq(), b.State())
			}
		})
	}
}

func TestWhatLiesBeyondASnapshotsLastLevelIsNotShown(t *testing.T) {
	b := New(Scale{}, Rules{Window: 2})
	b.Restart()
	levels := func(prices ...int64) (out []Level) {
		for _, p := range prices {
			out = append(out, Level{Price: p, Size: 1})
		}
		return out
	}
	_, _ = b.Apply(&Update{Kind: Snapshot, Bids: levels(10, 9), Asks: levels(12)})
	if b.Narrow(2) {
		t.Error("narrow with all that the snapshot had")
	}
	_, _ = b.Apply(&Update{Kind: Delta, Bids: []Level{{Price: 10}, {Price: 7, Size: 1}}})
	if got := string(b.AppendBids(nil, 5)); got != `[["9","1"]]` || !b.Narrow(2) {
		t.Errorf("bids %s, narrow %t: 8 may be there for all that is known", got, b.Narrow(2))
	}
	if got := string(b.AppendAsks(nil, 5)); got != `[["12","1"]]` {
		t.Errorf("asks %s: the snapshot was not full", got)
	}
}
