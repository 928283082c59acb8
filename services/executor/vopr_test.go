package executor

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/pkg/order"
	"github.com/hourglass-trading/hourglass/services/executor/internal/account"
	"github.com/hourglass-trading/hourglass/services/executor/internal/twap"
)

// TestAnySeedOfMishapsLosesAndDoublesNothing plays the pure core over a log in memory and time of its own: two executors
// that both believe to own an account, with clocks that disagree, that crash and come back from a snapshot or from the
// start, while appends are refused, land unseen, or land late, and commands arrive twice. All of it comes from one seed.
// HOURGLASS_VOPR_SEEDS says how many are played, HOURGLASS_VOPR_FIRST which is the first.
func TestAnySeedOfMishapsLosesAndDoublesNothing(t *testing.T) {
	first, seeds := number(t, "HOURGLASS_VOPR_FIRST", 0), number(t, "HOURGLASS_VOPR_SEEDS", 100)
	events := 0
	for seed := first; seed < first+seeds; seed++ {
		w := newWorld(seed)
		if err := w.play(); err != nil {
			t.Fatalf("seed %d (HOURGLASS_VOPR_FIRST=%d HOURGLASS_VOPR_SEEDS=1): %v", seed, seed, err)
		}
		events += len(w.log)
	}
	t.Logf("%d seeds from %d on, %d events", seeds, first, events)
}

func number(t *testing.T, key string, otherwise uint64) uint64 {
	t.Helper()
	text := os.Getenv(key)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", key, err)
	}
	return n
}

// world is one account's log with the two executors that write it.
type world struct {
	rng      *rand.Rand
	now      time.Time
	cfg      account.Config
	log      [][]byte // an event's sequence is its place, from 1
	commands []order.Command
	writers  [2]*writer
	held     []attempt // appends that may still land
	books    uint64
	calm     bool // nothing goes wrong any more
}

// writer is an executor. It knows the log up to its state's version: the account's events are all there is.
type writer struct {
	state  *account.State
	market *twap.Market
	cursor int // commands that it has carried out
	skew   time.Duration
	saved  []byte // a snapshot
}

// attempt is an append on its way.
type attempt struct {
	body []byte
	last uint64 // the version that it expects the log to have
}

func newWorld(seed uint64) *world {
	cfg := testConfig()
	w := &world{
		rng: rand.New(rand.NewPCG(seed, 0x9e3779b97f4a7c15)), now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
		cfg:      account.Config{Opening: cfg.Opening, Profile: cfg.Profile, Market: cfg.Market, Epoch: 1},
		commands: []order.Command{{ID: "c0", Account: ann, Type: order.OpenAccount}},
	}
	for i := range w.writers {
		w.writers[i] = &writer{skew: time.Duration(w.rng.IntN(400)-200) * time.Millisecond, market: twap.NewMarket()}
		w.writers[i].state = account.New(ann, &w.cfg)
		w.list(w.writers[i])
	}
	return w
}

func (w *world) list(wr *writer) {
	wr.market.SetInstruments("binance", []market.Instrument{{
		Exchange: "binance", Symbol: btc, Native: "BTCUSDT", Base: "BTC", Quote: "USDT", Status: market.Trading,
		PriceTick: decimal.New(1, 2), QuantityStep: decimal.New(1, 5), MinQuantity: decimal.New(1, 5), MinNotional: decimal.New(5, 0),
	}})
}

// play lets things go wrong for a while, then leaves the executors in peace until nothing is due, and checks.
func (w *world) play() error {
	for range 150 {
		if err := w.step(); err != nil {
			return err
		}
	}
	w.calm = true
	for range 60 {
		w.pass(time.Second)
		for _, wr := range w.writers {
			for range 40 {
				if err := w.act(wr); err != nil {
					return err
				}
			}
		}
	}
	return w.check()
}

