package rest

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/hourglass-trading/hourglass/pkg/order"
	"github.com/hourglass-trading/hourglass/services/gateway/internal/auth"
)

type keySet struct {
	Keys []auth.PublicKey `json:"keys"`
}

type passwordChange struct {
	Username string `json:"username"`
	Current  string `json:"current_password"`
	New      string `json:"new_password"`
}

type newAPIKey struct {
	Name      string       `json:"name"`
	Scopes    []auth.Scope `json:"scopes"`
	ExpiresAt time.Time    `json:"expires_at"`
	Networks  []string     `json:"allowed_networks"`
}

// key returns what is wanted, or all that is wrong with it.
func (n newAPIKey) key(now time.Time) (auth.NewAPIKey, error) {
	want := auth.NewAPIKey{Name: n.Name, Scopes: n.Scopes, ExpiresAt: n.ExpiresAt}
	var faults []order.FieldError
	if !n.ExpiresAt.IsZero() && !n.ExpiresAt.After(now) {
		faults = append(faults, order.FieldError{Field: "expires_at", Detail: "is not in the future"})
	}
	for i, text := range n.Networks {
		network, err := auth.ParseNetwork(text)
		if err != nil {
			faults = append(faults, order.FieldError{Field: "allowed_networks." + strconv.Itoa(i), Detail: err.Error()})
			continue
		}
		want.Networks = append(want.Networks, network)
	}
	if len(faults) > 0 {
		return want, invalid(faults)
	}
	return want, nil
}

type apiKeyList struct {
	Keys []auth.APIKey `json:"keys"`
}

type createdAPIKey struct {
	auth.APIKey
	Key string `json:"key"`
}

type ticketAnswer struct {
	Ticket    string `json:"ticket"`
	ExpiresIn int    `json:"expires_in"`
}

type natsCredentials struct {
	Token     string    `json:"token"`
	ExpiresIn int       `json:"expires_in"`
	ExpiresAt time.Time `json:"expires_at"`
	URLs      []string  `json:"urls"`
	Subjects  []string  `json:"subjects"`
}

// GetKeys tells the public keys, so that others can check our tokens.
func (s *server) GetKeys(context.Context, GetKeysRequestObject) (GetKeysResponseObject, error) {
	return GetKeys200JSONResponse{Keys: s.Auth.PublicKeys()}, nil
}

// Logout ends the caller's session.
func (s *server) Logout(ctx context.Context, req LogoutRequestObject) (LogoutResponseObject, error) {
	if err := s.Auth.Logout(ctx, caller(ctx)); err != nil {
		return nil, err
	}
	return Logout204Response{Headers: Logout204ResponseHeaders{SetCookie: noCookie(req.Params.RefreshToken)}}, nil
}

// ChangePassword changes the caller's password. Wrong ones are counted as those of logins are, so that a stolen token does
// not help to guess.
func (s *server) ChangePassword(ctx context.Context, req ChangePasswordRequestObject) (ChangePasswordResponseObject, error) {
	if err := auth.CheckNew(req.Body.Username, req.Body.New); err != nil {
		return nil, invalid([]order.FieldError{{Field: "new_password", Detail: tooCommon}})
	}
	err := s.guarded(ctx, req.Body.Username, func() error {
		return s.Auth.ChangePassword(ctx, caller(ctx), req.Body.Username, req.Body.Current, req.Body.New)
	})
	if errors.Is(err, auth.ErrCredentials) { // not 401, which would say that the token is not valid
		return nil, newProblem(http.StatusForbidden, "invalid_credentials", "wrong username or password")
	}
	if err != nil {
		return nil, err
	}
	return ChangePassword204Response{}, nil
}

// ListAPIKeys tells the account's keys.
func (s *server) ListAPIKeys(ctx context.Context, _ ListAPIKeysRequestObject) (ListAPIKeysResponseObject, error) {
	keys, err := s.Auth.APIKeys(ctx, caller(ctx).Account)
	if err != nil {
		return nil, err
	}
	return ListAPIKeys200JSONResponse{Keys: keys}, nil
}

// CreateAPIKey makes a key.
func (s *server) CreateAPIKey(ctx context.Context, req CreateAPIKeyRequestObject) (CreateAPIKeyResponseObject, error) {
	want, err := req.Body.key(time.Now())
	if err != nil {
		return nil, err
	}
	k, text, err := s.Auth.CreateAPIKey(ctx, caller(ctx).Account, want)
	if err != nil {
		return nil, err
	}
	return CreateAPIKey201JSONResponse{APIKey: k, Key: text}, nil
}

// DeleteAPIKey ends a key of the caller's account.
func (s *server) DeleteAPIKey(ctx context.Context, req DeleteAPIKeyRequestObject) (DeleteAPIKeyResponseObject, error) {
	if err := s.Auth.DeleteAPIKey(ctx, caller(ctx).Account, req.KeyId); err != nil {
		return nil, err
	}
	return DeleteAPIKey204Response{}, nil
}

// CreateTicket gives a text that opens one WebSocket for the caller.
func (s *server) CreateTicket(ctx context.Context, _ CreateTicketRequestObject) (CreateTicketResponseObject, error) {
	text, life, err := s.Auth.NewTicket(ctx, caller(ctx))
	if err != nil {
		return nil, err
	}
	return CreateTicket201JSONResponse{Ticket: text, ExpiresIn: seconds(life)}, nil
}

// events sends the caller's events until the client leaves.
func (s *server) events(op *operation) echo.HandlerFunc {
	return func(ctx echo.Context) error {
		within, cancel := context.WithTimeout(ctx.Request().Context(), requestTimeout)
		defer cancel()
		id, err := s.let(within, ctx, op)
		if err != nil {
			return err
		}
		var last *uint64
		if text := ctx.Request().Header.Get("Last-Event-ID"); text != "" {
			n, err := strconv.ParseUint(text, 10, 64)
			if err != nil {
				return badRequest("invalid_parameter", "Last-Event-ID is not one of ours")
			}
			last = &n
		}
		return s.Events(ctx.Response(), ctx.Request(), id, last)
	}
}
