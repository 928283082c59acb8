package feed

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"
	"golang.org/x/time/rate"

	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange"
)

// Bounds of a REST call.
const (
	callTimeout = 10 * time.Second
	maxBody     = 64 << 20       // Binance's exchangeInfo has over ten megabytes
	maxPause    = 24 * time.Hour // longer than any ban seen that a restart would not rather be looked at by a person
	defaultBusy = 10 * time.Second
	defaultBan  = 2 * time.Minute
)

// Reason says in a few words why the exchange could not be used, for those who cannot see the log. Addresses are left out.
func Reason(err error) string {
	status, web := (*StatusError)(nil), (*url.Error)(nil)
	closed := websocket.CloseError{}
	switch {
	case errors.Is(err, exchange.ErrBusy):
		return "the exchange wants to be asked less often"
	case errors.As(err, &status):
		return fmt.Sprintf("the exchange answers with status %d", status.Code)
	case errors.Is(err, context.DeadlineExceeded):
		return "the exchange did not answer in time"
	case errors.As(err, &closed):
		return fmt.Sprintf("the exchange closed the connection with %d", int(closed.Code))
	case errors.As(err, &web), errors.Is(err, net.ErrClosed), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.As(err, new(net.Error)):
		return "the exchange cannot be reached"
	}
	return err.Error()
}

const userAgent = "hourglass-collector"

// StatusError is an answer that is neither a success nor a demand to slow down.
type StatusError struct {
	Code int
	Text string // the beginning of the body
}

// Error implements error.
func (e *StatusError) Error() string { return fmt.Sprintf("status %d: %s", e.Code, e.Text) }

// Web is a process's way to the exchanges. It is safe for concurrent use.
type Web struct{ client *http.Client }

// NewWeb returns a way over TCP, and TLS where the address says so. Close it when all its users are done.
func NewWeb() *Web {
	return WebOver(&http.Transport{
		Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, TLSHandshakeTimeout: 5 * time.Second,
		MaxIdleConnsPerHost: 8, IdleConnTimeout: time.Minute,
	})
}

// WebOver returns a way over a transport of the caller's.
func WebOver(transport http.RoundTripper) *Web {
	return &Web{client: &http.Client{Transport: transport}}
}

// Close closes the connections that nobody uses.
func (w *Web) Close() { w.client.CloseIdleConnections() }

// REST carries out an exchange's calls within its limits. It is safe for concurrent use.
type REST struct {
	base   string
	client *http.Client
	weight *rate.Limiter

	mu    sync.Mutex // guards until
	until time.Time  // no call before this: the exchange said so
}

// NewREST returns a client for the REST interface at a base address.
func NewREST(base string, traits exchange.Traits, web *Web) *REST {
	perSecond := float64(traits.Weight) / traits.WeightPer.Seconds()
	return &REST{
		base:   strings.TrimRight(base, "/"),
		client: web.client,
		// Half at once: enough for a start and for questions of people, and a window that others share is not used up.
		weight: rate.NewLimiter(rate.Limit(perSecond), max(traits.Weight/2, 1)),
	}
}

// Get carries out a call and returns the body. It waits its turn, until ctx ends at most. It fails with exchange.ErrBusy
// while the exchange wants no calls, with a *StatusError, or with what went wrong on the way.
func (r *REST) Get(ctx context.Context, call exchange.Call) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if err := r.turn(ctx, call.Weight); err != nil {
		return nil, err
	}
	address := r.base + call.Path
	if call.Query != "" {
		address += "?" + call.Query
	}
	method := http.MethodGet
	if call.Post {
		method = http.MethodPost
	}
	req, err := http.NewRequestWithContext(ctx, method, address, nil)
	if err != nil {
		return nil, fmt.Errorf("call %s: %w", call.Path, err)
	}
	req.Header.Set("User-Agent", userAgent)
	res, err := r.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("call %s: %w", call.Path, err)
	}
	defer func() { _ = res.Body.Close() }() // everything needed was read
	body, err := io.ReadAll(io.LimitReader(res.Body, maxBody+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("call %s: %w", call.Path, err)
	case len(body) > maxBody:
		return nil, fmt.Errorf("call %s: body over %d bytes", call.Path, maxBody)
	case res.StatusCode == http.StatusTooManyRequests || res.StatusCode == http.StatusTeapot:
		return nil, fmt.Errorf("call %s: status %d: %w", call.Path, res.StatusCode, r.Pause(pauseOf(res)))
	case res.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("call %s: %w", call.Path, &StatusError{res.StatusCode, fmt.Sprintf("%.200s", bytes.TrimSpace(body))})
	}
	return body, nil
}

// Pause lets no call out for the time the exchange asked for, and returns exchange.ErrBusy with it.
func (r *REST) Pause(d time.Duration) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if until := time.Now().Add(min(d, maxPause)); until.After(r.until) {
		r.until = until
	}
	return fmt.Errorf("%w: not before %s", exchange.ErrBusy, r.until.UTC().Format(time.RFC3339))
}

// turn waits until a call of the given weight may go out. A pause is not waited for: who calls may have better to do.
func (r *REST) turn(ctx context.Context, weight int) error {
	if err := r.paused(); err != nil {
		return err
	}
	if err := r.weight.WaitN(ctx, min(weight, r.weight.Burst())); err != nil {
		return fmt.Errorf("wait for the rate limit: %w", errors.Join(exchange.ErrBusy, err))
	}
	return r.paused()
}

func (r *REST) paused() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if time.Now().Before(r.until) {
		return fmt.Errorf("%w: not before %s", exchange.ErrBusy, r.until.UTC().Format(time.RFC3339))
	}
	return nil
}

// Wait returns how long no call will go out.
func (r *REST) Wait() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	return max(time.Until(r.until), 0)
}

// pauseOf reads how long a 429 or 418 wants us to wait: seconds or a date, or else our own guess.
func pauseOf(res *http.Response) time.Duration {
	text := res.Header.Get("Retry-After")
	if seconds, err := strconv.Atoi(text); err == nil && seconds >= 0 {
		return time.Duration(min(seconds, int(maxPause/time.Second))) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(time.Until(at), 0)
	}
	if res.StatusCode == http.StatusTeapot {
		return defaultBan
	}
	return defaultBusy
}
