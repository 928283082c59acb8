package book

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/fuzztest"
	"github.com/hourglass-trading/hourglass/pkg/market"
)

var scale = Scale{Price: 2, Size: 3}

// byRange chains like an exchange whose messages span a range of ids.
func byRange(last Seq, next *Update) Verdict {
	switch {
	case next.Last <= last:
		return Skip
	case next.First > last+1:
		return StartOver
	}
	return Apply
}

func levels(pairs ...int64) []Level {
	var list []Level
	for i := 0; i < len(pairs); i += 2 {
		list = append(list, Level{pairs[i], pairs[i+1]})
	}
	return list
}

func snapshot(last Seq) *Update {
	return &Update{Kind: Snapshot, Last: last, Bids: levels(100, 5, 99, 5), Asks: levels(101, 5, 102, 5)}
}

// delta sets the bid at 98 to the number of its last change, so that one sees which was the last applied.
func delta(first, last Seq) *Update {
	return &Update{First: first, Last: last, Bids: levels(98, int64(last))}
}

func TestAnAnchoredBookJoinsTheStreamToItsSnapshot(t *testing.T) {
	type step struct {
		u    *Update
		want Outcome
	}
	tests := map[string]struct {
		steps []step
		state State
		seq   Seq
		last  int64 // size of the bid at 98, 0 for none
	}{
		"the snapshot lies between what is buffered": {
			[]step{{delta(5, 8), Held}, {delta(9, 12), Held}, {delta(13, 14), Held}, {snapshot(10), Applied}}, InSync, 14, 14,
		},
		"the first kept message begins right behind the snapshot": {
			[]step{{delta(5, 10), Held}, {delta(11, 12), Held}, {snapshot(10), Applied}}, InSync, 12, 12,
		},
		"the snapshot comes before everything": {
			[]step{{snapshot(10), Waiting}, {delta(11, 12), Applied}}, InSync, 12, 12,
		},
		"nothing buffered is newer, so the book waits for a message that bridges": {
			[]step{{delta(5, 8), Held}, {snapshot(10), Waiting}, {delta(9, 10), Ignored}, {delta(10, 11), Applied}}, InSync, 11, 11,
		},
		"a snapshot older than the buffer is refused and the buffer kept": {
			[]step{{delta(20, 22), Held}, {snapshot(10), Stale}, {snapshot(21), Applied}}, InSync, 22, 22,
		},
		"a message that does not bridge makes the snapshot too old": {
			[]step{{snapshot(10), Waiting}, {delta(15, 16), Stale}, {snapshot(15), Applied}}, InSync, 16, 16,
		},
		"a hole in the buffer is a loss": {
			[]step{{delta(5, 8), Held}, {delta(10, 11), Broke}}, Lost, 0, 0,
		},
		"a message twice is skipped, buffered or not": {
			[]step{{delta(5, 8), Held}, {delta(5, 8), Ignored}, {snapshot(7), Applied}, {delta(5, 8), Ignored}}, InSync, 8, 8,
		},
		"a hole breaks the book": {
			[]step{{snapshot(10), Waiting}, {delta(11, 12), Applied}, {delta(14, 15), Broke}, {delta(16, 17), Ignored}}, Lost, 12, 12,
		},
		"a range that overlaps is applied": {
			[]step{{snapshot(10), Waiting}, {delta(11, 12), Applied}, {delta(12, 14), Applied}}, InSync, 14, 14,
		},
		"a late snapshot does not touch a book in sync": {
			[]step{{snapshot(10), Waiting}, {delta(11, 12), Applied}, {snapshot(11), Ignored}}, InSync, 12, 12,
		},
		"without a snapshot it is never in sync": {
			[]step{{delta(1, 2), Held}, {delta(3, 4), Held}}, Buffering, 0, 0,
		},
		"an unreadable message breaks it": {
			[]step{{snapshot(10), Waiting}, {delta(11, 12), Applied}, {&Update{Kind: Broken, Err: errors.New("x")}, Broke}}, Lost, 12, 12,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			b := New(scale, Rules{Anchored: true, Chain: byRange})
			b.Restart()
			for i, s := range tt.steps {
				got, err := b.Apply(s.u)
				if got != s.want || (err != nil) != (got == Broke || got == Stale) {
					t.Fatalf("step %d: %d (%v), want %d", i, got, err, s.want)
				}
			}
			if b.State() != tt.state || b.Seq() != tt.seq {
				t.Errorf("state %d at %d, want %d at %d", b.State(), b.Seq(), tt.state, tt.seq)
			}
			l, _ := b.Bid(2)
			if b.State() == InSync && l.Size != tt.last {
				t.Errorf("last applied %d, want %d", l.Size, tt.last)
			}
		})
	}
}

