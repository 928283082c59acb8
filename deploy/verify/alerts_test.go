package verify

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/util/annotations"
	"sigs.k8s.io/yaml"
)

const observability = "../observability"

// rule is an alert as Prometheus reads it.
type rule struct {
	Alert       string            `json:"alert"`
	Expr        string            `json:"expr"`
	For         string            `json:"for"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
}

func alerts(t *testing.T) []rule {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(observability, "alerts.yml"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Groups []struct {
			Name  string `json:"name"`
			Rules []rule `json:"rules"`
		} `json:"groups"`
	}
	if err := yaml.UnmarshalStrict(text, &file); err != nil {
		t.Fatal(err)
	}
	var all []rule
	for _, g := range file.Groups {
		all = append(all, g.Rules...)
	}
	return all
}

// every is between two samples of a test's series, and between two evaluations.
const every = 15 * time.Second

// healthy is what a platform tells over an hour in which nobody has anything to do, in promtool's notation.
const healthy = `
up{job="hourglass",service="collector",instance="c"} 1x240
up{job="hourglass",service="executor",instance="e"} 1x240
up{job="hourglass",service="gateway",instance="g"} 1x240
hourglass_collector_bus_connected{service="collector",connection="market"} 1x240
hourglass_executor_bus_connected{service="executor",connection="orders"} 1x240
hourglass_gateway_bus_connected{service="gateway",connection="orders"} 1x240
hourglass_collector_books{exchange="binance"} 4x240
hourglass_collector_books_live{exchange="binance"} 4x240
hourglass_collector_books{exchange="binance",instance="standby"} 0x240
hourglass_collector_books_live{exchange="binance",instance="standby"} 0x240
hourglass_collector_lease_held{exchange="binance",instance="c"} 1x240
hourglass_collector_lease_held{exchange="binance",instance="standby"} 0x240
hourglass_collector_book_age_seconds{exchange="binance"} 0.2x240
hourglass_collector_lag_seconds{exchange="binance"} 0.05x240
hourglass_collector_checksum_failures_total{exchange="binance"} 0x240
hourglass_collector_resyncs_total{exchange="binance"} 0+1x240
hourglass_executor_slices_skipped_total{reason="stale_book"} 0+1x240
hourglass_executor_slices_skipped_total{reason="server_down"} 7x240
hourglass_executor_slice_lateness_seconds_bucket{le="0.05"} 0+100x240
hourglass_executor_slice_lateness_seconds_bucket{le="+Inf"} 0+100x240
hourglass_executor_append_seconds_bucket{le="0.05"} 0+100x240
hourglass_executor_append_seconds_bucket{le="+Inf"} 0+100x240
hourglass_executor_append_conflicts_total 0+1x240
hourglass_executor_commands_pending 3x240
hourglass_executor_accounts_stopped 0x240
hourglass_executor_foreign_messages_total 2x240
hourglass_executor_bus_dropped_messages_total{connection="market"} 0x240
hourglass_executor_trades_dropped_total 0x240
hourglass_gateway_http_requests_total{status="200"} 0+1000x240
hourglass_gateway_http_requests_total{status="503"} 0+1x240
hourglass_gateway_ws_refused_total 0x240
hourglass_auditor_violations 0x240
hourglass_auditor_events_behind 12x240
`

// faults are what a platform tells instead when an alert's fault is there, from the hour's start.
var faults = map[string]string{
	"ServiceDown":          `up{job="hourglass",service="gateway",instance="g"} 0x240`,
	"NoExecutor":           `up{job="hourglass",service="executor",instance="e"} 0x240`,
	"BusDisconnected":      `hourglass_executor_bus_connected{service="executor",connection="orders"} 0x240`,
	"ExchangeWithoutBooks": `hourglass_collector_books_live{exchange="binance"} 0x240`,
	"ExchangeNotCollected": `hourglass_collector_lease_held{exchange="binance",instance="c"} 0x240`,
	"BooksStale":           `hourglass_collector_book_age_seconds{exchange="binance"} 12x240`,
	"ExchangeLag":          `hourglass_collector_lag_seconds{exchange="binance"} -3x240`,
	"ChecksumFailures":     `hourglass_collector_checksum_failures_total{exchange="binance"} 0+1x240`,
	"BooksBreak":           `hourglass_collector_resyncs_total{exchange="binance"} 0+3x240`,
	"SlicesMissed":         `hourglass_executor_slices_skipped_total{reason="server_down"} 7+1x240`,
	"SlicesLate": `hourglass_executor_slice_lateness_seconds_bucket{le="0.05"} 0+90x240
hourglass_executor_slice_lateness_seconds_bucket{le="2"} 0+100x240`,
	"EventLogSlow": `hourglass_executor_append_seconds_bucket{le="0.05"} 0+90x240
hourglass_executor_append_seconds_bucket{le="5"} 0+100x240`,
	"EventsNotStored":   `hourglass_executor_append_conflicts_total 0+10x240`,
	"CommandsWait":      `hourglass_executor_commands_pending 2000x240`,
	"AccountStopped":    `hourglass_executor_accounts_stopped 1x240`,
	"ForeignMessages":   `hourglass_executor_foreign_messages_total 2+1x240`,
	"MarketDataDropped": `hourglass_executor_trades_dropped_total 0+5x240`,
	"PromiseBroken":     `hourglass_auditor_violations 1x240`,
	"AuditBehind":       `hourglass_auditor_events_behind 20000x240`,
	"GatewayErrors":     `hourglass_gateway_http_requests_total{status="503"} 0+50x240`,
	"StreamsRefused":    `hourglass_gateway_ws_refused_total 0+1x240`,
}

func TestEveryAlertFiresWhereItsFaultIsAndNowhereElse(t *testing.T) {
	engine := promql.NewEngine(promql.EngineOpts{MaxSamples: 1e6, Timeout: time.Minute})
	rules := alerts(t)
	for _, r := range rules {
		if fault, known := faults[r.Alert]; !known {
			t.Errorf("%s: no test shows that it fires", r.Alert)
		} else if !fires(t, engine, r, series(t, healthy, fault)) {
			t.Errorf("%s does not fire over %s", r.Alert, fault)
		}
		if fires(t, engine, r, series(t, healthy)) {
			t.Errorf("%s fires although all is well", r.Alert)
		}
	}
	if len(rules) != len(faults) {
		t.Errorf("%d alerts, %d faults", len(rules), len(faults))
	}
}

// fires reports whether an alert is raised within the hour: its expression holds at all evaluations for as long as it says.
func fires(t *testing.T, engine *promql.Engine, r rule, from storage.Queryable) bool {
	t.Helper()
	var wait time.Duration
	if r.For != "" {
		var err error
		if wait, err = time.ParseDuration(r.For); err != nil {
			t.Fatalf("%s: %v", r.Alert, err)
		}
	}
	q, err := engine.NewRangeQuery(t.Context(), from, nil, r.Expr, time.Unix(0, 0), time.Unix(0, 0).Add(time.Hour), every)
	if err != nil {
		t.Fatalf("%s: %v", r.Alert, err)
	}
	defer q.Close()
	result := q.Exec(t.Context())
	matrix, err := result.Matrix()
	if err != nil {
		t.Fatalf("%s: %v", r.Alert, err)
	}
	for _, s := range matrix {
		run := 0
		for i, p := range s.Floats {
			if run++; i > 0 && p.T-s.Floats[i-1].T != every.Milliseconds() {
				run = 1
			}
			if time.Duration(run-1)*every >= wait {
				return true
			}
		}
	}
	return false
}

// memory is a store of series that are known from the start.
type memory map[string]storage.Series

// series reads descriptions of series; a later one replaces an earlier one of the same labels.
func series(t *testing.T, descriptions ...string) memory {
	t.Helper()
	m := memory{}
	read := parser.NewParser(parser.Options{})
	for line := range strings.Lines(strings.Join(descriptions, "\n")) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		set, values, err := read.ParseSeriesDesc(line)
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		samples := make([]chunks.Sample, len(values))
		for i, v := range values {
			samples[i] = sample{int64(i) * every.Milliseconds(), v.Value}
		}
		m[set.String()] = storage.NewListSeries(set, samples)
	}
	return m
}

// Querier implements storage.Queryable.
func (m memory) Querier(int64, int64) (storage.Querier, error) { return querier{m}, nil }

type querier struct{ memory }

// Select implements storage.Querier.
func (q querier) Select(_ context.Context, _ bool, _ *storage.SelectHints, matchers ...*labels.Matcher) storage.SeriesSet {
	var found []storage.Series
	for _, s := range q.memory {
		ok := true
		for _, m := range matchers {
			ok = ok && m.Matches(s.Labels().Get(m.Name))
		}
		if ok {
			found = append(found, s)
		}
	}
	return &list{series: found}
}

// LabelValues and LabelNames implement storage.Querier; no rule asks for them.
func (querier) LabelValues(context.Context, string, *storage.LabelHints, ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	return nil, nil, nil
}

func (querier) LabelNames(context.Context, *storage.LabelHints, ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	return nil, nil, nil
}

func (querier) Close() error { return nil }

// list is a storage.SeriesSet.
type list struct {
	series []storage.Series
	now    storage.Series
}

func (l *list) Next() bool {
	if len(l.series) == 0 {
		return false
	}
	l.now, l.series = l.series[0], l.series[1:]
	return true
}
func (l *list) At() storage.Series              { return l.now }
func (*list) Err() error                        { return nil }
func (*list) Warnings() annotations.Annotations { return nil }

// sample is a chunks.Sample of a plain number.
type sample struct {
	t int64
	f float64
}

func (s sample) T() int64                    { return s.t }
func (sample) ST() int64                     { return 0 }
func (s sample) F() float64                  { return s.f }
func (sample) H() *histogram.Histogram       { return nil }
func (sample) FH() *histogram.FloatHistogram { return nil }
func (sample) Type() chunkenc.ValueType      { return chunkenc.ValFloat }
func (s sample) Copy() chunks.Sample         { return s }
