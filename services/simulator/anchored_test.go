package simulator_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/hourglass-trading/hourglass/services/simulator"
	"github.com/hourglass-trading/hourglass/services/simulator/internal/sharedtest"
)

// change is what a book message of an exchange says, or an answer over REST.
type change struct {
	symbol      string
	first, last int64 // first is 0 where ids do not chain
	full        bool
	bids, asks  [][2]string
	at          int64 // ms, where a test looks at it
}

// words are how a test client speaks to an exchange whose books start over REST.
type words struct {
	// open returns the address of the socket.
	open func(t *testing.T, addr string) string
	// greeting says whether the exchange speaks first.
	greeting bool
	// subscribe asks for the book of a symbol.
	subscribe func(symbol string) string
	// decode reads a frame; false for others than those of books.
	decode func(t *testing.T, frame []byte) (change, bool)
	// fetch gets the whole book.
	fetch func(t *testing.T, addr, symbol string) change
}

func rows(raw [][]string) [][2]string {
	out := make([][2]string, 0, len(raw))
	for _, r := range raw {
		if strings.Trim(r[0], "0.") != "" { // KuCoin's price 0 is none
			out = append(out, [2]string{r[0], r[1]})
		}
	}
	return out
}

func decoded(t *testing.T, data []byte, to any) {
	t.Helper()
	if err := json.Unmarshal(data, to); err != nil {
		t.Fatalf("%.200s: %v", data, err)
	}
}

