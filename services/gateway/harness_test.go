package gateway_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
	"go.uber.org/goleak"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/pkg/daemon"
	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/pkg/order"
	"github.com/hourglass-trading/hourglass/services/gateway"
)

func TestMain(m *testing.M) {
	if text := os.Getenv(readersEnv); text != "" {
		if err := runReaders(text); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

func dec(s string) decimal.Decimal { return decimal.MustParse(s) }
func ptr[T any](v T) *T            { return &v }

// house is a gateway on a real bus, with a collector and an executor of a few lines.
type house struct {
	t        *testing.T
	url      string
	conn     *bus.Conn
	executor *executor
	books    *books
	client   *http.Client
	stop     context.CancelFunc // ends the gateway alone
	stopped  chan struct{}
	bus      *server.Server
	busDown  atomic.Bool // then the parts may break
}

// newHouse starts a house; change may alter the gateway's configuration. All of it ends with the test.
func newHouse(t *testing.T, change func(*gateway.Config)) *house {
	t.Helper()
	return newHouseListing(t, change)
}

// newHouseListing is newHouse where the exchanges list these symbols too.
func newHouseListing(t *testing.T, change func(*gateway.Config), more ...market.Symbol) *house {
	t.Helper()
	ns, err := server.NewServer(&server.Options{
		ServerName: "test", DontListen: true, JetStream: true, StoreDir: t.TempDir(), NoSigs: true, NoLog: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	ns.Start()
	t.Cleanup(func() { ns.Shutdown(); ns.WaitForShutdown() })
	if !ns.ReadyForConnections(10 * time.Second) {
		t.Fatal("the bus does not start")
	}
	log := slog.New(slog.NewTextHandler(testWriter{t}, &slog.HandlerOptions{Level: slog.LevelWarn}))
	ctx := t.Context()
	conn, err := bus.Connect(ctx, bus.Config{Name: "test", InProcess: ns}, log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	if err := conn.EnsureStreams(ctx); err != nil {
		t.Fatal(err)
	}
	h := &house{t: t, bus: ns, conn: conn, executor: newExecutor(conn), stopped: make(chan struct{})}
	h.books = newBooks(t, conn, more)
	ready := make(chan net.Addr, 1)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	cfg := gateway.Config{
		Listener: listener, KeyDir: t.TempDir(), Market: "sim", Exchanges: []market.Exchange{"binance", "kraken", "okx"}, Version: "test",
		Limits: gateway.Limits{Off: true}, Ready: func(addr net.Addr) { ready <- addr },
	}
	if change != nil {
		change(&cfg)
	}
	gwCtx, stop := context.WithCancel(context.WithoutCancel(ctx))
	h.stop = stop
	gwConn, err := bus.Connect(ctx, bus.Config{Name: "gateway", InProcess: ns}, log)
	if err != nil {
		t.Fatal(err)
	}
	parts := daemon.NewGroup(gwCtx)
	parts.Go("executor", h.untilDown(h.executor.run))
	parts.Go("books", h.untilDown(h.books.run))
	parts.Go("gateway", func(ctx context.Context) error { return gateway.Run(ctx, cfg, gwConn, log) })
	go func() {
		defer close(h.stopped)
		defer gwConn.Close()
		if err := parts.Wait(); err != nil && !h.busDown.Load() {
			t.Errorf("the house broke: %v", err)
		}
	}()
	t.Cleanup(func() { stop(); <-h.stopped; h.client.CloseIdleConnections() })
	h.client = &http.Client{Timeout: 20 * time.Second}
	select {
	case addr := <-ready:
		h.url = "http://" + addr.String()
	case <-h.stopped:
		t.Fatal("the gateway does not start")
	}
	return h
}

// untilDown runs a part of the test's own, which may break with the bus without ending the gateway.
func (h *house) untilDown(run func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		err := run(ctx)
		if h.busDown.Load() {
			<-ctx.Done()
		}
		return err
	}
}

type testWriter struct{ t *testing.T }

func (w testWriter) Write(p []byte) (int, error) {
	w.t.Logf("%s", bytes.TrimRight(p, "\n"))
	return len(p), nil
}

// answer is a response, read to its end.
type answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// field returns a member of the body.
func (a answer) field(t *testing.T, name string) any {
	t.Helper()
	var fields map[string]any
	if err := json.Unmarshal(a.Body, &fields); err != nil {
		t.Fatalf("body %s: %v", a.Body, err)
	}
	return fields[name]
}

// do sends a request and checks the answer against the interface's document.
func (h *house) do(method, path, token, contentType, body string) answer {
	h.t.Helper()
	req, err := http.NewRequestWithContext(h.t.Context(), method, h.url+path, bytes.NewReader([]byte(body)))
	if err != nil {
		h.t.Fatal(err)
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	return h.send(req)
}

func (h *house) send(req *http.Request) answer {
	h.t.Helper()
	res, err := h.client.Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	a := answer{Status: res.StatusCode, Header: res.Header, Body: body}
	validate(h.t, req, a)
	return a
}

func (h *house) get(path, token string) answer { h.t.Helper(); return h.do("GET", path, token, "", "") }
func (h *house) post(path, token, body string) answer {
	h.t.Helper()
	return h.do("POST", path, token, "application/json", body)
}

// user registers a user and logs in.
func (h *house) user(name string) (token string) {
	h.t.Helper()
	login := `{"username":"` + name + `","password":"correct horse"}`
	if a := h.post("/v1/register", "", login); a.Status != 201 || a.field(h.t, "status") != "open" {
		h.t.Fatalf("register: %d %s", a.Status, a.Body)
	}
	return h.login(name)
}

func (h *house) login(name string) (token string) {
	h.t.Helper()
	a := h.post("/v1/login", "", `{"username":"`+name+`","password":"correct horse"}`)
	if a.Status != 200 {
		h.t.Fatalf("login: %d %s", a.Status, a.Body)
	}
	return a.field(h.t, "access_token").(string)
}

// books is a collector: it answers questions and publishes the books that it is told to, each 200 ms.
type books struct {
	conn *bus.Conn
	mu   sync.Mutex
	now  map[string]*market.Book
	seq  uint64
}

func newBooks(t *testing.T, conn *bus.Conn, more []market.Symbol) *books {
	b := &books{conn: conn, now: map[string]*market.Book{}}
	for _, e := range []market.Exchange{"binance", "kraken"} { // okx does not answer
		native := map[market.Exchange][2]string{"binance": {"BTCUSDT", "ETHUSDT"}, "kraken": {"BTC/USDT", "ETH/USDT"}}[e]
		instruments := []market.Instrument{
			{Exchange: e, Symbol: "BTC-USDT", Native: native[0], Base: "BTC", Quote: "USDT", Status: market.Trading, PriceTick: dec("0.1"), QuantityStep: dec("0.0001"), MinQuantity: dec("0.0001"), MinNotional: dec("5")},
			{Exchange: e, Symbol: "ETH-USDT", Native: native[1], Base: "ETH", Quote: "USDT", Status: market.Trading, PriceTick: dec("0.01"), QuantityStep: dec("0.001"), MinQuantity: dec("0.001"), MinNotional: dec("5")},
		}
		for _, symbol := range more {
			instruments = append(instruments, market.Instrument{
				Exchange: e, Symbol: symbol, Native: string(symbol), Base: symbol.Base(), Quote: "USDT", Status: market.Trading,
				PriceTick: dec("0.1"), QuantityStep: dec("0.0001"), MinQuantity: dec("0.0001"), MinNotional: dec("5"),
			})
		}
		service, err := micro.AddService(conn.Orders(), micro.Config{Name: "collector_" + string(e), Version: "0.0.1"})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = service.Stop() })
		ask := func(question string, handle func(micro.Request) (any, error)) {
			err := service.AddEndpoint(question, micro.HandlerFunc(func(r micro.Request) {
				reply, err := handle(r)
				if err := bus.Answer(r, reply, err); err != nil {
					t.Error(err)
				}
			}), micro.WithEndpointSubject(bus.CollectorSubject(e, question)))
			if err != nil {
				t.Fatal(err)
			}
		}
		ask(bus.AskPairs, func(micro.Request) (any, error) {
			return bus.PairsReply{Exchange: e, FetchedAt: time.Now().UTC(), Instruments: instruments}, nil
		})
		ask(bus.AskKlines, func(r micro.Request) (any, error) { return klines(e, r) })
		ask(bus.AskBook, func(micro.Request) (any, error) {
			return nil, &bus.Failure{Kind: order.NotFound, Code: "not_collected", Detail: "no book"}
		})
	}
	b.set("binance", "BTC-USDT", "64999.9", "65000")
	b.set("kraken", "BTC-USDT", "64999", "64999.95")
	return b
}

func klines(e market.Exchange, r micro.Request) (any, error) {
	var q bus.KlinesRequest
	if err := json.Unmarshal(r.Data(), &q); err != nil {
		return nil, err
	}
	if e == "kraken" {
		return nil, &bus.Failure{Kind: order.Invalid, Code: "unknown_interval", Detail: "kraken has no such interval"}
	}
	reply := bus.KlinesReply{Exchange: e, Symbol: q.Symbol, Interval: q.Interval, Source: bus.FromExchange}
	open := time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)
	for i := range min(q.Limit, 3) {
		at := open.Add(time.Duration(i) * q.Interval.Duration())
		reply.Klines = append(reply.Klines, market.Candle{
			OpenTime: at, Open: dec("1"), High: dec("2"), Low: dec("0.5"), Close: dec("1.5"), Volume: dec("10"),
			CloseTime: at.Add(q.Interval.Duration() - time.Millisecond), Complete: true,
		})
	}
	return reply, nil
}

func (b *books) set(e market.Exchange, s market.Symbol, bid, ask string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.seq++
	now := time.Now().UTC()
	b.now[bus.BookSubject(e, s)] = &market.Book{
		Exchange: e, Symbol: s, Seq: b.seq, State: market.Live, ReceivedAt: now, AliveAt: now,
		Bids: []market.Level{{Price: dec(bid), Quantity: dec("1.5")}, {Price: dec("60000"), Quantity: dec("2")}, {Price: dec("50000"), Quantity: dec("3")}},
		Asks: []market.Level{{Price: dec(ask), Quantity: dec("0.5")}, {Price: dec("70000"), Quantity: dec("2")}, {Price: dec("80000"), Quantity: dec("3")}},
	}
}

// deep sets a book of n levels a side.
func (b *books) deep(e market.Exchange, s market.Symbol, n int) {
	b.set(e, s, "64999", "65001")
	b.mu.Lock()
	defer b.mu.Unlock()
	book := b.now[bus.BookSubject(e, s)]
	book.Bids, book.Asks = nil, nil
	for i := range n {
		book.Bids = append(book.Bids, market.Level{Price: dec(fmt.Sprint(64_999 - i)), Quantity: dec("1.2345")})
		book.Asks = append(book.Asks, market.Level{Price: dec(fmt.Sprint(65_001 + i)), Quantity: dec("2.3456")})
	}
}

func (b *books) run(ctx context.Context) error {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		if err := b.publish(); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (b *books) publish() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for subject, book := range b.now {
		told := *book
		told.AliveAt = time.Now().UTC()
		payload, err := json.Marshal(&told)
		if err != nil {
			return err
		}
		if err := b.conn.PublishMarket(subject, payload); err != nil && !errors.Is(err, nats.ErrConnectionClosed) {
			return err
		}
	}
	for _, e := range []market.Exchange{"binance", "kraken"} {
		now := time.Now().UTC()
		payload, err := json.Marshal(bus.Status{Exchange: e, State: market.Live, At: now, LastMessageAt: now, LagMS: 3})
		if err != nil {
			return err
		}
		if err := b.conn.PublishMarket(bus.StatusSubject(e), payload); err != nil && !errors.Is(err, nats.ErrConnectionClosed) {
			return err
		}
	}
	return nil
}

// pause waits for the next of the collector's books: a tick of this small world.
func (h *house) pause() {
	h.t.Helper()
	sub, err := h.conn.Market().SubscribeSync(bus.BookSubject("binance", "BTC-USDT"))
	if err != nil {
		h.t.Fatal(err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	if _, err := sub.NextMsg(5 * time.Second); err != nil {
		h.t.Fatal(err)
	}
}
