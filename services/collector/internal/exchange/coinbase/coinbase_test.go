package coinbase

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
	return &exchange.Listing{Wire: "BTC-USD", Code: "BTC-USD", Scale: book.Scale{Price: 4, Size: 8}}
}

func TestFramesSayWhatTheyMean(t *testing.T) { exchangetest.Golden(t, Exchange{}, listing()) }

func FuzzDecode(f *testing.F) { exchangetest.Fuzz(f, Exchange{}, listing()) }

func FuzzREST(f *testing.F) {
	exchangetest.FuzzREST(f, Exchange{},
		`[{"id":"BTC-USD","base_currency":"BTC","quote_currency":"USD","quote_increment":"0.01","base_increment":"1e-8","status":"online"}]`,
		`[[1790000040,0.5,3,1,3,1.5e-3]]`)
}

func suite(tb testing.TB) exchangetest.Suite {
	tb.Helper()
	list, _, err := Exchange{}.ParseListings(exchangetest.Body(tb, "captures/coinbase/instruments_2021-04-17.http.gz", "/products"))
	if err != nil {
		tb.Fatal(err)
	}
	return exchangetest.Suite{
		Exchange: Exchange{},
		Expected: []string{"captures/coinbase/expected.json"},
		Protocol: "coinbase",
		Listing: func(t *testing.T, wire string) *exchange.Listing {
			for i := range list {
				if list[i].Wire == wire {
					return &list[i]
				}
			}
			t.Fatalf("%s is not listed", wire)
			return nil
		},
	}
}

func TestRecordingsReplay(t *testing.T) { exchangetest.Run(t, suite(t)) }

func TestRecordedInstruments(t *testing.T) {
	exchangetest.REST(t, Exchange{}, "captures/coinbase/expected_rest.json")
}

func BenchmarkUpdate(b *testing.B) {
	s := suite(b)
	exchangetest.Bench(b, s, "captures/coinbase/coinbase_level2_batch_2026-07-07.cap.gz", s.Listing(nil, "BTC-USD"))
}

// BenchmarkSnapshot is for the one frame of over a megabyte.
func BenchmarkSnapshot(b *testing.B) {
	l := suite(b).Listing(nil, "BTC-USD")
	var snapshot []byte
	for _, frame := range exchangetest.Frames(b, "captures/coinbase/coinbase_level2_batch_2026-07-07.cap.gz") {
		if len(frame) > len(snapshot) {
			snapshot = frame
		}
	}
	table, live := exchange.NewTable(l), book.New(l.Scale, Exchange{}.Rules())
	live.Restart()
	var out exchange.Batch
	b.SetBytes(int64(len(snapshot)))
	b.ReportAllocs()
	for b.Loop() {
		out.Reset()
		if err := (Exchange{}).Decode(snapshot, table, &out); err != nil {
			b.Fatal(err)
		}
		if outcome, err := live.Apply(&out.Events[0].Update); outcome != book.Applied {
			b.Fatal(outcome, err)
		}
	}
}

