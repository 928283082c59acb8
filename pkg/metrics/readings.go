package metrics

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Kind says what a metric's values are.
type Kind string

// The kinds of readings.
const (
	Count Kind = "counter" // only grows while the process lives
	Gauge Kind = "gauge"   // goes up and down

	histogram Kind = "histogram"
)

// Readings are values that are read when somebody asks for them, from where they are counted already.
type Readings struct {
	desc *prometheus.Desc
	kind prometheus.ValueType

	mu    sync.Mutex // guards reads
	reads []reading
}

// reading is one value and where it stands.
type reading struct {
	values []string
	read   func() (value float64, known bool)
}

// Readings makes readings told apart by the values of labels. Without Add they have no values.
func (r *Registry) Readings(kind Kind, name, help string, labels ...string) *Readings {
	value := prometheus.GaugeValue
	if kind == Count {
		value = prometheus.CounterValue
	}
	out := &Readings{desc: prometheus.NewDesc(r.name(kind, name, help, labels), help, labels, nil), kind: value}
	r.prometheus.MustRegister(out)
	return out
}

// Add has read called at each scrape; it must be quick, and safe for any goroutine.
func (m *Readings) Add(read func() int64, values ...string) {
	m.add(func() (float64, bool) { return float64(read()), true }, values)
}

// AddDuration is Add for a duration, which is told in seconds. A value that is not known is not told.
func (m *Readings) AddDuration(read func() (d time.Duration, known bool), values ...string) {
	m.add(func() (float64, bool) {
		d, known := read()
		return d.Seconds(), known
	}, values)
}

func (m *Readings) add(read func() (float64, bool), values []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.reads = append(m.reads, reading{values, read})
}

// Describe implements prometheus.Collector.
func (m *Readings) Describe(out chan<- *prometheus.Desc) { out <- m.desc }

// Collect implements prometheus.Collector.
func (m *Readings) Collect(out chan<- prometheus.Metric) {
	m.mu.Lock()
	reads := m.reads[:len(m.reads):len(m.reads)] // readings are only ever added
	m.mu.Unlock()
	for _, r := range reads {
		if v, known := r.read(); known {
			out <- prometheus.MustNewConstMetric(m.desc, m.kind, v, r.values...)
		}
	}
}
