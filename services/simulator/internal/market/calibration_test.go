package market

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"
)

var testStart = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

// awake returns a market with one pair of it awake.
func awake(t *testing.T, seed uint64, exchange, canonical string) (*Market, *Pair) {
	t.Helper()
	m := New(seed, sample(), testStart)
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

// observed is what a client of the leading pair sees, and what of it was measured.
type observed struct {
	touch, levels, sizes, signs, oneSecond, tenSeconds        []float64
	messages, touched, touches, prints, removals, unseen, one float64
	looks                                                     float64
	bid, ask                                                  [4]float64

	held map[levelKey]bool // what the client holds
	last Touch
	mids []float64
}

var distances = [4]float64{1, 2, 10, 25}

func (o *observed) begin(p *Pair) {
	o.held, o.mids, o.last = map[levelKey]bool{}, nil, p.touched
	for _, side := range []*ladder{&p.bids, &p.asks} {
		for _, l := range side.levels {
			o.held[levelKey{side.bid, l.Price}] = true
		}
	}
}

func (o *observed) see(p *Pair, u *Update) {
	o.messages++
	o.levels = append(o.levels, float64(len(u.Changes)))
	for _, c := range u.Changes {
		k := levelKey{c.Bid, c.Price}
		if c.Qty == 0 {
			if o.removals++; !o.held[k] {
				o.unseen++
			}
		}
		o.held[k] = c.Qty > 0
	}
	if p.touched.Bid != o.last.Bid || p.touched.Ask != o.last.Ask {
		o.touched++
	}
	o.last = p.touched
	o.touches += float64(len(u.Touches))
	o.trades(u.Trades)
	b, _ := p.bids.best()
	a, _ := p.asks.best()
	if a.Price-b.Price == 1 {
		o.one++
	}
	o.touch = append(o.touch, float64(b.Qty)/1e5)
	mid := float64(a.Price+b.Price) / 2
	o.mids = append(o.mids, math.Log(mid))
	if len(o.mids)%50 == 0 {
		o.look(p, mid)
	}
}

func (o *observed) trades(trades []Trade) {
	for i, t := range trades {
		o.prints++
		size := float64(t.Qty) / 1e5
		if i > 0 && t.Order == trades[i-1].Order {
			o.sizes[len(o.sizes)-1] += size
			continue
		}
		o.sizes = append(o.sizes, size)
		sign := 1.0
		if t.Sell {
			sign = -1
		}
		o.signs = append(o.signs, sign)
	}
}

func (o *observed) look(p *Pair, mid float64) {
	o.looks++
	for i, d := range distances {
		for _, l := range p.bids.levels {
			if float64(l.Price) >= mid*(1-d/1e4) {
				o.bid[i] += float64(l.Qty) / 1e5
			}
		}
		for _, l := range p.asks.levels {
			if float64(l.Price) <= mid*(1+d/1e4) {
				o.ask[i] += float64(l.Qty) / 1e5
			}
		}
	}
}

func (o *observed) end() {
	for i := 10; i < len(o.mids); i += 10 {
		o.oneSecond = append(o.oneSecond, (o.mids[i]-o.mids[i-10])*1e4)
	}
	for i := 100; i < len(o.mids); i += 100 {
		o.tenSeconds = append(o.tenSeconds, (o.mids[i]-o.mids[i-100])*1e4)
	}
}

// TestTheMarketLooksLikeTheMeasuredOne holds the leading pair against the figures of the night it is modelled on. Some seeds are
// taken together: twenty minutes of one are as little a law as one hour of one night.
func TestTheMarketLooksLikeTheMeasuredOne(t *testing.T) {
	if testing.Short() {
		t.Skip("two hours of market take a while under the race detector")
	}
	var o observed
	for seed := range uint64(6) {
		m, p := awake(t, seed, "binance", "BTC-USDT")
		o.begin(p)
		m.Advance(m.Now().Add(20*time.Minute), o.see)
		o.end()
	}
	for _, s := range [][]float64{o.touch, o.levels, o.sizes} {
		slices.Sort(s)
	}
	seconds, orders := o.messages/10, float64(len(o.sizes))
	within(t, "share of one-tick spreads", o.one/o.messages, 0.99)
	within(t, "best bid, 5 %, BTC", quantile(o.touch, 0.05), 0.08)
	within(t, "best bid, median, BTC", quantile(o.touch, 0.5), 1.9)
	within(t, "best bid, 95 %, BTC", quantile(o.touch, 0.95), 5.3)
	within(t, "levels a message, median", quantile(o.levels, 0.5), 22)
	within(t, "levels a message, 90 %", quantile(o.levels, 0.9), 104)
	within(t, "levels a message, 99 %", quantile(o.levels, 0.99), 386)
	within(t, "best-touch updates a second", o.touches/seconds, 113)
	within(t, "share of messages that change the touch", o.touched/o.messages, 0.87)
	within(t, "share of removals that hit no level the client saw", o.unseen/o.removals, 0.18)
	within(t, "trades a second", o.prints/seconds, 30.6)
	within(t, "taker orders a second", orders/seconds, 11)
	within(t, "taker order, 10 %, BTC", quantile(o.sizes, 0.1), 0.0002)
	within(t, "taker order, median, BTC", quantile(o.sizes, 0.5), 0.003)
	within(t, "taker order, 90 %, BTC", quantile(o.sizes, 0.9), 0.10)
	within(t, "taker order, 99 %, BTC", quantile(o.sizes, 0.99), 1.04)
	mean := 0.0
	for _, s := range o.sizes {
		mean += s / orders
	}
	within(t, "taker order, mean, BTC", mean, 0.061)
	within(t, "sign autocorrelation, 1", autocorrelation(o.signs, 1), 0.41)
	within(t, "sign autocorrelation, 5", autocorrelation(o.signs, 5), 0.24)
	within(t, "sign autocorrelation, 20", autocorrelation(o.signs, 20), 0.11)
	sd, kurtosis, zeros := moments(o.oneSecond)
	within(t, "1 s returns, sd, bps", sd, 1.24)
	within(t, "1 s returns, kurtosis", kurtosis, 19)
	within(t, "1 s returns, share of zeros", zeros, 0.5)
	if r := autocorrelation(o.oneSecond, 1); math.Abs(r) > 0.15 {
		t.Errorf("1 s returns have an autocorrelation of %.2f", r)
	}
	sd, _, _ = moments(o.tenSeconds)
	within(t, "10 s returns, sd, bps", sd, 4.1)
	for i, want := range [4][2]float64{{3.8, 4.4}, {5.9, 7.6}, {39, 50}, {87, 114}} {
		within(t, fmt.Sprintf("bids within %v bps, BTC", distances[i]), o.bid[i]/o.looks, want[0])
		within(t, fmt.Sprintf("asks within %v bps, BTC", distances[i]), o.ask[i]/o.looks, want[1])
	}
}