func TestARefreshServesTheOldBookUntilTheNewOneHasCaughtUp(t *testing.T) {
	b := New(scale, Rules{Anchored: true, Chain: byRange})
	b.Restart()
	apply(t, b, snapshot(10), Waiting)
	apply(t, b, delta(11, 11), Applied)
	b.Refresh()
	apply(t, b, delta(12, 13), Applied)
	deep := snapshot(14) // ahead of the stream
	deep.Asks = append(deep.Asks, levels(500, 7)...)
	apply(t, b, deep, Applied)
	if _, asks := b.Len(); b.Seq() != 13 || asks != 2 || b.Refreshing() {
		t.Errorf("at %d with %d asks: the snapshot is in too early", b.Seq(), asks)
	}
	apply(t, b, delta(14, 15), Applied)
	if _, asks := b.Len(); b.Seq() != 15 || asks != 3 || b.State() != InSync {
		t.Errorf("at %d with %d asks, want the snapshot's three", b.Seq(), asks)
	}
	b.Refresh()
	crossed := snapshot(15)
	crossed.Bids[0].Price = 200
	apply(t, b, delta(16, 16), Applied)
	apply(t, b, crossed, Ignored)
	if b.State() != InSync || b.Refreshing() {
		t.Error("a bad snapshot must not harm a good book")
	}
}

func apply(t *testing.T, b *Book, u *Update, want Outcome) {
	t.Helper()
	if got, err := b.Apply(u); got != want {
		t.Fatalf("%+v: %d (%v), want %d", u, got, err, want)
	}
}

func TestTooMuchBeforeASnapshotStartsTheSyncOver(t *testing.T) {
	b := New(scale, Rules{Anchored: true, Chain: byRange})
	b.Restart()
	for i := range Seq(maxHeld) {
		apply(t, b, delta(i+1, i+1), Held)
	}
	if _, err := b.Apply(delta(maxHeld+1, maxHeld+1)); !errors.Is(err, ErrOverflow) {
		t.Fatalf("error %v", err)
	}
	b.Restart()
	apply(t, b, delta(1, 1), Held)
}

func TestABookStartedInTheStream(t *testing.T) {
	sum := func(b *Book, _ []byte) uint32 { l, _ := b.Bid(0); return uint32(l.Size) }
	b := New(scale, Rules{Checksum: sum})
	apply(t, b, snapshot(0), Ignored) // nothing was asked for yet
	b.Restart()
	b.SetDepth(2)
	apply(t, b, &Update{Bids: levels(90, 1)}, Ignored)
	apply(t, b, &Update{Kind: Snapshot, Bids: levels(100, 5), Asks: levels(101, 5), Checksum: 5, Checked: true}, Applied)
	apply(t, b, &Update{Bids: levels(99, 1, 98, 1), Asks: levels(102, 1)}, Applied)
	if bids, asks := b.Len(); bids != 2 || asks != 2 {
		t.Errorf("%d bids and %d asks, want 2 of each", bids, asks)
	}
	apply(t, b, &Update{Kind: Snapshot, Bids: levels(50, 7), Asks: levels(60, 1)}, Applied)
	if l, _ := b.Bid(0); l != (Level{50, 7}) {
		t.Errorf("best bid %v: a snapshot replaces", l)
	}
	apply(t, b, &Update{Bids: levels(50, 8, 50, 9, 55, 0), Checksum: 9, Checked: true}, Applied)
	if _, err := b.Apply(&Update{Bids: levels(50, 1), Checksum: 2, Checked: true}); !errors.Is(err, ErrChecksum) {
		t.Errorf("error %v", err)
	}
	apply(t, b, snapshot(0), Ignored) // broken until restarted
	b.Restart()
	if _, err := b.Apply(&Update{Kind: Snapshot, Bids: levels(60, 7), Asks: levels(60, 1)}); !errors.Is(err, ErrCrossed) {
		t.Errorf("error %v", err)
	}
	b.Restart()
	if _, err := b.Apply(&Update{Kind: Snapshot, Bids: levels(0, 7)}); !errors.Is(err, ErrLevel) || b.Reason() == nil {
		t.Errorf("error %v", err)
	}
}

func TestACrossingWithinAMessageIsNoneAfterIt(t *testing.T) {
	b := New(scale, Rules{})
	b.Restart()
	apply(t, b, snapshot(0), Applied)
	apply(t, b, &Update{Bids: levels(103, 1), Asks: levels(101, 0, 102, 0, 104, 1)}, Applied)
}

