package chaos

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// trader is a client who places orders at both gateways and writes down what he was told.
type trader struct {
	name  string
	at    []string
	token string      // of access; only trade writes it, while no request runs
	stale atomic.Bool // the token was refused

	mu    sync.Mutex      // guards told
	told  map[string]bool // orders that were acknowledged
	asked int
}

var web = &http.Client{Timeout: 6 * time.Second}

// ask sends a request; the status is 0 if there is no answer.
func (c *trader) ask(ctx context.Context, at, method, path string, body any) (status int, answer []byte) {
	text, err := json.Marshal(body)
	if err != nil {
		return 0, nil
	}
	req, err := http.NewRequestWithContext(ctx, method, at+path, bytes.NewReader(text))
	if err != nil {
		return 0, nil
	}
	req.Header.Set("Content-Type", "application/json")
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	res, err := web.Do(req)
	if err != nil {
		return 0, nil
	}
	defer func() { _ = res.Body.Close() }()
	answer, err = io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return 0, nil // it broke off: nothing was acknowledged
	}
	return res.StatusCode, answer
}

// enter registers and logs in, however long it takes.
func (c *trader) enter(ctx context.Context) {
	c.token = ""
	who := map[string]string{"username": c.name, "password": "correct horse " + c.name}
	for ctx.Err() == nil {
		at := c.at[rand.IntN(len(c.at))]
		c.ask(ctx, at, http.MethodPost, "/v1/register", who)
		status, body := c.ask(ctx, at, http.MethodPost, "/v1/login", who)
		var tokens struct {
			AccessToken string `json:"access_token"`
		}
		if status == http.StatusOK && json.Unmarshal(body, &tokens) == nil && tokens.AccessToken != "" {
			c.token = tokens.AccessToken
			return
		}
		pause(ctx, 200*time.Millisecond)
	}
}

// trade places an order of so many slices every now and then until ctx ends, each at both gateways at once and again until it is known.
func (c *trader) trade(ctx context.Context, slices int) {
	c.enter(ctx)
	for n := 0; ctx.Err() == nil; n++ {
		if c.stale.Swap(false) {
			c.enter(ctx)
		}
		c.asked++
		token := fmt.Sprint(c.name, "-", n)
		order := map[string]any{
			"token_id": token, "symbol": []string{"BTC-USDT", "ETH-USDT"}[n%2], "quantity": []string{"0.2", "2"}[n%2],
			"side": []string{"buy", "sell"}[n/2%2], "duration_seconds": orderSeconds, "slices": slices,
		}
		var both sync.WaitGroup
		for _, at := range c.at {
			both.Go(func() { c.place(ctx, at, token, order) })
		}
		both.Wait()
		pause(ctx, orderEvery)
	}
}

func (c *trader) place(ctx context.Context, at, token string, order map[string]any) {
	for range 20 {
		status, _ := c.ask(ctx, at, http.MethodPost, "/v1/orders/twap", order)
		switch {
		case status == http.StatusUnauthorized: // the token has expired; the next order has another
			c.stale.Store(true)
			return
		case status == http.StatusCreated, status == http.StatusOK:
			c.mu.Lock()
			c.told[token] = true
			c.mu.Unlock()
			return
		case status >= 400 && status < 500:
			return
		}
		if pause(ctx, 300*time.Millisecond) != nil {
			return
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
