package kucoin

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/fuzztest"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/services/collector/internal/book"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange/exchangetest"
)

const symbols = `{"code":"200000","data":[
	{"symbol":"BTC-USDT","name":"BTC-USDT","baseCurrency":"BTC","quoteCurrency":"USDT","market":"USDS","baseMinSize":"0.00001",
	 "quoteMinSize":"0.1","baseIncrement":"0.00000001","quoteIncrement":"0.000001","priceIncrement":"0.1","minFunds":"0.2","enableTrading":true},
	{"symbol":"BCHSV-USDT","name":"BSV-USDT","baseCurrency":"BSV","quoteCurrency":"USDT","baseMinSize":"0.001",
	 "quoteMinSize":"0.05","baseIncrement":"0.0001","priceIncrement":"0.01","minFunds":null,"enableTrading":false},
	{"symbol":"A/../B","baseCurrency":"A","quoteCurrency":"B","baseIncrement":"1","priceIncrement":"1","enableTrading":true},
	{"symbol":"NO-TICK","baseCurrency":"NO","quoteCurrency":"TICK","baseIncrement":"1","priceIncrement":"0","enableTrading":true},
	{"symbol":7}]}`

func listing(tb testing.TB) *exchange.Listing {
	tb.Helper()
	list, _, err := Exchange{}.ParseListings([]byte(symbols))
	if err != nil {
		tb.Fatal(err)
	}
	return &list[0]
}

func TestFramesSayWhatTheyAlwaysSaid(t *testing.T) { exchangetest.Golden(t, Exchange{}, listing(t)) }

func FuzzDecode(f *testing.F) { exchangetest.Fuzz(f, Exchange{}, listing(f)) }

func FuzzAnswersOfCalls(f *testing.F) {
	for _, seed := range []string{symbols, level2, candles, location} {
		f.Add([]byte(seed))
	}
	l := listing(f)
	fuzztest.Seed(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		exchangetest.Bodies(t, Exchange{}, l, body)
		if at, err := (Exchange{}).ParseLocation(body); err == nil && !strings.HasPrefix(at, "ws") {
			t.Errorf("address %q", at)
		}
	})
}

func TestListingsAreKeyedByTheSymbolThatStays(t *testing.T) {
	list, skipped, err := Exchange{}.ParseListings([]byte(symbols))
	if err != nil || len(list) != 2 || skipped != 3 {
		t.Fatalf("%d listings, %d skipped, %v", len(list), skipped, err)
	}
	bsv := list[1]
	if bsv.Wire != "BCHSV-USDT" || bsv.Symbol != "BSV-USDT" || bsv.Status != market.Halted || bsv.MinNotional != decimal.MustParse("0.05") {
		t.Errorf("%+v", bsv)
	}
	if btc := list[0]; btc.Status != market.Trading || btc.MinNotional != decimal.MustParse("0.2") || btc.Scale != (book.Scale{Price: 3, Size: 11}) {
		t.Errorf("%+v", btc)
	}
}

func TestRequestsAreOnePerChannel(t *testing.T) {
	l := listing(t)
	two := []*exchange.Listing{l, {Wire: "ETH-USDT"}}
	on, off := Exchange{}.Subscribe(5, two), Exchange{}.Unsubscribe(7, two[:1])
	want := []struct {
		r     exchange.Request
		frame string
	}{
		{on[0], `{"id":"5","type":"subscribe","topic":"/market/level2:BTC-USDT,ETH-USDT","privateChannel":false,"response":true}`},
		{on[1], `{"id":"6","type":"subscribe","topic":"/market/match:BTC-USDT,ETH-USDT","privateChannel":false,"response":true}`},
		{off[0], `{"id":"7","type":"unsubscribe","topic":"/market/level2:BTC-USDT","privateChannel":false,"response":true}`},
		{off[1], `{"id":"8","type":"unsubscribe","topic":"/market/match:BTC-USDT","privateChannel":false,"response":true}`},
	}
	for i, w := range want {
		if string(w.r.Frame) != w.frame || w.r.ID != uint64(5+i) || w.r.Ends != (i > 1) || w.r.Book != (i%2 == 0) || w.r.Trades == w.r.Book {
			t.Errorf("%s, %+v", w.r.Frame, w.r)
		}
	}
	if again := (Exchange{}).Resync(9, l); again != nil {
		t.Errorf("resync by %v, want a snapshot over REST", again)
	}
	if ping, every := (Exchange{}).Ping(9); string(ping) != `{"id":"9","type":"ping"}` || every > 18*time.Second {
		t.Errorf("%s every %s", ping, every)
	}
}

const location = `{"code":"200000","data":{"token":"2neA_-x.+/Q==","instanceServers":[
	{"endpoint":"https://no.example","protocol":"poll"},
	{"endpoint":"wss://ws-api-spot.kucoin.com/","encrypt":true,"protocol":"websocket","pingInterval":18000,"pingTimeout":10000}]}}`