func id(t *testing.T, text string) int64 {
	t.Helper()
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

var kucoinWords = words{
	open: func(t *testing.T, addr string) string {
		r, err := http.Post("http://"+addr+"/kucoin/api/v1/bullet-public", "", nil)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		var m struct {
			Data struct {
				Token           string
				InstanceServers []struct{ Endpoint string }
			}
		}
		if err := json.NewDecoder(r.Body).Decode(&m); err != nil {
			t.Fatal(err)
		}
		return m.Data.InstanceServers[0].Endpoint + "?token=" + m.Data.Token + "&connectId=me"
	},
	greeting: true,
	subscribe: func(symbol string) string {
		return `{"id":"1","type":"subscribe","topic":"/market/level2:` + symbol + `","privateChannel":false,"response":true}`
	},
	decode: func(t *testing.T, frame []byte) (change, bool) {
		var m struct {
			Subject string
			Data    struct {
				Symbol                     string
				SequenceStart, SequenceEnd int64
				Changes                    struct{ Asks, Bids [][]string }
			}
		}
		if !bytes.Contains(frame, []byte("l2update")) {
			return change{}, false
		}
		decoded(t, frame, &m)
		d := m.Data
		return change{symbol: d.Symbol, first: d.SequenceStart, last: d.SequenceEnd, bids: rows(d.Changes.Bids), asks: rows(d.Changes.Asks)}, true
	},
	fetch: func(t *testing.T, addr, symbol string) change {
		r, err := http.NewRequest(http.MethodGet, "http://"+addr+"/kucoin/api/v3/market/orderbook/level2?symbol="+symbol, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("KC-API-KEY", "any")
		var m struct {
			Code string
			Data struct {
				Sequence   string
				Bids, Asks [][]string
			}
		}
		decoded(t, do(t, r), &m)
		return change{symbol: symbol, last: id(t, m.Data.Sequence), bids: rows(m.Data.Bids), asks: rows(m.Data.Asks)}
	},
}

func do(t *testing.T, r *http.Request) []byte {
	t.Helper()
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("%s: %d %s, %v", r.URL, answer.StatusCode, body, err)
	}
	return body
}

var bitstampWords = words{
	open: func(_ *testing.T, addr string) string { return "ws://" + addr + "/bitstamp/" },
	subscribe: func(symbol string) string {
		return `{"event":"bts:subscribe","data":{"channel":"diff_order_book_` + symbol + `"}}`
	},
	decode: func(t *testing.T, frame []byte) (change, bool) {
		var m struct {
			Event, Channel string
			Data           struct {
				Microtimestamp string
				Bids, Asks     [][]string
			}
		}
		decoded(t, frame, &m)
		if m.Event != "data" {
			return change{}, false
		}
		symbol := strings.TrimPrefix(m.Channel, "diff_order_book_")
		return change{symbol: symbol, last: id(t, m.Data.Microtimestamp), bids: rows(m.Data.Bids), asks: rows(m.Data.Asks)}, true
	},
	fetch: func(t *testing.T, addr, symbol string) change {
		var m struct {
			Microtimestamp string
			Bids, Asks     [][]string
		}
		getJSON(t, "http://"+addr+"/bitstamp/api/v2/order_book/"+symbol+"/?group=1", &m)
		return change{symbol: symbol, last: id(t, m.Microtimestamp), bids: rows(m.Bids), asks: rows(m.Asks)}
	},
}

var gateioWords = words{
	open: func(_ *testing.T, addr string) string { return "ws://" + addr + "/gateio/ws/v4/" },
	subscribe: func(symbol string) string {
		return `{"time":1,"channel":"spot.order_book_update","event":"subscribe","payload":["` + symbol + `","100ms"]}`
	},
	decode: gateioBook,
	fetch: func(t *testing.T, addr, symbol string) change {
		var m struct {
			ID         int64
			Bids, Asks [][]string
		}
		getJSON(t, "http://"+addr+"/gateio/api/v4/spot/order_book?limit=1000&with_id=true&currency_pair="+symbol, &m)
		return change{symbol: symbol, last: m.ID, bids: rows(m.Bids), asks: rows(m.Asks)}
	},
}

// gateioBook reads a message of either book channel.
func gateioBook(t *testing.T, frame []byte) (change, bool) {
	t.Helper()
	var m struct {
		Event   string          `json:"event"`
		Channel string          `json:"channel"`
		Result  json.RawMessage `json:"result"`
	}
	decoded(t, frame, &m)
	if m.Event == "subscribe" || m.Event == "unsubscribe" {
		return change{}, false
	}
	var d struct {
		Full  bool       `json:"full"`
		S     string     `json:"s"`
		First int64      `json:"U"`
		Last  int64      `json:"u"`
		Bids  [][]string `json:"b"`
		Asks  [][]string `json:"a"`
		Time  int64      `json:"t"`
		E     int64      `json:"E"`
		Event string     `json:"e"`
	}
	decoded(t, m.Result, &d)
	return change{d.S, d.First, d.Last, d.Full, rows(d.Bids), rows(d.Asks), d.Time}, true
}

// anchored keeps a book in step by the published rules: buffer, answer over REST, bridge, chain.
type anchored struct {
	book    *book
	id      int64
	waiting []change
	applied int
}

func (a *anchored) start(c change) {
	a.book, a.id = newBook(), c.last
	a.apply(c)
	a.applied = 0
}

func (a *anchored) apply(c change) {
	for _, l := range c.bids {
		a.book.set(a.book.bids, l[0], l[1])
	}
	for _, l := range c.asks {
		a.book.set(a.book.asks, l[0], l[1])
	}
	a.id = c.last
	a.applied++
}

func (a *anchored) take(t *testing.T, c change, fetch func() change) {
	t.Helper()
	if a.book == nil {
		a.waiting = append(a.waiting, c)
		answer := fetch()
		if first := a.waiting[0]; first.first > 0 && answer.last < first.first-1 || first.first == 0 && answer.last < first.last {
			return // older than what is buffered: ask again
		}
		a.start(answer)
		for _, w := range a.waiting {
			a.take(t, w, fetch)
		}
		return
	}
	if c.last <= a.id {
		return
	}
	if c.first > a.id+1 {
		t.Fatalf("%s: a gap from %d to %d", c.symbol, a.id, c.first)
	}
	if a.apply(c); a.book.crossed() {
		t.Fatalf("%s: crossed at %d", c.symbol, c.last)
	}
}

var anchoredExchanges = map[string]struct {
	words
	file    string
	symbols []string
}{
	"kucoin":   {kucoinWords, "captures/kucoin/kucoin_2021-04-25.cap.gz", []string{"BTC-USDT", "DOGE-USDT"}},
	"bitstamp": {bitstampWords, "captures/bitstamp/bitstamp_2022-01-05.cap.gz", []string{"btcusd", "xrpusd"}},
	"gateio":   {gateioWords, "captures/gateio/gateio_2021-04-22.cap.gz", []string{"BTC_USDT", "SOL_USDT"}},
}

// connected subscribes to the books of symbols, after the greeting where there is one.
func (w words) connected(t *testing.T, addr string, symbols ...string) *socket {
	t.Helper()
	ws := dial(t, w.open(t, addr))
	if w.greeting {
		if got := string(ws.read()); got != `{"id":"me","type":"welcome"}` {
			t.Fatalf("greeted by %s", got)
		}
	}
	for _, symbol := range symbols {
		ws.send("%s", w.subscribe(symbol))
	}
	return ws
}

func TestASimulatedBookStartedOverRESTStaysTheExchanges(t *testing.T) {
	for name, x := range anchoredExchanges {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			addr := start(t, simulator.Config{Seed: 3, Speed: 4, Exchanges: []string{name}})
			ws := x.connected(t, addr, x.symbols...)
			books := map[string]*anchored{}
			for _, symbol := range x.symbols {
				books[symbol] = &anchored{}
			}
			compared := map[string]int{}
			for compared[x.symbols[0]] < 3 || compared[x.symbols[1]] < 3 {
				c, ok := x.decode(t, ws.read())
				if !ok {
					continue
				}
				b := books[c.symbol]
				b.take(t, c, func() change { return x.fetch(t, addr, c.symbol) })
				if b.book == nil || b.applied < 20 {
					continue
				}
				// Another answer, and the stream as far as that one.
				want := &anchored{}
				want.start(x.fetch(t, addr, c.symbol))
				for b.id < want.id {
					c2, ok := x.decode(t, ws.read())
					if ok {
						books[c2.symbol].take(t, c2, func() change { return x.fetch(t, addr, c2.symbol) })
					}
				}
				if b.id == want.id {
					if b.applied, compared[c.symbol] = 0, compared[c.symbol]+1; hash(b.book) != hash(want.book) {
						t.Fatalf("%s: the book kept is not the exchange's at %d", c.symbol, b.id)
					}
				}
			}
		})
	}
}

