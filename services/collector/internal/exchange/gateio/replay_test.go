package gateio

import (
	"testing"

	"github.com/hourglass-trading/hourglass/services/collector/internal/book"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange/exchangetest"
)

// then is a pair as it was when its instrument was not recorded; ten decimals is the most that its sizes have.
func then(wire string) *exchange.Listing {
	return &exchange.Listing{Wire: wire, Code: wire, Scale: book.Scale{Price: 8, Size: 10}}
}

func suite() exchangetest.Suite {
	return exchangetest.Suite{
		Exchange: Anchored{},
		Expected: []string{"captures/gateio/expected.json"},
		Protocol: "gate",
		Listing:  func(_ *testing.T, wire string) *exchange.Listing { return then(wire) },
	}
}

func TestRecordingsReplay(t *testing.T) { exchangetest.Run(t, suite()) }

func BenchmarkDecodeAndApply(b *testing.B) {
	exchangetest.Bench(b, suite(), "captures/gateio/gateio_2021-04-22.cap.gz", then("OMG_USDT"))
}