func TestTheAddressOfTheSocketIsTheOneAnswered(t *testing.T) {
	if call := (Exchange{}).Locate(); !call.Post || call.Path != "/api/v1/bullet-public" {
		t.Errorf("%+v", call)
	}
	at, err := Exchange{}.ParseLocation([]byte(location))
	address, id, _ := strings.Cut(at, "&connectId=")
	if want := "wss://ws-api-spot.kucoin.com/?token=2neA_-x.%2B%2FQ%3D%3D"; err != nil || address != want || len(id) != 32 {
		t.Errorf("%s, %v", at, err)
	}
	bad := map[string]string{
		"no server":          `{"code":"200000","data":{"token":"a","instanceServers":[]}}`,
		"no token":           `{"code":"200000","data":{"instanceServers":[{"endpoint":"wss://x"}]}}`,
		"another protocol":   `{"code":"200000","data":{"token":"a","instanceServers":[{"endpoint":"file:///etc/passwd"}]}}`,
		"a query of its own": `{"code":"200000","data":{"token":"a","instanceServers":[{"endpoint":"wss://x/?token=b"}]}}`,
		"an error":           `{"code":"400302","msg":"Based on your IP, services are unavailable in your region"}`,
		"no JSON":            `<html>`,
	}
	for name, body := range bad {
		if at, err := (Exchange{}).ParseLocation([]byte(body)); err == nil {
			t.Errorf("%s: %s", name, at)
		}
	}
}

const level2 = `{"code":"200000","data":{"time":1764000000100,"sequence":"103","bids":[["64009.9","1.25"],["0","1"]],"asks":[["64010.1","0.5"]]}}`

func TestSnapshotsAndErrorsOfCalls(t *testing.T) {
	l := listing(t)
	var u book.Update
	if err := (Exchange{}).ParseSnapshot([]byte(level2), l, &u); err != nil || u.Kind != book.Snapshot || u.Last != 103 || len(u.Bids) != 1 || len(u.Asks) != 1 {
		t.Errorf("%+v, %v", u, err)
	}
	tests := map[string]struct {
		body string
		want error
	}{
		"too fast":          {`{"code":"429000","msg":"Too many requests in a short period"}`, exchange.ErrBusy},
		"too fast, as once": {`{"code":"200002","msg":"Too many requests"}`, exchange.ErrBusy},
		"no such symbol":    {`{"code":"900001","msg":"symbol not exists"}`, exchange.ErrRefused},
		"no code":           {`{"data":{"sequence":"1","bids":[],"asks":[]}}`, exchange.ErrRefused},
	}
	for name, tt := range tests {
		if err := (Exchange{}).ParseSnapshot([]byte(tt.body), l, &u); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v", name, err)
		}
		if _, _, err := (Exchange{}).ParseListings([]byte(tt.body)); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, body := range []string{``, `{"code":"200000"}`, `{"code":"200000","data":{"sequence":"103","bids":[]}}`, `{"code":"200000","data":null}`, level2[:90]} {
		if err := (Exchange{}).ParseSnapshot([]byte(body), l, &u); err == nil {
			t.Errorf("%s passes", body)
		}
	}
}

const candles = `{"code":"200000","data":[["1764000060","2","3","4","1","10","25"],["1764000000","1","2","2.5","0.5","7.5","11"]]}`

func TestCandlesComeNewestFirstAndCloseBeforeHigh(t *testing.T) {
	now := time.Unix(1764000090, 0)
	list, err := Exchange{}.ParseCandles([]byte(candles), time.Minute, now)
	if err != nil || len(list) != 2 {
		t.Fatalf("%v, %v", list, err)
	}
	first, last := list[0], list[1]
	if first.OpenTime.Unix() != 1764000000 || !first.Complete || last.Complete || first.Close != decimal.MustParse("2") ||
		first.High != decimal.MustParse("2.5") || first.Low != decimal.MustParse("0.5") || first.Volume != decimal.MustParse("7.5") {
		t.Errorf("%+v", list)
	}
	start, l := time.Unix(1764000000, 0), listing(t)
	for want, call := range map[string]exchange.Call{
		"endAt=1764000599&startAt=1764000000&symbol=BTC-USDT&type=1min":  Exchange{}.Candles(l, time.Minute, start, time.Time{}, 10),
		"endAt=1763999999&startAt=1763964000&symbol=BTC-USDT&type=1hour": Exchange{}.Candles(l, time.Hour, time.Time{}, start, 10),
		"symbol=BTC-USDT&type=1day":                                      Exchange{}.Candles(l, 24*time.Hour, time.Time{}, time.Time{}, 10),
	} {
		if call.Query != want {
			t.Errorf("%s, want %s", call.Query, want)
		}
	}
}
