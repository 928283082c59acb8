package simulator_test

import (
	"encoding/json"
	"fmt"
	"hash/crc32"
	"net/http"
	"strings"
	"testing"

	"github.com/hourglass-trading/hourglass/services/simulator"
	"github.com/hourglass-trading/hourglass/services/simulator/internal/sharedtest"
)

// dialect is how a test client follows a book that begins with a picture on its stream, by the published rules alone.
type dialect struct {
	socket string // the path below the exchange's name
	// subscribe spells the request for a symbol's book and trades.
	subscribe func(symbol string) string
	// take applies a frame; symbol is empty if it is of no book.
	take func(t *testing.T, books map[string]*kept, frame []byte) (symbol string, picture bool)
	// rest is the path of a whole book over REST, and what says there that none is known yet.
	rest, busy string
}

// kept is a book as a client keeps it, with what its exchange says of its messages.
type kept struct {
	*book
	id       int64
	messages int
}

// begin makes a picture's book.
func begin(books map[string]*kept, symbol string) *kept {
	k := books[symbol]
	if k == nil {
		k = &kept{}
		books[symbol] = k
	}
	k.book = newBook()
	return k
}

// known is the book of changes, which must have begun.
func known(t *testing.T, books map[string]*kept, symbol string) *kept {
	t.Helper()
	k := books[symbol]
	if k == nil {
		t.Fatalf("%s: changes before the picture", symbol)
	}
	return k
}

func (k *kept) sides(bids, asks [][]string) {
	for _, l := range bids {
		k.set(k.bids, l[0], l[1])
	}
	for _, l := range asks {
		k.set(k.asks, l[0], l[1])
	}
	k.messages++
}

func (k *kept) changes(list [][]string) {
	for _, c := range list {
		if c[0] == "buy" {
			k.set(k.bids, c[1], c[2])
		} else {
			k.set(k.asks, c[1], c[2])
		}
	}
	k.messages++
}

var dialects = map[string]dialect{
	"okx": {
		socket: "/ws/v5/public", take: takeOKX, rest: "/api/v5/market/books?sz=400&instId=", busy: `"code":"50013"`,
		subscribe: func(s string) string {
			return `{"id":"1","op":"subscribe","args":[{"channel":"books","instId":"` + s + `"},{"channel":"trades","instId":"` + s + `"}]}`
		},
	},
	"bybit": {
		socket: "/v5/public/spot", take: takeBybit, rest: "/v5/market/orderbook?category=spot&limit=200&symbol=", busy: `"retCode":10016`,
		subscribe: func(s string) string {
			return `{"req_id":"1","op":"subscribe","args":["orderbook.50.` + s + `","publicTrade.` + s + `"]}`
		},
	},
	"coinbase": {
		take: takeCoinbase, rest: "/products/%s/book?level=2", busy: "Service unavailable",
		subscribe: func(s string) string {
			return `{"type":"subscribe","product_ids":["` + s + `"],"channels":["level2_batch","matches","heartbeat"]}`
		},
	},
	"gemini": {
		socket: "/v2/marketdata", take: takeGemini, rest: "/v1/book/%s?limit_bids=0&limit_asks=0", busy: `"result":"error"`,
		subscribe: func(s string) string {
			return `{"type":"subscribe","subscriptions":[{"name":"l2","symbols":["` + s + `"]}]}`
		},
	},
}

func takeOKX(t *testing.T, books map[string]*kept, frame []byte) (string, bool) {
	t.Helper()
	var m struct {
		Arg struct {
			Channel string `json:"channel"`
			InstID  string `json:"instId"`
		} `json:"arg"`
		Action string `json:"action"`
		Data   []struct {
			Bids, Asks [][]string
			Checksum   int32  `json:"checksum"`
			Seq        *int64 `json:"seqId"`
			Prev       *int64 `json:"prevSeqId"`
		} `json:"data"`
	}
	unmarshal(t, frame, &m)
	if m.Arg.Channel != "books" || m.Action == "" {
		return "", false
	}
	var k *kept
	d := m.Data[0]
	if m.Action == "snapshot" {
		k = begin(books, m.Arg.InstID)
	} else if k = known(t, books, m.Arg.InstID); d.Prev != nil && *d.Prev != k.id {
		t.Fatalf("prevSeqId %d after %d", *d.Prev, k.id)
	}
	if d.Seq != nil {
		k.id = *d.Seq
	}
	k.sides(d.Bids, d.Asks)
	if got := k.okxChecksum(); got != d.Checksum {
		t.Fatalf("%s: message %d: checksum %d, want %d", m.Arg.InstID, k.messages, got, d.Checksum)
	}
	if bids, asks := k.levels(); len(bids) > 400 || len(asks) > 400 {
		t.Fatalf("%d bids, %d asks", len(bids), len(asks))
	}
	return m.Arg.InstID, m.Action == "snapshot"
}

