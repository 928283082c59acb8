package market

import (
	"math"
	"testing"
	"time"
)

// minuteReturns are the 1-minute returns of a pair's fair price over some days, in basis points.
func minuteReturns(seed uint64, canonical string, days int) []float64 {
	var f fair
	for _, s := range Pairs() {
		if s.Exchange == "binance" && s.Canonical() == canonical {
			f = newFair(seed, &s, map[string]*path{})
		}
	}
	step := stepOf(testStart)
	var out []float64
	last, _ := f.at(step)
	for range days * 1440 {
		step += 600
		now, _ := f.at(step)
		out = append(out, math.Log(now/last)*1e4)
		last = now
	}
	return out
}

func TestVolatilityClustersForAnHourWhileReturnsDoNot(t *testing.T) {
	var sds, kurts, abs1, abs10, abs60, plain float64
	const seeds = 8
	for seed := range uint64(seeds) {
		r := minuteReturns(seed, "BTC-USDT", 16)
		sd, kurt, _ := moments(r)
		a := make([]float64, len(r))
		for i := range r {
			a[i] = math.Abs(r[i])
		}
		sds, kurts, plain = sds+sd/seeds, kurts+kurt/seeds, plain+autocorrelation(r, 1)/seeds
		abs1, abs10, abs60 = abs1+autocorrelation(a, 1)/seeds, abs10+autocorrelation(a, 10)/seeds, abs60+autocorrelation(a, 60)/seeds
	}
	within(t, "1 min returns, sd, bps", sds, 8.3)
	within(t, "1 min returns, kurtosis", kurts, 24)
	within(t, "autocorrelation of their size, 1", abs1, 0.35)
	within(t, "autocorrelation of their size, 10", abs10, 0.22)
	within(t, "autocorrelation of their size, 60", abs60, 0.13)
	if math.Abs(plain) > 0.05 {
		t.Errorf("1 min returns have an autocorrelation of %.3f", plain)
	}
}

func TestAPriceIsAFunctionOfSeedAndTimeAlone(t *testing.T) {
	specs := Pairs()
	a, b := newFair(7, &specs[0], map[string]*path{}), newFair(7, &specs[0], map[string]*path{})
	var forwards []float64
	from := stepOf(testStart)
	for i := range int64(3000) {
		x, _ := a.at(from + 37*i)
		forwards = append(forwards, x)
	}
	for i := int64(2999); i >= 0; i-- {
		if x, _ := b.at(from + 37*i); x != forwards[i] {
			t.Fatalf("step %d is %v on the way back and %v on the way there", i, x, forwards[i])
		}
	}
	if c := newFair(8, &specs[0], map[string]*path{}); func() bool { x, _ := c.at(from); return x == forwards[0] }() {
		t.Error("another seed gives the same price")
	}
}

func TestPricesStayAroundTheirLevelForYears(t *testing.T) {
	for _, s := range Pairs() {
		f := newFair(3, &s, map[string]*path{})
		level := f.baseOf.price / f.quoteOf.price * f.ticks
		for at := testStart; at.Before(testStart.AddDate(3, 0, 0)); at = at.Add(7 * time.Hour) {
			if x, _ := f.at(stepOf(at)); x < level/2 || x > level*2 {
				t.Fatalf("%s on %s is at %.0f ticks on %s, far from %.0f", s.Canonical(), s.Exchange, x, at, level)
			}
		}
	}
}

func TestExchangesShareOnePriceWithASlowGap(t *testing.T) {
	find := func(seed uint64, exchange, canonical string) fair {
		for _, s := range Pairs() {
			if s.Exchange == exchange && s.Canonical() == canonical {
				return newFair(seed, &s, map[string]*path{})
			}
		}
		t.Fatal(canonical)
		return fair{}
	}
	const seeds, n = 12, 1200 // of 2 s: forty minutes, as measured
	var mean, deviation, memory, near float64
	for seed := range uint64(seeds) {
		leader, dollar, tether := find(seed, "binance", "BTC-USDT"), find(seed, "kraken", "BTC-USD"), find(seed, "kraken", "BTC-USDT")
		var gaps []float64
		for i := range int64(n) {
			step := stepOf(testStart) + 20*i
			a, _ := leader.at(step)
			b, _ := dollar.at(step)
			c, _ := tether.at(step)
			gap := math.Log(b*10/a) * 1e4
			gaps = append(gaps, gap)
			mean += gap / n / seeds
			if math.Abs(math.Log(c*10/a)*1e4) < 2.5 {
				near += 1.0 / n / seeds
			}
		}
		sd, _, _ := moments(gaps)
		deviation, memory = deviation+sd/seeds, memory+autocorrelation(gaps, 1)/seeds
	}
	within(t, "gap of Kraken USD over Binance USDT, bps (negative)", -mean, 8.7)
	within(t, "its deviation", deviation, 1.1)
	within(t, "its autocorrelation over 2 s", memory, 0.86)
	within(t, "share of time two exchanges are within 2.5 bps", near, 0.9)
}
