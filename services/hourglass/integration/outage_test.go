package integration

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/pkg/client"
	"github.com/hourglass-trading/hourglass/pkg/daemon"
	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/pkg/order"
	edge "github.com/hourglass-trading/hourglass/services/gateway"
	"github.com/hourglass-trading/hourglass/services/hourglass/internal/embedded"
)

// outage is a floor whose server goes away and comes back, and somebody who trades on it through a gateway.
type outage struct {
	*floor
	dir    string
	server *server.Server
	ann    *client.Client // asks once
}

// newServer starts the server alone.
func newServer(t *testing.T) *outage {
	t.Helper()
	o := &outage{dir: t.TempDir()}
	var err error
	if o.server, err = embedded.Start(embedded.Config{Dir: o.dir, Listen: "127.0.0.1:0"}, discard); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { embedded.Stop(o.server) })
	o.floor = &floor{t: t, bus: bus.Config{URL: o.server.ClientURL(), Name: "test"}, more: make(chan struct{})}
	return o
}

func newOutage(t *testing.T) *outage {
	t.Helper()
	o := newServer(t)
	o.open()
	var err error
	o.ann, err = client.New(o.gateway(), client.WithPassword("ann", "correct horse ann"), client.WithRetries(0))
	if err != nil {
		t.Fatal(err)
	}
	if err := o.ann.Register(t.Context(), "ann", "correct horse ann"); err != nil {
		t.Fatal(err)
	}
	return o
}

// gateway starts a gateway in this process.
func (f *floor) gateway() (url string) {
	f.t.Helper()
	ln, err := (&net.ListenConfig{}).Listen(f.t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		f.t.Fatal(err)
	}
	cfg := edge.Config{
		Listener: ln, KeyDir: f.t.TempDir(), Market: "sim", Exchanges: []market.Exchange{"binance"}, Version: daemon.Version(),
		Limits: edge.Limits{Off: true},
	}
	conn := f.connect()
	f.goes(func(ctx context.Context) {
		if err := edge.Run(ctx, cfg, conn, discard); err != nil {
			f.t.Errorf("gateway: %v", err)
		}
	})
	return "http://" + ln.Addr().String()
}

// away takes the server away for a time.
func (o *outage) away(d time.Duration) {
	o.t.Helper()
	listen := o.server.Addr().String()
	embedded.Stop(o.server)
	o.rest(d)
	var err error
	if o.server, err = embedded.Start(embedded.Config{Dir: o.dir, Listen: listen}, discard); err != nil {
		o.t.Fatal(err)
	}
}

func (o *outage) rest(d time.Duration) {
	o.t.Helper()
	if err := daemon.Wait(o.t.Context(), d); err != nil {
		o.t.Fatal(err)
	}
}

func (o *outage) place(token, quantity string) error {
	_, err := o.ann.CreateTWAP(o.t.Context(), client.TWAP{
		TokenID: token, Symbol: "BTC-USDT", Side: market.Buy, Quantity: decimal.MustParse(quantity), Duration: 2 * time.Second, Interval: time.Second,
	})
	return err
}

// decided waits until an order that was recorded is decided on.
func (o *outage) decided(token string) client.Order {
	o.t.Helper()
	for until := time.Now().Add(30 * time.Second); ; o.rest(50 * time.Millisecond) {
		got, err := o.ann.Order(o.t.Context(), token)
		switch {
		case err == nil:
			return got
		case !errors.Is(err, client.ErrPending) && !errors.Is(err, client.ErrUnavailable):
			o.t.Fatalf("order %s was recorded, and is %v", token, err)
		case time.Now().After(until):
			o.t.Fatalf("order %s is not decided on: %v", token, err)
		}
	}
}

// TestWhatIsRecordedIsDecidedOnWhateverHappensToTheBus holds every order that was answered 202 to its promise: its address
// tells in the end what became of it.
func TestWhatIsRecordedIsDecidedOnWhateverHappensToTheBus(t *testing.T) {
	if testing.Short() {
		t.Skip("needs seconds of real time")
	}
	t.Parallel()
	o := newOutage(t)
	var early sync.WaitGroup // nobody works the accounts yet
	for token, quantity := range map[string]string{"fits": "0.01", "does-not": "900"} {
		early.Go(func() {
			if err := o.place(token, quantity); !errors.Is(err, client.ErrPending) {
				t.Errorf("%s: %v", token, err)
			}
			if got, err := o.ann.Order(t.Context(), token); !errors.Is(err, client.ErrPending) {
				t.Errorf("%s is %s before it is decided on: %v", token, got.Status, err)
			}
		})
	}
	early.Wait()
	o.away(100 * time.Millisecond)
	o.execute()
	if got := o.decided("fits"); got.Status == order.Rejected || got.Rejection != nil {
		t.Errorf("the order that fits: %s, %+v", got.Status, got.Rejection)
	}
	if got := o.decided("does-not"); got.Status != order.Rejected || got.Reason != "insufficient_funds" || got.Rejection == nil {
		t.Errorf("the order that nobody can pay: %s %s, %+v", got.Status, got.Reason, got.Rejection)
	}

	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	said := o.crowd(ctx)
	for _, d := range []time.Duration{300 * time.Millisecond, 900 * time.Millisecond, 3500 * time.Millisecond} {
		o.rest(1500 * time.Millisecond)
		o.away(d)
	}
	o.rest(time.Second)
	stop()
	answers, listed := said(), map[string]bool{}
	for got, err := range o.ann.Orders(t.Context(), client.OrdersQuery{}) {
		if err != nil {
			t.Fatal(err)
		}
		listed[got.TokenID] = true
	}
	placed, recorded, unknown := 0, 0, 0
	for token, err := range answers {
		switch {
		case err == nil:
			placed++
			if !listed[token] {
				t.Errorf("order %s was placed, and is not there", token)
			}
		case errors.Is(err, client.ErrPending):
			recorded++
			o.decided(token)
		case errors.Is(err, client.ErrUnavailable):
			unknown++
		default:
			t.Errorf("order %s: %v", token, err)
		}
	}
	if placed == 0 {
		t.Error("no order was placed at once")
	}
	t.Logf("%d orders placed at once, %d recorded and decided on later, %d told that nobody knows", placed, recorded, unknown)
}

// crowd places ten orders a second until ctx ends; answers waits for what was said to each.
func (o *outage) crowd(ctx context.Context) (answers func() map[string]error) {
	var (
		mu              sync.Mutex // guards said
		said            = map[string]error{}
		placing, asking sync.WaitGroup
	)
	asking.Go(func() {
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for n := 0; ; n++ {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			placing.Go(func() {
				token := fmt.Sprintf("crowd-%d", n)
				err := o.place(token, "0.001")
				mu.Lock()
				said[token] = err
				mu.Unlock()
			})
		}
	})
	return func() map[string]error {
		asking.Wait()
		placing.Wait()
		return said
	}
}
