// Package operations holds what documents and checks the platform for those who run it: the list of all metrics, from the
// services' own registries.
//
// It is pure and is used by tests and by the generator of docs/metrics.md; no service needs it.
package operations

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hourglass-trading/hourglass/pkg/metrics"
	"github.com/hourglass-trading/hourglass/services/collector"
	"github.com/hourglass-trading/hourglass/services/executor"
	"github.com/hourglass-trading/hourglass/services/gateway"
	"github.com/hourglass-trading/hourglass/services/hourglass/internal/audit"
)

// Service is the metrics of one service.
type Service struct {
	Name    string
	Metrics []metrics.Definition
}

// Services returns all metrics, service by service.
func Services() []Service {
	return []Service{
		{"auditor", audit.Metrics()},
		{"collector", collector.Metrics()},
		{"executor", executor.Metrics()},
		{"gateway", gateway.Metrics()},
	}
}

const metricsHead = `# Metrics

Written by the services' own registries (` + "`go test ./services/hourglass/internal/operations -update`" + `); a test keeps it true.

Each service tells them at ` + "`/metrics`" + ` on its internal listener (` + "`HOURGLASS_HEALTH_LISTEN`" + `, 127.0.0.1:8081 unless said otherwise), in
Prometheus' text format; never on the public port. ` + "`hourglass up`" + ` has no such listener: one process for one person.
The Go runtime (` + "`go_*`" + `) and the process (` + "`process_*`" + `) are told besides.

No metric is told apart by account, order or symbol: their number does not grow with use.
`

// MetricsPage returns docs/metrics.md.
func MetricsPage() string {
	var b strings.Builder
	b.WriteString(metricsHead)
	for _, s := range Services() {
		fmt.Fprintf(&b, "\n## %s\n\n| metric | type | labels | what it tells |\n|---|---|---|---|\n", s.Name)
		for _, m := range s.Metrics {
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", m.Name, m.Type, strings.Join(m.Labels, ", "), m.Help)
		}
	}
	return b.String()
}

// Named reports whether a service has a metric of this name; the parts of a histogram count as it.
func Named(name string) bool {
	return slices.ContainsFunc(Services(), func(s Service) bool {
		return slices.ContainsFunc(s.Metrics, func(m metrics.Definition) bool {
			part, histogram := strings.CutPrefix(name, m.Name)
			return part == "" && histogram || m.Type == "histogram" && slices.Contains([]string{"_bucket", "_sum", "_count"}, part)
		})
	})
}
