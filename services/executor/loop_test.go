package executor

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/pkg/order"
	"github.com/hourglass-trading/hourglass/services/executor/internal/lease"
)

const (
	ann = order.AccountID("aann")
	btc = market.Symbol("BTC-USDT")
)

// rig is a loop in a bubble with a market that stands still.
type rig struct {
	*loop
	t    *testing.T
	stop func()
	seq  uint64

	round  atomic.Uint64
	epochs uint64
}

// hold gives the executor the partitions that it is to hold; others have the rest.
func (r *rig) hold(ours func(p int) bool) {
	var h lease.Holdings
	for p := range h.Epochs {
		if h.Others[p] = !ours(p); ours(p) {
			r.epochs++
			h.Epochs[p] = r.epochs
		}
	}
	r.holdings <- h
	synctest.Wait()
}

func testConfig() Config {
	return Config{
		Market: "sim", Exchanges: []market.Exchange{"binance"},
		Opening: []order.Amount{{Asset: "USDT", Amount: decimal.New(100_000, 0)}},
		Profile: order.Profile{
			Preset: "standard", LatencyMS: 50, StaleAfterMS: 3_000, LiquidityMemoryMS: 0, MemoryScope: "account", VisibleShare: decimal.One,
			TakerFeeBps: map[market.Exchange]decimal.Decimal{"binance": decimal.New(10, 0)},
		},
	}
}

func start(t *testing.T, log *memoryLog) *rig {
	t.Helper()
	discard := slog.New(slog.DiscardHandler)
	l := newLoop(testConfig(), log, discard)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 3)
	go func() { ended <- l.run(ctx) }()
	go func() {
		ended <- (&recovery{events: log, meters: &l.meters, log: discard}).run(ctx, l.claims, l.recovered)
	}()
	r := &rig{loop: l, t: t, seq: uint64(len(log.stored))} // there are as many commands as events at most
	go func() {
		for {
			select {
			case p := <-l.places:
				r.round.Store(p.round)
			case <-ctx.Done():
				ended <- ctx.Err()
				return
			}
		}
	}()
	r.stop = func() {
		cancel()
		for range cap(ended) {
			if err := <-ended; !errors.Is(err, context.Canceled) {
				t.Errorf("the executor ended with %v", err)
			}
		}
	}
	r.hold(func(int) bool { return true })
	l.pairs <- listing{"binance", []market.Instrument{{
		Exchange: "binance", Symbol: btc, Native: "BTCUSDT", Base: "BTC", Quote: "USDT", Status: market.Trading,
		PriceTick: decimal.New(1, 2), QuantityStep: decimal.New(1, 5), MinQuantity: decimal.New(1, 5), MinNotional: decimal.New(5, 0),
	}}}
	r.book()
	return r
}

// book brings a fresh book: 100 BTC at 59,999 and 60,001.
func (r *rig) book() {
	now := time.Now()
	level := func(price int64) []market.Level {
		return []market.Level{{Price: decimal.New(price, 0), Quantity: decimal.New(100, 0)}}
	}
	payload, err := json.Marshal(&market.Book{
		Exchange: "binance", Symbol: btc, Seq: uint64(now.Unix()), State: market.Live, ReceivedAt: now, AliveAt: now, Bids: level(59_999), Asks: level(60_001),
	})
	if err != nil {
		r.t.Fatal(err)
	}
	r.inbox.putBook(bus.BookSubject("binance", btc), payload)
	synctest.Wait()
}

// pass lets time go by, with a fresh book each second.
func (r *rig) pass(d time.Duration) {
	for range int(d / time.Second) {
		time.Sleep(time.Second)
		r.book()
	}
	time.Sleep(d % time.Second)
	synctest.Wait()
}

func (r *rig) send(cmd order.Command) {
	r.seq++
	cmd.Account = ann
	body, err := json.Marshal(&cmd)
	if err != nil {
		r.t.Fatal(err)
	}
	r.bring(bus.Stored{Seq: r.seq, Account: ann, Data: body})
	synctest.Wait()
}

// bring hands the loop a stored command.
func (r *rig) bring(m bus.Stored) { r.commands <- command{m, r.round.Load()} }

func (r *rig) open() { r.send(order.Command{ID: "c1", Type: order.OpenAccount}) }

// place orders 1 BTC over ten seconds, a slice each second.
func (r *rig) place(tokenID string) order.ID {
	p := order.Defaults()
	p.TokenID, p.Symbol, p.Side, p.Quantity = tokenID, btc, market.Buy, decimal.One
	p.DurationSeconds, p.IntervalSeconds = 10, 1
	id := order.NewID(ann, tokenID)
	r.send(order.Command{ID: order.CommandID(ann, order.CreateTWAP, tokenID), Type: order.CreateTWAP, OrderID: id, TWAP: &p})
	return id
}

// filled checks an order that has had its time against the money that it cost: 1 BTC at 60,001 and 10 bps.
func (r *rig) filled(id order.ID, quantity string) {
	r.t.Helper()
	o, ok := r.accounts[ann].state.Order(id)
	if !ok || o.FilledQuantity != decimal.MustParse(quantity) {
		r.t.Errorf("order = %+v, want %s filled", o, quantity)
	}
	var c decimal.Calc
	notional := c.Mul(decimal.New(60_001, 0), o.FilledQuantity)
	want := c.Sub(decimal.New(100_000, 0), c.Add(notional, c.Bps(notional, decimal.New(10, 0))))
	for _, b := range r.accounts[ann].state.Balances() {
		if b.Asset == "USDT" && (b.Total != want || o.Status.Ended() && !b.Reserved.IsZero()) {
			r.t.Errorf("balance = %+v, want %s and nothing reserved", b, want)
		}
	}
}

