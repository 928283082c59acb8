package collector

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/hourglass-trading/hourglass/pkg/metrics"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange/binance"
	"github.com/hourglass-trading/hourglass/services/collector/internal/feed"
)

// web answers REST calls without a network.
type web func(path string, query url.Values) (status int, body string)

func (w web) RoundTrip(r *http.Request) (*http.Response, error) {
	status, body := w(r.URL.Path, r.URL.Query())
	if status == 0 {
		return nil, errors.New("connection refused")
	}
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
}

const info = `{"symbols":[
	{"symbol":"BTCUSDT","status":"TRADING","baseAsset":"BTC","quoteAsset":"USDT","filters":[{"filterType":"PRICE_FILTER","tickSize":"0.01"},{"filterType":"LOT_SIZE","stepSize":"0.001"}]},
	{"symbol":"ETHUSDT","status":"BREAK","baseAsset":"ETH","quoteAsset":"USDT","filters":[{"filterType":"PRICE_FILTER","tickSize":"0.01"},{"filterType":"LOT_SIZE","stepSize":"0.001"}]}]}`

// binanceAt answers as Binance does, its clock standing at now: each second one coin was traded at the number of the second.
func binanceAt(now time.Time, calls *[]string) web {
	steps := map[string]time.Duration{"1s": time.Second, "1m": time.Minute, "1h": time.Hour, "1d": 24 * time.Hour}
	return func(path string, query url.Values) (int, string) {
		*calls = append(*calls, path+"?"+query.Encode())
		if path == "/api/v3/exchangeInfo" {
			return http.StatusOK, info
		}
		step, limit := steps[query.Get("interval")], atoi(query.Get("limit"), 500)
		last := now.Truncate(step)
		if end := atoi(query.Get("endTime"), 0); end > 0 && time.UnixMilli(int64(end)).Before(now) {
			last = time.UnixMilli(int64(end)).Truncate(step)
		}
		first := last.Add(-time.Duration(limit-1) * step)
		if start := atoi(query.Get("startTime"), 0); start > 0 {
			first = time.UnixMilli(int64(start)).Add(step - 1).Truncate(step)
		}
		var rows []string
		for at := first; !at.After(last) && len(rows) < limit; at = at.Add(step) {
			rows = append(rows, fmt.Sprintf(`[%d,"%d","%d","%d","%d","%d",%d]`, at.UnixMilli(), at.Unix(), at.Unix()+int64(step/time.Second)-1,
				at.Unix(), at.Unix()+int64(step/time.Second)-1, step/time.Second, at.Add(step).UnixMilli()-1))
		}
		return http.StatusOK, "[" + strings.Join(rows, ",") + "]"
	}
}

func atoi(s string, def int) int {
	if n, err := strconv.Atoi(s); err == nil {
		return n
	}
	return def
}

// noBus takes everything and gives nothing.
type noBus struct{ published []string }

func (b *noBus) PublishMarket(subject string, _ []byte) error {
	b.published = append(b.published, subject)
	return nil
}

func (*noBus) Bucket(context.Context, string) (jetstream.KeyValue, error) {
	return nil, errors.New("no bucket")
}
func (*noBus) EnsureStreams(context.Context) error { return nil }
func (*noBus) Orders() *nats.Conn                  { return nil }
func (*noBus) Closed() <-chan struct{}             { return nil }
func (*noBus) Measure(*metrics.Registry)           {}

// newTestDesk returns a desk for Binance whose REST calls are answered by w, and whose catalog is filled if w answers.
func newTestDesk(t *testing.T, w web) *desk {
	t.Helper()
	d := newDesk(Endpoint{Exchange: "binance", REST: "http://exchange", WS: "ws://exchange"}, binance.Exchange{}, Config{}, &noBus{}, feed.WebOver(w), slog.New(slog.DiscardHandler))
	_ = d.catalog.refresh(t.Context())
	return d
}
