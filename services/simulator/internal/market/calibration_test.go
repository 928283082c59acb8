package market

import (
	"math"
	"slices"
	"testing"
	"time"
)

var testStart = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

// awake returns a market with one pair of it awake.
func awake(t *testing.T, seed uint64, exchange, canonical string) (*Market, *Pair) {
	t.Helper()
	m := New(seed, Pairs(), testStart)
	for _, p := range m.Pairs() {
		if p.Exchange == exchange && p.Canonical() == canonical {
			m.Wake(p)
			return m, p
		}
	}
	t.Fatalf("%s has no %s", exchange, canonical)
	return nil, nil
}

func quantile(sorted []float64, q float64) float64 { return sorted[int(q*float64(len(sorted)-1))] }

func moments(x []float64) (sd, kurtosis, zeros float64) {
	var m, m2, m4 float64
	for _, v := range x {
		m += v
	}
	m /= float64(len(x))
	for _, v := range x {
		d := (v - m) * (v - m)
		m2 += d
		m4 += d * d
		if v == 0 {
			zeros++
		}
	}
	n := float64(len(x))
	return math.Sqrt(m2 / n), m4 / n / (m2 / n) / (m2 / n), zeros / n
}

func autocorrelation(x []float64, lag int) float64 {
	var m, v, c float64
	for _, a := range x {
		m += a
	}
	m /= float64(len(x))
	for i := range x {
		v += (x[i] - m) * (x[i] - m)
		if i >= lag {
			c += (x[i] - m) * (x[i-lag] - m)
		}
	}
	return c / v
}

// within checks a figure against the measured one with a factor of two.
func within(t *testing.T, what string, got, want float64) {
	t.Helper()
	verdict := ""
	if got < want/2 || got > want*2 {
		verdict = "   OUT OF BOUNDS"
		t.Errorf("%s: %.4g, measured %.4g", what, got, want)
	}
	t.Logf("%-58s %10.4g   measured %8.4g%s", what, got, want, verdict)
}

