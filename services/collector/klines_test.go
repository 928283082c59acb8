package collector

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange/coinbase"
	"github.com/hourglass-trading/hourglass/services/collector/internal/feed"
)

// unhurried is Coinbase without its limits on calls.
type unhurried struct{ coinbase.Exchange }

func (u unhurried) Traits() exchange.Traits {
	t := u.Exchange.Traits()
	t.Weight = 1000
	return t
}

// TestCandlesOfARarelyTradedPairAreReadToTheEnd asks an exchange that leaves out the minutes without trades, here all but
// every seventh.
func TestCandlesOfARarelyTradedPairAreReadToTheEnd(t *testing.T) {
	end := time.Date(2026, 9, 21, 14, 0, 0, 0, time.UTC)
	calls := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls++
		from, to := end.Add(-300*time.Minute), end.Add(-time.Second)
		if q := r.URL.Query(); q.Get("start") != "" {
			from, _ = time.Parse(time.RFC3339, q.Get("start"))
			to, _ = time.Parse(time.RFC3339, q.Get("end"))
		}
		rows := []byte("[")
		for at := to.Truncate(time.Minute); !at.Before(from); at = at.Add(-time.Minute) {
			if at.Unix()/60%7 == 0 {
				rows = fmt.Appendf(rows, "[%d,1,2,1,2,3],", at.Unix())
			}
		}
		_, _ = w.Write(append(rows[:max(len(rows)-1, 1)], ']'))
	}))
	defer server.Close()
	ex := unhurried{}
	rest := feed.NewREST(server.URL, ex.Traits(), nil)
	k := newKlines(ex, rest, nil, nil, slog.New(slog.DiscardHandler))
	l := &exchange.Listing{Code: "BTC-USD"}

	forward, err := k.forward(t.Context(), l, time.Minute, window{length: time.Minute, first: end.Add(-700 * time.Minute), last: end.Add(-time.Minute), limit: 700}, end)
	if err != nil {
		t.Fatal(err)
	}
	backward, err := k.backward(t.Context(), l, time.Minute, window{length: time.Minute, limit: 60}, end)
	if err != nil {
		t.Fatal(err)
	}
	for name, candles := range map[string][]market.Candle{"forward": forward, "backward": backward} {
		ordered := slices.IsSortedFunc(candles, func(a, b market.Candle) int { return a.OpenTime.Compare(b.OpenTime) })
		if !ordered || len(candles) < 60 || candles[len(candles)-1].OpenTime.Before(end.Add(-7*time.Minute)) {
			t.Errorf("%s: %d candles, ordered %t", name, len(candles), ordered)
		}
	}
	if len(forward) != 100 || calls > 8 {
		t.Errorf("%d candles forward, want 100; %d calls", len(forward), calls)
	}
}
