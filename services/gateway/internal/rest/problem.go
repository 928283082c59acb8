package rest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/pkg/order"
	"github.com/hourglass-trading/hourglass/services/gateway/internal/auth"
	"github.com/hourglass-trading/hourglass/services/gateway/internal/view"
)

// problem is an answer that says what went wrong (RFC 9457), and the error that leads to it.
type problem struct {
	Type         string             `json:"type"`
	Title        string             `json:"title"`
	Status       int                `json:"status"`
	Detail       string             `json:"detail,omitempty"`
	Code         string             `json:"code"`
	Errors       []order.FieldError `json:"errors,omitempty"`
	RequestID    string             `json:"request_id"`
	Order        *fullOrder         `json:"order,omitempty"`
	Identical    *bool              `json:"identical,omitempty"`
	CloseMatches []string           `json:"close_matches,omitempty"`
	Intervals    []string           `json:"intervals,omitempty"`
	Checks       map[string]string  `json:"checks,omitempty"`

	retryAfter time.Duration // 0: not told
	allowance  *allowance    // of the limit that was reached, if it is not the one that every request is counted by
}

// Error implements error.
func (p *problem) Error() string { return p.Detail }

func newProblem(status int, code, detail string) *problem {
	return &problem{Type: "urn:hourglass:problem:" + code, Title: http.StatusText(status), Status: status, Code: code, Detail: detail}
}

func badRequest(code, detail string) *problem { return newProblem(http.StatusBadRequest, code, detail) }

func invalid(faults []order.FieldError) *problem {
	p := newProblem(http.StatusUnprocessableEntity, "validation_failed", "the request is not valid: ")
	for i, f := range faults {
		if i == 3 {
			p.Detail += fmt.Sprintf(", and %d more", len(faults)-i)
			break
		}
		if i > 0 {
			p.Detail += ", "
		}
		p.Detail += f.Field + " " + f.Detail
	}
	p.Errors = pointed(faults)
	return p
}

// pointed gives each fault of a body the JSON pointer of its value. Those that the account's owner finds name a member of
// the body.
func pointed(faults []order.FieldError) []order.FieldError {
	faults = slices.Clone(faults)
	for i, f := range faults {
		if f.Pointer == "" && f.Field != "" {
			faults[i].Pointer = jsonPointer(strings.Split(f.Field, "."))
		}
	}
	return faults
}

// statusOf is the table of what a kind of failure means to a client.
var statusOf = map[order.RejectionKind]int{
	order.Invalid:     http.StatusUnprocessableEntity,
	order.NotFound:    http.StatusNotFound,
	order.Conflict:    http.StatusConflict,
	order.Changed:     http.StatusPreconditionFailed,
	order.Unavailable: http.StatusServiceUnavailable,
}

// sentinels is the same for errors that carry no kind.
var sentinels = []struct {
	err    error
	status int
	code   string
	detail string
	retry  time.Duration
}{
	{auth.ErrTaken, http.StatusConflict, "username_taken", "the username is taken", 0},
	{auth.ErrCredentials, http.StatusUnauthorized, "invalid_credentials", "wrong username or password", 0},
	{auth.ErrExpired, http.StatusUnauthorized, "token_expired", "the access token has expired; log in or refresh", 0},
	{auth.ErrToken, http.StatusUnauthorized, "invalid_token", "the token is not valid", 0},
	{auth.ErrAddress, http.StatusForbidden, "address_not_allowed", "the API key is not for use from this address", 0},
	{auth.ErrTooManyKeys, http.StatusConflict, "too_many_api_keys", "the account has as many API keys as it may have; delete one", 0},
	{auth.ErrNoKey, http.StatusNotFound, "unknown_api_key", "there is no such API key", 0},
	{auth.ErrBusy, http.StatusTooManyRequests, "busy", "too many logins at once; try again", time.Second},
	{bus.ErrFull, http.StatusServiceUnavailable, "store_full", "the store is full, nothing new is taken; what was acknowledged is safe", 10 * time.Second},
	{auth.ErrStore, http.StatusServiceUnavailable, "unavailable", "the state is not reachable; try again", time.Second},
	{bus.ErrUnavailable, http.StatusServiceUnavailable, "unavailable", "the state is not reachable; try again", time.Second},
	{view.ErrTooMany, http.StatusServiceUnavailable, "too_many_markets", "too many different markets are looked at; try again", 30 * time.Second},
	{context.DeadlineExceeded, http.StatusServiceUnavailable, "timeout", "no answer in time; try again", time.Second},
	{context.Canceled, http.StatusServiceUnavailable, "canceled", "the request was given up", 0},
}

