package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/client"
	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
)

// gateway answers requests from a list and keeps what was asked.
type gateway struct {
	t       *testing.T
	answers []answer
	asked   []string // method and path
	bodies  []string
	headers []http.Header
}

type answer struct {
	status int
	body   string
	header string // Retry-After
	err    error  // instead: no answer came
}

var (
	errReset   = errors.New("connection reset by peer")
	errRefused = &net.OpError{Op: "dial", Err: errors.New("connection refused")}
)

const tokens = `{"access_token":"a1","refresh_token":"r1","expires_in":600}`

// RoundTrip implements http.RoundTripper.
func (g *gateway) RoundTrip(req *http.Request) (*http.Response, error) {
	body := []byte{}
	if req.Body != nil {
		body, _ = io.ReadAll(req.Body)
	}
	g.asked = append(g.asked, req.Method+" "+strings.TrimPrefix(req.URL.RequestURI(), "/v1"))
	g.bodies, g.headers = append(g.bodies, string(body)), append(g.headers, req.Header)
	if len(g.answers) == 0 {
		g.t.Errorf("%s was not expected", g.asked[len(g.asked)-1])
		return nil, errReset
	}
	a := g.answers[0]
	g.answers = g.answers[1:]
	if a.err != nil {
		return nil, a.err
	}
	header := http.Header{"Content-Type": {"application/json"}}
	if a.header != "" {
		header.Set("Retry-After", a.header)
	}
	return &http.Response{StatusCode: a.status, Header: header, Body: io.NopCloser(strings.NewReader(a.body)), Request: req}, nil
}

func (g *gateway) client(options ...client.Option) *client.Client {
	g.t.Helper()
	c, err := client.New("http://gateway:8000", append([]client.Option{
		client.WithHTTPClient(&http.Client{Transport: g}), client.WithAPIKey("key"),
	}, options...)...)
	if err != nil {
		g.t.Fatal(err)
	}
	return c
}

func problem(status int, code string) answer {
	return answer{status: status, body: fmt.Sprintf(`{"status":%d,"code":%q,"title":"no","detail":"because"}`, status, code)}
}

const accepted = `{"token_id":"t","symbol":"BTC-USDT","side":"buy","status":"active","quantity":"1","filled_quantity":"0","version":1}`

