package binance

import (
	"errors"
	"testing"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/fuzztest"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/services/collector/internal/book"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange/exchangetest"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange/scan"
)

func listing() *exchange.Listing {
	return &exchange.Listing{Wire: "BTCUSDT", Code: "BTCUSDT", Scale: book.Scale{Price: 8, Size: 8}}
}

func TestFramesSayWhatTheyMean(t *testing.T) { exchangetest.Golden(t, Exchange{}, listing()) }

func FuzzDecode(f *testing.F) { exchangetest.Fuzz(f, Exchange{}, listing()) }

func FuzzBodies(f *testing.F) {
	f.Add([]byte(`{"lastUpdateId":7,"bids":[["1.5","2"]],"asks":[["1.6","1"]]}`))
	f.Add([]byte(`[[1790000040000,"1","2","0.5","1.5","10",1790000099999,"15",3,"5","7","0"]]`))
	f.Add([]byte(`{"symbols":[{"symbol":"AB","status":"TRADING","baseAsset":"A","quoteAsset":"B","filters":[{"filterType":"PRICE_FILTER","tickSize":"0.1"},{"filterType":"LOT_SIZE","stepSize":"1"}]}]}`))
	fuzztest.Seed(f)
	f.Fuzz(func(t *testing.T, body []byte) { exchangetest.Bodies(t, Exchange{}, listing(), body) })
}

func BenchmarkUpdate(b *testing.B) {
	exchangetest.Bench(b, exchangetest.Suite{Exchange: Exchange{}}, "market/binance_spot_BTCUSDT_2024-08-08.cap.gz", listing())
}

func TestIdsChain(t *testing.T) {
	tests := map[string]struct {
		first, last book.Seq
		want        book.Verdict
	}{
		"the next":                       {101, 105, book.Apply},
		"one that straddles the last id": {99, 101, book.Apply},
		"the last again":                 {98, 100, book.Skip},
		"one after a lost one":           {102, 105, book.StartOver},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := Chain(100, &book.Update{First: tt.first, Last: tt.last}); got != tt.want {
				t.Errorf("verdict %d, want %d", got, tt.want)
			}
		})
	}
}

func TestRequestsNameBothStreamsOfEachPair(t *testing.T) {
	all := []*exchange.Listing{listing(), {Wire: "ETHUSDT"}}
	want := `{"method":"SUBSCRIBE","params":["btcusdt@depth@100ms","btcusdt@trade","ethusdt@depth@100ms","ethusdt@trade"],"id":5}`
	got := Exchange{}.Subscribe(5, all)
	if len(got) != 1 || string(got[0].Frame) != want || got[0].ID != 5 || got[0].Ends || got[0].EachAnswers {
		t.Errorf("%s", got[0].Frame)
	}
	want = `{"method":"UNSUBSCRIBE","params":["btcusdt@depth@100ms","btcusdt@trade"],"id":6}`
	if got = (Exchange{}).Unsubscribe(6, all[:1]); len(got) != 1 || string(got[0].Frame) != want || !got[0].Ends {
		t.Errorf("%s", got[0].Frame)
	}
	if got = (Exchange{}).Resync(7, all[0]); got != nil {
		t.Errorf("a resync asks for %v", got)
	}
	if got := (Exchange{}).Endpoint(WS); got != "wss://stream.binance.com:9443/stream" {
		t.Errorf("endpoint %s", got)
	}
}

func TestCandlesAreAskedForByTheirTimes(t *testing.T) {
	start := time.Unix(1790000040, 0)
	tests := map[string]struct {
		start, end time.Time
		interval   time.Duration
		want       string
	}{
		"the newest":         {interval: time.Second, want: "interval=1s&limit=10&symbol=BTCUSDT"},
		"before an end":      {end: start, interval: time.Minute, want: "endTime=1790000039999&interval=1m&limit=10&symbol=BTCUSDT"},
		"from a start until": {start: start, end: start.Add(time.Hour), interval: 24 * time.Hour, want: "endTime=1790003639999&interval=1d&limit=10&startTime=1790000040000&symbol=BTCUSDT"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if call := (Exchange{}).Candles(listing(), tt.interval, tt.start, tt.end, 10); call.Query != tt.want {
				t.Errorf("%s, want %s", call.Query, tt.want)
			}
		})
	}
}

