package twap

import (
	"sort"

	"github.com/hourglass-trading/hourglass/pkg/decimal"
)

// tapeLength is how many trades of a pair are remembered one by one. What lies before the oldest is only in the sums, so
// a look further back sees less volume than there was, and a participation cap then holds back more, never less.
const tapeLength = 8192

// flow is a volume in the base asset and its worth in the quote asset.
type flow struct {
	volume, notional decimal.Decimal
}

func (f flow) plus(g flow) (flow, error) {
	var c decimal.Calc
	sum := flow{c.Add(f.volume, g.volume), c.Add(f.notional, g.notional)}
	return sum, c.Err()
}

func (f flow) minus(g flow) flow {
	var c decimal.Calc
	d := flow{c.Sub(f.volume, g.volume), c.Sub(f.notional, g.notional)}
	if c.Err() != nil {
		return flow{}
	}
	return d
}

// tape is the running sum of the trades of one pair.
type tape struct {
	prints []tapePrint // the newest, by time
	before flow        // the sum before the oldest of them
}

type tapePrint struct {
	at  int64 // Unix milliseconds
	sum flow  // up to and with this trade
}

// add takes a trade in. One whose worth does not fit the sums is left out, which no real market brings about.
func (t *tape) add(at int64, price, quantity decimal.Decimal) {
	var c decimal.Calc
	trade := flow{quantity, c.Mul(price, quantity)}
	sum, err := t.last().plus(trade)
	if c.Err() != nil || err != nil {
		return
	}
	n := len(t.prints)
	if n > 0 && at <= t.prints[n-1].at { // time does not run backwards
		t.prints[n-1].sum = sum
		return
	}
	t.prints = append(t.prints, tapePrint{at: at, sum: sum})
	if len(t.prints) == 2*tapeLength { // halve at once, so that it costs nothing per trade
		t.before = t.prints[tapeLength-1].sum
		t.prints = append(t.prints[:0], t.prints[tapeLength:]...)
	}
}

func (t *tape) last() flow {
	if n := len(t.prints); n > 0 {
		return t.prints[n-1].sum
	}
	return t.before
}

// upTo returns the sum of the trades at or before an instant.
func (t *tape) upTo(at int64) flow {
	n := len(t.prints)
	if n == 0 || t.prints[n-1].at <= at {
		return t.last()
	}
	i := sort.Search(n, func(i int) bool { return t.prints[i].at > at })
	if i == 0 {
		return t.before
	}
	return t.prints[i-1].sum
}
