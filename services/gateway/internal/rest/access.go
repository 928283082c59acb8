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

type loginRequest struct {
	credentials
	Cookie bool `json:"cookie"`
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
	RefreshToken string `json:"refresh_token,omitempty"`
}

// tokensOf returns the answer that carries tokens, and the header that keeps the refresh token if that is to be a cookie.
func tokensOf(t auth.Tokens, cookie bool) (tokens, *string) {
	told := tokens{AccessToken: t.Access, TokenType: "bearer", ExpiresIn: seconds(t.ExpiresIn)}
	if cookie {
		return told, cookieOf(t)
	}
	told.RefreshToken = t.Refresh
	return told, nil
}

// tooCommon is what a user is told of a password that everybody tries first.
const tooCommon = "is a common one, a single word, or the username: take another, a sentence is best"

// Register creates the user and has the account opened. If nobody answers for the account now, the command is in the log
// and the account opens when its owner is back.
func (s *server) Register(ctx context.Context, req RegisterRequestObject) (RegisterResponseObject, error) {
	if err := auth.CheckNew(req.Body.Username, req.Body.Password); err != nil {
		return nil, invalid([]order.FieldError{{Field: "password", Detail: tooCommon}})
	}
	if err := s.spend(ctx, s.signups, "users registered"); err != nil {
		return nil, err
	}
	id, err := s.Auth.Register(ctx, req.Body.Username, req.Body.Password)
	if err != nil {
		return nil, err
	}
	answer := registered{Username: req.Body.Username, Account: id, Status: "opening"}
	cmd := &order.Command{ID: order.CommandID(id, order.OpenAccount, ""), Account: id, Type: order.OpenAccount}
	opened, _, err := s.do(ctx, cmd, false)
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
	told, kept := tokensOf(t, req.Body.Cookie)
	return Login200JSONResponse{Body: told, Headers: Login200ResponseHeaders{SetCookie: kept}}, nil
}

// Token gives tokens by the rules of OAuth2.
func (s *server) Token(ctx context.Context, req TokenRequestObject) (TokenResponseObject, error) {
	var (
		t      auth.Tokens
		err    error
		cookie = req.Body.GrantType == "refresh_token" && req.Body.RefreshToken == "" && req.Params.RefreshToken != nil
	)
	switch {
	case cookie:
		t, err = s.refresh(ctx, *req.Params.RefreshToken)
	case req.Body.GrantType == "refresh_token":
		t, err = s.refresh(ctx, req.Body.RefreshToken)
	default:
		t, err = s.login(ctx, req.Body.Username, req.Body.Password)
	}
	if err != nil {
		return nil, err
	}
	told, kept := tokensOf(t, cookie)
	return Token200JSONResponse{Body: told, Headers: Token200ResponseHeaders{SetCookie: kept}}, nil
}

func (s *server) refresh(ctx context.Context, token string) (auth.Tokens, error) {
	t, err := s.Auth.Refresh(ctx, token, client(ctx))
	if errors.Is(err, auth.ErrToken) {
		return t, newProblem(http.StatusUnauthorized, "invalid_grant", "the refresh token is not valid; log in again")
	}
	return t, err
}

func (s *server) login(ctx context.Context, username, password string) (t auth.Tokens, err error) {
	err = s.guarded(ctx, username, func() error {
		t, err = s.Auth.Login(ctx, username, password, client(ctx))
		return err
	})
	return t, err
}
