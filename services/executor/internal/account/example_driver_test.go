package account_test

import (
	"cmp"
	"encoding/json"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/pkg/order"
	"github.com/hourglass-trading/hourglass/services/executor/internal/account"
	"github.com/hourglass-trading/hourglass/services/executor/internal/twap"
)

// example is a worked example: a market, an order, and everything that must come of it.
type example struct {
	Name       string `json:"name"`
	Instrument struct {
		Symbol    market.Symbol                      `json:"symbol"`
		Exchanges map[market.Exchange]exampleListing `json:"exchanges"`
	} `json:"instrument"`
	Account struct{ Base, Quote decimal.Decimal } `json:"account"`
	Sim     struct {
		LatencyMS         int64 `json:"latency_ms"`
		StaleAfterMS      int64 `json:"stale_after_ms"`
		LiquidityMemoryMS int64 `json:"liquidity_memory_ms"`
	} `json:"sim"`
	Order struct {
		order.Params
		StartMS  int64  `json:"start_ms"`
		AcceptMS *int64 `json:"accept_ms"`
	} `json:"order"`
	Market   []exampleEvent   `json:"market"`
	Commands []exampleCommand `json:"commands"`
	Expected map[string]any   `json:"expected"`
}

type exampleListing struct {
	QuantityStep decimal.Decimal `json:"quantity_step"`
	PriceTick    decimal.Decimal `json:"price_tick"`
	MinQuantity  decimal.Decimal `json:"min_quantity"`
	MinNotional  decimal.Decimal `json:"min_notional"`
	TakerFeeBps  decimal.Decimal `json:"taker_fee_bps"`
	LatencyMS    *int64          `json:"latency_ms"`
}

type exampleEvent struct {
	T        int64           `json:"t"`
	Exchange market.Exchange `json:"exchange"`
	Type     string          `json:"type"`
	Bids     []market.Level  `json:"bids"`
	Asks     []market.Level  `json:"asks"`
	Price    decimal.Decimal `json:"price"`
	Qty      decimal.Decimal `json:"qty"`
}

type exampleCommand struct {
	T          int64            `json:"t"`
	Type       string           `json:"type"`
	LimitPrice *decimal.Decimal `json:"limit_price"`
	Quantity   *decimal.Decimal `json:"quantity"`
	EndsMS     *int64           `json:"ends_ms"`
}

// epoch is the zero of the examples' clocks.
var epoch = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func ms(t int64) time.Time { return epoch.Add(time.Duration(t) * time.Millisecond) }

const owner order.AccountID = "a1"

func readExample(t *testing.T, path string) *example {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	x := &example{}
	x.Order.Params = order.Defaults()
	if err := json.Unmarshal(b, x); err != nil {
		t.Fatal(err)
	}
	return x
}

// stage runs an engine on the input of an example.
type stage struct {
	t      *testing.T
	x      *example
	cfg    *account.Config
	engine *account.Engine
	events []order.Event
	books  map[market.Exchange]*market.Book
	down   bool
	seq    uint64
	id     order.ID
}

func newStage(t *testing.T, x *example) *stage {
	t.Helper()
	s := &stage{t: t, x: x, books: map[market.Exchange]*market.Book{}}
	profile := account.StandardProfile()
	profile.LatencyMS, profile.StaleAfterMS, profile.LiquidityMemoryMS = x.Sim.LatencyMS, x.Sim.StaleAfterMS, x.Sim.LiquidityMemoryMS
	profile.TakerFeeBps, profile.LatencyMSBy = map[market.Exchange]decimal.Decimal{}, map[market.Exchange]int64{}
	for e, l := range x.Instrument.Exchanges {
		profile.TakerFeeBps[e] = l.TakerFeeBps
		if l.LatencyMS != nil {
			profile.LatencyMSBy[e] = *l.LatencyMS
		}
	}
	base, quote := x.Instrument.Symbol.Base(), x.Instrument.Symbol.Quote()
	s.cfg = &account.Config{
		Profile: profile, Market: "replay",
		Opening: []order.Amount{{Asset: base, Amount: x.Account.Base}, {Asset: quote, Amount: x.Account.Quote}},
	}
	s.engine = account.NewEngine(owner, s.cfg)
	s.list(s.engine.Market)
	s.id = order.NewID(owner, "x")
	s.command(ms(-100_000), &order.Command{ID: "open", Type: order.OpenAccount})
	return s
}

func (s *stage) list(m *twap.Market) {
	for e, l := range s.x.Instrument.Exchanges {
		m.SetInstruments(e, []market.Instrument{{
			Exchange: e, Symbol: s.x.Instrument.Symbol, Status: market.Trading, PriceTick: l.PriceTick,
			QuantityStep: l.QuantityStep, MinQuantity: l.MinQuantity, MinNotional: l.MinNotional,
		}})
	}
}

func (s *stage) step(at time.Time, in *account.Input) {
	s.t.Helper()
	events, err := s.engine.Step(at, in)
	if err != nil {
		s.t.Fatal(err)
	}
	s.events = append(s.events, events...)
}

