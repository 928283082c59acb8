package exchangetest

import (
	"testing"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/fuzztest"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange"
)

// FuzzREST reads anything as the answers of an adapter's calls, beginning with the given ones. Nothing may panic, candles
// are in order, and listings are whole.
func FuzzREST(f *testing.F, ex exchange.Exchange, answers ...string) {
	f.Helper()
	for _, a := range append(answers, "[]", "{}", "[[1790000040000,1,2,1,2,3,4,5]]") {
		f.Add([]byte(a))
	}
	now := time.Unix(1790000100, 0)
	fuzztest.Seed(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		listings, _, err := ex.ParseListings(body)
		for i := range listings {
			l := &listings[i]
			if err != nil || l.Exchange != ex.Name() || l.Symbol == "" || l.Wire == "" || l.Code == "" || l.PriceTick.Sign() <= 0 || l.QuantityStep.Sign() <= 0 {
				t.Errorf("listing %+v, %v", l, err)
			}
		}
		candles, err := ex.ParseCandles(body, time.Minute, now)
		for i := range candles {
			if err != nil || i > 0 && !candles[i].OpenTime.After(candles[i-1].OpenTime) {
				t.Errorf("candles %+v, %v", candles, err)
			}
		}
	})
}
