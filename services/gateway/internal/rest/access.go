package rest

import (
	"context"
	"errors"
	"net/http"

	"github.com/hourglass-trading/hourglass/pkg/order"
	"github.com/hourglass-trading/hourglass/services/gateway/internal/auth"
)

type credentials struct {
	Username string `json:"username"`
	Password string `json:"password"`
}

type grant struct {
	GrantType    string `json:"grant_type"`
	Username     string `json:"username"`
	Password     string `json:"password"`
	RefreshToken string `json:"refresh_token"`
	Scope        string `json:"scope"`
	ClientID     string `json:"client_id"`
	ClientSecret string `json:"client_secret"`
}

type registered struct {
	Username string          `json:"username"`
	Account  order.AccountID `json:"account"`
	Status   string          `json:"status"` // open or opening
}

type tokens struct {
	AccessToken  string `json:"access_token"`
	TokenType    string `json:"token_type"`
	ExpiresIn    int    `json:"expires_in"`
	RefreshToken string `json:"refresh_token"`
}

func tokensOf(t auth.Tokens) tokens {
	return tokens{AccessToken: t.Access, TokenType: "bearer", ExpiresIn: seconds(t.ExpiresIn), RefreshToken: t.Refresh}
}

// Register creates the user and has the account opened. If nobody answers for the account now, the command is in the log
// and the account opens when its owner is back.
func (s *server) Register(ctx context.Context, req RegisterRequestObject) (RegisterResponseObject, error) {
	if err := s.spend(ctx, s.signups, "users registered"); err != nil {
		return nil, err
	}
	id, err := s.Auth.Register(ctx, req.Body.Username, req.Body.Password)
	if err != nil {
		return nil, err
	}
	answer := registered{Username: req.Body.Username, Account: id, Status: "opening"}
	cmd := &order.Command{ID: order.CommandID(id, order.OpenAccount, ""), Account: id, Type: order.OpenAccount}
	opened, _, err := s.do(ctx, cmd)
	switch {
	case err != nil:
		s.log.Warn("account not opened yet", "account", id, "error", err)
	case opened != nil && opened.Type == order.AccountOpened:
		answer.Status = "open"
	}
	return Register201JSONResponse(answer), nil
}

// Login gives tokens for a password.
func (s *server) Login(ctx context.Context, req LoginRequestObject) (LoginResponseObject, error) {
	t, err := s.login(ctx, req.Body.Username, req.Body.Password)
	if err != nil {
		return nil, err
	}
	return Login200JSONResponse(tokensOf(t)), nil
}

// Token gives tokens by the rules of OAuth2.
func (s *server) Token(ctx context.Context, req TokenRequestObject) (TokenResponseObject, error) {
	var (
		t   auth.Tokens
		err error
	)
	if req.Body.GrantType == "refresh_token" {
		if t, err = s.Auth.Refresh(ctx, req.Body.RefreshToken); errors.Is(err, auth.ErrToken) {
			err = newProblem(http.StatusUnauthorized, "invalid_grant", "the refresh token is not valid; log in again")
		}
	} else {
		t, err = s.login(ctx, req.Body.Username, req.Body.Password)
	}
	if err != nil {
		return nil, err
	}
	return Token200JSONResponse(tokensOf(t)), nil
}

func (s *server) login(ctx context.Context, username, password string) (t auth.Tokens, err error) {
	err = s.guarded(ctx, username, func() error {
		t, err = s.Auth.Login(ctx, username, password)
		return err
	})
	return t, err
}
