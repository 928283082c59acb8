package stream

import (
	"context"
	"math"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
)

const (
	maxHalfLife = 86_400 // seconds
	ewmaEvery   = time.Second
	ewmaScale   = 12 // decimals that the sum is kept with; clients are told ewmaTold
	ewmaTold    = 8
)

var half = decimal.New(5, 1)

// average is the exponentially weighted average of the mid over time since a subscription: what held longer counts more,
// and what is half_life ago counts half. A time without a mid does not count.
type average struct {
	halfLife time.Duration
	state    market.State
	mid      *decimal.Decimal // since at; nil: there is none
	value    *decimal.Decimal // up to at; nil: there was none yet
	at       time.Time
}

// observe takes a change of the touch.
func (a *average) observe(t *touchBody, at time.Time) {
	a.pass(at)
	a.state, a.mid = t.State, nil
	if t.Bid == nil || t.Ask == nil {
		return
	}
	var c decimal.Calc
	mid := c.Mul(c.Add(t.Bid.Price, t.Ask.Price), half)
	if c.Err() != nil {
		return
	}
	a.mid = &mid
	if a.value == nil {
		a.value = &mid
	}
}

// pass lets time pass with the mid as it was. The weight is a share of time, no amount, so it may come from a float.
func (a *average) pass(at time.Time) {
	passed := at.Sub(a.at)
	a.at = at
	if a.mid == nil || a.value == nil || passed <= 0 {
		return
	}
	weight := decimal.New(int64(math.Round(math.Exp2(-float64(passed)/float64(a.halfLife))*1e12)), 12)
	var c decimal.Calc
	sum := c.Add(*a.mid, c.Mul(c.Sub(*a.value, *a.mid), weight))
	if c.Err() != nil {
		return
	}
	if sum, err := sum.Round(ewmaScale, decimal.HalfEven); err == nil {
		a.value = &sum
	}
}

type ewmaBody struct {
	State    market.State     `json:"state"`
	HalfLife int              `json:"half_life"`
	Value    *decimal.Decimal `json:"value"` // null: there was no mid yet
	Mid      *decimal.Decimal `json:"mid"`   // null: there is none
}

// pumpEWMA tells the average each second.
func (sub *subscription) pumpEWMA(ctx context.Context, s *session, now time.Time) (int, time.Time, error) {
	if now.Before(sub.due) {
		return 0, sub.due, nil
	}
	sub.due = now.Add(ewmaEvery)
	sub.mu.Lock()
	sub.average.pass(now)
	told := ewmaBody{State: sub.average.state, HalfLife: sub.key.halfLife, Mid: sub.average.mid}
	if v := sub.average.value; v != nil {
		if rounded, err := v.Round(ewmaTold, decimal.HalfEven); err == nil {
			told.Value = &rounded
		}
	}
	sub.mu.Unlock()
	return 1, sub.due, s.sendBody(ctx, sub, now, encode(told))
}
