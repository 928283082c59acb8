package simulator_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/hourglass-trading/hourglass/services/simulator"
)

// start serves a simulator on a loopback port until the test ends.
func start(t *testing.T, cfg simulator.Config) string {
	t.Helper()
	return serve(t, context.Background(), cfg)
}

// serve does so until ctx ends, at the latest until the test does.
func serve(t *testing.T, ctx context.Context, cfg simulator.Config) string { //nolint:revive // t comes first in a test
	t.Helper()
	s, err := simulator.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, ln, slog.New(slog.DiscardHandler)) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return ln.Addr().String()
}

func get(t *testing.T, url string) (int, []byte) {
	t.Helper()
	r, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, body
}

func getJSON(t *testing.T, url string, to any) {
	t.Helper()
	code, body := get(t, url)
	if code != http.StatusOK {
		t.Fatalf("%s: %d %s", url, code, body)
	}
	if err := json.Unmarshal(body, to); err != nil {
		t.Fatalf("%s: %v", url, err)
	}
}

// socket is a WebSocket client with a deadline for everything.
type socket struct {
	t    *testing.T
	ctx  context.Context //nolint:containedctx // lives as long as the test
	conn *websocket.Conn
}

func dial(t *testing.T, url string) *socket {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	conn, _, err := websocket.Dial(ctx, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	conn.SetReadLimit(4 << 20)
	t.Cleanup(func() { conn.CloseNow() })
	return &socket{t, ctx, conn}
}

func (s *socket) send(format string, args ...any) {
	s.t.Helper()
	if err := s.conn.Write(s.ctx, websocket.MessageText, fmt.Appendf(nil, format, args...)); err != nil {
		s.t.Fatal(err)
	}
}

func (s *socket) read() []byte {
	s.t.Helper()
	_, data, err := s.conn.Read(s.ctx)
	if err != nil {
		s.t.Fatal(err)
	}
	return data
}

// book is a client's order book, kept by the published rules and by nothing of the simulator's.
type book struct{ bids, asks *side }

// side is in order, best first.
type side struct {
	sign   int // 1 for asks, -1 for bids
	levels []entry
}

type entry struct {
	price, qty string
	value      string // the price with all digits there can be, so that the order of texts is that of numbers
}

func newBook() *book { return &book{&side{sign: -1}, &side{sign: 1}} }

func (s *side) len() int { return len(s.levels) }

func (b *book) set(s *side, price, qty string) {
	whole, frac, _ := strings.Cut(price, ".")
	const zeros = "00000000000000000000"
	if len(whole) > len(zeros) {
		panic("level " + price + " " + qty)
	}
	v := zeros[len(whole):] + whole + strings.TrimRight(frac, "0")
	i, held := slices.BinarySearchFunc(s.levels, v, func(e entry, v string) int { return s.sign * cmp.Compare(e.value, v) })
	switch gone := strings.Trim(qty, "0.") == ""; {
	case gone && held:
		s.levels = slices.Delete(s.levels, i, i+1)
	case gone:
	case held:
		s.levels[i] = entry{price, qty, v}
	default:
		s.levels = slices.Insert(s.levels, i, entry{price, qty, v})
	}
}

func (s *side) texts() [][2]string {
	out := make([][2]string, len(s.levels))
	for i, e := range s.levels {
		out[i] = [2]string{e.price, e.qty}
	}
	return out
}

func (b *book) levels() (bids, asks [][2]string) { return b.bids.texts(), b.asks.texts() }

func (b *book) truncate(depth int) {
	for _, s := range []*side{b.bids, b.asks} {
		s.levels = s.levels[:min(depth, len(s.levels))]
	}
}

func (b *book) crossed() bool {
	return b.bids.len() > 0 && b.asks.len() > 0 && b.bids.levels[0].value >= b.asks.levels[0].value
}

func (b *book) checksum() uint32 {
	var text strings.Builder
	bids, asks := b.levels()
	for _, side := range [][][2]string{asks, bids} {
		for _, l := range side[:min(10, len(side))] {
			for _, n := range l {
				text.WriteString(strings.TrimLeft(strings.Replace(n, ".", "", 1), "0"))
			}
		}
	}
	return crc32.ChecksumIEEE([]byte(text.String()))
}

// diff is Binance's depth message.
type diff struct {
	E    string      `json:"e"`
	At   int64       `json:"E"`
	S    string      `json:"s"`
	U    int64       `json:"U"`
	Last int64       `json:"u"`
	Bids [][2]string `json:"b"`
	Asks [][2]string `json:"a"`
}

// follower keeps a Binance book in step: buffer, snapshot, bridge, chain.
type follower struct {
	t        *testing.T
	symbol   string
	base     string
	limit    int
	book     *book
	id       int64
	synced   bool
	buffered []diff
	applied  int
}

func (f *follower) snapshot() {
	f.t.Helper()
	var s struct {
		LastUpdateID int64       `json:"lastUpdateId"`
		Bids         [][2]string `json:"bids"`
		Asks         [][2]string `json:"asks"`
	}
	getJSON(f.t, fmt.Sprintf("%s/api/v3/depth?symbol=%s&limit=%d", f.base, f.symbol, f.limit), &s)
	f.book, f.id = newBook(), s.LastUpdateID
	for _, l := range s.Bids {
		f.book.set(f.book.bids, l[0], l[1])
	}
	for _, l := range s.Asks {
		f.book.set(f.book.asks, l[0], l[1])
	}
}

func (f *follower) take(d diff) {
	f.t.Helper()
	if f.book == nil {
		f.buffered = append(f.buffered, d)
		f.snapshot()
		if f.id < f.buffered[0].U-1 {
			f.t.Fatalf("%s: snapshot %d is older than the first difference %d", f.symbol, f.id, f.buffered[0].U)
		}
		for _, d := range f.buffered {
			f.take(d)
		}
		return
	}
	if d.Last <= f.id {
		return
	}
	if d.U > f.id+1 {
		f.t.Fatalf("%s: gap from %d to %d", f.symbol, f.id, d.U)
	}
	for _, l := range d.Bids {
		f.book.set(f.book.bids, l[0], l[1])
	}
	for _, l := range d.Asks {
		f.book.set(f.book.asks, l[0], l[1])
	}
	f.id, f.synced = d.Last, true
	f.applied++
}

// krakenBook is a Kraken book kept by the published rules.
type krakenBook struct {
	*book
	depth    int
	messages int
}

type krakenMessage struct {
	Channel string `json:"channel"`
	Type    string `json:"type"`
	Method  string `json:"method"`
	Success *bool  `json:"success"`
	Error   string `json:"error"`
	ReqID   int64  `json:"req_id"`
	Result  struct {
		Symbol string `json:"symbol"`
		Depth  int    `json:"depth"`
	} `json:"result"`
	Data json.RawMessage `json:"data"`
}

type krakenData struct {
	Symbol     string `json:"symbol"`
	Bids, Asks []struct {
		Price json.Number `json:"price"`
		Qty   json.Number `json:"qty"`
	}
	Checksum uint32 `json:"checksum"`
}

// take applies a book message and checks it.
func (k *krakenBook) take(t *testing.T, m krakenMessage) {
	t.Helper()
	var data []krakenData
	if err := json.Unmarshal(m.Data, &data); err != nil {
		t.Fatal(err)
	}
	for _, d := range data {
		if m.Type == "snapshot" {
			k.book = newBook()
		}
		if k.book == nil {
			t.Fatalf("%s: an update before the snapshot", d.Symbol)
		}
		for _, l := range d.Bids {
			k.set(k.bids, l.Price.String(), l.Qty.String())
		}
		for _, l := range d.Asks {
			k.set(k.asks, l.Price.String(), l.Qty.String())
		}
		k.truncate(k.depth)
		k.messages++
		if got := k.checksum(); got != d.Checksum {
			t.Fatalf("%s: message %d: checksum %d, want %d", d.Symbol, k.messages, got, d.Checksum)
		}
	}
}