// TestTheMarketLooksLikeTheMeasuredOne holds the leading pair against the figures of the night it is modelled on. Four seeds are
// taken together: ten minutes of one are as little a law as one hour of one night.
func TestTheMarketLooksLikeTheMeasuredOne(t *testing.T) {
	var spread, touch, levels, sizes, oneSecond, tenSeconds, signs []float64
	var bid, ask [4]float64
	var removals, unseen, messages, touched, prints, orders, touches, looks, oneTick float64
	distances := [4]float64{1, 2, 10, 25}
	for seed := range uint64(6) {
		m, p := awake(t, seed, "binance", "BTC-USDT")
		seen := map[levelKey]bool{}
		for _, l := range p.bids.levels {
			seen[levelKey{true, l.Price}] = true
		}
		for _, l := range p.asks.levels {
			seen[levelKey{false, l.Price}] = true
		}
		var mids []float64
		last := p.touched
		m.Advance(m.Now().Add(20*time.Minute), func(p *Pair, u *Update) {
			messages++
			levels = append(levels, float64(len(u.Changes)))
			for _, c := range u.Changes {
				k := levelKey{c.Bid, c.Price}
				if c.Qty == 0 {
					removals++
					if !seen[k] {
						unseen++
					}
				}
				seen[k] = c.Qty > 0
			}
			if p.touched.Bid != last.Bid || p.touched.Ask != last.Ask {
				touched++
			}
			last = p.touched
			touches += float64(len(u.Touches))
			order := int64(-1)
			for _, tr := range u.Trades {
				prints++
				size := float64(tr.Qty) / 1e5
				if tr.Order == order {
					sizes[len(sizes)-1] += size
					continue
				}
				order = tr.Order
				orders++
				sizes = append(sizes, size)
				sign := 1.0
				if tr.Sell {
					sign = -1
				}
				signs = append(signs, sign)
			}
			b, _ := p.bids.best()
			a, _ := p.asks.best()
			spread = append(spread, float64(a.Price-b.Price))
			if a.Price-b.Price == 1 {
				oneTick++
			}
			touch = append(touch, float64(b.Qty)/1e5)
			mid := float64(a.Price+b.Price) / 2
			mids = append(mids, math.Log(mid))
			if len(mids)%50 == 0 {
				looks++
				for i, d := range distances {
					for _, l := range p.bids.levels {
						if float64(l.Price) >= mid*(1-d/1e4) {
							bid[i] += float64(l.Qty) / 1e5
						}
					}
					for _, l := range p.asks.levels {
						if float64(l.Price) <= mid*(1+d/1e4) {
							ask[i] += float64(l.Qty) / 1e5
						}
					}
				}
			}
		})
		for i := 10; i < len(mids); i += 10 {
			oneSecond = append(oneSecond, (mids[i]-mids[i-10])*1e4)
		}
		for i := 100; i < len(mids); i += 100 {
			tenSeconds = append(tenSeconds, (mids[i]-mids[i-100])*1e4)
		}
	}
	for _, s := range [][]float64{spread, touch, levels, sizes} {
		slices.Sort(s)
	}
	seconds := messages / 10
	within(t, "spread, 99 %, ticks", quantile(spread, 0.99), 1)
	within(t, "best bid, 5 %, BTC", quantile(touch, 0.05), 0.08)
	within(t, "best bid, median, BTC", quantile(touch, 0.5), 1.9)
	within(t, "best bid, 95 %, BTC", quantile(touch, 0.95), 5.3)
	within(t, "levels a message, median", quantile(levels, 0.5), 22)
	within(t, "levels a message, 90 %", quantile(levels, 0.9), 104)
	within(t, "levels a message, 99 %", quantile(levels, 0.99), 386)
	within(t, "best-touch updates a second", touches/seconds, 113)
	within(t, "share of messages that change the touch", touched/messages, 0.87)
	within(t, "trades a second", prints/seconds, 30.6)
	within(t, "taker orders a second", orders/seconds, 11)
	within(t, "taker order, 10 %, BTC", quantile(sizes, 0.1), 0.0002)
	within(t, "taker order, median, BTC", quantile(sizes, 0.5), 0.003)
	within(t, "taker order, 90 %, BTC", quantile(sizes, 0.9), 0.10)
	within(t, "taker order, 99 %, BTC", quantile(sizes, 0.99), 1.04)
	mean := 0.0
	for _, s := range sizes {
		mean += s / float64(len(sizes))
	}
	within(t, "taker order, mean, BTC", mean, 0.061)
	within(t, "sign autocorrelation, 1", autocorrelation(signs, 1), 0.41)
	within(t, "sign autocorrelation, 5", autocorrelation(signs, 5), 0.24)
	within(t, "sign autocorrelation, 20", autocorrelation(signs, 20), 0.11)
	sd, kurtosis, zeros := moments(oneSecond)
	within(t, "1 s returns, sd, bps", sd, 1.24)
	within(t, "1 s returns, kurtosis", kurtosis, 19)
	within(t, "1 s returns, share of zeros", zeros, 0.5)
	sd, _, _ = moments(tenSeconds)
	within(t, "10 s returns, sd, bps", sd, 4.1)
	want := [4][2]float64{{3.8, 4.4}, {5.9, 7.6}, {39, 50}, {87, 114}}
	for i, d := range distances {
		_ = d
		within(t, "bids within "+[]string{"1", "2", "10", "25"}[i]+" bps, BTC", bid[i]/looks, want[i][0])
		within(t, "asks within "+[]string{"1", "2", "10", "25"}[i]+" bps, BTC", ask[i]/looks, want[i][1])
	}
	within(t, "share of removals that hit no level the client saw", unseen/removals, 0.18)
	within(t, "share of one-tick spreads", oneTick/messages, 0.99)
	if r := autocorrelation(oneSecond, 1); math.Abs(r) > 0.15 {
		t.Errorf("1 s returns have an autocorrelation of %.2f", r)
	}
}
