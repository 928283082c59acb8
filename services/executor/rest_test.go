package executor

import (
	"encoding/json"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/pkg/order"
)

// print brings a trade of a seller.
func (r *rig) print(price, quantity int64) {
	payload, err := json.Marshal(&market.Trade{
		Exchange: "binance", Symbol: btc, ID: "t1", Price: decimal.New(price, 0), Quantity: decimal.New(quantity, 1), TakerSide: market.Sell, ReceivedAt: time.Now(),
	})
	if err != nil {
		r.t.Fatal(err)
	}
	r.inbox.putTrade(bus.TradeSubject("binance", btc), payload)
	synctest.Wait()
}

func TestAnOrderAtRestIsMetWhenTheMarketComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &memoryLog{}
		r := start(t, log)
		r.open()
		price := decimal.New(59_000, 0)
		p := order.Plain{TokenID: "rest", Symbol: btc, Side: market.Buy, Type: order.Limit, Quantity: decimal.One, Price: &price}
		p.SetDefaults()
		id := order.NewID(ann, "rest")
		r.send(order.Command{ID: "rest", Type: order.CreatePlain, OrderID: id, Plain: &p})
		r.pass(5 * time.Second)
		if o, _ := r.accounts[ann].state.Order(id); o.Resting == nil {
			t.Fatalf("%s, not at rest", o.Status)
		}
		r.print(58_999, 4)
		if o, _ := r.accounts[ann].state.Order(id); o.FilledQuantity.String() != "0.4" {
			t.Errorf("filled %s at once", o.FilledQuantity)
		}
		r.stop()
		r = start(t, log) // the rest goes on waiting
		defer r.stop()
		r.pass(time.Second)
		r.print(58_000, 50)
		r.pass(time.Second)
		o, _ := r.accounts[ann].state.Order(id)
		if o.Status != order.Filled || o.Notional != price || !o.Reserved.Amount.IsZero() || log.count(t, order.OrderMatched) != 2 {
			t.Errorf("%s, %s for %s, %d events", o.Status, o.FilledQuantity, o.Notional, log.count(t, order.OrderMatched))
		}
	})
}
