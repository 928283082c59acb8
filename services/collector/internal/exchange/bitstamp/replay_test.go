package bitstamp

import (
	"strings"
	"testing"

	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange/exchangetest"
)

func suite(tb testing.TB) (exchangetest.Suite, map[string]*exchange.Listing) {
	tb.Helper()
	list, _, err := Exchange{}.ParseListings(exchangetest.Body(tb, "captures/bitstamp/instruments_2022-01-05.http.gz", "/trading-pairs-info"))
	if err != nil {
		tb.Fatal(err)
	}
	byName := map[string]*exchange.Listing{}
	for i := range list {
		byName[list[i].Wire] = &list[i]
	}
	return exchangetest.Suite{
		Exchange: Exchange{},
		Expected: []string{"captures/bitstamp/expected.json"},
		Protocol: "bitstamp",
		Asked:    func(url string, l *exchange.Listing) bool { return strings.HasSuffix(url, "/order_book/"+l.Code) },
		Listing: func(t *testing.T, wire string) *exchange.Listing {
			t.Helper()
			if byName[wire] == nil {
				t.Fatalf("%s is not listed", wire)
			}
			return byName[wire]
		},
	}, byName
}

func TestRecordingsReplay(t *testing.T) {
	s, _ := suite(t)
	exchangetest.Run(t, s)
}

func TestRecordedAnswersOfCalls(t *testing.T) {
	exchangetest.REST(t, Exchange{}, "captures/bitstamp/expected_rest.json")
}

func BenchmarkDecodeAndApply(b *testing.B) {
	s, listings := suite(b)
	exchangetest.Bench(b, s, "captures/bitstamp/bitstamp_2022-01-05.cap.gz", listings["ethusd"])
}
