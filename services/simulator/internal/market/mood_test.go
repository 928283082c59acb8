package market

import (
	"math"
	"testing"
	"time"
)

// lived is what a pair did for a while: its middle at each step, and the size of its touches.
type lived struct {
	mids  []float64
	touch float64 // mean of both touches' sizes
}

// live lets a market of BTC on two exchanges live in a mood, and looks at each.
func live(t *testing.T, mood Mood, steps int) []lived {
	t.Helper()
	var specs []Spec
	for _, s := range Pairs() {
		if s.Base == "BTC" && (s.Exchange == "binance" || s.Exchange == "kraken" && s.Quote == "USD") {
			specs = append(specs, s)
		}
	}
	m := New(5, specs, time.Unix(1_764_000_000, 0))
	for _, p := range m.Pairs() {
		m.Wake(p)
	}
	m.Advance(m.Now().Add(10*time.Second), nil)
	m.Feel(mood, 0)
	out := make([]lived, len(specs))
	for range steps {
		m.Advance(m.Now().Add(Grid), func(p *Pair, _ *Update) {
			bid, ask := p.Bids(nil, 1)[0], p.Asks(nil, 1)[0]
			if bid.Price >= ask.Price || bid.Qty <= 0 || ask.Qty <= 0 {
				t.Fatalf("%s: %s is crossed or empty", mood, p.Exchange)
			}
			o := &out[p.index]
			o.mids = append(o.mids, float64(bid.Price+ask.Price)/2)
			o.touch += float64(bid.Qty+ask.Qty) / 2 / float64(steps)
		})
	}
	return out
}

// roughness is the deviation of the logarithmic price over ten seconds.
func (l lived) roughness() float64 {
	sum, n := 0.0, 0
	for i := 100; i < len(l.mids); i += 100 {
		x := math.Log(l.mids[i] / l.mids[i-100])
		sum, n = sum+x*x, n+1
	}
	return math.Sqrt(sum / float64(n))
}

func (l lived) between(lowest, highest float64) bool {
	low, high := math.Inf(1), 0.0
	for _, m := range l.mids {
		low, high = math.Min(low, m/l.mids[0]), math.Max(high, m/l.mids[0])
	}
	return low >= lowest && high <= highest
}

func TestAMoodChangesWhatItSaysAndNothingElse(t *testing.T) {
	usual := live(t, Usual, 6000)
	calm, volatile, thin := live(t, Calm, 6000), live(t, Volatile, 6000), live(t, Thin, 6000)
	trending, crash := live(t, Trending, 6000), live(t, Crash, 3000)
	for i, name := range []string{"binance", "kraken"} {
		if r := volatile[i].roughness() / usual[i].roughness(); r < 2.5 || r > 5.5 {
			t.Errorf("%s: volatile is %.2f times as rough as usual, want about 4", name, r)
		}
		if r := calm[i].roughness() / usual[i].roughness(); r > 0.6 {
			t.Errorf("%s: calm is %.2f times as rough as usual", name, r)
		}
		if r := thin[i].touch / usual[i].touch; r > 0.25 {
			t.Errorf("%s: thin touches are %.2f of the usual ones", name, r)
		}
		end := trending[i].mids[5999] / trending[i].mids[0]
		if moved := math.Abs(math.Log(end)); moved < 0.015 || moved > 0.035 { // ten minutes
			t.Errorf("%s: a trend moved %.4f", name, moved)
		}
		low := crash[i].mids[0]
		for _, m := range crash[i].mids[:200] {
			low = math.Min(low, m)
		}
		fall, left := low/crash[i].mids[0]-1, crash[i].mids[1400]/crash[i].mids[0]-1
		if fall > -0.05 || fall < -0.07 || left < -0.03 {
			t.Errorf("%s: a crash fell by %.4f and left %.4f", name, fall, left)
		}
		if !usual[i].between(0.97, 1.03) {
			t.Errorf("%s: the usual market went far", name)
		}
	}
}
