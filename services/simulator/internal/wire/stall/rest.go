package stall

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/hourglass-trading/hourglass/services/simulator/internal/span"
)

// Fault is an answer of an exchange that says no, in its own words.
type Fault struct {
	Status int
	Body   any
	// Text is what the answer says, for tests and logs.
	Text string
}

func (f *Fault) Error() string { return f.Text }

// Reply answers a request with JSON: what do returns, a []byte as it is, or its *Fault. Down is what the exchange says where a
// book cannot be known, to be tried again later; broken where we are at fault.
func Reply(w http.ResponseWriter, r *http.Request, log *slog.Logger, down, broken *Fault, do func(*http.Request) (any, error)) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	out, err := do(r)
	var f *Fault
	switch {
	case errors.As(err, &f):
	case errors.Is(err, ErrNoBook):
		w.Header().Set("Retry-After", "1")
		f = down
	case err != nil:
		log.Error("answer a request", "path", r.URL.Path, "error", err)
		f = broken
	}
	status := http.StatusOK
	if f != nil {
		status, out = f.Status, f.Body
	}
	body, ok := out.([]byte)
	if !ok {
		if body, err = json.Marshal(out); err != nil {
			log.Error("encode an answer", "path", r.URL.Path, "error", err)
			status, body = http.StatusInternalServerError, []byte(`{}`)
		}
	}
	w.WriteHeader(status)
	w.Write(body) //nolint:errcheck // the client has left
}

// Newest is the window of the newest n candles between two bounds in Unix seconds, both inclusive; empty bounds are open.
// It is false where a bound is no number of seconds.
func Newest(s span.Span, now time.Time, from, to string, n int) (span.Window, bool) {
	w := span.Window{Limit: n, To: now}
	if to != "" {
		sec, err := strconv.ParseUint(to, 10, 34)
		if err != nil {
			return w, false
		}
		if at := time.Unix(int64(sec), 0); at.Before(now) {
			w.To = at
		}
	}
	first := s.Back(s.Start(w.To), n-1)
	if from != "" {
		sec, err := strconv.ParseUint(from, 10, 34)
		if err != nil {
			return w, false
		}
		if at := time.Unix(int64(sec), 0); at.After(first) {
			first = at
		}
	}
	w.From = first
	return w, true
}
