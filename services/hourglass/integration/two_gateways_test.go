package integration

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/client"
	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/pkg/order"
)

// crowd is how many clients follow how many accounts' orders, as HOURGLASS_GATEWAYS says it:
// {"clients": 1000, "accounts": 50, "seconds": 300, "every": 5, "kill_every": 10}.
type crowd struct {
	Clients   int `json:"clients"`
	Accounts  int `json:"accounts"`
	Seconds   int `json:"seconds"`
	Every     int `json:"every"`      // seconds between an order's slices
	KillEvery int `json:"kill_every"` // seconds
}

// TestNoEventIsLostBetweenTwoGateways kills one of two gateways after the other, behind a balancer that knows nothing, and
// checks that each client has seen each event of its account, once and in order.
func TestNoEventIsLostBetweenTwoGateways(t *testing.T) {
	t.Parallel()
	n := crowd{Clients: 20, Accounts: 2, Seconds: 12, Every: 1, KillEvery: 4}
	if text := os.Getenv("HOURGLASS_GATEWAYS"); text != "" {
		if err := json.Unmarshal([]byte(text), &n); err != nil {
			t.Fatal(err)
		}
	}
	data, nats := t.TempDir(), freeAddr(t)
	up(t, "--market", "sim", "--data", data, "--nats-listen", nats)
	addrs := [2]string{freeAddr(t), freeAddr(t)}
	stops := [2]func(){gateway(t, nats, data, addrs[0]), gateway(t, nats, data, addrs[1])}
	url := "http://" + balance(t, addrs[:])
	traders := make([]*client.Client, n.Accounts)
	for i := range traders {
		traders[i] = trader(t.Context(), t, url, fmt.Sprintf("trader%d", i), n)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Duration(n.Seconds)*time.Second+2*time.Minute)
	defer cancel()
	var following sync.WaitGroup
	var events, lost atomic.Int64
	for i, c := range traders {
		for range n.Clients / n.Accounts {
			following.Go(func() {
				if err := followAll(ctx, c, &events, &lost); err != nil {
					t.Errorf("account %d: %v", i, err)
				}
			})
		}
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		following.Wait()
	}()
	kills := 0
	for tick := time.NewTicker(time.Duration(n.KillEvery) * time.Second); ; {
		select {
		case <-tick.C:
			which := kills % 2
			stops[which]()
			stops[which] = gateway(t, nats, data, addrs[which])
			kills++
			continue
		case <-ended:
		}
		tick.Stop()
		break
	}
	t.Logf("%d clients of %d accounts saw %d events, complete and in order; %d kills, connections lost %d times", n.Clients, n.Accounts, events.Load(), kills, lost.Load())
	if lost.Load() == 0 {
		t.Error("nobody noticed that a gateway was gone: the test proves nothing")
	}
}

// trader registers a user who works an order.
func trader(ctx context.Context, t *testing.T, url, name string, n crowd) *client.Client {
	t.Helper()
	c, err := client.New(url, client.WithPassword(name, "correct horse "+name), client.WithRetries(readyWithin))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Register(ctx, name, "correct horse "+name); err != nil {
		t.Fatal(err)
	}
	o := client.TWAP{
		TokenID: "followed", Symbol: "BTC-USDT", Side: market.Buy, Quantity: decimal.MustParse("0.1"),
		Duration: time.Duration(n.Seconds) * time.Second, Interval: time.Duration(n.Every) * time.Second,
	}
	for _, err = c.CreateTWAP(ctx, o); errors.Is(err, client.ErrPending); { // on a busy machine; the token makes it one order
		_, err = c.CreateTWAP(ctx, o)
	}
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// followAll sees an account's events from the first to the report of its order, and says where one is missing or comes twice.
func followAll(ctx context.Context, c *client.Client, events, lost *atomic.Int64) error {
	last := uint64(0)
	for f, err := range c.Frames(ctx, client.Stream{
		Subscriptions: []client.Subscription{{Stream: client.StreamOrders, FromSeq: 1}},
		Lost:          func(error, time.Duration) { lost.Add(1) },
	}) {
		if err != nil {
			return fmt.Errorf("after event %d: %w", last, err)
		}
		if f.Type != client.StreamOrders {
			continue
		}
		if f.Seq != last+1 {
			return fmt.Errorf("event %d after %d", f.Seq, last)
		}
		last = f.Seq
		events.Add(1)
		var e client.Event
		if err := json.Unmarshal(f.Raw, &e); err != nil {
			return err
		}
		if e.Type == order.OrderReported {
			return nil
		}
	}
	return fmt.Errorf("ended after event %d", last)
}

// balance forwards connections to the addresses in turn; one that does not answer is passed over.
func balance(t *testing.T, addrs []string) string {
	t.Helper()
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	t.Cleanup(func() {
		if err := ln.Close(); err != nil {
			t.Error(err)
		}
		running.Wait()
	})
	running.Go(func() {
		for i := 0; ; i++ {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			running.Go(func() { forward(t.Context(), conn, addrs, i) })
		}
	})
	return ln.Addr().String()
}

func forward(ctx context.Context, conn net.Conn, addrs []string, turn int) {
	defer func() { _ = conn.Close() }()
	var dialer net.Dialer
	for i := range addrs {
		out, err := dialer.DialContext(ctx, "tcp", addrs[(turn+i)%len(addrs)])
		if err != nil {
			continue
		}
		var back sync.WaitGroup
		back.Go(func() {
			_, _ = io.Copy(conn, out) // either end may be cut
			_ = conn.Close()
		})
		_, _ = io.Copy(out, conn)
		_ = out.Close()
		back.Wait()
		return
	}
}
