// Command order sees one order through a running gateway, from outside and with nothing but its public interface: it makes
// an account, places a TWAP order, waits until it is filled, and adds its executions up, exactly.
//
//	go run .ci/order.go http://localhost:8000
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"os"
	"time"
)

const (
	readyWithin  = time.Minute     // a gateway just started waits for its first book
	filledWithin = 2 * time.Minute // the order below takes six seconds
	maxBody      = 4 << 20         // bytes of an answer
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: order http://host:port")
		os.Exit(2)
	}
	ctx, cancel := context.WithTimeout(context.Background(), readyWithin+filledWithin)
	defer cancel()
	if err := run(ctx, os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "order:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, base string) error {
	c := &client{base: base}
	if err := within(ctx, readyWithin, func() error { return c.call(ctx, "GET", "/readyz", nil, nil) }); err != nil {
		return err
	}
	user := map[string]any{"username": fmt.Sprintf("ci-%d", time.Now().UnixNano()), "password": "correct horse battery staple"}
	if err := c.call(ctx, "POST", "/register", user, nil); err != nil {
		return err
	}
	var login struct {
		Token string `json:"access_token"`
	}
	if err := c.call(ctx, "POST", "/login", user, &login); err != nil {
		return err
	}
	c.token = login.Token

	const quantity = "0.03"
	order := map[string]any{
		"token_id": "ci-1", "symbol": "BTC-USDT", "exchange": "all", "side": "buy",
		"quantity": quantity, "duration_seconds": 6, "interval_seconds": 2,
	}
	if err := c.call(ctx, "POST", "/orders/twap", order, nil); err != nil {
		return err
	}
	if err := within(ctx, filledWithin, func() error { return c.filled(ctx) }); err != nil {
		return err
	}
	sum, fills, err := c.executed(ctx)
	if err != nil {
		return err
	}
	if want, _ := new(big.Rat).SetString(quantity); sum.Cmp(want) != 0 {
		return fmt.Errorf("%d executions add up to %s, not %s", fills, sum.FloatString(10), quantity)
	}
	fmt.Printf("an order for %s BTC is filled by %d executions that add up to it\n", quantity, fills)
	return nil
}

// filled returns nil once the order is filled, and a lasting error when it cannot be any more.
func (c *client) filled(ctx context.Context) error {
	var state struct {
		Status, Reason string
		Filled         string `json:"filled_quantity"`
	}
	if err := c.call(ctx, "GET", "/orders/ci-1", nil, &state); err != nil {
		return err
	}
	switch state.Status {
	case "filled":
		return nil
	case "expired", "canceled", "rejected":
		return fmt.Errorf("%w: the order is %s (%s), filled %s", errLasting, state.Status, state.Reason, state.Filled)
	}
	return fmt.Errorf("the order is still %s, filled %s", state.Status, state.Filled)
}

// executed adds up the quantities of the order's executions, which are asked for in one page.
func (c *client) executed(ctx context.Context) (*big.Rat, int, error) {
	var list struct {
		Executions []struct {
			Quantity string `json:"quantity"`
		} `json:"executions"`
	}
	if err := c.call(ctx, "GET", "/v1/orders/ci-1/executions?limit=1000", nil, &list); err != nil {
		return nil, 0, err
	}
	sum := new(big.Rat)
	for _, e := range list.Executions {
		q, ok := new(big.Rat).SetString(e.Quantity)
		if !ok {
			return nil, 0, fmt.Errorf("an execution's quantity is %q", e.Quantity)
		}
		sum.Add(sum, q)
	}
	return sum, len(list.Executions), nil
}

// errLasting says that asking again will not help.
var errLasting = errors.New("for good")

// within asks once a second until there is no error, a lasting one, or the time is over.
func within(ctx context.Context, limit time.Duration, ask func() error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		err := ask()
		if err == nil || errors.Is(err, errLasting) {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("after %s: %w", limit, err)
		case <-tick.C:
		}
	}
}

type client struct{ base, token string }

func (c *client) call(ctx context.Context, method, path string, body, answer any) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	var text bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&text).Encode(body); err != nil {
			return err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, &text)
	if err != nil {
		return err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	got, err := io.ReadAll(io.LimitReader(res.Body, maxBody))
	if err != nil {
		return err
	}
	if res.StatusCode/100 != 2 {
		return fmt.Errorf("%s %s: %s: %s", method, path, res.Status, got)
	}
	if answer == nil {
		return nil
	}
	if err := json.Unmarshal(got, answer); err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	return nil
}