func TestACallIsRepeatedOnlyWhereThatIsSafe(t *testing.T) {
	one := decimal.One
	calls := map[string]func(context.Context, *client.Client) error{
		"balance": func(ctx context.Context, c *client.Client) error { _, err := c.Balance(ctx); return err },
		"create": func(ctx context.Context, c *client.Client) error {
			_, err := c.CreateTWAP(ctx, client.TWAP{TokenID: "t", Symbol: "BTC-USDT", Side: market.Buy, Quantity: one, Duration: time.Minute})
			return err
		},
		"amend": func(ctx context.Context, c *client.Client) error {
			_, err := c.Amend(ctx, "t", client.Amendment{Quantity: &one})
			return err
		},
		"key": func(ctx context.Context, c *client.Client) error {
			_, err := c.CreateAPIKey(ctx, client.NewAPIKey{Name: "bot", Scopes: []client.Scope{client.ScopeRead}})
			return err
		},
		"register": func(ctx context.Context, c *client.Client) error { return c.Register(ctx, "me", "password") },
		"cancel":   func(ctx context.Context, c *client.Client) error { _, err := c.Cancel(ctx, "t"); return err },
	}
	unavailable := problem(503, "unavailable")
	tests := map[string]struct {
		call    string
		answers []answer
		sent    int
		want    error
	}{
		"a look is repeated after a lost answer":               {"balance", []answer{{err: errReset}, {status: 200, body: `{}`}}, 2, nil},
		"a look is repeated while the service is away":         {"balance", []answer{unavailable, unavailable, {status: 200, body: `{}`}}, 3, nil},
		"a look is not repeated after a fault of the server's": {"balance", []answer{problem(500, "internal")}, 1, client.ErrUnavailable},
		"what is limited is repeated when told":                {"amend", []answer{{status: 429, header: "3"}, {status: 200, body: accepted}}, 2, nil},
		"too long a wait is passed on":                         {"balance", []answer{{status: 429, header: "31"}}, 1, client.ErrLimited},
		"an order is named, so its creation is repeated":       {"create", []answer{{err: errReset}, {status: 201, body: accepted}}, 2, nil},
		"a lost creation is found again": {
			"create", []answer{{err: errReset}, {status: 409, body: `{"code":"token_id_exists","identical":true,"order":` + accepted + `}`}}, 2, nil,
		},
		"another's order is not taken for our own": {
			"create", []answer{{err: errReset}, {status: 409, body: `{"code":"token_id_exists","identical":false,"order":` + accepted + `}`}}, 2, client.ErrExists,
		},
		"an order from before the call is told": {
			"create", []answer{{status: 409, body: `{"code":"token_id_exists","identical":true,"order":` + accepted + `}`}}, 1, client.ErrExists,
		},
		"an order that is not decided on yet is asked for": {
			"create", []answer{{status: 202, body: `{}`}, {status: 202, body: `{}`}, {status: 201, body: accepted}}, 3, nil,
		},
		"one that was accepted meanwhile is our own": {
			"create", []answer{{status: 202, body: `{}`}, {status: 409, body: `{"code":"token_id_exists","identical":true,"order":` + accepted + `}`}}, 2, nil,
		},
		"a refusal that came late is told":                 {"create", []answer{{status: 202, body: `{}`}, problem(422, "no_market_data")}, 2, client.ErrInvalid},
		"a change whose answer is lost is not made again":  {"amend", []answer{{err: errReset}}, 1, client.ErrUnreachable},
		"a change that was never sent is sent":             {"amend", []answer{{err: errRefused}, {status: 200, body: accepted}}, 2, nil},
		"a key is made once":                               {"key", []answer{unavailable}, 1, client.ErrUnavailable},
		"a user is made once":                              {"register", []answer{{err: errReset}}, 1, client.ErrUnreachable},
		"a cancellation that had worked is no error":       {"cancel", []answer{{err: errReset}, problem(409, "order_ended"), {status: 200, body: strings.Replace(accepted, "active", "canceled", 1)}}, 3, nil},
		"a cancellation that came too late is one":         {"cancel", []answer{problem(409, "order_ended")}, 1, client.ErrConflict},
		"what is not valid is not repeated":                {"create", []answer{problem(422, "invalid_order")}, 1, client.ErrInvalid},
		"something else at the address is told as such":    {"balance", []answer{{status: 200, body: `<html>`}}, 1, client.ErrProtocol},
		"an order that has changed is told as such":        {"amend", []answer{problem(412, "version_mismatch")}, 1, client.ErrChanged},
		"a key that is refused is not renewed by password": {"balance", []answer{problem(401, "invalid_token")}, 1, client.ErrUnauthorized},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := &gateway{t: t, answers: test.answers}
				err := calls[test.call](t.Context(), g.client())
				if !errors.Is(err, test.want) {
					t.Errorf("the call ended with %v, want %v", err, test.want)
				}
				if len(g.asked) != test.sent {
					t.Errorf("sent %q, want %d requests", g.asked, test.sent)
				}
			})
		})
	}
}

func TestTheGatewaysWaitIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, began := &gateway{t: t, answers: []answer{{status: 429, header: "7"}, {status: 200, body: `{}`}}}, time.Now()
		if _, err := g.client().Balance(t.Context()); err != nil || time.Since(began) != 7*time.Second {
			t.Errorf("answered after %s: %v", time.Since(began), err)
		}
	})
}

func TestAnOrderThatNobodyDecidesOnIsPending(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, began := &gateway{t: t}, time.Now()
		for range 100 {
			g.answers = append(g.answers, answer{status: 202, body: `{}`})
		}
		_, err := g.client(client.WithRetries(5*time.Second)).CreateTWAP(t.Context(), client.TWAP{TokenID: "t"})
		if took := time.Since(began); !errors.Is(err, client.ErrPending) || took < 5*time.Second || took > 8*time.Second {
			t.Errorf("ended after %s: %v", took, err)
		}
		if _, err := g.client().Order(t.Context(), "t"); !errors.Is(err, client.ErrPending) {
			t.Errorf("the order is %v", err)
		}
	})
}

func TestRepetitionsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, began := &gateway{t: t}, time.Now()
		for range 100 {
			g.answers = append(g.answers, answer{err: errReset})
		}
		if _, err := g.client(client.WithRetries(5 * time.Second)).Balance(t.Context()); !errors.Is(err, client.ErrUnreachable) || time.Since(began) > 5*time.Second {
			t.Errorf("ended after %s: %v", time.Since(began), err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began = time.Now()
		if _, err := g.client().Balance(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Second {
			t.Errorf("the context's end came after %s: %v", time.Since(began), err)
		}
	})
}

func TestTokensAreRenewedByThemselves(t *testing.T) {
	renewed := answer{status: 200, body: `{"access_token":"a2","refresh_token":"r2","expires_in":600}`}
	fine, opened, expired := answer{status: 200, body: `{}`}, answer{status: 200, body: tokens}, problem(401, "token_expired")
	tests := map[string]struct {
		answers []answer
		after   time.Duration // between two calls
		want    []string
		err     error
	}{
		"a session is opened once":                      {[]answer{opened, fine, fine}, 0, []string{"POST /login", "GET /balance", "GET /balance"}, nil},
		"a token near its end is renewed beforehand":    {[]answer{opened, fine, renewed, fine}, 9*time.Minute + time.Second, []string{"POST /login", "GET /balance", "POST /token", "GET /balance"}, nil},
		"a refused token is renewed":                    {[]answer{opened, fine, expired, renewed, fine}, 0, []string{"POST /login", "GET /balance", "GET /balance", "POST /token", "GET /balance"}, nil},
		"a session that has ended is opened again":      {[]answer{opened, fine, expired, problem(401, "invalid_token"), renewed, fine}, 0, []string{"POST /login", "GET /balance", "GET /balance", "POST /token", "POST /login", "GET /balance"}, nil},
		"a new token that is refused too is an error":   {[]answer{opened, fine, expired, renewed, expired}, 0, []string{"POST /login", "GET /balance", "GET /balance", "POST /token", "GET /balance"}, client.ErrUnauthorized},
		"a login that is refused is not tried for long": {[]answer{opened, fine, expired, problem(401, "invalid_token"), problem(401, "invalid_credentials")}, 0, []string{"POST /login", "GET /balance", "GET /balance", "POST /token", "POST /login"}, client.ErrUnauthorized},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := &gateway{t: t, answers: test.answers}
				c := g.client(client.WithAPIKey(""), client.WithPassword("me", "correct horse"))
				if _, err := c.Balance(t.Context()); err != nil {
					t.Fatal(err)
				}
				time.Sleep(test.after) // of the bubble
				if _, err := c.Balance(t.Context()); !errors.Is(err, test.err) {
					t.Errorf("ended with %v, want %v", err, test.err)
				}
				if got := strings.Join(g.asked, ", "); got != strings.Join(test.want, ", ") {
					t.Errorf("asked %s\nwant  %s", got, strings.Join(test.want, ", "))
				}
			})
		})
	}
}

func TestAnErrorTellsAllThatTheGatewaySaid(t *testing.T) {
	g := &gateway{t: t, answers: []answer{{status: 422, body: `{"status":422,"code":"invalid_order","detail":"no","request_id":"q","errors":[{"field":"quantity","detail":"too small"}]}`}}}
	_, err := g.client().Order(t.Context(), "t")
	var told *client.Error
	if !errors.As(err, &told) || told.Code != "invalid_order" || told.RequestID != "q" || told.Fields[0].Field != "quantity" {
		t.Errorf("%#v", err)
	}
}

func TestNumbersAreSentAndReadExactly(t *testing.T) {
	const digits = "12345678901234567890.12345678"
	g := &gateway{t: t, answers: []answer{{status: 200, body: `{"asset":"USDT","total":"` + digits + `"}`}}}
	b, err := g.client().Deposit(t.Context(), "USDT", decimal.MustParse(digits))
	if err != nil || b.Total.String() != digits {
		t.Errorf("read %s: %v", b.Total, err)
	}
	var sent struct{ Amount json.RawMessage }
	if err := json.Unmarshal([]byte(g.bodies[0]), &sent); err != nil || string(sent.Amount) != `"`+digits+`"` {
		t.Errorf("sent %s: %v", g.bodies[0], err)
	}
	if g.headers[0].Get("Idempotency-Key") == "" {
		t.Error("a deposit without a name of its own could be made twice")
	}
}