func TestACrossedBookIsABrokenOne(t *testing.T) {
	l := listing()
	live := book.New(l.Scale, Exchange{}.Rules())
	live.Restart()
	var out exchange.Batch
	for _, frame := range []string{
		`{"type":"snapshot","product_id":"BTC-USD","asks":[["70000.02","1"]],"bids":[["70000.01","1"]]}`,
		`{"type":"l2update","product_id":"BTC-USD","changes":[["buy","70000.02","1"]],"time":"2026-09-21T14:13:20.15Z"}`,
	} {
		if err := (Exchange{}).Decode([]byte(frame), exchange.NewTable(l), &out); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := live.Apply(&out.Events[0].Update); err != nil {
		t.Fatal(err)
	}
	if _, err := live.Apply(&out.Events[1].Update); !errors.Is(err, book.ErrCrossed) {
		t.Errorf("error %v, want %v", err, book.ErrCrossed)
	}
}

func TestEachListingIsARequestOfItsOwn(t *testing.T) {
	btc, eth := &exchange.Listing{Wire: "BTC-USD"}, &exchange.Listing{Wire: "ETH-USD"}
	var got []string
	for _, requests := range [][]exchange.Request{
		Exchange{}.Subscribe(5, []*exchange.Listing{btc, eth}), Exchange{}.Unsubscribe(7, []*exchange.Listing{btc}), Exchange{}.Resync(8, eth),
	} {
		for _, r := range requests {
			if got = append(got, string(r.Frame)); r.ID != uint64(4+len(got)) || len(r.Listings) != 1 || !r.Book {
				t.Errorf("request %+v", r)
			}
		}
	}
	want := []string{
		`{"type":"subscribe","product_ids":["BTC-USD"],"channels":["level2_batch","matches","heartbeat"]}`,
		`{"type":"subscribe","product_ids":["ETH-USD"],"channels":["level2_batch","matches","heartbeat"]}`,
		`{"type":"unsubscribe","product_ids":["BTC-USD"],"channels":["level2_batch","matches","heartbeat"]}`,
		`{"type":"unsubscribe","product_ids":["ETH-USD"],"channels":["level2_batch"]}`,
		`{"type":"subscribe","product_ids":["ETH-USD"],"channels":["level2_batch"]}`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("requests %q, want %q", got, want)
	}
}

func TestCandlesAreAlwaysAskedForWithBothEnds(t *testing.T) {
	l := &exchange.Listing{Code: "BTC-USD"}
	start := time.Date(2026, 9, 21, 14, 0, 0, 0, time.UTC)
	tests := map[string]struct {
		start, end time.Time
		want       string
	}{
		"the newest, whatever a cache has": {want: "granularity=300"},
		"a time":                           {start: start, end: start.Add(time.Hour), want: "end=2026-09-21T14%3A59%3A59Z&granularity=300&start=2026-09-21T14%3A00%3A00Z"},
		"no more than may be asked for":    {start: start, end: start.Add(96 * time.Hour), want: "end=2026-09-22T14%3A59%3A59Z&granularity=300&start=2026-09-21T14%3A00%3A00Z"},
		"those before an end":              {end: start, want: "end=2026-09-21T13%3A59%3A59Z&granularity=300&start=2026-09-20T13%3A00%3A00Z"},
	}
	for name, x := range tests {
		t.Run(name, func(t *testing.T) {
			call := Exchange{}.Candles(l, 5*time.Minute, x.start, x.end, Exchange{}.Traits().CandleRows)
			if call.Path != "/products/BTC-USD/candles" || call.Query != x.want {
				t.Errorf("%s?%s, want %s", call.Path, call.Query, x.want)
			}
		})
	}
}

func TestCandlesComeOldestFirstAndInTheirOwnOrderOfColumns(t *testing.T) {
	body := `[[1790000100,2.5,4,3,3.5,7],[1790000040,0.5,3,1,3,1.5e-3]]`
	got, err := Exchange{}.ParseCandles([]byte(body), time.Minute, time.Unix(1790000110, 0))
	if err != nil {
		t.Fatal(err)
	}
	d := decimal.MustParse
	want := market.Candle{
		OpenTime: time.Unix(1790000040, 0).UTC(), Open: d("1"), High: d("3"), Low: d("0.5"), Close: d("3"), Volume: d("0.0015"),
		CloseTime: time.UnixMilli(1790000099999).UTC(), Complete: true,
	}
	if len(got) != 2 || got[0] != want || got[1].Complete {
		t.Errorf("candles %+v, first wanted %+v", got, want)
	}
}

func TestInstrumentsTellWhetherTheyTrade(t *testing.T) {
	body := `[{"id":"BTC-USD","base_currency":"BTC","quote_currency":"USD","quote_increment":"0.01","base_increment":"1e-8","min_market_funds":"1","status":"online","limit_only":true},
		{"id":"A-USD","base_currency":"A","quote_currency":"USD","quote_increment":"0.01","base_increment":"0.1","status":"online","trading_disabled":true},
		{"id":"B-USD","base_currency":"B","quote_currency":"USD","quote_increment":"0.01","base_increment":"0.1","status":"online","post_only":true},
		{"id":"C-USD","base_currency":"C","quote_currency":"USD","quote_increment":"0.01","base_increment":"0.1","status":"delisted"},
		{"id":"ODD","base_currency":"D","quote_currency":"USD","quote_increment":"0.01","base_increment":"0.1","status":"online"}]`
	list, skipped, err := Exchange{}.ParseListings([]byte(body))
	if err != nil || len(list) != 4 || skipped != 1 {
		t.Fatalf("%d listings, %d skipped, %v", len(list), skipped, err)
	}
	for i, want := range []market.Status{market.Trading, market.Halted, market.Halted, market.Halted} {
		if list[i].Status != want {
			t.Errorf("%s is %s, want %s", list[i].Symbol, list[i].Status, want)
		}
	}
	if list[0].QuantityStep != decimal.MustParse("0.00000001") || list[0].Scale != (book.Scale{Price: 4, Size: 8}) {
		t.Errorf("listing %+v", list[0])
	}
}

func TestErrorAnswersOfREST(t *testing.T) {
	for body, want := range map[string]error{
		`{"message":"Public rate limit exceeded"}`:                    exchange.ErrBusy,
		` {"message":"granularity too small for the requested time"}`: exchange.ErrRefused,
		`[[1790000100,2.5]]`: exchange.ErrRefused,
	} {
		if _, err := (Exchange{}).ParseCandles([]byte(body), time.Minute, time.Time{}); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", body, err, want)
		}
	}
	if _, _, err := (Exchange{}).ParseListings([]byte("<html>")); err == nil {
		t.Error("a page passes for instruments")
	}
}
