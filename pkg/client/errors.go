package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/order"
)

// The classes of errors, for errors.Is. An *Error is of the class of its status; only ErrExists looks at its code.
var (
	ErrInvalid      = errors.New("the request cannot be carried out as it is") // 400, 405, 413, 415, 422
	ErrUnauthorized = errors.New("not logged in")                              // 401, 403
	ErrNotFound     = errors.New("not found")                                  // 404
	ErrConflict     = errors.New("the state forbids it")                       // 409
	ErrExists       = errors.New("the token_id is taken")                      // 409 token_id_exists
	ErrChanged      = errors.New("the order has changed meanwhile")            // 412
	ErrLimited      = errors.New("too many requests")                          // 429
	ErrUnavailable  = errors.New("the service cannot answer now")              // 5xx
	ErrUnreachable  = errors.New("the gateway cannot be reached")              // no answer came
	ErrPending      = errors.New("recorded, but not decided on yet")           // 202: ask for the order later
	ErrProtocol     = errors.New("the answer is not one of this interface")    // something else answers at the address
)

// Error is what the gateway said was wrong (RFC 9457).
type Error struct {
	Status       int                `json:"status"`
	Code         string             `json:"code"` // a stable snake_case word
	Title        string             `json:"title"`
	Detail       string             `json:"detail"`
	Fields       []order.FieldError `json:"errors"`
	RequestID    string             `json:"request_id"`
	CloseMatches []string           `json:"close_matches"`
	Intervals    []string           `json:"intervals"`
	Checks       map[string]string  `json:"checks"`
	Order        *Order             `json:"order"`     // of ErrExists: the order that has the token_id
	Identical    bool               `json:"identical"` // and whether it was asked for with the same parameters
	RetryAfter   time.Duration      `json:"-"`         // 0: not told
}

// Error implements error.
func (e *Error) Error() string {
	text := e.Detail
	if text == "" {
		text = e.Title
	}
	return fmt.Sprintf("%s (%d %s)", text, e.Status, e.Code)
}

// Is makes errors.Is tell the classes apart.
func (e *Error) Is(target error) bool {
	return target == class(e.Status) || target == ErrExists && e.Code == "token_id_exists"
}

func class(status int) error {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return ErrUnauthorized
	case http.StatusNotFound:
		return ErrNotFound
	case http.StatusConflict:
		return ErrConflict
	case http.StatusPreconditionFailed:
		return ErrChanged
	case http.StatusTooManyRequests:
		return ErrLimited
	}
	if status >= http.StatusInternalServerError {
		return ErrUnavailable
	}
	return ErrInvalid
}

// maxProblem bounds what is read of an error's body; the biggest carries an order with its slices.
const maxProblem = 8 << 20

// problem reads an error from an answer.
func problem(res *http.Response) error {
	e := &Error{Status: res.StatusCode, Title: http.StatusText(res.StatusCode), RequestID: res.Header.Get("X-Request-Id")}
	body, err := io.ReadAll(io.LimitReader(res.Body, maxProblem))
	if err != nil {
		return fmt.Errorf("%w: read the error: %w", ErrUnreachable, err)
	}
	if json.Unmarshal(body, e) != nil || e.Code == "" {
		e.Code = "unknown" // a proxy's page, not the gateway's word
	}
	e.Status = res.StatusCode
	if n, err := strconv.Atoi(res.Header.Get("Retry-After")); err == nil && n >= 0 {
		e.RetryAfter = time.Duration(n) * time.Second
	}
	return e
}

// unsent reports whether a request certainly never reached the gateway, because no connection came about.
func unsent(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}
