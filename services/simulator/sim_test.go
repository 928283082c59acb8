package simulator_test

import (
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hourglass-trading/hourglass/services/simulator"
)

func TestASimulatedBinanceBookIsWhatItsStreamAddsUpTo(t *testing.T) {
	addr := start(t, simulator.Config{Seed: 5, Speed: 4, Exchanges: []string{"binance"}})
	base := "http://" + addr + "/binance"
	symbols := []string{"BTCUSDT", "ETHBTC", "PEPEUSDT", "XRPUSDT"}
	followers := map[string]*follower{}
	var params []string
	for _, s := range symbols {
		for _, kind := range []string{"depth@100ms", "bookTicker"} {
			params = append(params, fmt.Sprintf("%q", strings.ToLower(s)+"@"+kind))
		}
		followers[s] = &follower{t: t, symbol: s, base: base, limit: 5000}
	}
	ws := dial(t, "ws://"+addr+"/binance/stream")
	ws.send(`{"method":"SUBSCRIBE","params":[%s],"id":1}`, strings.Join(params, ","))
	ws.read()
	compared := 0
	tickers := map[string]ticker{}
	for followers["BTCUSDT"].applied < 120 || followers["PEPEUSDT"].applied < 120 {
		var m combined
		if err := json.Unmarshal(ws.read(), &m); err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(m.Stream, "@bookTicker") {
			var k ticker
			if err := json.Unmarshal(m.Data, &k); err != nil {
				t.Fatal(err)
			}
			tickers[k.Symbol] = k
			continue
		}
		var d diff
		if err := json.Unmarshal(m.Data, &d); err != nil {
			t.Fatal(err)
		}
		f := followers[d.S]
		f.take(d)
		if k := tickers[d.S]; k.ID == d.Last && f.id == d.Last {
			compared++
			f.agrees(k)
		}
	}
	if compared < 10 {
		t.Errorf("only %d best bids and asks could be compared", compared)
	}
	for _, f := range followers {
		resync(t, ws, f, followers)
	}
}

// ticker is Binance's best bid and ask; u is a depth id.
type ticker struct {
	ID     int64  `json:"u"`
	Symbol string `json:"s"`
	Bid    string `json:"b"`
	BidQty string `json:"B"`
	Ask    string `json:"a"`
	AskQty string `json:"A"`
}

// agrees compares the exchange's own best bid and ask under the same update id with the book.
func (f *follower) agrees(k ticker) {
	f.t.Helper()
	if f.book.crossed() {
		f.t.Fatalf("%s is crossed after update %d", f.symbol, f.id)
	}
	bids, asks := f.book.levels()
	want := [][2]string{{k.Bid, k.BidQty}, {k.Ask, k.AskQty}}
	if d := cmp.Diff(want, [][2]string{bids[0], asks[0]}); d != "" {
		f.t.Fatalf("%s: bookTicker %d disagrees:\n%s", f.symbol, k.ID, d)
	}
}

// resync compares a followed book with the simulator's own: a fresh snapshot, once the stream has come so far.
func resync(t *testing.T, ws *socket, f *follower, all map[string]*follower) {
	t.Helper()
	fresh := &follower{t: t, symbol: f.symbol, base: f.base, limit: 5000}
	fresh.snapshot()
	for f.id < fresh.id {
		var m combined
		var d diff
		if err := json.Unmarshal(ws.read(), &m); err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(m.Stream, "@bookTicker") {
			continue
		}
		if err := json.Unmarshal(m.Data, &d); err != nil {
			t.Fatal(err)
		}
		all[d.S].take(d)
	}
	// The stream may already have been further when the snapshot was taken of another symbol.
	if f.id == fresh.id && hash(f.book) != hash(fresh.book) {
		t.Errorf("%s: the stream's book is not the simulator's", f.symbol)
	}
	if f.id != fresh.id {
		t.Errorf("%s: the snapshot's id %d lies inside a message, the stream is at %d", f.symbol, fresh.id, f.id)
	}
}

func TestEverySimulatedKrakenMessageCarriesTheRightChecksum(t *testing.T) {
	addr := start(t, simulator.Config{Seed: 6, Speed: 4, Exchanges: []string{"kraken"}})
	books := map[string]*krakenBook{}
	var sockets []*socket
	for _, depth := range []int{10, 25, 1000} {
		ws := dial(t, "ws://"+addr+"/kraken/v2")
		ws.send(`{"method":"subscribe","params":{"channel":"book","symbol":["BTC/USD","DOGE/USD"],"depth":%d}}`, depth)
		for _, symbol := range []string{"BTC/USD", "DOGE/USD"} {
			books[fmt.Sprint(len(sockets), symbol)] = &krakenBook{depth: depth}
		}
		sockets = append(sockets, ws)
	}
	for i, ws := range sockets {
		for books[fmt.Sprint(i, "BTC/USD")].messages < 60 {
			m := next(t, ws)
			if m.Channel != "book" {
				continue
			}
			var data []krakenData
			if err := json.Unmarshal(m.Data, &data); err != nil {
				t.Fatal(err)
			}
			k := books[fmt.Sprint(i, data[0].Symbol)]
			k.take(t, m)
			if k.crossed() {
				t.Fatal("a crossed book")
			}
			if n := k.bids.len(); k.depth <= 25 && n != k.depth {
				t.Fatalf("%d bids at depth %d", n, k.depth)
			}
		}
	}
}

