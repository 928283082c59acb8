package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/client/internal/api"
)

// Tokens are a session's: one to show with each request, and one to get the next pair with.
type Tokens struct {
	Access    string    `json:"access_token"`
	Refresh   string    `json:"refresh_token"`
	ExpiresAt time.Time `json:"expires_at"` // of the access token, by our clock
}

// Session keeps tokens. A refresh token is good for one use, so whoever renews must be alone: Update holds the tokens for
// itself while change runs (against other processes too, where they share them), and keeps what it returns. An error of
// change is returned, and nothing is kept.
type Session interface {
	Update(ctx context.Context, change func(Tokens) (Tokens, error)) error
}

// memory is a session that ends with the process.
type memory struct {
	turn   chan struct{} // full while somebody has the tokens; over a renewal too, so that concurrent calls need but one
	tokens Tokens
}

func newMemory() *memory { return &memory{turn: make(chan struct{}, 1)} }

// Update implements Session.
func (m *memory) Update(ctx context.Context, change func(Tokens) (Tokens, error)) error {
	select {
	case m.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-m.turn }()
	tokens, err := change(m.tokens)
	if err == nil {
		m.tokens = tokens
	}
	return err
}

// margin is how long before its end a token is renewed: more than the 30 s at which a stream warns, and than any request
// is on its way.
const margin = 60 * time.Second

// token returns what to authorize a request with, renewed where its end is near; "" where none is needed.
func (c *Client) token(ctx context.Context, public bool) (string, error) {
	if public || c.apiKey != "" {
		return c.apiKey, nil
	}
	var token string
	err := c.session.Update(ctx, func(t Tokens) (Tokens, error) {
		if t.Access != "" && c.now().Before(t.ExpiresAt.Add(-margin)) {
			token = t.Access
			return t, nil
		}
		t, err := c.fresh(ctx, t)
		token = t.Access
		return t, err
	})
	return token, err
}

// renew replaces a token that was refused, unless somebody else has done so already.
func (c *Client) renew(ctx context.Context, refused string) error {
	return c.session.Update(ctx, func(t Tokens) (Tokens, error) {
		if t.Access != refused {
			return t, nil
		}
		return c.fresh(ctx, t)
	})
}

// fresh gets new tokens, by the refresh token or else by the password.
func (c *Client) fresh(ctx context.Context, t Tokens) (Tokens, error) {
	err := fmt.Errorf("%w: log in first", ErrUnauthorized)
	if t.Refresh != "" {
		form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {t.Refresh}}.Encode()
		var renewed Tokens
		renewed, err = c.obtain(ctx, call{build: func(server string) (*http.Request, error) {
			return api.NewTokenRequestWithBody(server, "application/x-www-form-urlencoded", strings.NewReader(form))
		}})
		if err == nil || !errors.Is(err, ErrUnauthorized) {
			return renewed, err
		}
	}
	if c.username != "" {
		return c.obtain(ctx, c.loginCall(c.username, c.password))
	}
	return Tokens{}, err
}

func (c *Client) loginCall(username, password string) call {
	return call{
		build: func(server string) (*http.Request, error) {
			return api.NewLoginRequestWithBody(server, "application/json", http.NoBody)
		},
		body: credentials{username, password},
	}
}

type credentials struct {
	Username string `json:"username"`
	Password string `json:"password"`
}

// obtain asks for tokens. It may be repeated: a session nobody uses expires, and of a refresh token whose answer was lost a
// second use is taken for 10 s.
func (c *Client) obtain(ctx context.Context, k call) (Tokens, error) {
	k.public, k.repeatable = true, true
	var answer struct {
		Tokens
		ExpiresIn int64 `json:"expires_in"`
	}
	asked := c.now()
	if err := c.do(ctx, k, &answer); err != nil {
		return Tokens{}, err
	}
	if answer.Access == "" {
		return Tokens{}, fmt.Errorf("%w: no token in it", ErrProtocol)
	}
	answer.ExpiresAt = asked.Add(time.Duration(answer.ExpiresIn) * time.Second)
	return answer.Tokens, nil
}

// Register creates a user with an account and its opening funds. It does not log in.
func (c *Client) Register(ctx context.Context, username, password string) error {
	err := c.do(ctx, call{
		build: func(server string) (*http.Request, error) {
			return api.NewRegisterRequestWithBody(server, "application/json", http.NoBody)
		},
		body:   credentials{username, password},
		public: true,
	}, nil)
	return err
}

// Login opens a session and keeps its tokens.
func (c *Client) Login(ctx context.Context, username, password string) error {
	tokens, err := c.obtain(ctx, c.loginCall(username, password))
	if err != nil {
		return err
	}
	return c.session.Update(ctx, func(Tokens) (Tokens, error) { return tokens, nil })
}

// Logout ends the session, at the gateway and here.
func (c *Client) Logout(ctx context.Context) error {
	err := c.do(ctx, call{build: route(http.MethodPost, "logout"), repeatable: true}, nil)
	if err != nil && !errors.Is(err, ErrUnauthorized) { // it has ended already: that is what was asked for
		return err
	}
	return c.session.Update(ctx, func(Tokens) (Tokens, error) { return Tokens{}, nil })
}
