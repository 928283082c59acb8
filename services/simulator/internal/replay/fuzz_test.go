package replay

import (
	"testing"

	"github.com/hourglass-trading/hourglass/pkg/fuzztest"
)

func FuzzALineIsReadOrRefused(f *testing.F) {
	f.Add([]byte(`1633998512.0633569: {"stream":"btcusdt@trade","data":{"e":"trade"}}`))
	f.Add([]byte(`wss://ws.kraken.com/v2 <-> 1785552832.693693`))
	f.Add([]byte(`https://api.binance.com/api/v3/depth?symbol=X -> 1.5: {"lastUpdateId":7,"bids":[["1","2"]],"asks":[]}`))
	f.Add([]byte(`wss://x <- 1: {"a":1}`))
	f.Add([]byte(`1: {"arg":{"channel":"trades","instId":"A-B"},"data":[]}`))
	f.Add([]byte(`1: {"topic":"orderbook.50.AB","data":{"b":[],"a":[]}}`))
	f.Add([]byte(`1: {"type":"l2update","product_id":"A-B","changes":[["buy","1","2"]]}`))
	fuzztest.Seed(f)
	f.Fuzz(func(_ *testing.T, raw []byte) {
		l, err := parseLine(raw)
		if err != nil {
			return
		}
		for _, exchange := range []string{Binance, Kraken, "okx", "bybit", "coinbase", "gemini"} {
			r := &Recording{Exchange: exchange, Streams: map[string]*Stream{}, bodies: map[string][]body{}}
			_ = r.add(l)
		}
	})
}

func FuzzABookTakesOrRefusesAMessage(f *testing.F) {
	f.Add([]byte(`{"U":1,"u":2,"b":[["1.50","2"],["1.5","0"]],"a":[["2","1","x"]]}`))
	f.Add([]byte(`{"channel":"book","type":"snapshot","data":[{"symbol":"A/B","bids":[{"price":1.0,"qty":2.0}],"asks":[{"price":1.5,"qty":0.1}]}]}`))
	f.Add([]byte(`{"bids":[`))
	fuzztest.Seed(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		b := Book{depth: 10}
		if b.applyBinance(data, `"b":[`, `"a":[`) == nil || b.applyKraken(data) == nil {
			b.Checksum()
		}
		for _, d := range dialects {
			_, _ = d.apply(&b, data)
			_, _ = d.read(data)
		}
		for i := 1; i < len(b.bids); i++ {
			if b.bids[i].price.compare(b.bids[i-1].price) >= 0 {
				t.Fatalf("bids out of order: %s, %s", b.bids[i-1].Price, b.bids[i].Price)
			}
		}
		for i := 1; i < len(b.asks); i++ {
			if b.asks[i].price.compare(b.asks[i-1].price) <= 0 {
				t.Fatalf("asks out of order: %s, %s", b.asks[i-1].Price, b.asks[i].Price)
			}
		}
	})
}
