package integration

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"
)

// benched starts the platform as its users get it, without the race detector, and a client that keeps its connections.
func benched(b *testing.B) (*process, *http.Client) {
	b.Helper()
	path, err := fast()
	if err != nil {
		b.Fatal(err)
	}
	p := start(b, path, "--market", "sim", "--data", b.TempDir())
	return p, &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 128}, Timeout: 20 * time.Second}
}

// send sends a request and returns the status of its answer, which is read to its end.
func send(ctx context.Context, c *http.Client, method, url, token, body string) (int, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader([]byte(body)))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/json")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := c.Do(req)
	if err != nil {
		return 0, err
	}
	defer func() { _ = res.Body.Close() }()
	_, err = io.Copy(io.Discard, res.Body)
	return res.StatusCode, err
}

// BenchmarkOrdersAt100PerSecond measures the way from the request to 201, when the event that accepts the order is on disk. Ask
// for a number of orders: -benchtime 2000x.
func BenchmarkOrdersAt100PerSecond(b *testing.B) {
	p, c := benched(b)
	users := make([]*user, 25)
	for i := range users {
		users[i] = p.signUp(fmt.Sprintf("bench%d", i))
	}
	place := func(i int) {
		body := fmt.Sprintf(`{"token_id":"o%d","symbol":"BTC-USDT","side":"buy","quantity":"0.002","duration_seconds":3600,"interval_seconds":1800}`, i)
		status, err := send(b.Context(), c, "POST", p.url+"/v1/orders/twap", users[i%len(users)].token, body)
		if err != nil || status != http.StatusCreated {
			b.Errorf("order %d: %d, %v", i, status, err)
		}
	}
	for i := range users {
		place(i) // the first look at a market and an account is not what is measured
	}
	took := make([]time.Duration, b.N)
	var running sync.WaitGroup
	pace := time.NewTicker(10 * time.Millisecond)
	defer pace.Stop()
	b.ResetTimer()
	for i := range b.N {
		<-pace.C
		running.Go(func() {
			began := time.Now()
			place(len(users) + i)
			took[i] = time.Since(began)
		})
	}
	running.Wait()
	slices.Sort(took)
	b.ReportMetric(took[len(took)/2].Seconds()*1000, "p50-ms")
	b.ReportMetric(took[len(took)*99/100].Seconds()*1000, "p99-ms")
}

// BenchmarkBookReads measures reads of a book that the gateway follows.
func BenchmarkBookReads(b *testing.B) {
	p, c := benched(b)
	b.SetParallelism(8)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if status, err := send(b.Context(), c, "GET", p.url+"/v1/orderbook/binance/BTC-USDT", "", ""); err != nil || status != http.StatusOK {
				b.Errorf("book: %d, %v", status, err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "reads/s")
}