func (k *kept) okxChecksum() int32 {
	bids, asks := k.levels()
	var parts []string
	for i := range 25 {
		for _, side := range [][][2]string{bids, asks} {
			if i < len(side) {
				parts = append(parts, side[i][0], side[i][1])
			}
		}
	}
	return int32(crc32.ChecksumIEEE([]byte(strings.Join(parts, ":"))))
}

func takeBybit(t *testing.T, books map[string]*kept, frame []byte) (string, bool) {
	t.Helper()
	var m struct {
		Topic string          `json:"topic"`
		Type  string          `json:"type"`
		Data  json.RawMessage `json:"data"`
	}
	unmarshal(t, frame, &m)
	if !strings.HasPrefix(m.Topic, "orderbook.50.") {
		return "", false
	}
	var d struct {
		S string     `json:"s"`
		B [][]string `json:"b"`
		A [][]string `json:"a"`
		U int64      `json:"u"`
	}
	unmarshal(t, m.Data, &d)
	var k *kept
	if m.Type == "snapshot" {
		k = begin(books, d.S)
	} else if k = known(t, books, d.S); d.U != k.id+1 {
		t.Fatalf("u %d after %d", d.U, k.id)
	}
	k.id = d.U
	if k.sides(d.B, d.A); k.bids.len() > 50 || k.asks.len() > 50 {
		t.Fatalf("%d bids, %d asks", k.bids.len(), k.asks.len())
	}
	return d.S, m.Type == "snapshot"
}

func takeCoinbase(t *testing.T, books map[string]*kept, frame []byte) (string, bool) {
	t.Helper()
	var m struct {
		Type       string     `json:"type"`
		Product    string     `json:"product_id"`
		Bids, Asks [][]string `json:",omitempty"`
		Changes    [][]string `json:"changes"`
	}
	unmarshal(t, frame, &m)
	switch m.Type {
	case "snapshot":
		begin(books, m.Product).sides(m.Bids, m.Asks)
		return m.Product, true
	case "l2update":
		known(t, books, m.Product).changes(m.Changes)
		return m.Product, false
	}
	return "", false
}

func takeGemini(t *testing.T, books map[string]*kept, frame []byte) (string, bool) {
	t.Helper()
	var m struct {
		Type    string          `json:"type"`
		Symbol  string          `json:"symbol"`
		Changes [][]string      `json:"changes"`
		Trades  json.RawMessage `json:"trades"`
	}
	unmarshal(t, frame, &m)
	if m.Type != "l2_updates" {
		return "", false
	}
	if m.Trades != nil {
		begin(books, m.Symbol).changes(m.Changes)
		return m.Symbol, true
	}
	known(t, books, m.Symbol).changes(m.Changes)
	return m.Symbol, false
}

func unmarshal(t *testing.T, data []byte, to any) {
	t.Helper()
	if err := json.Unmarshal(data, to); err != nil {
		t.Fatalf("%.200s: %v", data, err)
	}
}

func TestASimulatedBookIsWhatALaterFollowerBeginsWith(t *testing.T) {
	symbols := map[string]string{"okx": "BTC-USDT", "bybit": "ETHUSDT", "coinbase": "BTC-USD", "gemini": "DOGEUSD"}
	for name, d := range dialects {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			addr := start(t, simulator.Config{Seed: 9, Speed: 4, Exchanges: []string{name}})
			symbol, early := symbols[name], map[string]*kept{}
			first := dial(t, "ws://"+addr+"/"+name+d.socket)
			first.send("%s", d.subscribe(symbol))
			for early[symbol] == nil || early[symbol].messages < 60 {
				d.take(t, early, first.read())
				if k := early[symbol]; k != nil && k.crossed() {
					t.Fatal("a crossed book")
				}
			}
			second, late := dial(t, "ws://"+addr+"/"+name+d.socket), map[string]*kept{}
			second.send("%s", d.subscribe(symbol))
			for late[symbol] == nil {
				d.take(t, late, second.read())
			}
			want := hash(late[symbol].book)
			var next []byte // the first change after the picture
			for next == nil {
				if frame := second.read(); late[symbol].messages < 2 {
					if s, _ := d.take(t, late, frame); s != "" {
						next = frame
					}
				}
			}
			for {
				frame := first.read()
				if string(frame) == string(next) {
					break
				}
				d.take(t, early, frame)
			}
			if got := hash(early[symbol].book); got != want {
				t.Errorf("after %d messages the book hashes to %s, the picture of then to %s", early[symbol].messages, got, want)
			}
		})
	}
}

