package twap

import (
	"math/bits"
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
// their fills and live as long as the profile of their order says; one that is wholly back counts for nothing, and goes
// when those before it have gone.
type Memory struct {
	Taken []Taken `json:"taken"`

	byLevel map[level][]int // the same, for the look at a level, by their numbers; nil until it is needed
	first   int             // the number of the first; they are numbered through, those that are gone too
}

// level names a level of a book, by the side of those who take from it.
type level struct {
	exchange market.Exchange
	symbol   market.Symbol
	side     market.Side
	price    decimal.Decimal
}

func (t *Taken) level() level { return level{t.Exchange, t.Symbol, t.Side, t.Price} }

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
		price := f.Price
		switch {
		case f.LevelPrice != nil:
			price = *f.LevelPrice // a resting order pays its own price for what the level had
		case f.Maker:
			continue // a trade gave it, no level did
		}
		t := Taken{
			Exchange: f.Exchange, Symbol: w.Order.Symbol, Side: f.Side, Price: price, Steps: steps,
			At: f.At, ForMS: forMS, Order: w.Order.ID,
		}
		m.index()
		m.Taken = append(m.Taken, t)
		m.byLevel[t.level()] = append(m.byLevel[t.level()], m.first+len(m.Taken)-1)
	}
}

// Forget drops what has come back at an instant.
func (m *Memory) Forget(at time.Time) {
	for len(m.Taken) > 0 && m.Taken[0].left(at) == 0 {
		m.index()
		key := m.Taken[0].level()
		m.Taken, m.first = m.Taken[1:], m.first+1
		if rest := m.byLevel[key][1:]; len(rest) > 0 {
			m.byLevel[key] = rest
		} else {
			delete(m.byLevel, key)
		}
	}
}

// index builds what is not stored.
func (m *Memory) index() {
	if m.byLevel != nil {
		return
	}
	m.byLevel = map[level][]int{}
	for i := range m.Taken {
		key := m.Taken[i].level()
		m.byLevel[key] = append(m.byLevel[key], m.first+i)
	}
}

// recall is what a memory says to one order at an instant.
type recall struct {
	memory *Memory  // nil: nothing
	alone  order.ID // the order that takes no heed of others; empty if it shares
	at     time.Time
}

// recall returns what concerns an order, within its scope.
func (m *Memory) recall(w *Work, at time.Time) recall {
	p := &w.Order.Profile
	if p.LiquidityMemoryMS <= 0 || len(m.Taken) == 0 {
		return recall{}
	}
	m.index()
	r := recall{memory: m, at: at}
	if p.MemoryScope == ScopeOrder {
		r.alone = w.Order.ID
	}
	return r
}

// missing returns the steps that are still missing from a level which has been there since born. A level that was gone in
// between has forgotten.
func (r recall) missing(l level, born int64) int64 {
	if r.memory == nil {
		return 0
	}
	var sum int64
	for _, i := range r.memory.byLevel[l] {
		t := &r.memory.Taken[i-r.memory.first]
		if t.At.UnixMilli() >= born && (r.alone == "" || r.alone == t.Order) {
			sum += t.left(r.at)
		}
	}
	return sum
}
