package binance

import (
	"testing"

	"github.com/hourglass-trading/hourglass/services/collector/internal/book"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange/exchangetest"
)

func listings(tb testing.TB, file string) map[string]*exchange.Listing {
	tb.Helper()
	list, _, err := Exchange{}.ParseListings(exchangetest.Body(tb, file, "/exchangeInfo"))
	if err != nil {
		tb.Fatal(err)
	}
	byName := map[string]*exchange.Listing{}
	for i := range list {
		byName[list[i].Wire] = &list[i]
	}
	return byName
}

func TestRecordingsReplay(t *testing.T) {
	in2021 := listings(t, "captures/binance/instruments_2021-10-12.http.gz")
	in2025 := listings(t, "captures/binance/instruments_2025_trimmed.http.gz")
	exchangetest.Run(t, exchangetest.Suite{
		Exchange: Exchange{},
		Expected: []string{
			"captures/binance/expected.json", "captures/binance_us/expected.json", "market/expected.json",
		},
		Protocol: "binance",
		Listing: func(_ *testing.T, wire string) *exchange.Listing {
			if l := in2025[wire]; l != nil {
				return l
			}
			if l := in2021[wire]; l != nil {
				return l
			}
			// Binance.US listed pairs of its own; eight decimals is what the wire has.
			return &exchange.Listing{Wire: wire, Code: wire, Scale: book.Scale{Price: 8, Size: 8}}
		},
	})
}