func TestABookThatBeginsOnItsStreamIsReplayed(t *testing.T) {
	tests := map[string]struct{ exchange, file string }{
		"OKX":                            {"okx", "captures/okx/okx_2022-05-13.cap.gz"},
		"OKCoin":                         {"okx", "captures/okx/okcoin_2023-05-27.cap.gz"},
		"Bybit":                          {"bybit", "captures/bybit/bybit_v5_2024-11-08_two_messages.cap.gz"},
		"Coinbase, one change a message": {"coinbase", "captures/coinbase/coinbase_level2_2021-04-17.cap.gz"},
		"Coinbase, in batches":           {"coinbase", "captures/coinbase/coinbase_level2_batch_2026-07-07.cap.gz"},
		"Gemini":                         {"gemini", "captures/gemini/gemini_2021-06-24.cap.gz"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, want := dialects[tt.exchange], sharedtest.Expected(t, tt.file)
			delete(want, "UNI-USD-SWAP") // not spot
			addr := replayed(t, 20, tt.file)
			for symbol := range want {
				if code, body := d.ask(t, addr, tt.exchange, symbol); !strings.Contains(string(body), d.busy) {
					t.Errorf("%s: before the recording begins its book is %d %.200s", symbol, code, body)
				}
				break
			}
			ws, books := dial(t, "ws://"+addr+"/"+tt.exchange+d.socket), map[string]*kept{}
			for symbol := range want {
				ws.send("%s", d.subscribe(symbol))
			}
			var second *socket
			late, middle := map[string]*kept{}, ""
			for !complete(books, want) {
				s, _ := d.take(t, books, ws.read())
				if s != "" && second == nil && want[s].Book > 20 && books[s].messages > want[s].Book/2 {
					second, middle = dial(t, "ws://"+addr+"/"+tt.exchange+d.socket), s
					second.send("%s", d.subscribe(s))
				}
			}
			for symbol, w := range want {
				sameBook(t, symbol, books[symbol].book, w)
			}
			for second != nil && (late[middle] == nil || hash(late[middle].book) != want[middle].SHA256) {
				d.take(t, late, second.read())
			}
			if second != nil && late[middle].messages > want[middle].Book*3/4 {
				t.Errorf("the late follower got %d of %d messages: it was not late", late[middle].messages, want[middle].Book)
			}
			if code, body := d.ask(t, addr, tt.exchange, middle); second != nil && (code != http.StatusOK || strings.Contains(string(body), d.busy)) {
				t.Errorf("after the end its book is %d %.200s", code, body)
			}
		})
	}
}

func (d dialect) ask(t *testing.T, addr, exchange, symbol string) (int, []byte) {
	t.Helper()
	path := d.rest + symbol
	if strings.Contains(d.rest, "%s") {
		path = fmt.Sprintf(d.rest, symbol)
	}
	return get(t, "http://"+addr+"/"+exchange+path)
}

func complete(books map[string]*kept, want map[string]sharedtest.Want) bool {
	for symbol, w := range want {
		if k := books[symbol]; k == nil || k.messages < w.Book {
			return false
		}
	}
	return true
}

func TestRecordedFramesBeginAsTheyWereRecorded(t *testing.T) {
	tests := map[string]struct {
		exchange, file, symbol string
		want                   []string
	}{
		"OKX": {"okx", "captures/okx/okx_2022-05-13.cap.gz", "BTC-USDT", []string{
			`{"arg":{"channel":"trades","instId":"BTC-USDT"},"data":[{"instId":"BTC-USDT","tradeId":"`,
			`{"arg":{"channel":"books","instId":"BTC-USDT"},"action":"snapshot","data":[{"asks":[["`,
		}},
		"Bybit": {"bybit", "captures/bybit/bybit_v5_2024-11-08_two_messages.cap.gz", "BTCUSDT", []string{
			`{"topic":"orderbook.50.BTCUSDT","ts":1731035685326,"type":"snapshot","data":{"s":"BTCUSDT","b":[["75848.74","0.067669"],`,
			`{"topic":"orderbook.50.BTCUSDT","ts":1731035685345,"type":"delta","data":{"s":"BTCUSDT","b":[["75848.62","0.014895"],`,
		}},
		"Gemini": {"gemini", "captures/gemini/gemini_2021-06-24.cap.gz", "ALCXUSD", []string{
			`{"type":"l2_updates","symbol":"ALCXUSD","changes":[["buy","302.75","0.00001"],["buy","302.32","2.445529"],`,
			`{"type":"l2_updates","symbol":"ALCXUSD","changes":[["buy","301.66","11.538318"],["buy","302.16","3.296522"],`,
		}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			addr := replayed(t, 100, tt.file)
			ws := dial(t, "ws://"+addr+"/"+tt.exchange+dialects[tt.exchange].socket)
			ws.send("%s", dialects[tt.exchange].subscribe(tt.symbol))
			var got []string
			for len(got) < len(tt.want) {
				frame := string(ws.read())
				if i := len(got); strings.HasPrefix(frame, tt.want[i]) {
					got = append(got, frame)
				} else if strings.Contains(frame, `"action":"update"`) || i > 0 && strings.Contains(frame, "changes") {
					t.Fatalf("%.200s, want %s", frame, tt.want[i])
				}
			}
		})
	}
}
