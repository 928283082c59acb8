package twap

import (
	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/order"
)

// Why a slice wanted or got less than it might have.
const (
	byCatchUp       = "catch_up"
	byParticipation = "participation"
	byFunds         = "funds"
)

// want is what a slice is after, in grains.
type want struct {
	backlog, wanted int64
	limitedBy       string
}

// want works out what slice i of the schedule is after, before the participation cap.
func (w *Work) want(i int) want {
	flying, _ := w.inFlight()
	done := w.filled() + flying
	plan := w.planned[i] - w.plannedBefore(i)
	out := want{backlog: max(0, w.plannedBefore(i)-done), wanted: plan}
	switch w.Order.Params.CatchUp {
	case order.CatchUpNext:
		out.wanted = plan + w.grid.floor(out.backlog)
	case order.CatchUpSpread:
		out.wanted = plan + w.grid.floor(out.backlog/int64(len(w.Schedule)-i))
	}
	if w.Order.Params.CatchUp != order.CatchUpNone {
		var c decimal.Calc
		lid := w.grid.floorLots(c.Mul(w.grid.value(plan), w.Order.Params.CatchUpMaxMultiple))
		if c.Err() == nil && out.wanted > lid {
			out.wanted, out.limitedBy = lid, byCatchUp
		}
	}
	out.wanted = min(out.wanted, w.count(w.Order.Quantity)-done)
	return out
}

// participate cuts what a slice wants to the share of the volume seen since one interval before the start.
func (w *Work) participate(out want, volume decimal.Decimal) want {
	if w.ParticipationCap == nil {
		return out
	}
	flying, _ := w.inFlight()
	var c decimal.Calc
	room := w.grid.floorLots(c.Mul(volume, *w.ParticipationCap)) - w.filled() - flying
	if c.Err() != nil {
		return out // more volume than 38 digits: no bound
	}
	if room = w.grid.floor(max(0, room)); out.wanted > room {
		out.wanted, out.limitedBy = room, byParticipation
	}
	return out
}

// sweep is what the extra slice at the end is after: all that is left.
func (w *Work) sweep() want {
	flying, _ := w.inFlight()
	left := w.count(w.Order.Quantity) - w.filled() - flying
	return want{backlog: left, wanted: left}
}
