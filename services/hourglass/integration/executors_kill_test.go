package integration

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/pkg/order"
	"github.com/hourglass-trading/hourglass/services/executor"
	"github.com/hourglass-trading/hourglass/services/hourglass/internal/audit"
	"github.com/hourglass-trading/hourglass/services/hourglass/internal/embedded"
)

// executorAt, in the environment of this test's own binary, has it be an executor on that server instead: a process that can
// be killed, without another build.
const executorAt = "HOURGLASS_TEST_EXECUTOR_AT"

// beExecutor is what that process does. It ends by being killed, or with the process that started it, whose end closes its
// standard input.
func beExecutor(url string) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		defer cancel()
		_, _ = io.Copy(io.Discard, os.Stdin)
	}()
	cfg, err := executor.ParseConfig(func(key string) string {
		return map[string]string{"HOURGLASS_EXCHANGES": "binance", "HOURGLASS_MARKET": "sim"}[key]
	})
	if err != nil {
		return err
	}
	cfg.HealthListen = ""
	conn, err := bus.Connect(ctx, bus.Config{URL: url, Name: "executor"}, discard)
	if err != nil {
		return err
	}
	return executor.Run(ctx, cfg, conn, discard)
}

// child starts an executor as a process, and returns what kills it.
func (f *floor) child() (kill func()) {
	f.t.Helper()
	cmd := exec.CommandContext(context.WithoutCancel(f.t.Context()), os.Args[0])
	cmd.Env = append(os.Environ(), executorAt+"="+f.bus.URL)
	cmd.Stderr = os.Stderr
	if _, err := cmd.StdinPipe(); err != nil {
		f.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		f.t.Fatal(err)
	}
	kill = func() {
		if cmd.ProcessState == nil {
			_ = cmd.Process.Signal(syscall.SIGKILL) // fails if it is gone
			_ = cmd.Wait()
		}
	}
	f.t.Cleanup(kill)
	return kill
}

// TestKillNineOfOneOfTwoExecutors kills one of two processes while orders run: the other takes its accounts over, and
// nothing is lost or doubled. How long that takes is told; a second and a half is what the leases are made for.
func TestKillNineOfOneOfTwoExecutors(t *testing.T) {
	if testing.Short() {
		t.Skip("needs seconds of real time")
	}
	t.Parallel()
	nats, err := embedded.Start(embedded.Config{Dir: t.TempDir(), Listen: "127.0.0.1:0"}, discard)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { embedded.Stop(nats) })
	f := &floor{t: t, bus: bus.Config{URL: nats.ClientURL(), Name: "test"}, more: make(chan struct{})}
	f.open()
	f.child()
	kill := f.child()
	f.shared(2)
	orders := map[order.ID]order.AccountID{}
	p := order.Defaults()
	p.TokenID, p.Symbol, p.Side, p.Quantity, p.DurationSeconds, p.IntervalSeconds = "first", "BTC-USDT", market.Buy, decimal.One, 5, 1
	for i := range 12 {
		a := order.AccountID(fmt.Sprintf("a%02d", i))
		f.send(order.Command{ID: order.CommandID(a, order.OpenAccount, ""), Account: a, Type: order.OpenAccount})
		f.ask(bus.AskPreview, bus.PreviewRequest{Account: a, TWAP: &p}, &order.Preview{}) // the book is there
		id := order.NewID(a, p.TokenID)
		f.send(order.Command{ID: order.CommandID(a, order.CreateTWAP, p.TokenID), Account: a, Type: order.CreateTWAP, OrderID: id, TWAP: &p})
		orders[id] = a
	}
	f.await("first slice of all", reached(orders, order.SliceDecided))
	killed := time.Now()
	kill()
	f.shared(1)
	t.Logf("what a killed one had is taken after %s", time.Since(killed))
	f.await("end of all", reached(orders, order.OrderReported))
	result, err := audit.Bus(t.Context(), f.conn)
	if err != nil || result.Count != 0 || result.Accounts != len(orders) {
		t.Fatalf("audit of %d accounts: %v, %v", result.Accounts, result.Violations, err)
	}
	f.check(orders)
}
