package bybit

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/services/collector/internal/book"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange/exchangetest"
)

func listing() *exchange.Listing {
	return &exchange.Listing{Wire: "BTCUSDT", Code: "BTCUSDT", Scale: book.Scale{Price: 4, Size: 8}}
}

func TestFramesSayWhatTheyMean(t *testing.T) { exchangetest.Golden(t, Exchange{}, listing()) }

func FuzzDecode(f *testing.F) { exchangetest.Fuzz(f, Exchange{}, listing()) }

func FuzzREST(f *testing.F) {
	exchangetest.FuzzREST(f, Exchange{},
		`{"retCode":0,"result":{"list":[{"symbol":"BTCUSDT","baseCoin":"BTC","quoteCoin":"USDT","status":"Trading","lotSizeFilter":{"basePrecision":"0.000001","minOrderAmt":"5"},"priceFilter":{"tickSize":"0.1"}}]}}`,
		`{"retCode":0,"result":{"list":[["1790000040000","1","3","0.5","3","10","20"]]}}`)
}

// The recording is of the depth of 50 and has two messages; it is a test of the shape and no more.
func TestRecordingsReplay(t *testing.T) {
	exchangetest.Run(t, exchangetest.Suite{
		Exchange: Exchange{Depth: 50},
		Expected: []string{"captures/bybit/expected.json"},
		Protocol: "bybit",
		Listing:  func(*testing.T, string) *exchange.Listing { return listing() },
	})
}

// frame is a message of 200 levels a side with few changes.
func frame(form string, u, levels int) []byte {
	b := fmt.Appendf(nil, `{"topic":"orderbook.200.BTCUSDT","ts":1790000000130,"type":%q,"data":{"s":"BTCUSDT","b":[`, form)
	for i := range levels {
		b = fmt.Appendf(b, `["%d.5","0.%06d"],`, 70000-i*(1+u%7), 1000+i+u)
	}
	b = append(b[:len(b)-1], `],"a":[`...)
	for i := range levels {
		b = fmt.Appendf(b, `["%d.5","0.%06d"],`, 70001+i*(1+u%5), 2000+i+u)
	}
	return fmt.Appendf(b[:len(b)-1], `],"u":%d,"seq":%d},"cts":1790000000121}`, u, 1000+u)
}

func BenchmarkUpdate(b *testing.B) {
	l, ex := listing(), Exchange{}
	frames := [][]byte{frame("snapshot", 9, 200)}
	for u := range 100 {
		frames = append(frames, frame("delta", 10+u, 8))
	}
	var out exchange.Batch
	table, live := exchange.NewTable(l), book.New(l.Scale, ex.Rules())
	live.Restart()
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		out.Reset()
		if err := ex.Decode(frames[n%len(frames)], table, &out); err != nil {
			b.Fatal(err)
		}
		if outcome, err := live.Apply(&out.Events[0].Update); outcome != book.Applied {
			b.Fatal(outcome, err)
		}
	}
}

func TestTheBookIsCutOffAtItsDepth(t *testing.T) {
	l, ex := listing(), Exchange{Depth: 50}
	live := book.New(l.Scale, ex.Rules())
	live.Restart()
	var out exchange.Batch
	if err := ex.Decode(frame("snapshot", 9, 60), exchange.NewTable(l), &out); err != nil {
		t.Fatal(err)
	}
	if outcome, err := live.Apply(&out.Events[0].Update); outcome != book.Applied {
		t.Fatal(outcome, err)
	}
	if bids, asks := live.Len(); bids != 50 || asks != 50 {
		t.Errorf("%d bids and %d asks, want 50", bids, asks)
	}
}

func TestMessagesCountUpByOne(t *testing.T) {
	tests := map[string]struct {
		last, next book.Seq
		want       book.Verdict
	}{
		"the next":                         {last: 10, next: 11, want: book.Apply},
		"the same again":                   {last: 10, next: 10, want: book.Skip},
		"one after a lost one":             {last: 10, next: 12, want: book.StartOver},
		"one of a new count with no start": {last: 10, next: 2, want: book.StartOver},
	}
	for name, x := range tests {
		t.Run(name, func(t *testing.T) {
			if got := Chain(x.last, &book.Update{First: x.next, Last: x.next}); got != x.want {
				t.Errorf("verdict %d, want %d", got, x.want)
			}
		})
	}
}

func TestEachListingIsARequestOfItsOwn(t *testing.T) {
	btc, eth := &exchange.Listing{Wire: "BTCUSDT"}, &exchange.Listing{Wire: "ETHUSDT"}
	var got []string
	for _, requests := range [][]exchange.Request{
		Exchange{}.Subscribe(5, []*exchange.Listing{btc, eth}), Exchange{Depth: 50}.Unsubscribe(7, []*exchange.Listing{btc}), Exchange{}.Resync(8, eth),
	} {
		for _, r := range requests {
			got = append(got, string(r.Frame))
			if len(r.Listings) != 1 || !r.Book {
				t.Errorf("request %+v", r)
			}
		}
	}
	want := []string{
		`{"req_id":"5","op":"subscribe","args":["orderbook.200.BTCUSDT","publicTrade.BTCUSDT"]}`,
		`{"req_id":"6","op":"subscribe","args":["orderbook.200.ETHUSDT","publicTrade.ETHUSDT"]}`,
		`{"req_id":"7","op":"unsubscribe","args":["orderbook.50.BTCUSDT","publicTrade.BTCUSDT"]}`,
		`{"req_id":"8","op":"unsubscribe","args":["orderbook.200.ETHUSDT"]}`,
		`{"req_id":"9","op":"subscribe","args":["orderbook.200.ETHUSDT"]}`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("requests %q, want %q", got, want)
	}
}

func TestCandlesAreAskedForAsSpot(t *testing.T) {
	l := &exchange.Listing{Code: "BTCUSDT"}
	start := time.Unix(1790000040, 0)
	tests := map[string]struct {
		start, end time.Time
		want       string
	}{
		"the newest":          {want: "category=spot&interval=60&limit=10&symbol=BTCUSDT"},
		"a time":              {start: start, end: start.Add(3 * time.Hour), want: "category=spot&end=1790010839999&interval=60&limit=10&start=1790000040000&symbol=BTCUSDT"},
		"those after a begin": {start: start, want: "category=spot&end=1790036039999&interval=60&limit=10&start=1790000040000&symbol=BTCUSDT"},
	}
	for name, x := range tests {
		t.Run(name, func(t *testing.T) {
			if call := (Exchange{}).Candles(l, time.Hour, x.start, x.end, 10); call.Path != "/v5/market/kline" || call.Query != x.want {
				t.Errorf("%s?%s, want %s", call.Path, call.Query, x.want)
			}
		})
	}
}

func TestCandlesComeOldestFirst(t *testing.T) {
	body := `{"retCode":0,"retMsg":"OK","result":{"symbol":"BTCUSDT","category":"spot","list":[
		["1790000100000","3","4","2.5","3.5","7","24"],["1790000040000","1","3","0.5","3","10","20"]]},"time":1790000101000}`
	got, err := Exchange{}.ParseCandles([]byte(body), time.Minute, time.Unix(1790000110, 0))
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || !got[0].Complete || got[1].Complete || !got[0].OpenTime.Equal(time.Unix(1790000040, 0)) ||
		got[1].High != decimal.MustParse("4") || got[0].Volume != decimal.MustParse("10") {
		t.Errorf("candles %+v", got)
	}
}

func TestInstrumentsTellTheirMinimums(t *testing.T) {
	body := `{"retCode":0,"retMsg":"OK","result":{"category":"spot","list":[
		{"symbol":"BTCUSDT","baseCoin":"BTC","quoteCoin":"USDT","innovation":"0","status":"Trading","marginTrading":"utaOnly",
		 "lotSizeFilter":{"basePrecision":"0.000001","quotePrecision":"0.0000001","minOrderQty":"0.000011","maxOrderQty":"83","minOrderAmt":"5","maxOrderAmt":"8000000"},
		 "priceFilter":{"tickSize":"0.1"},"riskParameters":{"priceLimitRatioX":"0.01"}},
		{"symbol":"NEWUSDT","baseCoin":"NEW","quoteCoin":"USDT","status":"PreLaunch","lotSizeFilter":{"basePrecision":"1","minOrderAmt":"5"},"priceFilter":{"tickSize":"0.0001"}},
		{"symbol":"ODD/USDT","baseCoin":"ODD","quoteCoin":"USDT","status":"Trading","lotSizeFilter":{"basePrecision":"1"},"priceFilter":{"tickSize":"1"}}]}}`
	list, skipped, err := Exchange{}.ParseListings([]byte(body))
	if err != nil || len(list) != 2 || skipped != 1 {
		t.Fatalf("%d listings, %d skipped, %v", len(list), skipped, err)
	}
	btc := list[0]
	want := market.Instrument{
		Exchange: "bybit", Symbol: "BTC-USDT", Native: "BTCUSDT", Base: "BTC", Quote: "USDT", Status: market.Trading,
		PriceTick: decimal.MustParse("0.1"), QuantityStep: decimal.MustParse("0.000001"),
		MinQuantity: decimal.MustParse("0.000011"), MinNotional: decimal.MustParse("5"),
	}
	if btc.Instrument != want || btc.Wire != "BTCUSDT" || btc.Scale != (book.Scale{Price: 3, Size: 8}) {
		t.Errorf("listing %+v", btc)
	}
	if list[1].Status != market.Halted || !list[1].MinQuantity.IsZero() {
		t.Errorf("listing %+v", list[1])
	}
}

func TestErrorAnswersOfREST(t *testing.T) {
	for body, want := range map[string]error{
		`{"retCode":10006,"retMsg":"Too many visits!","result":{}}`: exchange.ErrBusy,
		`{"retCode":10001,"retMsg":"params error","result":{}}`:     exchange.ErrRefused,
		`{}`: exchange.ErrRefused,
	} {
		if _, err := (Exchange{}).ParseCandles([]byte(body), time.Minute, time.Time{}); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", body, err, want)
		}
	}
	if _, _, err := (Exchange{}).ParseListings([]byte("<html>")); err == nil {
		t.Error("a page passes for instruments")
	}
}
