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
	lists  chan []wish // has room for one: the newest list replaces the one before it
}

func newWishes() *wishes { return &wishes{orders: map[wish]int{}, lists: make(chan []wish, 1)} }

// changed counts an order that has opened or ended. Either may be the zero Order, which is not open.
func (w *wishes) changed(before, after *order.Order) {
	was, is := open(before), open(after)
	if was == is {
		return
	}
	for _, e := range after.Exchanges {
		key := wish{e, after.Symbol}
		if is {
			w.orders[key]++
		} else if w.orders[key]--; w.orders[key] == 0 {
			delete(w.orders, key)
		}
	}
	w.tell()
}

func open(o *order.Order) bool { return o.ID != "" && !o.Status.Ended() }

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
