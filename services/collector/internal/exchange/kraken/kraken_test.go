package kraken

import (
	"encoding/json"
	"errors"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/fuzztest"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/services/collector/internal/book"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange/exchangetest"
)

func listing() *exchange.Listing {
	return &exchange.Listing{Wire: "BTC/USD", Code: "XBTUSD", Scale: book.Scale{Price: 1, Size: 8}}
}

func TestFramesSayWhatTheyMean(t *testing.T) {
	exchangetest.Golden(t, Exchange{}, listing(), &exchange.Listing{Wire: "DOGE/USD"})
}

func FuzzDecode(f *testing.F) { exchangetest.Fuzz(f, Exchange{}, listing()) }

func FuzzBodies(f *testing.F) {
	f.Add([]byte(`{"error":[],"result":{"XXBTZUSD":[[1790000040,"1","2","0.5","1.5","1.2","10",3]],"last":1790000040}}`))
	f.Add([]byte(`{"error":["EQuery:Unknown asset pair"]}`))
	f.Add([]byte(`{"error":[],"result":{"XXBTZUSD":{"altname":"XBTUSD","wsname":"XBT/USD","pair_decimals":1,"lot_decimals":8,"ordermin":"0.00005","status":"online"}}}`))
	fuzztest.Seed(f)
	f.Fuzz(func(t *testing.T, body []byte) { exchangetest.Bodies(t, Exchange{}, listing(), body) })
}

func TestRecordedPairs(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(exchangetest.Shared(t), "captures", "kraken_v2", "expected_rest.json"))
	if err != nil {
		t.Fatal(err)
	}
	var expected struct {
		Instruments []struct {
			Count   int
			Samples map[string]struct {
				Native        string `json:"wsname"`
				Code          string `json:"altname"`
				Tick, Lot     decimal.Decimal
				MinQuantity   decimal.Decimal `json:"min_qty"`
				MinNotional   decimal.Decimal `json:"min_notional"`
				PriceDecimals uint8           `json:"price_decimals"`
				SizeDecimals  uint8           `json:"qty_decimals"`
			}
		}
	}
	if err := json.Unmarshal(text, &expected); err != nil {
		t.Fatal(err)
	}
	known := map[string]*exchange.Listing{}
	for _, l := range listings(t, "captures/kraken_v2/instruments_2026-07-07.http.gz") {
		known[l.Code] = l
	}
	if len(known) != expected.Instruments[0].Count {
		t.Errorf("%d pairs, want %d", len(known), expected.Instruments[0].Count)
	}
	for _, want := range expected.Instruments[0].Samples {
		l := known[want.Code]
		if l == nil || l.Native != want.Native || l.PriceTick != want.Tick || l.QuantityStep != want.Lot || l.MinQuantity != want.MinQuantity ||
			l.MinNotional != want.MinNotional || l.Scale != (book.Scale{Price: want.PriceDecimals, Size: want.SizeDecimals}) {
			t.Errorf("%+v, want %+v", l, want)
		}
	}
}

func BenchmarkUpdate(b *testing.B) {
	exchangetest.Bench(b, exchangetest.Suite{Exchange: Exchange{}}, "captures/kraken_v2/kraken_v2_2026-08-02_btcusd_d25.cap.gz", listing())
}

func TestTheChecksumIsOverDigits(t *testing.T) {
	b := book.New(book.Scale{Price: 5, Size: 8}, book.Rules{})
	b.Restart()
	if _, err := b.Apply(&book.Update{
		Kind: book.Snapshot,
		Bids: []book.Level{{Price: 108083, Size: 5100}}, // 1.08083 and 0.00005100
		Asks: []book.Level{{Price: 108084, Size: 1876947}, {Price: 108086, Size: 100000000}},
	}); err != nil {
		t.Fatal(err)
	}
	if got, want := Checksum(b, nil), crc32.ChecksumIEEE([]byte("1080841876947"+"108086100000000"+"1080835100")); got != want {
		t.Errorf("%d, want %d: a thin book is summed up as far as it goes", got, want)
	}
}

