package metrics_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/metrics"
)

func page(r *metrics.Registry, path string) (status int, body string) {
	answer := httptest.NewRecorder()
	r.Pages(http.NotFoundHandler()).ServeHTTP(answer, httptest.NewRequest(http.MethodGet, path, http.NoBody))
	return answer.Code, answer.Body.String()
}

func TestThePageTellsWhatWasCounted(t *testing.T) {
	r := metrics.New("test", "v1")
	r.Counter("orders_total", "Orders.").Add(3)
	r.Counters("skipped_total", "Skipped.", "reason").With("late").Inc()
	r.Durations("lateness_seconds", "Lateness.", 10*time.Millisecond, time.Second).Observe(20 * time.Millisecond)
	r.DurationsBy("append_seconds", "Appends.", []string{"stream"}, time.Second).With("EVT").Observe(2 * time.Second)
	ages := r.Readings(metrics.Gauge, "age_seconds", "Ages.", "exchange")
	ages.AddDuration(func() (time.Duration, bool) { return 1500 * time.Millisecond, true }, "binance")
	ages.AddDuration(func() (time.Duration, bool) { return 0, false }, "kraken")

	status, body := page(r, "/metrics")
	if status != http.StatusOK {
		t.Fatalf("status %d: %s", status, body)
	}
	for _, line := range []string{
		`hourglass_test_build_info{version="v1"} 1`,
		`hourglass_test_orders_total 3`,
		`hourglass_test_skipped_total{reason="late"} 1`,
		`hourglass_test_lateness_seconds_bucket{le="0.01"} 0`,
		`hourglass_test_lateness_seconds_bucket{le="1"} 1`,
		`hourglass_test_append_seconds_bucket{stream="EVT",le="+Inf"} 1`,
		`hourglass_test_age_seconds{exchange="binance"} 1.5`,
		`# HELP hourglass_test_orders_total Orders.`,
		`# TYPE hourglass_test_age_seconds gauge`,
		`go_goroutines `,
	} {
		if !strings.Contains(body, line) {
			t.Errorf("no %s in\n%s", line, body)
		}
	}
	if strings.Contains(body, "kraken") {
		t.Error("a value that is not known was told")
	}
	if status, _ := page(r, "/readyz"); status != http.StatusNotFound {
		t.Errorf("another address: status %d, not that of the pages behind", status)
	}
}

func TestDefinitionsAreSortedAndHaveNoRuntime(t *testing.T) {
	r := metrics.New("test", "v1")
	r.Counter("b_total", "B.")
	r.Readings(metrics.Count, "a_total", "A.", "exchange")
	var names []string
	for _, d := range r.Definitions() {
		names = append(names, d.Name+" "+d.Type+" "+strings.Join(d.Labels, ","))
	}
	want := "hourglass_test_a_total counter exchange|hourglass_test_b_total counter |hourglass_test_build_info gauge version"
	if got := strings.Join(names, "|"); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

func TestCountingAllocatesNothing(t *testing.T) {
	r := metrics.New("test", "v1")
	c, d := r.Counter("c_total", "C."), r.Durations("d_seconds", "D.", time.Second)
	vec := r.Counters("v_total", "V.", "a", "b")
	vec.With("x", "y")
	if n := testing.AllocsPerRun(100, func() { c.Inc(); d.Observe(time.Second); vec.With("x", "y").Inc() }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestZeroValuesCountForNobody(t *testing.T) {
	metrics.Counter{}.Inc()
	metrics.Counters{}.With("a").Inc()
	metrics.Durations{}.Observe(time.Second)
	metrics.DurationsBy{}.With("a").Observe(time.Second)
}

func TestAMetricWithoutHelpIsAMistake(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("taken")
		}
	}()
	metrics.New("test", "v1").Counter("c_total", "")
}
