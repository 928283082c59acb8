package gemini

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
	return &exchange.Listing{Wire: "BTCUSD", Code: "btcusd", Scale: book.Scale{Price: 4, Size: 8}}
}

func TestFramesSayWhatTheyMean(t *testing.T) { exchangetest.Golden(t, Exchange{}, listing()) }

func FuzzDecode(f *testing.F) { exchangetest.Fuzz(f, Exchange{}, listing()) }

func FuzzREST(f *testing.F) {
	exchangetest.FuzzREST(f, Exchange{},
		`[{"symbol":"BTCUSD","base_currency":"BTC","quote_currency":"USD","tick_size":1E-8,"quote_increment":0.01,"min_order_size":"0.00001","status":"open"}]`,
		`[[1790000040000,1,3,0.5,3,10]]`)
}

// Gemini's list of symbols was not recorded; eight decimals is what the wire has.
var suite = exchangetest.Suite{
	Exchange: Exchange{},
	Expected: []string{"captures/gemini/expected.json"},
	Protocol: "gemini",
	Listing: func(_ *testing.T, wire string) *exchange.Listing {
		return &exchange.Listing{Wire: wire, Code: wire, Scale: book.Scale{Price: 8, Size: 8}}
	},
}

func TestRecordingsReplay(t *testing.T) { exchangetest.Run(t, suite) }

func BenchmarkUpdate(b *testing.B) {
	exchangetest.Bench(b, suite, "captures/gemini/gemini_2021-06-24.cap.gz", suite.Listing(nil, "BTCGBP"))
}

func TestEachListingIsARequestOfItsOwn(t *testing.T) {
	btc, eth := &exchange.Listing{Wire: "BTCUSD"}, &exchange.Listing{Wire: "ETHUSD"}
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
		`{"type":"subscribe","subscriptions":[{"name":"l2","symbols":["BTCUSD"]}]}`,
		`{"type":"subscribe","subscriptions":[{"name":"l2","symbols":["ETHUSD"]}]}`,
		`{"type":"unsubscribe","subscriptions":[{"name":"l2","symbols":["BTCUSD"]}]}`,
		`{"type":"unsubscribe","subscriptions":[{"name":"l2","symbols":["ETHUSD"]}]}`,
		`{"type":"subscribe","subscriptions":[{"name":"l2","symbols":["ETHUSD"]}]}`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("requests %q, want %q", got, want)
	}
}

func TestACrossedBookIsABrokenOne(t *testing.T) {
	l := listing()
	live := book.New(l.Scale, Exchange{}.Rules())
	live.Restart()
	var out exchange.Batch
	frame := `{"type":"l2_updates","symbol":"BTCUSD","changes":[["buy","70000.02","1"],["sell","70000.02","1"]],"trades":[]}`
	if err := (Exchange{}).Decode([]byte(frame), exchange.NewTable(l), &out); err != nil {
		t.Fatal(err)
	}
	if _, err := live.Apply(&out.Events[1].Update); !errors.Is(err, book.ErrCrossed) {
		t.Errorf("error %v, want %v", err, book.ErrCrossed)
	}
}

func TestIncrementsAreNamedOtherwiseThanOneWouldThink(t *testing.T) {
	body := `[{"symbol":"BTCUSD","base_currency":"BTC","quote_currency":"USD","tick_size":1E-8,"quote_increment":0.01,"min_order_size":"0.00001","status":"open","product_type":"spot"},
		{"symbol":"2ZRLUSD","base_currency":"2Z","quote_currency":"RLUSD","tick_size":0.1,"quote_increment":0.00001,"min_order_size":"1","status":"post_only"},
		{"symbol":"BTCGUSDPERP","base_currency":"BTC","quote_currency":"GUSD","tick_size":0.0001,"quote_increment":0.5,"min_order_size":"0.0001","status":"open","product_type":"swap"}]`
	list, skipped, err := Exchange{}.ParseListings([]byte(body))
	if err != nil || len(list) != 2 || skipped != 1 {
		t.Fatalf("%d listings, %d skipped, %v", len(list), skipped, err)
	}
	d := decimal.MustParse
	want := market.Instrument{
		Exchange: "gemini", Symbol: "BTC-USD", Native: "BTCUSD", Base: "BTC", Quote: "USD", Status: market.Trading,
		PriceTick: d("0.01"), QuantityStep: d("0.00000001"), MinQuantity: d("0.00001"),
	}
	if l := list[0]; l.Instrument != want || l.Wire != "BTCUSD" || l.Code != "btcusd" {
		t.Errorf("listing %+v, want %+v", l, want)
	}
	if l := list[1]; l.Symbol != "2Z-RLUSD" || l.Status != market.Halted || l.PriceTick != d("0.00001") {
		t.Errorf("listing %+v", l)
	}
}

func TestCandlesComeOldestFirst(t *testing.T) {
	call := Exchange{}.Candles(listing(), time.Hour, time.Time{}, time.Time{}, 10)
	if call.Path != "/v2/candles/btcusd/1hr" || call.Query != "" {
		t.Errorf("call %+v", call)
	}
	got, err := Exchange{}.ParseCandles([]byte(`[[1790000100000,3,4,2.5,3.5,7],[1790000040000,1,3,0.5,3,10]]`), time.Minute, time.Unix(1790000110, 0))
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || !got[0].Complete || got[1].Complete || !got[0].OpenTime.Equal(time.Unix(1790000040, 0)) || got[1].High != decimal.MustParse("4") {
		t.Errorf("candles %+v", got)
	}
}

func TestErrorAnswersOfREST(t *testing.T) {
	for body, want := range map[string]error{
		`{"result":"error","reason":"RateLimit","message":"Requests were made too frequently"}`: exchange.ErrBusy,
		`{"result":"error","reason":"Bad Request","message":"Supplied value is not valid"}`:     exchange.ErrRefused,
		`[[1790000100000,3]]`: exchange.ErrRefused,
	} {
		if _, err := (Exchange{}).ParseCandles([]byte(body), time.Minute, time.Time{}); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", body, err, want)
		}
	}
	if _, _, err := (Exchange{}).ParseListings([]byte("<html>")); err == nil {
		t.Error("a page passes for symbols")
	}
}
