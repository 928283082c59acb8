package simulator_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/hourglass-trading/hourglass/services/simulator"
	"github.com/hourglass-trading/hourglass/services/simulator/internal/sharedtest"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(int) { http.DefaultClient.CloseIdleConnections() }))
}

// replayed serves just these recordings.
func replayed(t *testing.T, speed float64, files ...string) string {
	t.Helper()
	return start(t, simulator.Config{Market: simulator.MarketReplay, ReplayDir: sharedtest.Only(t, files...), Speed: speed})
}

type combined struct {
	Stream string          `json:"stream"`
	Data   json.RawMessage `json:"data"`
}

func hash(b *book) string { return sharedtest.Hash(b.levels()) }

func sameBook(t *testing.T, symbol string, b *book, want sharedtest.Want) {
	t.Helper()
	bids, asks := b.levels()
	if got := sharedtest.Hash(bids, asks); got != want.SHA256 {
		t.Errorf("%s: the book hashes to %s, want %s\n%s", symbol, got, want.SHA256, cmp.Diff(want.Bids, bids[:min(10, len(bids))]))
	}
}

func TestAReplayedBinanceBookIsTheRecordedOne(t *testing.T) {
	tests := map[string]struct {
		file  string
		speed float64
	}{
		"three symbols with snapshots at different times": {"captures/binance/binance_2021-10-12.cap.gz", 30},
		"eleven minutes at the full rate":                 {"market/binance_spot_BTCUSDT_2024-08-08.cap.gz", 200},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if testing.Short() && tt.speed > 100 {
				t.Skip("a hundred thousand messages take a while under the race detector")
			}
			want := sharedtest.Expected(t, tt.file)
			addr := replayed(t, tt.speed, tt.file)
			ws := dial(t, "ws://"+addr+"/binance/stream")
			followers, params := map[string]*follower{}, []string{}
			for symbol := range want {
				stream := strings.ToLower(symbol) + "@depth@100ms"
				followers[stream] = &follower{t: t, symbol: symbol, base: "http://" + addr + "/binance", limit: 5000}
				params = append(params, `"`+stream+`"`)
			}
			ws.send(`{"method":"SUBSCRIBE","params":[%s],"id":7}`, strings.Join(params, ","))
			if got := string(ws.read()); got != `{"result":null,"id":7}` {
				t.Fatalf("answer %s", got)
			}
			for left := len(want); left > 0; {
				var m combined
				var d diff
				if err := json.Unmarshal(ws.read(), &m); err != nil {
					t.Fatal(err)
				}
				if err := json.Unmarshal(m.Data, &d); err != nil {
					t.Fatal(err)
				}
				f := followers[m.Stream]
				if f.take(d); f.id == want[f.symbol].LastID {
					sameBook(t, f.symbol, f.book, want[f.symbol])
					left--
				}
			}
			// When the recording has ended, its last books can still be had.
			for _, f := range followers {
				f.snapshot()
				sameBook(t, f.symbol+" after the end", f.book, want[f.symbol])
			}
			ws.send(`{"method":"LIST_SUBSCRIPTIONS","id":"still here"}`)
			if got := string(ws.read()); !strings.HasSuffix(got, `,"id":"still here"}`) {
				t.Errorf("after the end: %s", got)
			}
		})
	}
}

func TestAClientThatJoinsLateGetsABookThatFits(t *testing.T) {
	file := "market/binance_spot_BTCUSDT_2024-08-08.cap.gz"
	want := sharedtest.Expected(t, file)["BTCUSDT"]
	addr := replayed(t, 200, file)
	base := "http://" + addr + "/binance"
	early := dial(t, "ws://"+addr+"/binance/ws/btcusdt@depth@100ms")
	for range 2000 {
		early.read()
	}
	late := dial(t, "ws://"+addr+"/binance/ws/btcusdt@depth@100ms")
	f := &follower{t: t, symbol: "BTCUSDT", base: base, limit: 5000}
	for f.id != want.LastID {
		var d diff
		if err := json.Unmarshal(late.read(), &d); err != nil {
			t.Fatal(err)
		}
		f.take(d)
	}
	if f.applied < 1000 {
		t.Errorf("joined after all but %d messages: not in the middle", f.applied)
	}
	sameBook(t, "BTCUSDT", f.book, want)

	var rows [][]any
	getJSON(t, base+"/api/v3/klines?symbol=BTCUSDT&interval=1m&limit=1000", &rows)
	if len(rows) != 12 {
		t.Errorf("%d candles of a minute, want 12", len(rows))
	}
	if got := fmt.Sprint(rows[1][:6]); got != "[1.7231613e+12 61828.00000000 61860.80000000 61780.00000000 61782.25000000 15.07702000]" {
		t.Errorf("candle %s", got)
	}
}

func TestABookThatCannotBeAnchoredIsNeverGivenOut(t *testing.T) {
	addr := replayed(t, 500, "captures/binance/binance_2026-07-07_unanchored.cap.gz")
	ws := dial(t, "ws://"+addr+"/binance/ws/btcusdt@depth@100ms")
	for range 450 {
		code, body := 0, []byte(nil)
		if ws.read(); code == 0 {
			code, body = get(t, "http://"+addr+"/binance/api/v3/depth?symbol=BTCUSDT&limit=1000")
		}
		if code != http.StatusServiceUnavailable || !strings.Contains(string(body), `"code":-1008`) {
			t.Fatalf("depth answers %d %s", code, body)
		}
	}
}

