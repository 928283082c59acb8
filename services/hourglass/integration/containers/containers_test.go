package containers

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/hourglass-trading/hourglass/pkg/client"
	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/pkg/order"
)

// TestTheImagesOfThisBuild starts one platform and lets everything happen to it, one after the other: an order, a user on
// the bus, deaths, a network that is pulled, and a rolling restart. It needs HOURGLASS_IMAGES.
func TestTheImagesOfThisBuild(t *testing.T) {
	p := start(t)
	for _, step := range []struct {
		name string
		do   func(*platform)
	}{
		{"an order goes its way", (*platform).order},
		{"a user reads the bus and writes nothing", (*platform).user},
		{"each container dies in the middle of orders", (*platform).deaths},
		{"an executor is cut off and comes back", (*platform).pulledNetwork},
		{"every service is restarted under load", (*platform).rollingRestart},
	} {
		passed := t.Run(step.name, func(t *testing.T) {
			inner := *p
			inner.t = t
			step.do(&inner)
		})
		if !passed {
			return // what comes next would only repeat it
		}
	}
}

// order places an order at one gateway and follows it at the other.
func (p *platform) order() {
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	t := p.newTrader(ctx, "first", p.gateways[0])
	placed, err := t.CreateTWAP(ctx, client.TWAP{
		TokenID: "first", Symbol: "BTC-USDT", Side: market.Buy, Quantity: decimal.MustParse("0.03"), Duration: 3 * time.Second, Interval: time.Second,
	})
	if err != nil {
		p.t.Fatal(err)
	}
	elsewhere, err := client.New(p.gateways[1], client.WithPassword("first", "correct horse first"))
	if err != nil {
		p.t.Fatal(err)
	}
	var last order.Status
	for e, err := range elsewhere.Follow(ctx, placed.TokenID) {
		if err != nil {
			p.t.Fatal(err)
		}
		if e.Order != nil {
			last = e.Order.Status
		}
	}
	if last != order.Filled {
		p.t.Errorf("the order ends as %s", last)
	}
	t.orders = append(t.orders, placed.TokenID)
	t.check(ctx, p.t)
	p.audit(ctx)
}

// user connects to NATS with a token of the gateway's.
func (p *platform) user() {
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	p.newTrader(ctx, "reader", p.gateways[0])
	var login struct {
		Token string `json:"access_token"`
	}
	p.post(ctx, "/v1/login", "", map[string]string{"username": "reader", "password": "correct horse reader"}, &login)
	var allowed struct {
		Token string   `json:"token"`
		URLs  []string `json:"urls"`
	}
	p.post(ctx, "/v1/nats/credentials", login.Token, nil, &allowed)
	if _, err := nats.Connect(p.nats); err == nil {
		p.t.Error("somebody without a token was let in")
	}
	refused := make(chan error, 10)
	nc, err := nats.Connect(allowed.URLs[0], nats.Token(allowed.Token), nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
		refused <- err
	}))
	if err != nil {
		p.t.Fatal(err)
	}
	defer nc.Close()
	touches, err := nc.SubscribeSync("md.touch.*.BTC-USDT")
	if err != nil {
		p.t.Fatal(err)
	}
	if m, err := touches.NextMsgWithContext(ctx); err != nil || !json.Valid(m.Data) {
		p.t.Errorf("market data is not read: %v", err)
	}
	for subject, try := range map[string]func(string) error{
		"evt.>":                 func(s string) error { _, err := nc.SubscribeSync(s); return err },
		"cmd.>":                 func(s string) error { _, err := nc.SubscribeSync(s); return err },
		"usr.>":                 func(s string) error { _, err := nc.SubscribeSync(s); return err },
		"md.touch.binance.FAKE": func(s string) error { return nc.Publish(s, []byte("{}")) },
		"cmd.00.somebody":       func(s string) error { return nc.Publish(s, []byte("{}")) },
		"$JS.API.STREAM.NAMES":  func(s string) error { return nc.Publish(s, nil) },
	} {
		if err := errors.Join(try(subject), nc.Flush()); err != nil {
			p.t.Fatal(err)
		}
		select {
		case err := <-refused:
			if !errors.Is(err, nats.ErrPermissionViolation) || !strings.Contains(err.Error(), subject) {
				p.t.Errorf("%s: %v", subject, err)
			}
		case <-ctx.Done():
			p.t.Errorf("%s was allowed", subject)
		}
	}
}

// post sends a request that must succeed to the first gateway.
func (p *platform) post(ctx context.Context, path, token string, body, answer any) {
	p.t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		p.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.gateways[0]+path, bytes.NewReader(text))
	if err != nil {
		p.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	got, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil || res.StatusCode/100 != 2 {
		p.t.Fatalf("%s: %s: %s: %v", path, res.Status, got, err)
	}
	if err := json.Unmarshal(got, answer); err != nil {
		p.t.Fatalf("%s: %v", path, err)
	}
}

func (p *platform) deaths() {
	p.trading("killed", func() {
		for _, name := range services {
			p.while(2 * time.Second)
			if name == "nats" {
				docker(p.t, "restart", "--time", "20", p.ids[name]) // `make chaos` kills it
			} else {
				p.kill(name)
			}
			p.ready(name)
		}
		p.allReady()
	})
}

func (p *platform) pulledNetwork() {
	p.trading("pulled", func() {
		p.while(2 * time.Second)
		docker(p.t, "network", "disconnect", p.net.Name, p.ids["executor-1"])
		p.while(4 * time.Second) // longer than the others wait for a sign of life
		docker(p.t, "network", "connect", "--alias", "executor-1", p.net.Name, p.ids["executor-1"])
		p.allReady()
		p.while(2 * time.Second)
	})
}

// rollingRestart stops and starts every service by itself, the next one when the one before does its work.
func (p *platform) rollingRestart() {
	p.trading("rolled", func() {
		for _, name := range services {
			if name == "simulator" {
				continue // stands in for the exchanges, which are not ours to restart
			}
			p.while(2 * time.Second)
			docker(p.t, "restart", "--time", "20", p.ids[name])
			p.ready(name)
			p.allReady()
		}
	})
}

func (p *platform) allReady() {
	p.t.Helper()
	for _, name := range services {
		p.ready(name)
	}
}

// while lets orders go on for a time.
func (p *platform) while(d time.Duration) {
	p.t.Helper()
	if err := pause(p.t.Context(), d); err != nil {
		p.t.Fatal(err)
	}
}
