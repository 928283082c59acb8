// Package metrics is how a service counts what it does, for Prometheus: a Registry of its own, whose page is served at
// /metrics on the internal listener and nowhere else.
//
// Everything here may be used by any number of goroutines, and counting allocates nothing. Metrics are made when a service
// starts and live as long as it does; a name given twice, or help left out, is a mistake in the program and panics then.
//
// Durations are handed in as time.Duration and told in seconds, so that no service needs floating point. Labels have few
// values, known beforehand: an exchange, a reason, a route; never an account, an order or a symbol. The package sends
// nothing anywhere and keeps no history.
package metrics

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Definition is what the documentation says about a metric.
type Definition struct {
	Name   string
	Type   string // counter, gauge or histogram
	Labels []string
	Help   string
}

// Registry holds the metrics of one service. Their names begin with "hourglass_" and the service's.
type Registry struct {
	prefix      string
	prometheus  *prometheus.Registry
	definitions []Definition // changed while the service starts only
}

// New returns the registry of a service, with its build and what the Go runtime and the operating system tell about the process.
func New(service, version string) *Registry {
	r := &Registry{prefix: "hourglass_" + service + "_", prometheus: prometheus.NewRegistry()}
	r.prometheus.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	r.Readings(Gauge, "build_info", "1, with the version that runs.", "version").Add(func() int64 { return 1 }, version)
	return r
}

// Pages serves the metrics at /metrics and leaves every other address to next.
func (r *Registry) Pages(next http.Handler) http.Handler {
	mux := http.NewServeMux()
	// A scrape that finds a metric broken tells the others.
	mux.Handle("GET /metrics", promhttp.HandlerFor(r.prometheus, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError}))
	mux.Handle("/", next)
	return mux
}

// Definitions returns the registry's metrics, sorted by name; those of the Go runtime and the process are not among them.
func (r *Registry) Definitions() []Definition {
	sorted := slices.Clone(r.definitions)
	slices.SortFunc(sorted, func(a, b Definition) int { return strings.Compare(a.Name, b.Name) })
	return sorted
}

// name notes the definition of a metric and returns its full name.
func (r *Registry) name(kind Kind, name, help string, labels []string) string {
	full := r.prefix + name
	if help == "" {
		panic("the metric " + full + " has no help")
	}
	r.definitions = append(r.definitions, Definition{Name: full, Type: string(kind), Labels: labels, Help: help})
	return full
}

// Counter counts events. The zero Counter counts for nobody.
type Counter struct{ counter prometheus.Counter }

// Inc counts one.
func (c Counter) Inc() { c.Add(1) }

// Add counts n, which is not negative.
func (c Counter) Add(n int) {
	if c.counter != nil {
		c.counter.Add(float64(n))
	}
}

// Counter makes a counter; its name ends in _total.
func (r *Registry) Counter(name, help string) Counter {
	c := prometheus.NewCounter(prometheus.CounterOpts{Name: r.name(Count, name, help, nil), Help: help})
	r.prometheus.MustRegister(c)
	return Counter{c}
}

// Counters are counters told apart by the values of labels. The zero Counters count for nobody.
type Counters struct{ vec *prometheus.CounterVec }

// Counters makes counters; their name ends in _total.
func (r *Registry) Counters(name, help string, labels ...string) Counters {
	vec := prometheus.NewCounterVec(prometheus.CounterOpts{Name: r.name(Count, name, help, labels), Help: help}, labels)
	r.prometheus.MustRegister(vec)
	return Counters{vec}
}

// With returns the counter for values of the labels, in their order. The values are from a small set known beforehand.
func (c Counters) With(values ...string) Counter {
	if c.vec == nil {
		return Counter{}
	}
	return Counter{c.vec.WithLabelValues(values...)}
}

// Durations is a histogram of durations, told in seconds. The zero Durations observes for nobody.
type Durations struct{ observer prometheus.Observer }

// Observe counts a duration.
func (d Durations) Observe(took time.Duration) {
	if d.observer != nil {
		d.observer.Observe(took.Seconds())
	}
}

// Durations makes a histogram with these upper bounds; its name ends in _seconds.
func (r *Registry) Durations(name, help string, bounds ...time.Duration) Durations {
	h := prometheus.NewHistogram(prometheus.HistogramOpts{Name: r.name(histogram, name, help, nil), Help: help, Buckets: seconds(bounds)})
	r.prometheus.MustRegister(h)
	return Durations{h}
}

// DurationsBy are histograms told apart by the values of labels. The zero DurationsBy observe for nobody.
type DurationsBy struct{ vec *prometheus.HistogramVec }

// DurationsBy makes histograms with these upper bounds; their name ends in _seconds.
func (r *Registry) DurationsBy(name, help string, labels []string, bounds ...time.Duration) DurationsBy {
	vec := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: r.name(histogram, name, help, labels), Help: help, Buckets: seconds(bounds),
	}, labels)
	r.prometheus.MustRegister(vec)
	return DurationsBy{vec}
}

// With returns the histogram for values of the labels, in their order. The values are from a small set known beforehand.
func (d DurationsBy) With(values ...string) Durations {
	if d.vec == nil {
		return Durations{}
	}
	return Durations{d.vec.WithLabelValues(values...)}
}

func seconds(bounds []time.Duration) []float64 {
	out := make([]float64, len(bounds))
	for i, b := range bounds {
		out[i] = b.Seconds()
	}
	return out
}
