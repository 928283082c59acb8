package executor

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/metrics"
	"github.com/hourglass-trading/hourglass/pkg/order"
)

func TestStoredEventsAreCounted(t *testing.T) {
	reg := metrics.New("executor", "v1")
	var m meters
	m.observe(reg)
	due := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, s := range []order.Slice{
		{Status: order.SliceSent, DueAt: due, DecidedAt: due.Add(3 * time.Millisecond)},
		{Status: order.SliceSkipped, Reason: order.StaleBook, DueAt: due, DecidedAt: due.Add(30 * time.Millisecond)},
		{Status: order.SliceMissed, Reason: order.ServerDown, DueAt: due},
	} {
		m.stored(&order.Event{Type: order.SliceDecided, Slice: &s})
	}
	m.stored(&order.Event{Type: order.SliceArrived, Slice: &order.Slice{Status: order.SliceFilled}, Fills: []order.Fill{{Exchange: "binance"}, {Exchange: "kraken"}}})

	answer := httptest.NewRecorder()
	reg.Pages(http.NotFoundHandler()).ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", http.NoBody))
	for _, line := range []string{
		"hourglass_executor_slices_due_total 3",
		`hourglass_executor_slices_total{status="sent"} 1`,
		`hourglass_executor_slices_skipped_total{reason="stale_book"} 1`,
		`hourglass_executor_slices_skipped_total{reason="server_down"} 1`,
		`hourglass_executor_slice_lateness_seconds_bucket{le="0.005"} 1`,
		"hourglass_executor_slice_lateness_seconds_count 2",
		`hourglass_executor_events_total{type="slice_arrived"} 1`,
		`hourglass_executor_fills_total{exchange="kraken"} 1`,
	} {
		if !strings.Contains(answer.Body.String(), line+"\n") {
			t.Errorf("no %s", line)
		}
	}
}
