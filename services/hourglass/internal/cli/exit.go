package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/hourglass-trading/hourglass/pkg/client"
)

// The exit codes. Scripts rely on them: a code is never given another meaning.
const (
	ExitOK          = 0
	ExitFailed      = 1   // something else went wrong
	ExitUsage       = 2   // the command line, or the environment, is at fault
	ExitLogin       = 3   // not logged in, or refused
	ExitNotFound    = 4   // no such order, exchange or pair
	ExitRefused     = 5   // the server refused: not valid, not enough funds, not possible in this state
	ExitUnavailable = 6   // the server cannot be reached, or cannot answer now
	ExitShort       = 7   // the order that was followed ended without being filled
	ExitInterrupted = 130 // Ctrl-C; an order that was followed goes on
)

// ExitCodes says them to people.
const ExitCodes = `Exit codes:

    0  it worked                     4  no such order, exchange or pair
    1  something else went wrong     5  the server refused the request
    2  wrong command line            6  the server cannot be reached
    3  not logged in                 7  the followed order ended unfilled
                                   130  interrupted`

// usage is a fault of the command line that only the command itself sees.
type usage struct{ text, hint string }

func (u *usage) Error() string { return u.text }

// Misused is a fault of the command line, or of a file that it names, for commands that are not of this package: it ends
// with ExitUsage.
func Misused(text, hint string) error { return &usage{text: text, hint: hint} }

// short is the end of a followed order that was not filled.
type short struct{ tokenID, status, reason string }

func (s *short) Error() string {
	if s.reason == "" || s.reason == s.status {
		return fmt.Sprintf("order %s ended %s", s.tokenID, s.status)
	}
	return fmt.Sprintf("order %s ended %s (%s)", s.tokenID, s.status, s.reason)
}

// Explain tells an error on standard error, with what to do next, and returns the exit code.
func (app *App) Explain(err error) int {
	if err == nil {
		return ExitOK
	}
	code, text, hint := app.explain(err)
	if app.json() {
		body, encodeErr := json.Marshal(map[string]any{"error": text, "hint": hint, "exit_code": code, "code": codeOf(err)})
		if encodeErr == nil {
			fmt.Fprintln(app.err, string(body))
			return code
		}
	}
	fmt.Fprintln(app.err, "error: "+text)
	if hint != "" {
		fmt.Fprintln(app.err, "  try: "+hint)
	}
	return code
}

// codeOf is the server's word for an error, for scripts; "" if it did not say one.
func codeOf(err error) string {
	var (
		told    *client.Error
		refused *client.StreamError
	)
	switch {
	case errors.As(err, &told):
		return told.Code
	case errors.As(err, &refused):
		return refused.Code
	}
	return ""
}

func (app *App) explain(err error) (code int, text, hint string) {
	var (
		wrong   *usage
		ended   *short
		told    *client.Error
		refused *client.StreamError
	)
	switch {
	case errors.As(err, &wrong):
		return ExitUsage, wrong.text, wrong.hint
	case errors.As(err, &ended):
		return ExitShort, ended.Error(), fmt.Sprintf("hourglass report %s, for what was filled and why the rest was not", ended.tokenID)
	case errors.Is(err, context.Canceled):
		return ExitInterrupted, "interrupted", "run it again"
	case errors.As(err, &told):
		return app.explainTold(told)
	case errors.As(err, &refused):
		return ExitRefused, refused.Error(), hintOf(refused.Code)
	case errors.Is(err, client.ErrURL):
		return ExitUsage, err.Error(), "--url http://host:port, or HOURGLASS_URL"
	case errors.Is(err, client.ErrUnauthorized):
		return ExitLogin, "not logged in at " + app.URL, "hourglass login --username NAME (with --register the first time)"
	case errors.Is(err, client.ErrUnreachable):
		return ExitUnavailable, fmt.Sprintf("%s cannot be reached: %s", app.URL, cause(err)),
			"start it with `hourglass up`, or name another server with --url or HOURGLASS_URL; `hourglass doctor` checks more"
	case errors.Is(err, client.ErrPending):
		return ExitUnavailable, "the request is recorded but not decided on yet", "hourglass orders, in a moment"
	case errors.Is(err, client.ErrProtocol):
		return ExitFailed, err.Error(), fmt.Sprintf("check that %s is an Hourglass server of this version (%s)", app.URL, app.version)
	case errors.Is(err, client.ErrInvalid):
		return ExitUsage, err.Error(), "hourglass COMMAND --help shows an example"
	case errors.Is(err, errOpen):
		return ExitFailed, err.Error(), "chmod 600 on the file, or log in again after removing it"
	case errors.Is(err, os.ErrPermission):
		return ExitFailed, err.Error(), "make the folder writable, or set XDG_CONFIG_HOME to another one"
	}
	return ExitFailed, err.Error(), "hourglass doctor"
}

// cause is the innermost word of an error that the network made.
func cause(err error) string {
	text := err.Error()
	return text[strings.LastIndex(text, ": ")+1:]
}

// explainTold explains an answer of the server.
func (app *App) explainTold(e *client.Error) (code int, text, hint string) {
	text, hint = e.Detail, hintOf(e.Code)
	if text == "" {
		text = e.Title
	}
	if len(e.CloseMatches) > 0 {
		hint = "did you mean " + strings.Join(e.CloseMatches, ", ") + "?"
	}
	for _, f := range e.Fields {
		if !strings.Contains(text, f.Field) {
			text += fmt.Sprintf("; %s %s", f.Field, f.Detail)
		}
	}
	switch {
	case errors.Is(e, client.ErrUnauthorized):
		code = ExitLogin
	case errors.Is(e, client.ErrNotFound):
		code = ExitNotFound
	case errors.Is(e, client.ErrUnavailable), errors.Is(e, client.ErrLimited):
		code = ExitUnavailable
	default:
		code = ExitRefused
	}
	if hint == "" {
		hint = classHint[code]
	}
	if e.RequestID != "" && code == ExitUnavailable {
		text += " (request " + e.RequestID + ")"
	}
	return code, text, hint
}

var classHint = map[int]string{
	ExitLogin:       "hourglass login --username NAME (with --register the first time)",
	ExitNotFound:    "hourglass orders, hourglass exchanges and hourglass pairs EXCHANGE say what there is",
	ExitRefused:     "change what the message names; hourglass COMMAND --help shows an example",
	ExitUnavailable: "wait a moment and try again; hourglass doctor says what does not work",
}

// hints are what to do about the server's codes.
var hints = map[string]string{
	"invalid_credentials": "check the name and the password; a new user: hourglass login --register --username NAME",
	"username_taken":      "another --username, or log in without --register if it is yours",
	"unknown_order":       "hourglass orders",
	"unknown_exchange":    "hourglass exchanges",
	"unknown_symbol":      "hourglass pairs EXCHANGE",
	"unknown_pair":        "hourglass pairs EXCHANGE",
	"unknown_route":       "this server is of another version: hourglass doctor",
	"token_id_exists":     "hourglass order TOKEN_ID shows the order that has it; choose another --token-id for a new one",
	"insufficient_funds":  "hourglass balance, then hourglass deposit ASSET AMOUNT or a smaller quantity",
	"no_market_data":      "hourglass exchanges shows which are live; wait a moment, or choose one with --exchange",
	"order_ended":         "hourglass order TOKEN_ID shows how it ended",
	"version_mismatch":    "hourglass order TOKEN_ID, then decide again",
	"not_paused":          "hourglass order TOKEN_ID",
	"already_paused":      "hourglass resume TOKEN_ID",
}

func hintOf(code string) string { return hints[code] }
