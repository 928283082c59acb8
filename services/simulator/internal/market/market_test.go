package market

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hourglass-trading/hourglass/services/simulator/internal/span"
)

// sample is all pairs, of the many like each other a few.
func sample() []Spec {
	all := Pairs()
	many := len(crowd())
	out := all[: len(all)-many : len(all)-many]
	for i := len(out); i < len(all); i += 31 {
		out = append(out, all[i])
	}
	return out
}

// everything collects all that happens to all pairs.
func everything(seed uint64, d time.Duration) []Update {
	m := New(seed, sample(), testStart)
	for _, p := range m.Pairs() {
		m.Wake(p)
	}
	var out []Update
	m.Advance(testStart.Add(d), func(_ *Pair, u *Update) {
		c := *u
		c.Changes, c.Touches, c.Trades = slices.Clone(c.Changes), slices.Clone(c.Touches), slices.Clone(c.Trades)
		out = append(out, c)
	})
	return out
}

func TestTheSameSeedGivesTheSameMarket(t *testing.T) {
	a, b := everything(11, 20*time.Second), everything(11, 20*time.Second)
	for i := range min(len(a), len(b)) {
		if !reflect.DeepEqual(a[i], b[i]) {
			t.Fatalf("update %d differs:\n%.2000s", i, cmp.Diff(a[i], b[i]))
		}
	}
	if len(a) != len(b) {
		t.Errorf("%d updates and %d", len(a), len(b))
	}
	if reflect.DeepEqual(a, everything(12, 20*time.Second)) {
		t.Error("another seed gives the same market")
	}
}

func TestABookNeverCrossesAndItsUpdatesFollowEachOther(t *testing.T) {
	m := New(4, sample(), testStart)
	last := map[*Pair]int64{}
	books := map[*Pair]map[levelKey]int64{}
	for _, p := range m.Pairs() {
		m.Wake(p)
		last[p] = p.LastID()
		books[p] = map[levelKey]int64{}
		for _, l := range p.Bids(nil, 0) {
			books[p][levelKey{true, l.Price}] = l.Qty
		}
		for _, l := range p.Asks(nil, 0) {
			books[p][levelKey{false, l.Price}] = l.Qty
		}
	}
	m.Advance(testStart.Add(3*time.Minute), func(p *Pair, u *Update) {
		if u.FirstID != last[p]+1 || u.LastID < last[p] {
			t.Fatalf("%s %s: ids %d to %d after %d", p.Exchange, p.Canonical(), u.FirstID, u.LastID, last[p])
		}
		last[p] = u.LastID
		for _, c := range u.Changes {
			if books[p][levelKey{c.Bid, c.Price}] = c.Qty; c.Qty == 0 {
				delete(books[p], levelKey{c.Bid, c.Price})
			}
		}
		b, _ := p.bids.best()
		a, _ := p.asks.best()
		if b.Price >= a.Price || b.Price <= 0 || b.Qty <= 0 || a.Qty <= 0 {
			t.Fatalf("%s %s: bid %v, ask %v", p.Exchange, p.Canonical(), b, a)
		}
		for _, tr := range u.Trades {
			if tr.Qty <= 0 || tr.Price <= 0 || tr.At.After(u.At) || !tr.At.After(u.At.Add(-Grid)) {
				t.Fatalf("trade %+v in the step to %v", tr, u.At)
			}
		}
		if n := len(u.Touches); n > 0 && (u.Touches[n-1].Bid != b || u.Touches[n-1].Ask != a) {
			t.Fatalf("the last touch told is %+v, the book has %v and %v", u.Touches[n-1], b, a)
		}
	})
	for p, want := range books {
		held := map[levelKey]int64{}
		for _, l := range p.Bids(nil, 0) {
			held[levelKey{true, l.Price}] = l.Qty
		}
		for _, l := range p.Asks(nil, 0) {
			held[levelKey{false, l.Price}] = l.Qty
		}
		if !cmp.Equal(held, want) {
			t.Errorf("%s %s: the updates do not add up to the book", p.Exchange, p.Canonical())
		}
		if n := len(p.bids.levels); n < 20 || n > 4000 {
			t.Errorf("%s %s: %d bids", p.Exchange, p.Canonical(), n)
		}
	}
}