func TestRecordedMessagesAreSentToTheByte(t *testing.T) {
	file := "captures/binance/binance_2021-10-12.cap.gz"
	addr := replayed(t, 1000, file)
	whole := dial(t, "ws://"+addr+"/binance/stream?streams=nknusdt@bookTicker/nknusdt@kline_1m/nknusdt@aggTrade")
	raw := dial(t, "ws://"+addr+"/binance/ws/lrcbtc@aggTrade")
	if got := string(whole.read()); !strings.HasPrefix(got, `{"stream":"nknusdt@bookTicker","data":{"u":499869768,"s":"NKNUSDT","b":"0.35210000",`) {
		t.Errorf("combined: %s", got)
	}
	want := `{"e":"aggTrade","E":1633998534486,"s":"LRCBTC","a":9213679,"p":"0.00000638","q":"177.00000000",` +
		`"f":12368013,"l":12368013,"T":1633998534486,"m":false,"M":true}`
	if got := string(raw.read()); got != want {
		t.Errorf("raw: %s\nwant %s", got, want)
	}
}

func TestAReplayedKrakenBookIsTheRecordedOne(t *testing.T) {
	files := []string{
		"captures/kraken_v2/kraken_v2_2026-07-07_d10.cap.gz",
		"captures/kraken_v2/kraken_v2_2026-08-01_btcusd_d10_resubscribes.cap.gz",
		"captures/kraken_v2/kraken_v2_2026-08-02_btcusd_d25.cap.gz",
		"captures/kraken_v2/kraken_v2_2026-08-02_xrpusd_d25.cap.gz",
	}
	for _, file := range files {
		t.Run(file[strings.LastIndex(file, "/")+1:], func(t *testing.T) {
			t.Parallel()
			addr := replayed(t, 50, file)
			for symbol, want := range sharedtest.Expected(t, file) {
				ws := dial(t, "ws://"+addr+"/kraken/v2")
				ws.send(`{"method":"subscribe","params":{"channel":"book","symbol":["%s"],"depth":10},"req_id":3}`, symbol)
				k := &krakenBook{depth: want.Depth}
				late := &krakenBook{depth: want.Depth}
				var second *socket
				for k.messages < want.Book {
					m := next(t, ws)
					switch {
					case m.Method == "subscribe":
						if m.Result.Depth != want.Depth || m.ReqID != 3 {
							t.Fatalf("granted depth %d, want the recorded %d", m.Result.Depth, want.Depth)
						}
					case m.Channel == "book":
						k.take(t, m)
					}
					if k.messages == want.Book/2 && second == nil {
						second = dial(t, "ws://"+addr+"/kraken/v2")
						second.send(`{"method":"subscribe","params":{"channel":"book","symbol":["%s"],"depth":10}}`, symbol)
					}
				}
				sameBook(t, symbol, k.book, want)
				for late.book == nil || hash(late.book) != want.SHA256 {
					if m := next(t, second); m.Channel == "book" {
						late.take(t, m)
					}
				}
				for range 2 {
					if m := next(t, ws); m.Channel != "heartbeat" {
						t.Errorf("after the end came %s %s, want heartbeats", m.Channel, m.Data)
					}
				}
			}
		})
	}
}

func next(t *testing.T, ws *socket) krakenMessage {
	t.Helper()
	var m krakenMessage
	if err := json.Unmarshal(ws.read(), &m); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestAFolderWithoutAPlayableRecordingIsRefused(t *testing.T) {
	for name, cfg := range map[string]simulator.Config{
		"no such folder":           {Market: "replay", ReplayDir: t.TempDir() + "/none"},
		"an empty folder":          {Market: "replay", ReplayDir: t.TempDir()},
		"no folder":                {Market: "replay"},
		"a market nobody knows":    {Market: "live"},
		"an exchange nobody knows": {Exchanges: []string{"mtgox"}},
		"time standing still":      {Speed: -1},
	} {
		if _, err := simulator.Open(cfg); err == nil {
			t.Errorf("%s: no error", name)
		} else {
			t.Logf("%s: %v", name, err)
		}
	}
}

func TestAReplayOffersWhatItsRecordingsHold(t *testing.T) {
	s, err := simulator.Open(simulator.Config{Market: "replay", ReplayDir: sharedtest.Dir(t)})
	if err != nil {
		t.Fatal(err)
	}
	offers(t, s, map[string][]string{
		"binance": {"BTC-USDT", "LRC-BTC", "NKN-USDT", "RUNE-EUR"}, "binance_us": {"COMP-USDT"}, "bitstamp": {"ETH-USD"},
		"bybit": {"BTC-USDT"}, "coinbase": {"BTC-USD"}, "gateio": {"NEO-BTC"}, "gemini": {"LTC-ETH"},
		"kraken": {"BTC-USD", "ETH-USD", "XRP-USD"}, "kucoin": {"SNX-BTC"}, "okx": {"BTC-USDT"},
	})
}
