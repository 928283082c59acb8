package bitstamp

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
)

const markets = `[
	{"name":"BTC/USD","market_symbol":"btcusd","base_currency":"BTC","base_decimals":8,"counter_currency":"USD","counter_decimals":0,
	 "minimum_order_value":"10.00","maximum_order_value":"30000000.00","minimum_order_amount":"0.00000000","trading":"Enabled",
	 "instant_order_counter_decimals":2,"market_type":"SPOT","description":"Bitcoin / U.S. dollar"},
	{"name":"XRP/EUR","url_symbol":"xrpeur","base_decimals":8,"counter_decimals":5,"minimum_order":"20.0 EUR","trading":"Disabled"},
	{"name":"BTC/USD-PERP","market_symbol":"btcusdperp","base_decimals":4,"counter_decimals":0,"trading":"Enabled","market_type":"PERPETUAL"},
	{"name":"A/B","market_symbol":"../b","base_decimals":8,"counter_decimals":2,"trading":"Enabled"},
	{"name":"A/B","market_symbol":"ab","base_decimals":80,"counter_decimals":2,"trading":"Enabled"},
	{"name":"AB","market_symbol":"ab","base_decimals":8,"counter_decimals":2,"trading":"Enabled"}]`

func listing(tb testing.TB) *exchange.Listing {
	tb.Helper()
	list, _, err := Exchange{}.ParseListings([]byte(markets))
	if err != nil {
		tb.Fatal(err)
	}
	return &list[0]
}

func TestFramesSayWhatTheyAlwaysSaid(t *testing.T) { exchangetest.Golden(t, Exchange{}, listing(t)) }

func FuzzDecode(f *testing.F) { exchangetest.Fuzz(f, Exchange{}, listing(f)) }

func FuzzAnswersOfCalls(f *testing.F) {
	for _, seed := range []string{markets, orderBook, ohlc, `{"status":"error","reason":"x","code":"400.002"}`} {
		f.Add([]byte(seed))
	}
	l := listing(f)
	fuzztest.Seed(f)
	f.Fuzz(func(t *testing.T, body []byte) { exchangetest.Bodies(t, Exchange{}, l, body) })
}

func TestMarketsAndTheirOldFormAreRead(t *testing.T) {
	list, skipped, err := Exchange{}.ParseListings([]byte(markets))
	if err != nil || len(list) != 2 || skipped != 4 {
		t.Fatalf("%d listings, %d skipped, %v", len(list), skipped, err)
	}
	btc, xrp := list[0], list[1]
	if btc.Symbol != "BTC-USD" || btc.PriceTick != decimal.MustParse("1") || btc.MinNotional != decimal.MustParse("10") ||
		btc.Status != market.Trading || btc.Scale != (book.Scale{Price: 2, Size: 8}) {
		t.Errorf("%+v", btc)
	}
	if xrp.Symbol != "XRP-EUR" || xrp.Code != "xrpeur" || xrp.MinNotional != decimal.MustParse("20") || xrp.Status != market.Halted {
		t.Errorf("%+v", xrp)
	}
}

func TestARequestNamesOneChannel(t *testing.T) {
	l := listing(t)
	on := Exchange{}.Subscribe(5, []*exchange.Listing{l, {Wire: "ethusd"}})
	off := Exchange{}.Unsubscribe(9, []*exchange.Listing{l})
	want := []string{
		`{"event":"bts:subscribe","data":{"channel":"diff_order_book_btcusd"}}`,
		`{"event":"bts:subscribe","data":{"channel":"live_trades_btcusd"}}`,
		`{"event":"bts:subscribe","data":{"channel":"diff_order_book_ethusd"}}`,
		`{"event":"bts:subscribe","data":{"channel":"live_trades_ethusd"}}`,
		`{"event":"bts:unsubscribe","data":{"channel":"diff_order_book_btcusd"}}`,
		`{"event":"bts:unsubscribe","data":{"channel":"live_trades_btcusd"}}`,
	}
	for i, r := range append(on, off...) {
		if string(r.Frame) != want[i] || r.ID != uint64(5+i) || r.Book != (i%2 == 0) || r.Trades == r.Book || r.Ends != (i > 3) || len(r.Listings) != 1 {
			t.Errorf("%s: %+v", r.Frame, r)
		}
	}
	if again := (Exchange{}).Resync(9, l); again != nil {
		t.Errorf("resync by %v, want a snapshot over REST", again)
	}
}

const orderBook = `{"timestamp": "1764000000", "microtimestamp": "1764000000100000", "bids": [["64009", "0.5"], ["0", "1"]], "asks": [["64010", "1"]]}`

func TestSnapshotsAndErrorsOfCalls(t *testing.T) {
	l := listing(t)
	var u book.Update
	if err := (Exchange{}).ParseSnapshot([]byte(orderBook), l, &u); err != nil || u.Kind != book.Snapshot || u.Last != 1764000000100000 || len(u.Bids) != 1 {
		t.Errorf("%+v, %v", u, err)
	}
	tests := map[string]struct {
		body string
		want error
	}{
		"too fast":     {`{"status": "error", "reason": "Request rate limit exceeded.", "code": "400.002"}`, exchange.ErrBusy},
		"no such pair": {`{"status": "error", "reason": "Invalid currency pair", "code": "API0004"}`, exchange.ErrRefused},
		"the old form": {`{"error": "not found"}`, exchange.ErrRefused},
	}
	for name, tt := range tests {
		if err := (Exchange{}).ParseSnapshot([]byte(tt.body), l, &u); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v", name, err)
		}
		if _, _, err := (Exchange{}).ParseListings([]byte(tt.body)); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := (Exchange{}).ParseCandles([]byte(tt.body), time.Minute, time.Time{}); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, body := range []string{``, `[]`, `<html>`, `{"microtimestamp":"1","bids":[]}`, `{"bids":[],"asks":[]}`, orderBook[:90]} {
		if err := (Exchange{}).ParseSnapshot([]byte(body), l, &u); err == nil {
			t.Errorf("%s passes", body)
		}
	}
}

const ohlc = `{"data":{"pair":"BTC/USD","ohlc":[
	{"timestamp":"1764000000","open":"1","high":"2.5","low":"0.5","close":"2","volume":"7.5"},
	{"timestamp":"1764000060","open":"2","high":"4","low":"1","close":"3","volume":"10"},
	{"timestamp":"1764000060","open":"2","high":"5","low":"1","close":"3","volume":"11"}]}}`

func TestOfACandleToldTwiceTheLaterCounts(t *testing.T) {
	list, err := Exchange{}.ParseCandles([]byte(ohlc), time.Minute, time.Unix(1764000090, 0))
	if err != nil || len(list) != 2 || !list[0].Complete || list[1].Complete || list[1].High != decimal.MustParse("5") {
		t.Errorf("%+v, %v", list, err)
	}
	start, l := time.Unix(1764000000, 0), listing(t)
	for want, call := range map[string]exchange.Call{
		"end=1764000599&limit=10&step=60":   Exchange{}.Candles(l, time.Minute, start, time.Time{}, 10),
		"end=1764000119&limit=2&step=60":    Exchange{}.Candles(l, time.Minute, start, start.Add(2*time.Minute), 10),
		"end=1763999999&limit=10&step=3600": Exchange{}.Candles(l, time.Hour, time.Time{}, start, 10),
		"limit=10&step=86400":               Exchange{}.Candles(l, 24*time.Hour, time.Time{}, time.Time{}, 10),
	} {
		if call.Query != want || call.Path != "/api/v2/ohlc/btcusd/" {
			t.Errorf("%+v, want %s", call, want)
		}
	}
}