func TestAReplayedBookStartedOverRESTIsTheRecordedOne(t *testing.T) {
	for name, x := range anchoredExchanges {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wants := sharedtest.Expected(t, x.file)
			addr := replayed(t, 20, x.file)
			var symbols []string
			for symbol, want := range wants {
				if want.Book > 0 {
					symbols = append(symbols, symbol)
				}
			}
			ws := x.connected(t, addr, symbols...)
			books, late := map[string]*anchored{}, map[string]*anchored{}
			for _, symbol := range symbols {
				books[symbol], late[symbol] = &anchored{}, &anchored{}
			}
			var second *socket
			follow := func(ws *socket, books map[string]*anchored) {
				done := map[string]bool{}
				for n := 0; len(done) < len(books); n++ {
					c, ok := x.decode(t, ws.read())
					if !ok {
						continue
					}
					if b := books[c.symbol]; !done[c.symbol] {
						if b.take(t, c, func() change { return x.fetch(t, addr, c.symbol) }); b.book != nil && b.id == wants[c.symbol].LastID {
							sameBook(t, c.symbol, b.book, wants[c.symbol])
							done[c.symbol] = true
						}
					}
					if n == 40 && second == nil {
						second = x.connected(t, addr, symbols...)
					}
				}
			}
			follow(ws, books)
			// One who came in the middle is told of what came after that, and asks for the rest.
			for _, symbol := range symbols {
				late[symbol].start(x.fetch(t, addr, symbol))
				sameBook(t, symbol+" after the end", late[symbol].book, wants[symbol])
			}
			if second == nil {
				t.Error("nobody came late")
			}
		})
	}
}
