package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"time"
)

// call is one request and how often it may be sent.
type call struct {
	build func(server string) (*http.Request, error)
	body  any // encoded as JSON; nil: none, or build has made it
	// repeatable says that sending it twice does no more than sending it once. Else it is sent again only where it
	// certainly was not carried out.
	repeatable bool
	public     bool  // needs no token
	repeated   *bool // set once it is sent again although it may have been carried out
}

// The pauses between attempts: doubled each time, with chance, so that many clients do not come back at once.
const (
	firstPause = 100 * time.Millisecond
	longPause  = 2 * time.Second
	maxAsked   = 30 * time.Second // a server that asks for a longer wait gets its error passed on
	maxAnswer  = 64 << 20         // bytes of an answer: a page of 1000 executions has a hundredth of it
)

// do sends a call and decodes its answer into out, unless that is nil.
func (c *Client) do(ctx context.Context, k call, out any) error {
	var body []byte
	if k.body != nil {
		var err error
		if body, err = json.Marshal(k.body); err != nil {
			return fmt.Errorf("encode the request: %w", err)
		}
	}
	deadline, renewed := c.now().Add(c.retryFor), false
	for attempt := 0; ; attempt++ {
		token, err := c.token(ctx, k.public)
		if err != nil {
			return err
		}
		err = c.once(ctx, k, body, token, out)
		if err == nil || ctx.Err() != nil {
			return err
		}
		if errors.Is(err, ErrUnauthorized) && !k.public && !renewed && c.apiKey == "" {
			renewed = true // a refused request did nothing, so it may be sent again with a new token
			if c.renew(ctx, token) == nil {
				continue
			}
			return err
		}
		pause, ok := c.pause(k, err, attempt)
		if !ok || c.now().Add(pause).After(deadline) {
			return err
		}
		if k.repeated != nil && !errors.Is(err, ErrLimited) && !unsent(err) {
			*k.repeated = true
		}
		if err := wait(ctx, pause); err != nil {
			return err
		}
	}
}

// pause says how long to wait before a call is sent again, and whether it may be at all.
func (c *Client) pause(k call, err error, attempt int) (time.Duration, bool) {
	var told *Error
	pause := backoff(firstPause, longPause, attempt)
	switch {
	case errors.As(err, &told) && told.RetryAfter > maxAsked:
		return 0, false
	case errors.Is(err, ErrLimited):
		return max(pause, told.RetryAfter), true // it was not carried out
	case errors.As(err, &told) && (told.Status == http.StatusBadGateway || told.Status >= http.StatusServiceUnavailable):
		return max(pause, told.RetryAfter), k.repeatable
	case errors.Is(err, ErrUnreachable):
		return pause, k.repeatable || unsent(err)
	}
	return 0, false
}

// once sends a call once.
func (c *Client) once(ctx context.Context, k call, body []byte, token string, out any) error {
	req, err := k.build(c.base)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	req = req.WithContext(ctx)
	if body != nil {
		req.Body, req.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		req.Header.Set("Content-Type", "application/json")
	}
	req.Header.Set("User-Agent", c.agent)
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := c.http.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	defer res.Body.Close()
	if res.StatusCode >= 300 {
		return problem(res)
	}
	if res.StatusCode == http.StatusAccepted {
		return ErrPending
	}
	return decode(res, out)
}

func decode(res *http.Response, out any) error {
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("%w: read the answer: %w", ErrUnreachable, err)
	}
	if out == nil {
		return nil
	}
	if raw, ok := out.(*[]byte); ok {
		*raw = body
		return nil
	}
	if err := json.Unmarshal(body, out); err != nil {
		return fmt.Errorf("%w: %w", ErrProtocol, err)
	}
	return nil
}

// backoff is the pause after so many failures: between half and all of first × 2ⁿ, at most longest.
func backoff(first, longest time.Duration, failures int) time.Duration {
	d := longest
	if failures < 16 {
		d = min(longest, first<<failures)
	}
	return d/2 + rand.N(d/2+1)
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// route builds a request of a route by its path, for those whose parameters are in the path alone.
func route(method, path string) func(string) (*http.Request, error) {
	return func(server string) (*http.Request, error) {
		return http.NewRequestWithContext(context.Background(), method, server+path, http.NoBody)
	}
}
