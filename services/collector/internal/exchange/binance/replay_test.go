package binance

import (
	"testing"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/market"
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
		Expected: []string{"captures/binance/expected.json", "market/expected.json"},
		Protocol: "binance",
		Listing: func(t *testing.T, wire string) *exchange.Listing {
			t.Helper()
			if l := in2025[wire]; l != nil {
				return l
			}
			if in2021[wire] == nil {
				t.Fatalf("%s is not listed", wire)
			}
			return in2021[wire]
		},
	})
}

func TestRecordingsOfBinanceUSReplay(t *testing.T) {
	exchangetest.Run(t, exchangetest.Suite{
		Exchange: US(),
		Expected: []string{"captures/binance_us/expected.json"},
		Protocol: "binance",
		Listing: func(_ *testing.T, wire string) *exchange.Listing {
			// Its instruments were not recorded; eight decimals is what the wire has.
			return &exchange.Listing{Wire: wire, Code: wire, Scale: book.Scale{Price: 8, Size: 8}}
		},
	})
}

func TestRecordedAnswersOfCalls(t *testing.T) {
	exchangetest.REST(t, Exchange{}, "captures/binance/expected_rest.json")
}

func TestRelativesDifferInNameAndLimits(t *testing.T) {
	info := []byte(`{"symbols":[{"symbol":"BTCTRY","status":"TRADING","baseAsset":"BTC","quoteAsset":"TRY","filters":[
		{"filterType":"PRICE_FILTER","tickSize":"1.00000000"},{"filterType":"LOT_SIZE","stepSize":"0.00001000","minQty":"0.00001000"}]}]}`)
	tests := map[market.Exchange]struct {
		e      Exchange
		weight int
		klines string
	}{
		"binance":    {Exchange{}, 4800, "/api/v3/klines"},
		"binance_us": {US(), 900, "/api/v3/klines"},
		"binance_tr": {TR(), 900, "/api/v1/klines"},
	}
	for name, tt := range tests {
		if _, err := market.ParseExchange(string(tt.e.Name())); err != nil || tt.e.Name() != name || tt.e.Traits().Weight != tt.weight {
			t.Errorf("%s, weight %d, %v", tt.e.Name(), tt.e.Traits().Weight, err)
		}
		list, _, err := tt.e.ParseListings(info)
		if err != nil || len(list) != 1 || list[0].Exchange != name || list[0].Symbol != "BTC-TRY" {
			t.Fatalf("%s: %+v, %v", name, list, err)
		}
		if call := tt.e.Candles(&list[0], time.Minute, time.Time{}, time.Time{}, 10); call.Path != tt.klines {
			t.Errorf("%s: %s", name, call.Path)
		}
	}
}
