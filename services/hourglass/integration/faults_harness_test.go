package integration

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/maphash"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/services/collector"
	"github.com/hourglass-trading/hourglass/services/hourglass/internal/embedded"
	"github.com/hourglass-trading/hourglass/services/simulator"
)

// nine are the exchanges, each with a pair that it lists.
var nine = map[string]string{
	"binance": "BTC-USDT", "kraken": "BTC-USD", "coinbase": "BTC-USD", "okx": "BTC-USDT", "bybit": "BTC-USDT",
	"kucoin": "BTC-USDT", "bitstamp": "BTC-USD", "gateio": "BTC-USDT", "gemini": "BTC-USD",
}

// shown is a book as it was published.
type shown struct {
	at    time.Time // when it reached us
	seq   uint64
	state string
	// verdict is what came of comparing a live book with the exchange's own: "", "same", "shorter", "unknown" or what differs.
	verdict string
	reason  string
}

// truth is the exchange's own book after one step: when, and what its fifty best levels sum up to.
type truth struct {
	at  int64 // Unix ms
	sum uint64
	// levels is how many there are, of both sides together.
	levels int
	// sides are the levels themselves, for the newest steps only: for books that show fewer of them.
	sides [2][]simulator.Level
}

// spelled is how many steps keep their levels: three seconds.
const spelled = 30

// kept is how many steps of a book are remembered: two minutes.
const kept = 1200

// stage is a simulator of all nine exchanges, a bus, and what collectors publish on it, each book compared with the exchange's own.
type stage struct {
	t     *testing.T
	addr  string // of the exchanges
	admin string
	conn  *bus.Conn
	bus   bus.Config
	seed  maphash.Seed

	mu     sync.Mutex // guards all below
	truths map[string][]truth
	places map[string][2]int
	seen   map[string][]shown
	last   map[string]int64 // newest time of the exchange published
	counts map[string]int   // verdicts
	faults []string         // mismatches told, a few
	more   chan struct{}    // closed at the next book
	books  map[string]bool  // shown live
	follow bool             // whether seen is filled
}

const depth = 50

func key(exchange, symbol string) string { return exchange + " " + symbol }

// newStage starts exchanges and bus, not yet a collector.
func newStage(t *testing.T, exchanges ...string) *stage {
	t.Helper()
	s := &stage{
		t: t, seed: maphash.MakeSeed(), truths: map[string][]truth{}, places: map[string][2]int{}, seen: map[string][]shown{},
		last: map[string]int64{}, counts: map[string]int{}, more: make(chan struct{}), books: map[string]bool{}, follow: true,
	}
	admin, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	sim, err := simulator.Open(simulator.Config{Seed: 11, Exchanges: exchanges, Admin: admin})
	if err != nil {
		t.Fatal(err)
	}
	sim.Watch(depth, s.step)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.addr, s.admin = ln.Addr().String(), admin.Addr().String()
	s.goes("simulator", func(ctx context.Context) error { return sim.Serve(ctx, ln, discard) })
	nats, err := embedded.Start(embedded.Config{Dir: t.TempDir()}, discard)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { embedded.Stop(nats) })
	s.bus = bus.Config{InProcess: nats, Name: "test"}
	s.conn = s.connect()
	stop, err := s.conn.SubscribeMarket("md.book.>", func(_ string, payload []byte) { s.published(payload) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return s
}

var discard = slog.New(slog.DiscardHandler)

func (s *stage) connect() *bus.Conn {
	s.t.Helper()
	conn, err := bus.Connect(s.t.Context(), s.bus, discard)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(conn.Close)
	return conn
}

// goes runs a part until the returned function is called, at the latest until the test ends.
func (s *stage) goes(name string, run func(ctx context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- run(ctx) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil && ctx.Err() == nil {
				s.t.Errorf("%s: %v", name, err)
			}
		})
	}
	s.t.Cleanup(stop)
	return stop
}

