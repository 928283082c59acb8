package rest

import (
	"context"
	"net/http"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/bus"
)

// CreateNATSCredentials gives a token with which the caller may subscribe to NATS.
func (s *server) CreateNATSCredentials(ctx context.Context, _ CreateNATSCredentialsRequestObject) (CreateNATSCredentialsResponseObject, error) {
	if len(s.Direct) == 0 {
		return nil, newProblem(http.StatusNotFound, "direct_nats_off", "NATS is not open to users here")
	}
	id := caller(ctx)
	token, end, err := s.Auth.NewNATSToken(id)
	if err != nil {
		return nil, err
	}
	return CreateNATSCredentials201JSONResponse(natsCredentials{
		Token: token, ExpiresAt: end.UTC(), ExpiresIn: max(0, int(time.Until(end)/time.Second)),
		URLs: s.Direct, Subjects: []string{bus.AllMarket, bus.UserSubject(id.Account)},
	}), nil
}