func TestRequestsNameTheDepthAlsoAtTheEnd(t *testing.T) {
	one := []*exchange.Listing{listing()}
	var got []string
	for _, requests := range [][]exchange.Request{
		Exchange{Depth: 25}.Subscribe(5, []*exchange.Listing{listing(), {Wire: "ETH/USD"}}), Exchange{}.Unsubscribe(7, one), Exchange{}.Resync(9, one[0]),
	} {
		for _, r := range requests {
			got = append(got, string(r.Frame))
		}
	}
	want := []string{
		`{"method":"subscribe","params":{"channel":"book","depth":25,"snapshot":true,"symbol":["BTC/USD","ETH/USD"]},"req_id":5}`,
		`{"method":"subscribe","params":{"channel":"trade","snapshot":false,"symbol":["BTC/USD","ETH/USD"]},"req_id":6}`,
		`{"method":"unsubscribe","params":{"channel":"book","depth":100,"symbol":["BTC/USD"]},"req_id":7}`,
		`{"method":"unsubscribe","params":{"channel":"trade","symbol":["BTC/USD"]},"req_id":8}`,
		`{"method":"unsubscribe","params":{"channel":"book","depth":100,"symbol":["BTC/USD"]},"req_id":9}`,
		`{"method":"subscribe","params":{"channel":"book","depth":100,"snapshot":true,"symbol":["BTC/USD"]},"req_id":10}`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("requests %q", got)
	}
	if got := (Exchange{}).Endpoint(WS); got != "wss://ws.kraken.com/v2" {
		t.Errorf("endpoint %s", got)
	}
}

func TestNamesAreMappedThroughTheListOfPairs(t *testing.T) {
	body := `{"error":[],"result":{
		"XXBTZUSD":{"altname":"XBTUSD","wsname":"XBT\/USD","base":"XXBT","quote":"ZUSD","pair_decimals":1,"lot_decimals":8,"ordermin":"0.00005","costmin":"0.5","tick_size":"0.1","status":"online"},
		"XDGEUR":{"altname":"XDGEUR","wsname":"XDG/EUR","pair_decimals":7,"lot_decimals":8,"ordermin":"50","status":"cancel_only"},
		"COARSE":{"altname":"ABCUSD","wsname":"ABC/USD","pair_decimals":5,"lot_decimals":5,"ordermin":"1","tick_size":"0.005"},
		"XXBTZUSD.d":{"altname":"XBTUSD.d","pair_decimals":1,"lot_decimals":8},
		"ODD":{"altname":"ODD","wsname":"O.D/D","pair_decimals":99,"lot_decimals":8},
		"WRONG":7}}`
	list, skipped, err := Exchange{}.ParseListings([]byte(body))
	if err != nil || len(list) != 3 || skipped != 3 {
		t.Fatalf("%d listings, %d left out, %v", len(list), skipped, err)
	}
	coarse, doge, btc := list[0], list[1], list[2]
	if doge.Symbol != "DOGE-EUR" || doge.Wire != "DOGE/EUR" || doge.Native != "XDG/EUR" || doge.Code != "XDGEUR" ||
		doge.Status != market.Halted || doge.PriceTick != decimal.New(1, 7) {
		t.Errorf("%+v", doge)
	}
	if btc.Symbol != "BTC-USD" || btc.Wire != "BTC/USD" || btc.Native != "XBT/USD" || btc.Status != market.Trading || btc.MinNotional != decimal.MustParse("0.5") {
		t.Errorf("%+v", btc)
	}
	// The wire, and so the checksum, has the pair's decimals, whatever the tick is.
	if coarse.PriceTick != decimal.MustParse("0.005") || coarse.Scale != (book.Scale{Price: 5, Size: 5}) {
		t.Errorf("%+v", coarse)
	}
}

func TestCandlesAreKeyedByAnyName(t *testing.T) {
	body := `{"error":[],"result":{"last":1790000100,"XXBTZUSD":[[1790000040,"1","2","0.5","1.5","1.2","10",3],[1790000100,"1.5","1.5","1.5","1.5","0","0",0]]}}`
	got, err := Exchange{}.ParseCandles([]byte(body), time.Minute, time.Unix(1790000110, 0))
	if err != nil || len(got) != 2 || !got[0].Complete || got[1].Complete || got[0].Volume != decimal.MustParse("10") {
		t.Errorf("candles %+v, %v", got, err)
	}
	call := Exchange{}.Candles(listing(), time.Hour, time.Unix(1790000040, 0), time.Time{}, 5)
	if call.Path+"?"+call.Query != "/0/public/OHLC?interval=60&pair=XBTUSD&since=1790000039" {
		t.Errorf("%+v", call)
	}
}

func TestErrorsComeWithASuccess(t *testing.T) {
	for body, want := range map[string]error{
		`{"error":["EQuery:Unknown asset pair"]}`:      exchange.ErrRefused,
		`{"error":["EGeneral:Too many requests"]}`:     exchange.ErrBusy,
		`{"error":["EAPI:Rate limit exceeded"]}`:       exchange.ErrBusy,
		`{"error":[],"result":{"last":1}}`:             exchange.ErrRefused,
		`{"error":[],"result":{"X":[[1790000040,1]]}}`: exchange.ErrRefused,
	} {
		if _, err := (Exchange{}).ParseCandles([]byte(body), time.Minute, time.Time{}); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", body, err, want)
		}
	}
}
