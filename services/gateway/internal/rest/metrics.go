package rest

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/hourglass-trading/hourglass/pkg/metrics"
)

// Metrics count requests. The zero Metrics count for nobody.
type Metrics struct {
	requests metrics.Counters
	took     metrics.DurationsBy
}

// NewMetrics makes metrics in a registry.
func NewMetrics(r *metrics.Registry) Metrics {
	const ms = time.Millisecond
	return Metrics{
		requests: r.Counters("http_requests_total", "Requests answered, by route as the contract spells it and status.", "method", "route", "status"),
		took: r.DurationsBy("http_request_seconds", "From a request's headers to its answer's end; a stream counts when it ends and is left out here.",
			[]string{"method", "route"}, 1*ms, 2*ms, 5*ms, 10*ms, 20*ms, 50*ms, 100*ms, 500*ms, 2000*ms, 15_000*ms),
	}
}

// methods are those that routes have. A client may send any word, and words of clients are no labels.
var methods = []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}

// answered counts a request that took so long.
func (m Metrics) answered(ctx echo.Context, took time.Duration) {
	method, route := ctx.Request().Method, ctx.Path()
	if !slices.Contains(methods, method) {
		method = "other"
	}
	if route == "" {
		route = "unknown" // nor is a path that leads nowhere
	}
	m.requests.With(method, route, strconv.Itoa(ctx.Response().Status)).Inc()
	if !strings.HasSuffix(route, "/ws") && route != versioned+"/events" {
		m.took.With(method, route).Observe(took)
	}
}
