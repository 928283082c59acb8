package kraken

import (
	"testing"

	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange/exchangetest"
)

func listings(tb testing.TB, file string) map[string]*exchange.Listing {
	tb.Helper()
	list, _, err := Exchange{}.ParseListings(exchangetest.Body(tb, file, "/AssetPairs"))
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
	known := listings(t, "captures/kraken_v2/instruments_2026-07-07.http.gz")
	exchangetest.Run(t, exchangetest.Suite{
		Exchange: Exchange{},
		Expected: []string{"captures/kraken_v2/expected.json"},
		Protocol: "kraken2",
		NeedTruncation: []string{
			"kraken_v2_2026-08-02_btcusd_d25.cap.gz", "kraken_v2_2026-07-07_d10.cap.gz",
		},
		Listing: func(t *testing.T, wire string) *exchange.Listing {
			if known[wire] == nil {
				t.Fatalf("%s is not listed", wire)
			}
			return known[wire]
		},
	})
}