func TestCandlesAgreeAcrossIntervalsAndJoinTheLivePrice(t *testing.T) {
	m, p := awake(t, 9, "binance", "BTC-USDT")
	minutes, _ := span.Binance("1m")
	hours, _ := span.Binance("1h")
	before := m.History(p).Bars(minutes, span.Window{Limit: 500})
	m.Advance(testStart.Add(5*time.Minute), nil)
	h := m.History(p)
	after := h.Bars(minutes, span.Window{Limit: 1000})
	if len(after) != 1000 {
		t.Fatalf("%d candles, want 1000", len(after))
	}
	for i := 1; i < len(after); i++ {
		if !after[i].Start.Equal(after[i-1].Next) {
			t.Fatalf("a hole at %v", after[i].Start)
		}
		if gap := float64(after[i].Open-after[i-1].Close) / float64(after[i].Open); gap > 0.001 || gap < -0.001 {
			t.Errorf("%v opens at %d after a close at %d", after[i].Start, after[i].Open, after[i-1].Close)
		}
	}
	// What was told before the pair lived on is still told.
	at := slices.IndexFunc(after, func(b Bar) bool { return b.Start.Equal(before[0].Start) })
	if d := cmp.Diff(before[:400], after[at:at+400], cmp.AllowUnexported(Sum{})); d != "" {
		t.Errorf("history changed:\n%.1000s", d)
	}
	b, _ := p.bids.best()
	if last := after[len(after)-1]; float64(last.Close-b.Price)/float64(b.Price) > 0.0005 {
		t.Errorf("the last candle closes at %d, the bid is %d", last.Close, b.Price)
	}
	hour := h.Bars(hours, span.Window{Limit: 3})[1]
	var sum Bar
	for _, bar := range after {
		if !bar.Start.Before(hour.Start) && bar.Start.Before(hour.Next) {
			sum.then(&bar)
		}
	}
	sum.Start, sum.Next = hour.Start, hour.Next
	if d := cmp.Diff(hour, sum, cmp.AllowUnexported(Sum{})); d != "" {
		t.Errorf("an hour is not the sum of its minutes:\n%s", d)
	}
}

func TestARunningCandleEndsOnceAndAsTheHistoryTellsIt(t *testing.T) {
	m, p := awake(t, 9, "kraken", "BTC-USD")
	s, _ := span.Binance("3m")
	r := NewRunning(m.Recent(p), s)
	var ended []Bar
	for range 2000 {
		m.Advance(m.Now().Add(Grid), nil)
		now, over := r.Look(m.Recent(p))
		if over != nil {
			ended = append(ended, *over)
		}
		if want := m.Recent(p).Bar(s.Start(m.Now()), s.Next(s.Start(m.Now()))); !cmp.Equal(now, want, cmp.AllowUnexported(Sum{})) {
			t.Fatalf("at %v:\n%s", m.Now(), cmp.Diff(want, now, cmp.AllowUnexported(Sum{})))
		}
	}
	if len(ended) != 2 && len(ended) != 1 {
		t.Fatalf("%d candles ended in 200 s", len(ended))
	}
	for _, e := range ended {
		if want := m.Recent(p).Bar(e.Start, e.Next); !cmp.Equal(e, want, cmp.AllowUnexported(Sum{})) {
			t.Errorf("ended:\n%s", cmp.Diff(want, e, cmp.AllowUnexported(Sum{})))
		}
	}
}

func BenchmarkOnePairForASecond(b *testing.B) {
	m := New(1, Pairs(), testStart)
	m.Wake(m.Pairs()[0])
	for b.Loop() {
		m.Advance(m.Now().Add(time.Second), nil)
	}
}

func BenchmarkAYearOfDailyCandles(b *testing.B) {
	m := New(1, Pairs(), testStart)
	s, _ := span.Binance("1d")
	for b.Loop() {
		m.History(m.Pairs()[0]).Bars(s, span.Window{Limit: 1000})
	}
}
