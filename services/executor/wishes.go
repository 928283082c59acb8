package executor

import (
	"context"
	"log/slog"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/pkg/order"
)

// interestEvery is how often the wish for the books of open orders is renewed: a third of its life.
const interestEvery = bus.InterestTTL / 3

// wish is a book that open orders need.
type wish struct {
	exchange market.Exchange
	symbol   market.Symbol
}

// wishes counts the open orders that need each book. The loop owns it; the list travels to whoever renews it.
type wishes struct {
	orders map[wish]int
	open   map[order.ID]bool // whose books are counted
	lists  chan []wish       // has room for one: the newest list replaces the one before it
}

func newWishes() *wishes {
	return &wishes{orders: map[wish]int{}, open: map[order.ID]bool{}, lists: make(chan []wish, 1)}
}

// set takes an order as it is now.
func (w *wishes) set(o *order.Order) {
	if w.count(o, !o.Status.Ended()) {
		w.tell()
	}
}

// count counts an order in or out, and reports whether that changed anything.
func (w *wishes) count(o *order.Order, open bool) bool {
	if w.open[o.ID] == open {
		return false
	}
	by := 1
	if open {
		w.open[o.ID] = true
	} else {
		delete(w.open, o.ID)
		by = -1
	}
	for _, e := range o.Exchanges {
		key := wish{e, o.Symbol}
		if w.orders[key] += by; w.orders[key] == 0 {
			delete(w.orders, key)
		}
	}
	return true
}

// tell hands on the list in place of one that was not taken yet.
func (w *wishes) tell() {
	list := make([]wish, 0, len(w.orders))
	for key := range w.orders {
		list = append(list, key)
	}
	select {
	case <-w.lists:
	default:
	}
	w.lists <- list
}

// renewInterest keeps the books of open orders collected: it renews the newest list of wishes before they expire.
func renewInterest(ctx context.Context, conn *bus.Conn, lists <-chan []wish, log *slog.Logger) error {
	var wanted []wish
	tick := time.NewTicker(interestEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case wanted = <-lists:
		case <-tick.C:
		}
		for _, w := range wanted {
			if err := conn.Want(ctx, w.exchange, w.symbol); err != nil {
				log.Warn("interest not renewed", "exchange", w.exchange, "symbol", w.symbol, "error", err)
			}
		}
	}
}