// collect starts a collector of exchanges and symbols.
func (s *stage) collect(exchanges, symbols []string) { s.run(s.connect(), exchanges, symbols) }

func (s *stage) run(conn *bus.Conn, exchanges, symbols []string) (stop func()) {
	s.t.Helper()
	settings := map[string]string{
		"HOURGLASS_SIMULATOR": "http://" + s.addr, "HOURGLASS_EXCHANGES": strings.Join(exchanges, ","), "HOURGLASS_SYMBOLS": strings.Join(symbols, ","),
	}
	cfg, err := collector.ParseConfig(func(k string) string { return settings[k] })
	if err != nil {
		s.t.Fatal(err)
	}
	cfg.HealthListen = ""
	log := discard
	if os.Getenv("HOURGLASS_FAULTS_LOG") != "" {
		log = slog.New(slog.NewTextHandler(os.Stderr, nil))
	}
	return s.goes("collector", func(ctx context.Context) error { return collector.Run(ctx, cfg, conn, log) })
}

// collectMortal starts a collector that dies without a word: what it has to say no longer reaches the bus.
func (s *stage) collectMortal(exchanges, symbols []string) (die func()) {
	conn := s.connect()
	s.run(conn, exchanges, symbols)
	return conn.Close
}

// step notes the exchange's own book.
func (s *stage) step(p *simulator.Picture) {
	var h maphash.Hash
	h.SetSeed(s.seed)
	for i, side := range [2][]simulator.Level{p.Bids, p.Asks} {
		for _, l := range side {
			maphash.WriteComparable(&h, [3]int64{int64(i), l.Price, l.Qty})
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	k := key(p.Exchange, p.Symbol)
	s.places[k] = [2]int{p.PriceDecimals, p.QtyDecimals}
	list := s.truths[k]
	list = append(list, truth{p.At.UnixMilli(), h.Sum64(), len(p.Bids) + len(p.Asks), [2][]simulator.Level{slices.Clone(p.Bids), slices.Clone(p.Asks)}})
	if old := len(list) - 1 - spelled; old >= 0 {
		list[old].sides = [2][]simulator.Level{}
	}
	if len(list) > 2*kept {
		list = append(make([]truth, 0, 2*kept+1), list[len(list)-kept:]...)
	}
	s.truths[k] = list
}

// published takes a book from the bus.
func (s *stage) published(payload []byte) {
	now := time.Now()
	var b struct {
		Exchange, Symbol, State, Reason string
		Seq                             uint64
		ExchangeTime                    time.Time `json:"exchange_time"`
		Bids, Asks                      [][2]string
	}
	if err := json.Unmarshal(payload, &b); err != nil {
		s.t.Errorf("%.200s: %v", payload, err)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	k := key(b.Exchange, b.Symbol)
	show := shown{at: now, seq: b.Seq, state: b.State, reason: b.Reason}
	if b.State == "live" {
		s.books[k] = true
		show.verdict = s.compare(k, b.ExchangeTime, b.Bids, b.Asks)
		s.counts[strings.Split(show.verdict, ":")[0]]++
		if strings.HasPrefix(show.verdict, "differs") && len(s.faults) < 20 {
			s.faults = append(s.faults, fmt.Sprintf("%s #%d of %s: %s", k, b.Seq, b.ExchangeTime.Format("15:04:05.000000"), show.verdict))
		}
	}
	if s.follow {
		s.seen[k] = append(s.seen[k], show)
	}
	close(s.more)
	s.more = make(chan struct{})
}

// compare holds a published book against the exchange's own of the same time; where the exchange tells no time, against all
// its books from the one it showed last on.
func (s *stage) compare(k string, at time.Time, bids, asks [][2]string) string {
	var h maphash.Hash
	h.SetSeed(s.seed)
	places := s.places[k]
	for i, side := range [2][][2]string{bids, asks} {
		for _, l := range side {
			maphash.WriteComparable(&h, [3]int64{int64(i), units(l[0], places[0]), units(l[1], places[1])})
		}
	}
	sum, list := h.Sum64(), s.truths[k]
	ms := at.UnixMilli()
	for i := len(list) - 1; i >= 0; i-- {
		switch tr := list[i]; {
		case at.IsZero() && tr.at < s.last[k], !at.IsZero() && tr.at < ms:
			if at.IsZero() {
				return "differs: from all since the last one"
			}
			return "unknown" // the picture of a book that has just been woken
		case (at.IsZero() || tr.at == ms) && tr.sum == sum:
			s.last[k] = tr.at
			return "same"
		case !at.IsZero() && tr.at == ms && begins(tr.sides[0], bids, places) && begins(tr.sides[1], asks, places):
			return "shorter" // the price has run away from the levels that are known; those shown are right
		case !at.IsZero() && tr.at == ms && tr.sides[0] == nil && len(bids)+len(asks) < tr.levels:
			return "unknown" // it shows fewer levels, and came so late that the exchange's are forgotten
		case !at.IsZero() && tr.at == ms:
			return fmt.Sprintf("differs: bids %s; asks %s", apart(tr.sides[0], bids, places), apart(tr.sides[1], asks, places))
		}
	}
	return "unknown"
}

// begins says whether a side begins with the levels shown.
func begins(side []simulator.Level, shown [][2]string, places [2]int) bool {
	if len(shown) < min(1, len(side)) || len(shown) > len(side) {
		return false
	}
	for i, l := range shown {
		if side[i].Price != units(l[0], places[0]) || side[i].Qty != units(l[1], places[1]) {
			return false
		}
	}
	return true
}

// apart says where a side shown leaves the exchange's own.
func apart(side []simulator.Level, shown [][2]string, places [2]int) string {
	for i, l := range shown {
		if i == len(side) || side[i].Price != units(l[0], places[0]) || side[i].Qty != units(l[1], places[1]) {
			return fmt.Sprintf("%d of %d, at %d %v, the exchange's own %v", len(shown), len(side), i, l, side[min(i, len(side)):min(i+1, len(side))])
		}
	}
	return fmt.Sprintf("%d of %d, equal", len(shown), len(side))
}

// units reads a number as so many of its last decimals; -1 for one that is none.
func units(text string, decimals int) int64 {
	whole, frac, _ := strings.Cut(text, ".")
	if len(frac) > decimals {
		return -1
	}
	n, err := strconv.ParseInt(whole+frac+strings.Repeat("0", decimals-len(frac)), 10, 64)
	if err != nil {
		return -1
	}
	return n
}

// fault asks for a fault of an exchange.
func (s *stage) fault(exchange, query string) {
	s.t.Helper()
	r, err := http.Post("http://"+s.admin+"/faults/"+exchange+"?"+query, "", nil)
	if err != nil {
		s.t.Error(err)
		return
	}
	body, _ := io.ReadAll(r.Body)
	_ = r.Body.Close()
	if r.StatusCode != http.StatusNoContent {
		s.t.Errorf("%s %s: %d %s", exchange, query, r.StatusCode, body)
	}
}

// await returns the first book from the n-th on that is as wanted, and its place; false if none comes in time.
func (s *stage) await(k string, n int, within time.Duration, want func(shown) bool) (shown, int, bool) {
	late := time.After(within)
	for {
		s.mu.Lock()
		list, more := s.seen[k], s.more
		s.mu.Unlock()
		for ; n < len(list); n++ {
			if want(list[n]) {
				return list[n], n, true
			}
		}
		select {
		case <-late:
			return shown{}, n, false
		case <-more:
		}
	}
}

// place is how many books of a key were shown so far.
func (s *stage) place(k string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.seen[k])
}

func notLive(b shown) bool { return b.state != "live" }
func sure(b shown) bool    { return b.state == "live" && b.verdict == "same" }