func TestTheRunningCandleIsNotComplete(t *testing.T) {
	body := `[[1790000040000,"1","2","0.5","1.5","10",1790000099999,"15",3,"5","7","0"],[1790000100000,"1.5","1.5","1.5","1.5","0",1790000159999,"0",0,"0","0","0"]]`
	got, err := Exchange{}.ParseCandles([]byte(body), time.Minute, time.Unix(1790000110, 0))
	if err != nil || len(got) != 2 || !got[0].Complete || got[1].Complete || got[0].High != decimal.MustParse("2") ||
		!got[0].CloseTime.Equal(time.UnixMilli(1790000099999)) {
		t.Errorf("candles %+v, %v", got, err)
	}
}

func TestSnapshotsMustBeWhole(t *testing.T) {
	var u book.Update
	good := `{"bids":[["100.5","2.00000000"]],"lastUpdateId":7,"asks":[]}`
	if err := (Exchange{}).ParseSnapshot([]byte(good), listing(), &u); err != nil || u.Last != 7 || u.Kind != book.Snapshot || len(u.Bids) != 1 {
		t.Errorf("%+v, %v", u, err)
	}
	for name, body := range map[string]string{
		"without an id":    `{"bids":[],"asks":[]}`,
		"without a side":   `{"lastUpdateId":7,"bids":[]}`,
		"an error instead": `{"code":-1121,"msg":"Invalid symbol."}`,
		"cut off":          good[:40],
		"something behind": good + "x",
	} {
		if err := (Exchange{}).ParseSnapshot([]byte(body), listing(), &u); !errors.Is(err, scan.ErrSyntax) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestInstrumentsWhoseNamesAreNotOursAreLeftOut(t *testing.T) {
	filters := `"filters":[{"filterType":"PRICE_FILTER","tickSize":"0.01000000"},{"filterType":"LOT_SIZE","stepSize":"1.00000000","minQty":"2.00000000"},{"filterType":"NOTIONAL","minNotional":"5.00000000"}]`
	body := `{"symbols":[
		{"symbol":"PEPEUSDT","status":"TRADING","baseAsset":"PEPE","quoteAsset":"USDT",` + filters + `},
		{"symbol":"OLDUSDT","status":"BREAK","baseAsset":"OLD","quoteAsset":"USDT",` + filters + `},
		{"symbol":"WRONG","status":"TRADING","baseAsset":"A","quoteAsset":"USDT",` + filters + `},
		{"symbol":"é USDT","status":"TRADING","baseAsset":"é ","quoteAsset":"USDT",` + filters + `},
		{"symbol":"NOUSDT","status":"TRADING","baseAsset":"NO","quoteAsset":"USDT","filters":[]},
		7]}`
	list, skipped, err := Exchange{}.ParseListings([]byte(body))
	if err != nil || len(list) != 2 || skipped != 4 {
		t.Fatalf("%d listings, %d left out, %v", len(list), skipped, err)
	}
	l := list[0]
	if l.Symbol != "PEPE-USDT" || l.Status != market.Trading || list[1].Status != market.Halted || l.MinNotional != decimal.MustParse("5") ||
		l.MinQuantity != decimal.MustParse("2") || l.Scale != (book.Scale{Price: 8, Size: 3}) {
		t.Errorf("%+v", l)
	}
	if _, _, err := (Exchange{}).ParseListings([]byte("<html>")); err == nil {
		t.Error("a page passes for instruments")
	}
}
