package up_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/hourglass-trading/hourglass/services/gateway/apitest"
	"github.com/hourglass-trading/hourglass/services/hourglass/internal/up"
)

// The size of a run: a few thousand by default, a million to be sure. A seed makes a run again.
const (
	requestsEnv = "HOURGLASS_FUZZ_REQUESTS"
	framesEnv   = "HOURGLASS_FUZZ_FRAMES"
	seedEnv     = "HOURGLASS_FUZZ_SEED"
)

func number(t *testing.T, env string, def int) int {
	t.Helper()
	text := os.Getenv(env)
	if text == "" {
		return def
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: %v", env, err)
	}
	return n
}

// start runs the whole platform in this process until the test ends, and then looks for goroutines that are left.
func start(t *testing.T) (url string) {
	t.Helper()
	before := goleak.IgnoreCurrent()
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	read, write := io.Pipe()
	done := make(chan error, 1)
	settings := map[string]string{"HOURGLASS_RATE_LIMITS": "off", "HOURGLASS_FRAMES_PER_SECOND": "1000000", "HOURGLASS_SOCKETS_PER_ACCOUNT": "1000"}
	opt := up.Options{Market: "sim", Listen: "127.0.0.1:0", Data: t.TempDir(), Seed: 1, Speed: 1, Exchanges: []string{"binance", "kraken"}}
	go func() {
		err := up.Run(ctx, opt, func(key string) string { return settings[key] }, write, slog.New(slog.NewTextHandler(faults{t}, &slog.HandlerOptions{Level: slog.LevelError})))
		_ = write.CloseWithError(errors.Join(io.EOF, err))
		done <- err
	}()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("the platform broke: %v", err)
		}
		http.DefaultClient.CloseIdleConnections()
		goleak.VerifyNone(t, before)
	})
	lines := bufio.NewScanner(read)
	for lines.Scan() {
		if address, ready := strings.CutPrefix(lines.Text(), "ready "); ready {
			return address
		}
	}
	t.Fatalf("the platform does not start: %v", lines.Err())
	return ""
}

// faults fails the test for each line at level error: a person would have to act.
type faults struct{ t *testing.T }

func (f faults) Write(line []byte) (int, error) {
	f.t.Errorf("logged: %s", bytes.TrimSpace(line))
	return len(line), nil
}