func (w *world) step() error {
	wr := w.writers[w.rng.IntN(len(w.writers))]
	switch w.rng.IntN(12) {
	case 0, 1, 2:
		w.pass(time.Duration(w.rng.IntN(1500)) * time.Millisecond)
		return nil
	case 3:
		w.command()
		return nil
	case 4:
		return w.crash(wr)
	case 5:
		w.land()
		return nil
	case 6:
		body, err := json.Marshal(wr.state)
		wr.saved = body
		return err
	default:
		return w.act(wr)
	}
}

// pass lets time go by, and brings each executor the book that is there then, or not.
func (w *world) pass(d time.Duration) {
	w.now = w.now.Add(d)
	w.books++
	for _, wr := range w.writers {
		if !w.calm && w.rng.IntN(8) == 0 {
			continue
		}
		at := w.now.Add(wr.skew)
		spread := int64(w.rng.IntN(50))
		level := func(price int64) []market.Level {
			return []market.Level{{Price: decimal.New(price, 0), Quantity: decimal.New(int64(1+w.rng.IntN(40)), 1)}}
		}
		wr.market.Book(at, &market.Book{
			Exchange: "binance", Symbol: btc, Seq: w.books, State: market.Live, ReceivedAt: at, AliveAt: at,
			Bids: level(59_999 - spread), Asks: level(60_001 + spread),
		})
		wr.market.Trade(at, &market.Trade{
			Exchange: "binance", Symbol: btc, ID: strconv.FormatUint(w.books, 10), TakerSide: market.Sell, ReceivedAt: at,
			Price: decimal.New(int64(59_960+w.rng.IntN(80)), 0), Quantity: decimal.New(int64(1+w.rng.IntN(9)), 1),
		})
	}
}

// command has the user send something, or something again.
func (w *world) command() {
	n := len(w.commands)
	if w.rng.IntN(4) == 0 {
		w.commands = append(w.commands, w.commands[w.rng.IntN(n)])
		return
	}
	cmd := order.Command{ID: fmt.Sprintf("c%d", n), Account: ann}
	token := fmt.Sprintf("t%d", w.rng.IntN(4))
	cmd.OrderID = order.NewID(ann, token)
	switch w.rng.IntN(8) {
	case 6:
		p := order.Plain{TokenID: token, Symbol: btc, Side: market.Buy, Type: order.Limit, Quantity: decimal.New(int64(1+w.rng.IntN(30)), 1)}
		price := decimal.New(int64(59_960+w.rng.IntN(60)), 0)
		p.Price = &price
		p.SetDefaults()
		cmd.Type, cmd.Plain = order.CreatePlain, &p
	case 7:
		quantity := decimal.New(int64(1+w.rng.IntN(30)), 1)
		cmd.Type, cmd.Amend = order.Amend, &order.Amendment{Quantity: &quantity}
	case 0:
		cmd.Type = order.Pause
	case 1:
		cmd.Type = order.Resume
	case 2:
		cmd.Type = order.Cancel
	case 3:
		cmd.Type, cmd.OrderID, cmd.Deposit = order.Deposit, "", &order.Amount{Asset: "USDT", Amount: decimal.New(int64(1+w.rng.IntN(1000)), 0)}
	default:
		p := order.Defaults()
		p.TokenID, p.Symbol, p.Side, p.Quantity = token, btc, market.Buy, decimal.New(int64(1+w.rng.IntN(30)), 1)
		p.DurationSeconds, p.IntervalSeconds = 5+w.rng.IntN(16), 1+w.rng.IntN(3)
		cmd.Type, cmd.TWAP = order.CreateTWAP, &p
	}
	w.commands = append(w.commands, cmd)
}

// crash starts an executor anew, from its snapshot or from the first event.
func (w *world) crash(wr *writer) error {
	wr.market, wr.state = twap.NewMarket(), account.New(ann, &w.cfg)
	w.list(wr)
	if wr.saved != nil && w.rng.IntN(2) == 0 {
		state, err := account.Restore(wr.saved, &w.cfg)
		if err != nil {
			return err
		}
		wr.state = state
	}
	if err := w.catchUp(wr); err != nil {
		return err
	}
	wr.cursor = int(wr.state.CommandSeq)
	wr.state.Resume(w.now.Add(wr.skew))
	return nil
}