// TestASideIsASortedMap compares with the obvious way to keep levels.
func TestASideIsASortedMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := New(scale, Rules{})
		b.Restart()
		apply := func(u *Update) { _, _ = b.Apply(u) }
		apply(&Update{Kind: Snapshot})
		model := map[int64]int64{}
		for range rapid.IntRange(1, 60).Draw(t, "messages") {
			list := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Level {
				return Level{rapid.Int64Range(1, 40).Draw(t, "price"), rapid.Int64Range(0, 3).Draw(t, "size")}
			}), 0, 12).Draw(t, "levels")
			if rapid.IntRange(0, 9).Draw(t, "kind") == 0 {
				clear(model)
				apply(&Update{Kind: Snapshot, Asks: list})
			} else {
				apply(&Update{Asks: list})
			}
			for _, l := range list {
				model[l.Price] = l.Size
			}
			maps.DeleteFunc(model, func(_, size int64) bool { return size == 0 })
			var got []Level
			for i := 0; ; i++ {
				l, ok := b.Ask(i)
				if !ok {
					break
				}
				got = append(got, l)
			}
			var want []Level
			for price, size := range model {
				want = append(want, Level{price, size})
			}
			slices.SortFunc(want, func(a, b Level) int { return cmp.Compare(a.Price, b.Price) })
			if !slices.Equal(got, want) {
				t.Fatalf("%v, want %v", got, want)
			}
		}
	})
}

func TestViewsOfABookAgree(t *testing.T) {
	b := New(scale, Rules{})
	b.Restart()
	apply(t, b, &Update{Kind: Snapshot, Bids: levels(10000, 1500, 9999, 5), Asks: levels(10001, 20)}, Applied)
	bids, asks := b.Top(1)
	want := market.Level{Price: decimal.MustParse("100"), Quantity: decimal.MustParse("1.5")}
	if len(bids) != 1 || len(asks) != 1 || bids[0] != want {
		t.Errorf("top: %v %v", bids, asks)
	}
	if got := string(b.AppendAll(nil)); got != "100:1.5|99.99:0.005#100.01:0.02" {
		t.Errorf("all: %s", got)
	}
	if got := string(b.AppendBids(nil, 5)); got != `[["100","1.5"],["99.99","0.005"]]` {
		t.Errorf("bids: %s", got)
	}
	if got := string(b.AppendAsks(nil, 0)); got != `[]` {
		t.Errorf("asks: %s", got)
	}
}

func TestAMessageOnABookInSyncAllocatesNothing(t *testing.T) {
	b := New(scale, Rules{Anchored: true, Chain: byRange, Checksum: func(*Book, []byte) uint32 { return 0 }})
	b.Restart()
	apply(t, b, snapshot(10), Waiting)
	apply(t, b, delta(11, 11), Applied)
	id := Seq(11)
	u := Update{Bids: levels(97, 3, 96, 2), Asks: levels(105, 1), Checked: true, Time: time.Unix(1, 0)}
	back := Update{Bids: levels(97, 0, 96, 0), Asks: levels(105, 0), Checked: true}
	if n := testing.AllocsPerRun(100, func() {
		for _, u := range []*Update{&u, &back} {
			id++
			u.First, u.Last = id, id
			if outcome, err := b.Apply(u); outcome != Applied {
				t.Fatal(err)
			}
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// FuzzBook feeds any tape of updates: whatever comes, a book that says it is in sync is sorted, positive and not crossed.
func FuzzBook(f *testing.F) {
	f.Add([]byte{3, 10, 50, 2, 60, 3, 0, 11, 51, 1, 61, 0}, true)
	f.Add([]byte{3, 0, 50, 2, 60, 3, 0, 0, 70, 1, 61, 0, 3, 1, 1, 1, 2, 2}, false)
	fuzztest.Seed(f)
	f.Fuzz(func(t *testing.T, tape []byte, anchored bool) {
		rules := Rules{Anchored: anchored}
		if anchored {
			rules.Chain = byRange
		}
		b := New(scale, rules)
		b.Restart()
		id := Seq(5)
		for ; len(tape) >= 6; tape = tape[6:] {
			op := tape[0]
			id += Seq(tape[1] % 3)
			u := &Update{
				Kind: Kind(op % 4 / 3), First: id, Last: id + Seq(op>>6),
				Bids: levels(int64(tape[2]), int64(tape[3])), Asks: levels(int64(tape[4]), int64(tape[5])),
			}
			id = u.Last
			switch op % 32 {
			case 7:
				b.Restart()
			case 9:
				b.Refresh()
			case 11:
				b.SetDepth(int(tape[1]))
			}
			_, _ = b.Apply(u)
			if b.State() != InSync {
				continue
			}
			for _, at := range []func(int) (Level, bool){b.Bid, b.Ask} {
				for i := 0; ; i++ {
					l, ok := at(i)
					if !ok {
						break
					}
					if next, ok := at(i + 1); l.Price <= 0 || l.Size <= 0 || ok && next.Price == l.Price {
						t.Fatalf("level %v before %v", l, next)
					}
				}
			}
			bid, hasBid := b.Bid(0)
			if ask, hasAsk := b.Ask(0); hasBid && hasAsk && bid.Price >= ask.Price {
				t.Fatalf("crossed: %v %v", bid, ask)
			}
		}
	})
}
