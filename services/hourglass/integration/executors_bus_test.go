package integration

import (
	"fmt"
	"testing"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/pkg/order"
	"github.com/hourglass-trading/hourglass/services/hourglass/internal/audit"
	"github.com/hourglass-trading/hourglass/services/hourglass/internal/embedded"
)

// TestExecutorsOutliveTheBus starts the server anew under two executors: both go on, neither takes the other for dead for
// longer than it takes to hear of it, and nothing is doubled or lost.
func TestExecutorsOutliveTheBus(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("needs seconds of real time")
	}
	dir := t.TempDir()
	nats, err := embedded.Start(embedded.Config{Dir: dir, Listen: "127.0.0.1:0"}, discard)
	if err != nil {
		t.Fatal(err)
	}
	f := &floor{t: t, bus: bus.Config{URL: nats.ClientURL(), Name: "test"}, more: make(chan struct{})}
	f.open()
	f.execute()
	f.execute()
	f.shared(2)
	orders := map[order.ID]order.AccountID{}
	p := order.Defaults()
	p.TokenID, p.Symbol, p.Side, p.Quantity, p.DurationSeconds, p.IntervalSeconds = "first", "BTC-USDT", market.Buy, decimal.One, 10, 1
	for i := range 12 {
		a := order.AccountID(fmt.Sprintf("a%02d", i))
		f.send(order.Command{ID: order.CommandID(a, order.OpenAccount, ""), Account: a, Type: order.OpenAccount})
		f.ask(bus.AskPreview, bus.PreviewRequest{Account: a, TWAP: &p}, &order.Preview{})
		id := order.NewID(a, p.TokenID)
		f.send(order.Command{ID: order.CommandID(a, order.CreateTWAP, p.TokenID), Account: a, Type: order.CreateTWAP, OrderID: id, TWAP: &p})
		orders[id] = a
	}
	f.await("acceptance of all", reached(orders, order.OrderAccepted))

	listen := nats.Addr().String()
	embedded.Stop(nats)
	if nats, err = embedded.Start(embedded.Config{Dir: dir, Listen: listen}, discard); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { embedded.Stop(nats) })
	back := time.Now()
	f.report(orders)
	t.Logf("every order is reported on %s after the server is back", time.Since(back))
	f.await("end of all", reached(orders, order.OrderReported))
	t.Logf("shared by two after %s more", f.shared(2))
	result, err := audit.Bus(t.Context(), f.conn)
	if err != nil || result.Count != 0 {
		t.Fatalf("audit: %v, %v", result.Violations, err)
	}
	f.check(orders)
}