// catchUp applies what an executor has not seen of the log.
func (w *world) catchUp(wr *writer) error {
	for wr.state.Version < uint64(len(w.log)) {
		if err := apply(wr.state, w.log[wr.state.Version]); err != nil {
			return err
		}
	}
	return nil
}

func apply(s *account.State, body []byte) error {
	e, err := order.Decode(body)
	if err != nil {
		return err
	}
	return s.Apply(e, order.Hash(body))
}

// land lets an append arrive that its writer has given up.
func (w *world) land() {
	if len(w.held) == 0 {
		return
	}
	i := w.rng.IntN(len(w.held)) // any: the network reorders
	w.put(w.held[i])
	if w.rng.IntN(3) > 0 { // else it comes again
		w.held = append(w.held[:i], w.held[i+1:]...)
	}
}

// put is the log's promise: it appends only after the event that the writer saw last.
func (w *world) put(a attempt) bool {
	if a.last != uint64(len(w.log)) {
		return false
	}
	w.log = append(w.log, a.body)
	return true
}

// act has an executor take one decision: on its next command, or on what is due.
func (w *world) act(wr *writer) error {
	at := w.now.Add(wr.skew)
	if wr.cursor < len(w.commands) {
		e, ok := wr.state.Command(&w.commands[wr.cursor], uint64(wr.cursor+1), at, wr.market)
		if !ok {
			wr.cursor++
			return nil
		}
		return w.write(wr, &e)
	}
	e, ok := wr.state.Match(at, wr.market)
	if !ok {
		e, ok = wr.state.Due(at, wr.market)
	}
	if !ok {
		return nil
	}
	return w.write(wr, &e)
}

// write appends a decision and applies it only when it is stored; after anything else the executor reads the log.
func (w *world) write(wr *writer, e *order.Event) error {
	body, err := order.Encode(e)
	if err != nil {
		return err
	}
	a := attempt{body, wr.state.Version}
	fate := w.rng.IntN(10)
	switch {
	case w.calm || fate < 6:
		if w.put(a) {
			return apply(wr.state, body)
		}
	case fate < 8:
		w.put(a) // the acknowledgement is lost
	case fate < 9:
		w.held = append(w.held, a) // it lands later, or never
	}
	return w.catchUp(wr)
}

// check reads the log from the start and holds it against what the user asked for.
func (w *world) check() error {
	s := account.New(ann, &w.cfg)
	answers, fills := map[string]int{}, map[string]bool{}
	for _, body := range w.log {
		if err := apply(s, body); err != nil {
			return err
		}
		e, err := order.Decode(body)
		if err != nil {
			return err
		}
		answers[e.CommandID]++
		for _, f := range e.Fills {
			if fills[f.ID] {
				return fmt.Errorf("fill %s twice", f.ID)
			}
			fills[f.ID] = true
		}
	}
	for _, c := range w.commands {
		if answers[c.ID] != 1 {
			return fmt.Errorf("command %s (%s) has %d answers", c.ID, c.Type, answers[c.ID])
		}
	}
	for _, o := range s.Orders() {
		if o.Quantity.Less(o.FilledQuantity) || !o.Status.Ended() && o.Status != order.Paused && o.Resting == nil || o.Status.Ended() && !o.Reserved.Amount.IsZero() {
			return fmt.Errorf("order %s is %s with %s of %s filled and %s held", o.ID, o.Status, o.FilledQuantity, o.Quantity, o.Reserved.Amount)
		}
	}
	return w.agree(s)
}

// agree checks that both executors, however they came to it, hold the state that all events make.
func (w *world) agree(s *account.State) error {
	want, err := json.Marshal(s)
	if err != nil {
		return err
	}
	for i, wr := range w.writers {
		if err := w.catchUp(wr); err != nil {
			return err
		}
		got, err := json.Marshal(wr.state)
		if err != nil {
			return err
		}
		if !bytes.Equal(got, want) {
			return fmt.Errorf("executor %d holds another state than its events make", i)
		}
	}
	return nil
}