func (s *stage) command(at time.Time, c *order.Command) {
	s.t.Helper()
	s.seq++
	c.Account = owner
	if c.ID == "" {
		c.ID = "c" + string(rune('a'+s.seq))
	}
	s.step(at, &account.Input{Command: c, Seq: s.seq})
}

// cue is something that happens: at one instant market first, then acceptance, then commands.
type cue struct {
	t, class int64
	do       func(at time.Time)
}

// run plays the example to its end and a day beyond.
func (s *stage) run() {
	s.t.Helper()
	var cues []cue
	for _, e := range s.x.Market {
		cues = append(cues, cue{e.T, 0, func(at time.Time) { s.market(at, &e) }})
	}
	accept := s.x.Order.StartMS
	if s.x.Order.AcceptMS != nil {
		accept = *s.x.Order.AcceptMS
	}
	cues = append(cues, cue{accept, 1, func(at time.Time) {
		p := s.x.Order.Params
		p.TokenID, p.Symbol, p.StartsAt = "x", s.x.Instrument.Symbol, ms(s.x.Order.StartMS)
		s.command(at, &order.Command{ID: "accept", Type: order.CreateTWAP, TWAP: &p})
	}})
	for _, c := range s.x.Commands {
		cues = append(cues, cue{c.T, 2, func(at time.Time) { s.userCommand(at, &c) }})
	}
	slices.SortStableFunc(cues, func(a, b cue) int { return cmp.Or(cmp.Compare(a.t, b.t), cmp.Compare(a.class, b.class)) })
	for _, c := range cues {
		c.do(ms(c.t))
	}
	s.step(ms(200_000_000), nil)
}

func (s *stage) userCommand(at time.Time, c *exampleCommand) {
	s.t.Helper()
	switch c.Type {
	case "server_down":
		s.step(at.Add(-1), nil)
		s.down = true
		return
	case "server_up":
		s.down = false
		s.engine = &account.Engine{State: s.refold(), Market: twap.NewMarket()}
		s.list(s.engine.Market)
		s.books = map[market.Exchange]*market.Book{}
		s.engine.State.Resume(at)
		return
	}
	cmd := &order.Command{Type: order.CommandType(c.Type), OrderID: s.id}
	if cmd.Type == order.Amend {
		cmd.Amend = &order.Amendment{LimitPrice: c.LimitPrice, Quantity: c.Quantity}
		if c.EndsMS != nil {
			cmd.Amend.EndsAt = ms(*c.EndsMS)
		}
	}
	s.command(at, cmd)
}

// refold reads the account back from the bytes of its events.
func (s *stage) refold() *account.State {
	s.t.Helper()
	return refold(s.t, s.events, s.cfg)
}

func refold(t tb, events []order.Event, cfg *account.Config) *account.State {
	t.Helper()
	state := account.New(owner, cfg)
	for i := range events {
		b, err := order.Encode(&events[i])
		if err != nil {
			t.Fatal(err)
		}
		e, err := order.Decode(b)
		if err != nil {
			t.Fatal(err)
		}
		if err := state.Apply(e, order.Hash(b)); err != nil {
			t.Fatal(err)
		}
	}
	return state
}

func (s *stage) market(at time.Time, e *exampleEvent) {
	s.t.Helper()
	if s.down {
		return
	}
	old := s.books[e.Exchange]
	if old == nil {
		old = &market.Book{Exchange: e.Exchange, Symbol: s.x.Instrument.Symbol, State: market.Down}
	}
	next := *old
	next.Seq, next.AliveAt, next.ReceivedAt = old.Seq+1, at, at
	switch e.Type {
	case "snapshot":
		next.State, next.Bids, next.Asks = market.Live, e.Bids, e.Asks
	case "delta":
		if old.State != market.Live {
			return
		}
		next.Bids = change(old.Bids, e.Bids, func(a, b decimal.Decimal) int { return b.Cmp(a) })
		next.Asks = change(old.Asks, e.Asks, decimal.Decimal.Cmp)
	case "gap":
		next.State = market.Gapped
	case "disconnect":
		next.State = market.Down
	case "heartbeat":
		s.step(at, &account.Input{Heartbeat: e.Exchange})
		return
	case "trade":
		s.step(at, &account.Input{Trade: &market.Trade{
			Exchange: e.Exchange, Symbol: s.x.Instrument.Symbol, Price: e.Price, Quantity: e.Qty, ReceivedAt: at,
		}})
		return
	default:
		s.t.Fatalf("market event %q", e.Type)
	}
	s.books[e.Exchange] = &next
	s.step(at, &account.Input{Book: &next})
}

// change applies absolute sizes to the levels of a side, best first.
func change(levels, deltas []market.Level, order func(a, b decimal.Decimal) int) []market.Level {
	out := slices.Clone(levels)
	for _, d := range deltas {
		i, found := slices.BinarySearchFunc(out, d.Price, func(l market.Level, p decimal.Decimal) int { return order(l.Price, p) })
		switch {
		case found && d.Quantity.IsZero():
			out = slices.Delete(out, i, i+1)
		case found:
			out[i] = d
		case !d.Quantity.IsZero():
			out = slices.Insert(out, i, d)
		}
	}
	return out
}
