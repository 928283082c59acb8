package market_test

import (
	"encoding/json"
	"testing"

	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
)

func level(price, quantity string) market.Level {
	return market.Level{Price: decimal.MustParse(price), Quantity: decimal.MustParse(quantity)}
}

func TestNamesAreSafeSubjectTokens(t *testing.T) {
	for _, bad := range []string{"", "all", "Binance", "bi.nance", "*", ">", "bin ance", "1x", "abcdefghijklmnopqrstuvwxyzabcdefgh"} {
		if got, err := market.ParseExchange(bad); err == nil {
			t.Errorf("exchange %q was accepted as %q", bad, got)
		}
	}
	for _, bad := range []string{"", "BTCUSDT", "btc-usdt", "BTC-", "-USDT", "BTC-USDT-X", "BTC.-USDT", "BTC-*", "BTC-US DT"} {
		if got, err := market.ParseSymbol(bad); err == nil {
			t.Errorf("symbol %q was accepted as %q", bad, got)
		}
	}
	if s, err := market.Pair("1000SATS", "USDT"); err != nil || s.Base() != "1000SATS" || s.Quote() != "USDT" {
		t.Errorf("pair = %q, %v", s, err)
	}
}

func TestMergeKeepsEveryExchangesPart(t *testing.T) {
	binance := &market.Book{
		Exchange: "binance", State: market.Live, Seq: 7,
		Bids: []market.Level{level("100", "1"), level("99", "2")}, Asks: []market.Level{level("101", "1")},
	}
	kraken := &market.Book{
		Exchange: "kraken", State: market.Live,
		Bids: []market.Level{level("101.5", "4"), level("99", "3")}, Asks: []market.Level{level("102", "5")},
	}
	gapped := &market.Book{Exchange: "okx", State: market.Gapped, Reason: "sequence gap", Bids: []market.Level{level("500", "1")}}
	crossed := &market.Book{Exchange: "bybit", State: market.Live, Bids: []market.Level{level("9", "1")}, Asks: []market.Level{level("8", "1")}}

	m, err := market.Merge("BTC-USDT", []*market.Book{kraken, gapped, binance, crossed}, 2)
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	const never = `"alive_at":"0001-01-01T00:00:00Z"`
	want := `{"symbol":"BTC-USDT","sources":[` +
		`{"exchange":"binance","state":"live","seq":7,` + never + `},` +
		`{"exchange":"bybit","state":"gapped","reason":"crossed book","seq":0,` + never + `},` +
		`{"exchange":"kraken","state":"live","seq":0,` + never + `},` +
		`{"exchange":"okx","state":"gapped","reason":"sequence gap","seq":0,` + never + `}],` +
		`"bids":[["101.5","4",{"kraken":"4"}],["100","1",{"binance":"1"}]],` +
		`"asks":[["101","1",{"binance":"1"}],["102","5",{"kraken":"5"}]]}`
	if string(got) != want {
		t.Errorf("merged =\n%s\nwant\n%s", got, want)
	}
	m, err = market.Merge("BTC-USDT", []*market.Book{kraken, binance}, 3)
	if err != nil || len(m.Bids[2].Parts) != 2 || m.Bids[2].Quantity != decimal.MustParse("5") {
		t.Errorf("the level both show = %+v, %v", m.Bids, err)
	}
}

func TestALevelIsReadLikeAPairOfNumbers(t *testing.T) {
	for _, text := range []string{
		`["60000.5","0.25"]`, `[ "60000.5", "0.25" ]`, `["60000.50","1e-3"]`, `[60000.5,0.25]`, `["1","2","3"]`, `["1"]`, `[]`, `null`,
		`["1","x"]`, `["x","1"]`, `["","1"]`, `["1",2]`, `{"a":"1"}`, `"1"`, `["1","2"]]`, `["1\u0030","2"]`, `["-1","2"]`,
	} {
		var want [2]decimal.Decimal
		wantErr := json.Unmarshal([]byte(text), &want)
		var got market.Level
		err := json.Unmarshal([]byte(text), &got)
		if (err == nil) != (wantErr == nil) || err == nil && got != (market.Level{Price: want[0], Quantity: want[1]}) {
			t.Errorf("%s is read as %+v (%v), want %v (%v)", text, got, err, want, wantErr)
		}
	}
}

func BenchmarkReadLevel(b *testing.B) {
	text := []byte(`["60000.5","0.25"]`)
	b.ReportAllocs()
	for b.Loop() {
		var l market.Level
		if err := l.UnmarshalJSON(text); err != nil {
			b.Fatal(err)
		}
	}
}