func TestSlicesAreDecidedWhenTheyAreDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &memoryLog{}
		r := start(t, log)
		r.open()
		began := time.Now()
		id := r.place("first")
		r.pass(12 * time.Second)
		r.stop()
		r.filled(id, "1")
		k := 0
		for _, e := range log.events(t) {
			if e.Type != order.SliceDecided {
				continue
			}
			if want := began.Add(time.Duration(k) * time.Second); !e.Slice.DecidedAt.Equal(want) {
				t.Errorf("slice %d decided at %s, want %s", e.Slice.K, e.Slice.DecidedAt, want)
			}
			k++
		}
		if k != 10 {
			t.Errorf("%d slices decided, want 10", k)
		}
	})
}

func TestALostAcknowledgementDoublesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		log := &memoryLog{mishap: func(string) (refuse, lost bool) {
			n++
			return n%3 == 1, n%3 == 2
		}}
		r := start(t, log)
		r.open()
		id := r.place("first")
		r.pass(12 * time.Second)
		r.stop()
		r.filled(id, "1")
		if got := log.count(t, order.SliceArrived); got != 10 {
			t.Errorf("%d arrivals stored, want 10", got)
		}
	})
}

func TestARepeatedCommandYieldsOneEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &memoryLog{}
		r := start(t, log)
		r.open()
		r.open()
		r.place("first")
		r.place("first")
		r.stop()
		if a, o := log.count(t, order.AccountOpened), log.count(t, order.OrderAccepted); a != 1 || o != 1 {
			t.Errorf("%d accounts opened and %d orders accepted, want one each", a, o)
		}
	})
}

func TestARestartMissesWhatFellDueAndGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &memoryLog{}
		r := start(t, log)
		r.open()
		id := r.place("first")
		r.pass(3500 * time.Millisecond)
		r.stop()

		time.Sleep(2 * time.Second)
		r = start(t, log)
		r.pass(8 * time.Second)
		r.stop()
		missed := 0
		for _, e := range log.events(t) {
			if e.Slice != nil && e.Slice.Status == order.SliceMissed {
				missed++
			}
		}
		if missed != 2 {
			t.Errorf("%d slices missed, want the 2 that fell due while it was away", missed)
		}
		r.filled(id, "1") // the backlog was spread over the slices that were left
	})
}

func TestForeignMessagesAreSkipped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &memoryLog{stored: []bus.Stored{{Seq: 1, Account: ann, Data: []byte("not an event")}, {Seq: 2, Data: []byte("{}")}}}
		r := start(t, log)
		r.bring(bus.Stored{Seq: 1, Account: ann, Data: []byte("not a command")})
		r.bring(bus.Stored{Seq: 2, Account: "abob", Data: []byte(`{"id":"c9","account":"aann","type":"deposit"}`)})
		r.inbox.putBook("md.book.kraken.BTC-USD", []byte(`{"exchange":"binance","symbol":"BTC-USDT"}`))
		r.inbox.putTrade("md.trade.kraken.BTC-USD", []byte(`[]`))
		r.open()
		r.stop()
		if r.meters.foreign.Load() != 4 || r.inbox.foreign != 2 || log.count(t, order.AccountOpened) != 1 {
			t.Errorf("%d messages and %d market data skipped, %d accounts opened; want 4, 2, 1", r.meters.foreign.Load(), r.inbox.foreign, log.count(t, order.AccountOpened))
		}
	})
}

func TestAnAccountWhoseEventsContradictEachOtherIsStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &memoryLog{}
		r := start(t, log)
		r.open()
		r.stop()
		log.stored = append(log.stored, bus.Stored{Seq: 2, Account: ann, Data: log.stored[0].Data}) // the first event again
		r = start(t, log)
		r.place("first")
		r.stop()
		if !r.accounts[ann].broken || len(log.stored) != 2 {
			t.Errorf("the account goes on: %d events", len(log.stored))
		}
	})
}

func TestBooksConflateAndTradesAreBounded(t *testing.T) {
	in := newInbox(slog.New(slog.DiscardHandler))
	for range 3 {
		in.putBook("md.book.binance.BTC-USDT", []byte(`{"exchange":"binance","symbol":"BTC-USDT"}`))
	}
	for range maxTrades + 5 {
		in.putTrade("md.trade.binance.BTC-USDT", []byte(`{"exchange":"binance","symbol":"BTC-USDT"}`))
	}
	books, trades := in.take()
	if len(books) != 1 || len(trades) != maxTrades || in.dropped != 5 {
		t.Errorf("%d books, %d trades, %d dropped", len(books), len(trades), in.dropped)
	}
}

func TestConfigNamesEveryFault(t *testing.T) {
	env := map[string]string{
		"HOURGLASS_EXCHANGES": "binance,Kraken", "HOURGLASS_OPENING_FUNDS": "USD=-1", "HOURGLASS_VISIBLE_SHARE": "2", "HOURGLASS_TAKER_FEES_BPS": "binance",
	}
	_, err := ParseConfig(func(key string) string { return env[key] })
	var joined interface{ Unwrap() []error }
	if !errors.As(err, &joined) || len(joined.Unwrap()) != len(env) {
		t.Errorf("faults = %v, want one for each of %d variables", err, len(env))
	}
	cfg, err := ParseConfig(func(string) string { return "" })
	if err != nil || len(cfg.Opening) != 6 || cfg.Profile.TakerFeeBps["binance"] != decimal.New(10, 0) {
		t.Errorf("defaults = %+v, %v", cfg, err)
	}
}