// names are what a request may be about.
var names = map[string][]string{
	"exchange": {"binance", "kraken", "all"}, "symbol": {"BTC-USDT", "ETH-USDT", "BTCUSDT"}, "token_id": {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n"},
	"asset": {"USDT", "BTC", "ETH"}, "interval": {"1s", "1m", "5m", "1h"}, "username": {"fuzz0", "fuzz1", "nobody"}, "password": {"correct horse", "wrong horse"}, "current_password": {"wrong horse"},
	"new_password": {"correct horse"}, "grant_type": {"password", "refresh_token"}, "cursor": {"abc"}, "start": {"1767225600000"}, "end": {"1767225600000"}, "If-Match": {`"1"`, "*"}, "quantity": {"0.01", "0.5", "1", "0.001"},
	"limit_price": {"60000", "70000.5"}, "price": {"60000", "70000.5"}, "preset": {"standard", "thin"}, "status": {"open", "all"}, "format": {"json", "csv"},
}

// costly operations hash a password, ask an exchange, which allows so many questions in a minute, or answer with the whole
// document: one request in forty may be one of them, else they would be all that a run waits for.
var costly = []string{"register", "login", "token", "changePassword", "logout", "getKlines", "getOpenAPI", "getAsyncAPI"}

// fuzzer sends requests to one platform.
type fuzzer struct {
	t      *testing.T
	url    string
	api    *apitest.Interface
	sent   atomic.Int64
	good   atomic.Int64 // answered 2xx
	faults atomic.Int64

	mu      sync.Mutex // guards what follows
	status  map[int]int
	ops     map[string]int // good answers
	passing map[string]int // answered 503, and otherwise a moment later: by operation and code
}

// maxFaults ends a run that finds the same thing over and over.
const maxFaults = 20

// TestRequestsMadeFromTheDocument sends good and mutated requests and holds each answer against the document: no 5xx, and
// nothing that is not described. HOURGLASS_FUZZ_REQUESTS says how many.
func TestRequestsMadeFromTheDocument(t *testing.T) {
	if testing.Short() {
		t.Skip("it runs the whole platform")
	}
	n, seed := number(t, requestsEnv, 1_000), number(t, seedEnv, int(time.Now().UnixNano()%1_000_000))
	f := &fuzzer{t: t, url: start(t), status: map[int]int{}, ops: map[string]int{}, passing: map[string]int{}}
	res, err := http.Get(f.url + "/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(res.Body)
	if err = errors.Join(err, res.Body.Close()); err != nil {
		t.Fatal(err)
	}
	if f.api, err = apitest.Load(text); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	const workers = 24 // most of the time each waits for the store
	var working sync.WaitGroup
	for i := range workers {
		working.Go(func() { f.work(uint64(seed+i), n/workers) })
	}
	working.Wait()
	took := time.Since(began)
	t.Logf("seed %d: %d requests in %v (%.0f/s), %d of them answered 2xx; told to come back: %v; by status %v; good answers by operation %v",
		seed, f.sent.Load(), took.Round(time.Second), float64(f.sent.Load())/took.Seconds(), f.good.Load(), f.passing, f.status, f.ops)
	if f.good.Load() < f.sent.Load()/20 {
		t.Errorf("only %d of %d requests were good: the source makes nothing that works", f.good.Load(), f.sent.Load())
	}
}

// work sends n requests as a user of its own.
func (f *fuzzer) work(seed uint64, n int) {
	all, cheap := f.api.NewSource(seed, names), f.api.NewSource(seed, names, costly...)
	name := fmt.Sprintf("fuzz%d", seed)
	token := f.signIn(name, true)
	for i := range n {
		if f.t.Failed() && f.faults.Load() >= maxFaults {
			return
		}
		source := cheap
		if i%40 == 0 {
			source = all
		}
		if i%3_000 == 2_999 { // an account with room for orders again
			name = fmt.Sprintf("fuzz%d-%d", seed, i)
			token = f.signIn(name, true)
		}
		r := source.Next()
		if _, given := r.Header["Authorization"]; !given && !r.Public {
			r.Header["Authorization"] = "Bearer " + token
		}
		if f.send(&r) == http.StatusUnauthorized && !r.Mutated {
			token = f.signIn(name, false) // it has logged itself out
		}
	}
}

// signIn returns an access token. Passwords are hashed two at a time, so it may be told to come back.
func (f *fuzzer) signIn(name string, register bool) (token string) {
	body := fmt.Sprintf(`{"username":%q,"password":"correct horse"}`, name)
	paths := []string{"/v1/login"}
	if register {
		paths = []string{"/v1/register", "/v1/login"}
	}
	for _, path := range paths {
		for busy := true; busy; {
			res, err := http.Post(f.url+path, "application/json", strings.NewReader(body))
			if err != nil {
				f.t.Error(err)
				return ""
			}
			var told struct {
				Token string `json:"access_token"`
			}
			err = json.NewDecoder(res.Body).Decode(&told)
			_ = res.Body.Close()
			if err != nil {
				f.t.Error(err)
			}
			token, busy = told.Token, res.StatusCode == http.StatusTooManyRequests || res.StatusCode == http.StatusServiceUnavailable
		}
	}
	return token
}

// comeBacks is how often a request is sent again that was answered 503: a busy machine is no fault, but what is so each
// time is the request's.
const comeBacks = 10

// send sends a request, again where it was told to come back, and judges the answer.
func (f *fuzzer) send(r *apitest.Request) (status int) {
	for range comeBacks {
		if status = f.once(r, false); status != http.StatusServiceUnavailable {
			return status
		}
	}
	return f.once(r, true)
}

// once sends a request and judges the answer; a 503 is a fault if it is the last try.
func (f *fuzzer) once(r *apitest.Request, last bool) (status int) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, r.Method, f.url+r.Target, strings.NewReader(r.Body))
	if err != nil {
		return 0 // no client can send it
	}
	for name, value := range r.Header {
		req.Header.Set(name, strings.Map(visible, value))
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		f.fault(r, 0, nil, fmt.Errorf("no answer: %w", err))
		return 0
	}
	defer func() { _ = res.Body.Close() }()
	var body []byte
	if !strings.HasPrefix(res.Header.Get("Content-Type"), "text/event-stream") { // which never ends
		if body, err = io.ReadAll(res.Body); err != nil {
			f.fault(r, res.StatusCode, nil, fmt.Errorf("read the answer: %w", err))
		}
	}
	f.sent.Add(1)
	f.mu.Lock()
	f.status[res.StatusCode]++
	if res.StatusCode < 300 {
		f.good.Add(1)
		f.ops[r.Operation]++
	}
	if res.StatusCode == http.StatusServiceUnavailable {
		var told struct{ Code string }
		_ = json.Unmarshal(body, &told) // what is no problem is judged below
		f.passing[r.Operation+" "+told.Code]++
	}
	f.mu.Unlock()
	switch {
	case res.StatusCode >= 500 && (last || res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == ""):
		f.fault(r, res.StatusCode, body, errors.New("a fault of ours"))
	case r.Method != http.MethodHead && r.Method != http.MethodOptions:
		if err := f.api.Check(req, res.StatusCode, res.Header, body); err != nil {
			f.fault(r, res.StatusCode, body, err)
		}
	}
	return res.StatusCode
}

func visible(r rune) rune {
	if r < ' ' || r == 0x7f || r == '\ufffd' {
		return -1
	}
	return r
}

func (f *fuzzer) fault(r *apitest.Request, status int, body []byte, err error) {
	if f.faults.Add(1) <= maxFaults {
		f.t.Errorf("%s %q %q\n%.600q\nanswered %d %.600s\n%v", r.Method, r.Target, r.Header, r.Body, status, body, err)
	}
}
