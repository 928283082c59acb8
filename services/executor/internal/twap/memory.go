package twap

import (
	"math/bits"
	"slices"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/pkg/order"
)

// The scopes of the consumed-liquidity memory: who finds a level emptied by whom.
const (
	ScopeAccount = "account" // the orders of one account
	ScopeOrder   = "order"   // each order is alone in the market
	// ScopeGlobal would let accounts disturb each other. A memory belongs to one account, so here it means account.
	ScopeGlobal = "global"
)

// Memory is what an account's orders took from the books and what has not come back yet. Entries stand in the order of
// their fills and live as long as the profile of their order says.
type Memory struct {
	Taken []Taken `json:"taken"`

	next time.Time // before which none is wholly back; zero if that is not known
}

// Taken is one fill as the memory keeps it.
type Taken struct {
	Exchange market.Exchange `json:"exchange"`
	Symbol   market.Symbol   `json:"symbol"`
	Side     market.Side     `json:"side"` // of the taker
	Price    decimal.Decimal `json:"price"`
	Steps    int64           `json:"steps"` // of the exchange's quantity step
	At       time.Time       `json:"at"`
	ForMS    int64           `json:"for_ms"` // after which all of it is back
	Order    order.ID        `json:"order"`
}

// left is how much of a fill is still missing from its level: ⌈n(T−Δ)/T⌉ steps.
func (t *Taken) left(at time.Time) int64 {
	gone := at.UnixMilli() - t.At.UnixMilli()
	if gone >= t.ForMS {
		return 0
	}
	total := uint64(t.ForMS)
	hi, lo := bits.Mul64(uint64(t.Steps), total-uint64(max(gone, 0)))
	q, r := bits.Div64(hi, lo, total) // the factor is at most T, so the quotient fits
	if r > 0 {
		q++
	}
	return int64(q)
}

// Remember keeps the fills of an order.
func (m *Memory) Remember(w *Work, fills []order.Fill) {
	forMS := w.Order.Profile.LiquidityMemoryMS
	if forMS <= 0 {
		return
	}
	for i := range fills {
		f := &fills[i]
		steps, err := f.Quantity.Steps(w.instrument(f.Exchange).QuantityStep)
		if err != nil || steps <= 0 {
			continue // an event of another build: better no memory than a wrong one
		}
		m.Taken = append(m.Taken, Taken{
			Exchange: f.Exchange, Symbol: w.Order.Symbol, Side: f.Side, Price: f.Price, Steps: steps,
			At: f.At, ForMS: forMS, Order: w.Order.ID,
		})
		m.expect(&m.Taken[len(m.Taken)-1], len(m.Taken) == 1)
	}
}

// Forget drops what has come back at an instant. It looks through the list only when something has.
func (m *Memory) Forget(at time.Time) {
	if len(m.Taken) == 0 || at.Before(m.next) {
		return
	}
	m.Taken = slices.DeleteFunc(m.Taken, func(t Taken) bool { return t.left(at) == 0 })
	m.next = time.Time{}
	for i := range m.Taken {
		m.expect(&m.Taken[i], i == 0)
	}
}

// expect lets next be no later than when t is wholly back.
func (m *Memory) expect(t *Taken, first bool) {
	back := t.At.Add(time.Duration(t.ForMS) * time.Millisecond).Truncate(time.Millisecond)
	if first || back.Before(m.next) {
		m.next = back
	}
}

// recall returns what concerns an order: its symbol and side, within its scope.
func (m *Memory) recall(w *Work) []Taken {
	if w.Order.Profile.LiquidityMemoryMS <= 0 {
		return nil
	}
	alone := w.Order.Profile.MemoryScope == ScopeOrder
	var out []Taken
	for i := range m.Taken {
		t := &m.Taken[i]
		if t.Symbol == w.Order.Symbol && t.Side == w.Order.Side && (!alone || t.Order == w.Order.ID) {
			out = append(out, *t)
		}
	}
	return out
}

// remembered returns the steps that are still missing from a level which has been there since born. A level that was gone
// in between has forgotten.
func remembered(taken []Taken, exchange market.Exchange, price decimal.Decimal, born int64, at time.Time) int64 {
	var sum int64
	for i := range taken {
		t := &taken[i]
		if t.Price == price && t.Exchange == exchange && t.At.UnixMilli() >= born {
			sum += t.left(at)
		}
	}
	return sum
}
