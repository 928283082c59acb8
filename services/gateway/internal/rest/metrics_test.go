package rest

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/hourglass-trading/hourglass/pkg/metrics"
)

func TestWordsOfClientsAreNoLabels(t *testing.T) {
	reg := metrics.New("gateway", "v1")
	m := NewMetrics(reg)
	e := echo.New()
	e.Use(func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(ctx echo.Context) error {
			if err := next(ctx); err != nil {
				ctx.Error(err)
			}
			m.answered(ctx, time.Millisecond)
			return nil
		}
	})
	e.GET("/v1/orders/:order_id", func(ctx echo.Context) error { return ctx.NoContent(http.StatusOK) })
	for _, asked := range [][2]string{{"GET", "/v1/orders/one"}, {"GET", "/v1/orders/two"}, {"GET", "/wp-admin"}, {"BREW", "/coffee"}} {
		e.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(asked[0], asked[1], http.NoBody))
	}

	answer := httptest.NewRecorder()
	reg.Pages(http.NotFoundHandler()).ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", http.NoBody))
	page := answer.Body.String()
	for _, line := range []string{
		`hourglass_gateway_http_requests_total{method="GET",route="/v1/orders/:order_id",status="200"} 2`,
		`hourglass_gateway_http_requests_total{method="GET",route="unknown",status="404"} 1`,
		`hourglass_gateway_http_requests_total{method="other",route="unknown",status="404"} 1`,
		`hourglass_gateway_http_request_seconds_count{method="GET",route="/v1/orders/:order_id"} 2`,
	} {
		if !strings.Contains(page, line+"\n") {
			t.Errorf("no %s in\n%s", line, page)
		}
	}
	if strings.Contains(page, "coffee") || strings.Contains(page, "wp-admin") || strings.Contains(page, "BREW") {
		t.Error("a client's word became a label")
	}
}
