package gateway

import (
	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/pkg/metrics"
	"github.com/hourglass-trading/hourglass/services/gateway/internal/rest"
	"github.com/hourglass-trading/hourglass/services/gateway/internal/stream"
	"github.com/hourglass-trading/hourglass/services/gateway/internal/view"
)

// Metrics says what a gateway tells at /metrics, for the documentation.
func Metrics() []metrics.Definition {
	r := metrics.New("gateway", "")
	bus.Measures(r)
	rest.NewMetrics(r)
	stream.Describe(r)
	view.NewAccounts(nil, nil).Measure(r)
	return r.Definitions()
}
