package rest

import (
	"context"
	"net/http"
	"time"
)

type health struct {
	Status string            `json:"status"`
	Checks map[string]string `json:"checks,omitempty"`
}

// GetHealth says that the process lives.
func (s *server) GetHealth(context.Context, GetHealthRequestObject) (GetHealthResponseObject, error) {
	return GetHealth200JSONResponse{Status: "ok"}, nil
}

// GetReadiness says whether all works that a user needs, and if not, what does not.
func (s *server) GetReadiness(ctx context.Context, _ GetReadinessRequestObject) (GetReadinessResponseObject, error) {
	checks := s.Ready(ctx)
	for _, state := range checks {
		if state != "ok" {
			p := newProblem(http.StatusServiceUnavailable, "not_ready", "not everything works that a user needs")
			p.Checks, p.retryAfter = checks, time.Second
			return nil, p
		}
	}
	return GetReadiness200JSONResponse{Status: "ok", Checks: checks}, nil
}