func TestCandlesEndWhereTheMarketIs(t *testing.T) {
	addr := start(t, simulator.Config{Seed: 7})
	for symbol, level := range map[string]float64{"BTCUSDT": 62000, "ETHBTC": 0.042, "PEPEUSDT": 0.0000085} {
		var rows [][]any
		getJSON(t, "http://"+addr+"/binance/api/v3/klines?limit=1000&interval=1m&symbol="+symbol, &rows)
		if len(rows) != 1000 {
			t.Fatalf("%s: %d candles", symbol, len(rows))
		}
		var touch map[string]string
		getJSON(t, "http://"+addr+"/binance/api/v3/ticker/bookTicker?symbol="+symbol, &touch)
		last, bid := number(t, rows[999][4]), number(t, touch["bidPrice"])
		if math.Abs(last/bid-1) > 0.003 || math.Abs(bid/level-1) > 0.5 {
			t.Errorf("%s: last close %v, bid %v, level %v", symbol, last, bid, level)
		}
	}
	var k struct {
		Error  []string
		Result map[string]json.RawMessage
	}
	getJSON(t, "http://"+addr+"/kraken/0/public/OHLC?pair=XBTUSD&interval=60", &k)
	var rows [][]any
	if err := json.Unmarshal(k.Result["XXBTZUSD"], &rows); err != nil || len(rows) != 720 || len(rows[0]) != 8 {
		t.Errorf("%d rows, %v, %v", len(rows), k.Error, err)
	}
}

func number(t *testing.T, text any) float64 {
	t.Helper()
	r, ok := new(big.Rat).SetString(text.(string))
	if !ok {
		t.Fatalf("%v is not a number", text)
	}
	f, _ := r.Float64()
	return f
}

func TestASimulationOffersWhatItsExchangesList(t *testing.T) {
	s, err := simulator.Open(simulator.Config{})
	if err != nil {
		t.Fatal(err)
	}
	offers(t, s, map[string][]string{
		"binance": {"BTC-USDT", "DOGE-USDT", "ETH-BTC", "ETH-USDT", "LINK-USDT", "PEPE-USDT", "SOL-USDT", "XRP-USDT"},
		"kraken":  {"BTC-USD", "BTC-USDT", "DOGE-USD", "ETH-USD", "ETH-USDT", "LINK-USD", "SOL-USD", "XRP-USD"},
	})
	if s, err = simulator.Open(simulator.Config{Symbols: []string{"BTC-USDT"}}); err != nil || len(s.Offers()) != 2 {
		t.Errorf("BTC-USDT is offered by %v, %v", s, err)
	}
	if s, err = simulator.Open(simulator.Config{Exchanges: simulator.Exchanges()}); err != nil {
		t.Fatal(err)
	}
	pairs := 0
	for _, o := range s.Offers() {
		pairs += len(o.Symbols)
	}
	if n := len(s.Offers()); n != len(simulator.Exchanges()) || pairs < 200 {
		t.Errorf("%d pairs on %d exchanges", pairs, n)
	}
}

// offers demands that just these exchanges are offered, with these symbols among others.
func offers(t *testing.T, s *simulator.Simulator, want map[string][]string) {
	t.Helper()
	for _, o := range s.Offers() {
		symbols, ok := want[o.Exchange]
		if delete(want, o.Exchange); !ok {
			t.Errorf("%s is offered", o.Exchange)
		}
		for _, symbol := range symbols {
			if !slices.Contains(o.Symbols, symbol) {
				t.Errorf("%s lacks %s: %v", o.Exchange, symbol, o.Symbols)
			}
		}
	}
	for exchange := range want {
		t.Errorf("%s is not offered", exchange)
	}
}

func TestAStreamOfCandlesEndsEachOnce(t *testing.T) {
	addr := start(t, simulator.Config{Seed: 8, Speed: 100, Exchanges: []string{"binance"}})
	ws := dial(t, "ws://"+addr+"/binance/ws/btcusdt@kline_1m")
	var ends []int64
	for len(ends) < 3 {
		var m struct {
			K struct {
				Start int64 `json:"t"`
				End   bool  `json:"x"`
			} `json:"k"`
		}
		if err := json.Unmarshal(ws.read(), &m); err != nil {
			t.Fatal(err)
		}
		if m.K.End {
			ends = append(ends, m.K.Start)
		}
	}
	for i := 1; i < len(ends); i++ {
		if ends[i]-ends[i-1] != time.Minute.Milliseconds() {
			t.Errorf("candles ended at %v", ends)
		}
	}
}