// httpCodes are the codes of Echo's own errors.
var httpCodes = map[int]string{
	http.StatusBadRequest: "invalid_request", http.StatusNotFound: "unknown_route", http.StatusMethodNotAllowed: "method_not_allowed",
	http.StatusRequestEntityTooLarge: "body_too_large", http.StatusUnsupportedMediaType: "unsupported_media_type",
}

// problemOf maps an error to its problem; ok is false if it is none that a client should learn about.
func problemOf(err error) (p *problem, ok bool) {
	var (
		failure *bus.Failure
		missing *view.NotFound
		http    *echo.HTTPError
	)
	switch {
	case errors.As(err, &p):
		return p, true
	case errors.As(err, &missing):
		p = newProblem(404, "unknown_"+missing.What, missing.Error())
		p.CloseMatches = missing.Matches
		return p, true
	case errors.As(err, &failure):
		return rejected(failure.Kind, failure.Code, failure.Detail, failure.Errors), true
	}
	for _, s := range sentinels {
		if errors.Is(err, s.err) {
			p = newProblem(s.status, s.code, s.detail)
			p.retryAfter = s.retry
			return p, true
		}
	}
	if errors.As(err, &http) && httpCodes[http.Code] != "" {
		return newProblem(http.Code, httpCodes[http.Code], fmt.Sprint(http.Message)), true
	}
	return newProblem(500, "internal", ""), false
}

// rejected is the problem of a refusal by the owner of an account or by a collector.
func rejected(kind order.RejectionKind, code, detail string, faults []order.FieldError) *problem {
	status, known := statusOf[kind]
	if !known {
		status = http.StatusServiceUnavailable // of a later version than ours: nothing the client did
	}
	p := newProblem(status, code, detail)
	p.Errors = pointed(faults)
	if status == http.StatusServiceUnavailable {
		p.retryAfter = time.Second
	}
	return p
}

// fail answers a request with the problem that an error is. An error that is in no table is logged and told as 500.
func (s *server) fail(err error, ctx echo.Context) {
	if ctx.Response().Committed {
		return
	}
	p, known := problemOf(err)
	id := ctx.Response().Header().Get(echo.HeaderXRequestID)
	if !known {
		s.log.Error("request failed", "request_id", id, "method", ctx.Request().Method, "route", ctx.Path(), "error", err)
	}
	told := *p // a problem may be shared; the id is this request's
	told.RequestID = id
	h := ctx.Response().Header()
	if told.retryAfter > 0 {
		h.Set(echo.HeaderRetryAfter, strconv.Itoa(seconds(told.retryAfter)))
	}
	if told.allowance != nil {
		told.allowance.tell(h)
	}
	if told.Status == http.StatusUpgradeRequired {
		h.Set(echo.HeaderUpgrade, "websocket")
		h.Set("Sec-WebSocket-Version", "13")
	}
	if told.Status == http.StatusUnauthorized {
		h.Set(echo.HeaderWWWAuthenticate, `Bearer realm="hourglass", error="invalid_token"`)
	}
	body, err := json.Marshal(told)
	if err != nil {
		s.log.Error("problem not encoded", "request_id", id, "error", err)
		return
	}
	_ = ctx.Blob(told.Status, "application/problem+json", append(body, '\n')) // the only error is a client that left
}

// seconds rounds up, because earlier is too early.
func seconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }
