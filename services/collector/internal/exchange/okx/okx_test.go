package okx

import (
	"errors"
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
	return &exchange.Listing{Wire: "BTC-USDT", Code: "BTC-USDT", Scale: book.Scale{Price: 3, Size: 8}}
}

func TestFramesSayWhatTheyMean(t *testing.T) { exchangetest.Golden(t, Exchange{}, listing()) }

func FuzzDecode(f *testing.F) { exchangetest.Fuzz(f, Exchange{}, listing()) }

func FuzzREST(f *testing.F) {
	exchangetest.FuzzREST(f, Exchange{},
		`{"code":"0","data":[{"instId":"BTC-USDT","baseCcy":"BTC","quoteCcy":"USDT","state":"live","tickSz":"0.1","lotSz":"0.00000001","minSz":"0.00001"}]}`,
		`{"code":"0","data":[["1790000040000","1","3","0.5","3","10","20","20","1"]]}`)
}

func suite(tb testing.TB) exchangetest.Suite {
	tb.Helper()
	list, _, err := Exchange{}.ParseListings(exchangetest.Body(tb, "captures/okx/instruments_spot_2022-05-13.http.gz", "/instruments"))
	if err != nil {
		tb.Fatal(err)
	}
	return exchangetest.Suite{
		Exchange: Exchange{},
		Expected: []string{"captures/okx/expected.json"},
		Protocol: "okx",
		Listing: func(_ *testing.T, wire string) *exchange.Listing {
			for i := range list {
				if list[i].Wire == wire {
					return &list[i]
				}
			}
			// A derivative of OKX and the pairs of OKCoin are not in OKX's list of spot instruments.
			return &exchange.Listing{Wire: wire, Code: wire, Scale: book.Scale{Price: 6, Size: 8}}
		},
	}
}

func TestRecordingsReplay(t *testing.T) { exchangetest.Run(t, suite(t)) }

func TestRecordedInstruments(t *testing.T) {
	exchangetest.REST(t, Exchange{}, "captures/okx/expected_rest.json")
}

func BenchmarkUpdate(b *testing.B) {
	s := suite(b)
	exchangetest.Bench(b, s, "captures/okx/okx_2022-05-13.cap.gz", s.Listing(nil, "BTC-USDT"))
}

func TestOnlyTheIdOfTheLastMessageIsFollowed(t *testing.T) {
	tests := map[string]struct {
		last, first, prev book.Seq
		want              book.Verdict
	}{
		"the next, however far":               {last: 100, first: 117, prev: 100, want: book.Apply},
		"an idle one":                         {last: 117, first: 117, prev: 117, want: book.Apply},
		"one after a reset, with a lower id":  {last: 117, first: 15, prev: 117, want: book.Apply},
		"the same again":                      {last: 117, first: 117, prev: 100, want: book.Skip},
		"one after a lost one":                {last: 100, first: 130, prev: 117, want: book.StartOver},
		"an older one":                        {last: 117, first: 100, prev: 90, want: book.StartOver},
		"no ids, as before 2023":              {last: 0, first: 0, prev: 0, want: book.Apply},
		"no ids any more although there were": {last: 117, first: 0, prev: 0, want: book.StartOver},
	}
	for name, x := range tests {
		t.Run(name, func(t *testing.T) {
			if got := Chain(x.last, &book.Update{First: x.first, Last: x.first, Prev: x.prev}); got != x.want {
				t.Errorf("verdict %d, want %d", got, x.want)
			}
		})
	}
}

func TestRequestsNameEachChannelAndPair(t *testing.T) {
	btc, eth := &exchange.Listing{Wire: "BTC-USDT"}, &exchange.Listing{Wire: "ETH-USDT"}
	var got []string
	for _, requests := range [][]exchange.Request{
		Exchange{}.Subscribe(5, []*exchange.Listing{btc, eth}), Exchange{}.Unsubscribe(7, []*exchange.Listing{btc}), Exchange{}.Resync(9, eth),
	} {
		for _, r := range requests {
			got = append(got, string(r.Frame))
		}
	}
	want := []string{
		`{"id":"5","op":"subscribe","args":[{"channel":"books","instId":"BTC-USDT"},{"channel":"books","instId":"ETH-USDT"}]}`,
		`{"id":"6","op":"subscribe","args":[{"channel":"trades","instId":"BTC-USDT"},{"channel":"trades","instId":"ETH-USDT"}]}`,
		`{"id":"7","op":"unsubscribe","args":[{"channel":"books","instId":"BTC-USDT"}]}`,
		`{"id":"8","op":"unsubscribe","args":[{"channel":"trades","instId":"BTC-USDT"}]}`,
		`{"id":"9","op":"unsubscribe","args":[{"channel":"books","instId":"ETH-USDT"}]}`,
		`{"id":"10","op":"subscribe","args":[{"channel":"books","instId":"ETH-USDT"}]}`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("requests %q, want %q", got, want)
	}
}

func TestCandlesAreAskedForByTheirTimes(t *testing.T) {
	l := &exchange.Listing{Code: "BTC-USDT"}
	start := time.Unix(1790000040, 0)
	tests := map[string]struct {
		start, end time.Time
		want       string
	}{
		"the newest":           {want: "/api/v5/market/candles?bar=1m&instId=BTC-USDT&limit=10"},
		"a time":               {start: start, end: start.Add(3 * time.Minute), want: "/api/v5/market/history-candles?after=1790000220000&bar=1m&before=1790000039999&instId=BTC-USDT&limit=10"},
		"the oldest of a time": {start: start, end: start.Add(time.Hour), want: "/api/v5/market/history-candles?after=1790000640000&bar=1m&before=1790000039999&instId=BTC-USDT&limit=10"},
		"those before an end":  {end: start, want: "/api/v5/market/history-candles?after=1790000040000&bar=1m&before=1789999439999&instId=BTC-USDT&limit=10"},
		"those after a begin":  {start: start, want: "/api/v5/market/history-candles?after=1790000640000&bar=1m&before=1790000039999&instId=BTC-USDT&limit=10"},
	}
	for name, x := range tests {
		t.Run(name, func(t *testing.T) {
			if call := (Exchange{}).Candles(l, time.Minute, x.start, x.end, 10); call.Path+"?"+call.Query != x.want {
				t.Errorf("%s?%s, want %s", call.Path, call.Query, x.want)
			}
		})
	}
}

func TestCandlesComeOldestFirst(t *testing.T) {
	body := `{"code":"0","msg":"","data":[["1790000100000","3","4","2.5","3.5","7","24","24","0"],["1790000040000","1","3","0.5","3","10","20","20","1"]]}`
	got, err := Exchange{}.ParseCandles([]byte(body), time.Minute, time.Unix(1790000110, 0))
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || !got[0].Complete || got[1].Complete || !got[0].OpenTime.Equal(time.Unix(1790000040, 0)) ||
		got[1].Low != decimal.MustParse("2.5") || got[1].Volume != decimal.MustParse("7") {
		t.Errorf("candles %+v", got)
	}
}

func TestInstrumentsTellWhetherTheyTrade(t *testing.T) {
	body := `{"code":"0","data":[
		{"instId":"BTC-USDT","baseCcy":"BTC","quoteCcy":"USDT","state":"live","tickSz":"0.1","lotSz":"0.00000001","minSz":"0.00001"},
		{"instId":"NEW-USDT","baseCcy":"NEW","quoteCcy":"USDT","state":"preopen","tickSz":"0.0001","lotSz":"1","minSz":"1"},
		{"instId":"A/B","baseCcy":"A","quoteCcy":"B","state":"live","tickSz":"0.1","lotSz":"1","minSz":"1"},
		{"instId":"X-USDT","baseCcy":"X","quoteCcy":"USDT","state":"live","tickSz":"","lotSz":"1","minSz":"1"}]}`
	list, skipped, err := Exchange{}.ParseListings([]byte(body))
	if err != nil || len(list) != 2 || skipped != 2 {
		t.Fatalf("%d listings, %d skipped, %v", len(list), skipped, err)
	}
	if list[0].Status != market.Trading || list[1].Status != market.Halted || list[0].Symbol != "BTC-USDT" || list[0].Scale != (book.Scale{Price: 3, Size: 8}) {
		t.Errorf("listings %+v", list)
	}
}

func TestErrorAnswersOfREST(t *testing.T) {
	for body, want := range map[string]error{
		`{"code":"50011","msg":"Too Many Requests","data":[]}`:           exchange.ErrBusy,
		`{"code":"51001","msg":"Instrument ID doesn't exist","data":[]}`: exchange.ErrRefused,
		`{"code":"0","data":[["1790000100000","3"]]}`:                    exchange.ErrRefused,
	} {
		if _, err := (Exchange{}).ParseCandles([]byte(body), time.Minute, time.Time{}); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", body, err, want)
		}
	}
	if _, _, err := (Exchange{}).ParseListings([]byte("<html>")); err == nil {
		t.Error("a page passes for instruments")
	}
}
