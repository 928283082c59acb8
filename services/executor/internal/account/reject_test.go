package account_test

import (
	"strings"
	"testing"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/pkg/order"
	"github.com/hourglass-trading/hourglass/services/executor/internal/account"
)

// desk is an open account on a market of two exchanges, both live at 100, where kraken also lists a halted pair.
func desk(t *testing.T) *stage {
	t.Helper()
	x := &example{}
	x.Instrument.Symbol = pair
	step, tick := decimal.MustParse("0.01"), decimal.MustParse("0.01")
	x.Instrument.Exchanges = map[market.Exchange]exampleListing{
		"binance": {QuantityStep: step, PriceTick: tick, MinQuantity: step, MinNotional: decimal.MustParse("5"), TakerFeeBps: decimal.MustParse("10")},
		"kraken":  {QuantityStep: decimal.MustParse("0.1"), PriceTick: decimal.MustParse("0.1"), MinQuantity: decimal.MustParse("0.1"), MinNotional: decimal.MustParse("5"), TakerFeeBps: decimal.MustParse("26")},
	}
	x.Account.Base, x.Account.Quote = decimal.MustParse("50"), decimal.MustParse("10000")
	x.Sim.StaleAfterMS = 60_000
	s := newStage(t, x)
	s.engine.Market.SetInstruments("okx", nil)
	s.engine.Market.SetInstruments("bybit", []market.Instrument{{Exchange: "bybit", Symbol: "DOGE-USDT", Status: market.Halted, PriceTick: tick, QuantityStep: step}})
	s.show(0, "binance", "99.99", "10", "100.01", "10")
	s.show(0, "kraken", "99.9", "10", "100.1", "10")
	return s
}

// show shows a book of one level a side.
func (s *stage) show(t int64, e market.Exchange, bid, bidSize, ask, askSize string) {
	s.t.Helper()
	level := func(p, q string) []market.Level {
		return []market.Level{{Price: decimal.MustParse(p), Quantity: decimal.MustParse(q)}}
	}
	s.market(ms(t), &exampleEvent{T: t, Exchange: e, Type: "snapshot", Bids: level(bid, bidSize), Asks: level(ask, askSize)})
}

func twapOf(change func(p *order.Params)) *order.Params {
	p := order.Defaults()
	p.TokenID, p.Symbol, p.Side = "x", pair, market.Buy
	p.Quantity, p.DurationSeconds, p.Slices = decimal.MustParse("4"), 40, 4
	change(&p)
	return &p
}

// send sends a command and returns the event that answers it.
func (s *stage) send(t int64, c order.Command) *order.Event {
	s.t.Helper()
	n := len(s.events)
	s.command(ms(t), &c)
	for i := n; i < len(s.events); i++ {
		if s.events[i].CommandID == c.ID {
			return &s.events[i]
		}
	}
	s.t.Fatalf("no event answers %+v", c)
	return nil
}

func (s *stage) place(t int64, change func(p *order.Params)) *order.Event {
	s.t.Helper()
	return s.send(t, order.Command{Type: order.CreateTWAP, TWAP: twapOf(change)})
}

func TestAnOrderThatCannotBeWorkedIsRefusedWithTheFieldAtFault(t *testing.T) {
	tests := map[string]struct {
		change      func(p *order.Params)
		kind        order.RejectionKind
		code, field string
	}{
		"no quantity":            {func(p *order.Params) { p.Quantity = decimal.Decimal{} }, order.Invalid, "validation_failed", "quantity"},
		"an unknown symbol":      {func(p *order.Params) { p.Symbol = "ABC-USDT" }, order.Invalid, "unknown_symbol", "symbol"},
		"an unknown exchange":    {func(p *order.Params) { p.Exchanges = []market.Exchange{"nowhere"} }, order.Invalid, "unknown_exchange", "exchange"},
		"an exchange without it": {func(p *order.Params) { p.Exchanges = []market.Exchange{"binance", "okx"} }, order.Invalid, "unknown_symbol", "symbol"},
		"a halted pair":          {func(p *order.Params) { p.Symbol = "DOGE-USDT" }, order.Invalid, "instrument_halted", "symbol"},
		"a halted pair by name":  {func(p *order.Params) { p.Symbol, p.Exchanges = "DOGE-USDT", []market.Exchange{"bybit"} }, order.Invalid, "instrument_halted", "exchange"},
		"off the coarsest step":  {func(p *order.Params) { p.Quantity = decimal.MustParse("4.05") }, order.Invalid, "validation_failed", "quantity"},
		"less than any accepts": {func(p *order.Params) {
			p.Exchanges, p.Quantity = []market.Exchange{"binance"}, decimal.MustParse("0.04")
		}, order.Invalid, "validation_failed", "quantity"},
		"too many slices":         {func(p *order.Params) { p.Slices = 41 }, order.Invalid, "validation_failed", "slices"},
		"slices below a notional": {func(p *order.Params) { p.Exchanges, p.Slices = []market.Exchange{"binance"}, 81 }, order.Invalid, "validation_failed", "slices"},
		"too short an interval": {func(p *order.Params) {
			p.Slices, p.IntervalSeconds, p.DurationSeconds, p.Quantity = 0, 1, 86_400, decimal.MustParse("90")
		}, order.Invalid, "validation_failed", "interval_seconds"},
		"a limit off the tick":  {func(p *order.Params) { p.LimitPrice = ptr(decimal.MustParse("100.005")) }, order.Invalid, "validation_failed", "limit_price"},
		"an unknown preset":     {func(p *order.Params) { p.Preset = "magic" }, order.Invalid, "validation_failed", "preset"},
		"more than can be paid": {func(p *order.Params) { p.Quantity = decimal.MustParse("98") }, order.Invalid, "insufficient_funds", ""},
		"more than there is":    {func(p *order.Params) { p.Side, p.Quantity = market.Sell, decimal.MustParse("50.1") }, order.Invalid, "insufficient_funds", ""},
		"more than can be told": {func(p *order.Params) { p.Quantity = decimal.MustParse("1e20") }, order.Invalid, "validation_failed", "quantity"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := desk(t)
			e := s.place(0, tt.change)
			r := e.Rejection
			if e.Type != order.CommandRejected || r == nil || r.Kind != tt.kind || r.Code != tt.code || len(e.Postings) > 0 {
				t.Fatalf("event %+v, rejection %+v", e.Type, r)
			}
			if o := e.Refused; o == nil || o.ID != e.OrderID || o.Status != order.Rejected || o.Reason != tt.code || o.Exchanges == nil || o.Side == "" {
				t.Errorf("what was refused is told as %+v", o)
			}
			if tt.field != "" && (len(r.Errors) != 1 || r.Errors[0].Field != tt.field) {
				t.Errorf("errors %+v, want one of %s", r.Errors, tt.field)
			}
			if _, ok := s.engine.State.Order(order.NewID(owner, "x")); ok {
				t.Error("the order is there")
			}
		})
	}
}

func TestWhatIsTooManySlicesSaysHowManyWouldDo(t *testing.T) {
	e := desk(t).place(0, func(p *order.Params) { p.Slices = 41 })
	if !strings.Contains(e.Rejection.Errors[0].Detail, "at most 40") {
		t.Errorf("detail %q", e.Rejection.Errors[0].Detail)
	}
	// From an interval the number is lowered instead, and the answer says so.
	e = desk(t).place(0, func(p *order.Params) { p.Slices, p.IntervalSeconds, p.DurationSeconds = 0, 1, 60 })
	if e.Type != order.OrderAccepted || !e.Order.SlicesAdjusted || len(e.Accepted.Schedule) != 40 {
		t.Errorf("order %+v", e.Order)
	}
}

func TestWhatMakesNoSenseAsAnOrderIsRefusedWithoutOne(t *testing.T) {
	e := desk(t).place(0, func(p *order.Params) { p.DurationSeconds = 1 << 62 }) // ends beyond any year that can be written
	if e.Type != order.CommandRejected || e.Refused != nil {
		t.Errorf("event %s with %+v", e.Type, e.Refused)
	}
	if _, err := order.Encode(e); err != nil {
		t.Error(err)
	}
}

func TestWithoutABookThatMayBeUsedThereIsNoOrder(t *testing.T) {
	s := desk(t)
	if e := s.place(60_001, func(*order.Params) {}); e.Type != order.CommandRejected || e.Rejection.Code != "no_market_data" {
		t.Errorf("event %s %+v", e.Type, e.Rejection)
	}
}

func TestATokenIDIsUsedOnce(t *testing.T) {
	s := desk(t)
	first := s.place(0, func(*order.Params) {})
	second := s.place(1000, func(*order.Params) {})
	if first.Type != order.OrderAccepted || second.Type != order.CommandRejected || second.Rejection.Code != "token_id_exists" ||
		second.Rejection.Kind != order.Conflict || second.Refused != nil || second.Order == nil || second.Order.ID != first.OrderID || second.OrderID != first.OrderID {
		t.Errorf("second: %+v %+v", second.Rejection, second.Order)
	}
	if second.Order.Params.Quantity != first.Order.Params.Quantity {
		t.Error("the existing order's parameters are not told")
	}
}

func TestCommandsThatDoNotFitTheOrderAreRefused(t *testing.T) {
	id := order.NewID(owner, "x")
	cancel := order.Command{Type: order.Cancel, OrderID: id}
	tests := map[string]struct {
		before []order.Command
		send   order.Command
		kind   order.RejectionKind
		code   string
	}{
		"an unknown order":      {nil, order.Command{Type: order.Cancel, OrderID: "onone"}, order.NotFound, "unknown_order"},
		"canceled twice":        {[]order.Command{cancel}, cancel, order.Conflict, "order_ended"},
		"amended when over":     {[]order.Command{cancel}, order.Command{Type: order.Amend, OrderID: id, Amend: &order.Amendment{}}, order.Conflict, "order_ended"},
		"paused twice":          {[]order.Command{{Type: order.Pause, OrderID: id}}, order.Command{Type: order.Pause, OrderID: id}, order.Conflict, "already_paused"},
		"resumed without pause": {nil, order.Command{Type: order.Resume, OrderID: id}, order.Conflict, "not_paused"},
		"of another version":    {nil, order.Command{Type: order.Amend, OrderID: id, Amend: &order.Amendment{IfVersion: 99}}, order.Changed, "version_mismatch"},
		"an empty amendment":    {nil, order.Command{Type: order.Amend, OrderID: id}, order.Invalid, "validation_failed"},
		"an empty order":        {nil, order.Command{Type: order.CreateTWAP}, order.Invalid, "validation_failed"},
		"no command at all":     {nil, order.Command{Type: "dance", OrderID: id}, order.Invalid, "unknown_command"},
		"an account twice":      {nil, order.Command{Type: order.OpenAccount}, order.Conflict, "account_exists"},
		"an empty deposit":      {nil, order.Command{Type: order.Deposit}, order.Invalid, "validation_failed"},
		"a deposit of nothing":  {nil, order.Command{Type: order.Deposit, Deposit: &order.Amount{Asset: "USD"}}, order.Invalid, "validation_failed"},
		"a deposit of a lie":    {nil, order.Command{Type: order.Deposit, Deposit: &order.Amount{Asset: "us.d", Amount: decimal.One}}, order.Invalid, "validation_failed"},
		"a deposit too fine":    {nil, order.Command{Type: order.Deposit, Deposit: &order.Amount{Asset: "USD", Amount: decimal.MustParse("1e-19")}}, order.Invalid, "validation_failed"},
		"a deposit too large":   {nil, order.Command{Type: order.Deposit, Deposit: &order.Amount{Asset: "USD", Amount: decimal.MustParse("1e16")}}, order.Invalid, "validation_failed"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := desk(t)
			s.place(0, func(*order.Params) {})
			for _, c := range tt.before {
				s.send(100, c)
			}
			s.step(ms(150), nil)
			before := s.engine.State.Balances()
			e := s.send(200, tt.send)
			if e.Type != order.CommandRejected || e.Rejection.Kind != tt.kind || e.Rejection.Code != tt.code {
				t.Fatalf("event %s %+v", e.Type, e.Rejection)
			}
			for i, b := range s.engine.State.Balances() {
				if b != before[i] {
					t.Errorf("balance %+v was %+v", b, before[i])
				}
			}
		})
	}
}

func TestAnAccountMustBeOpenedFirst(t *testing.T) {
	e := account.NewEngine(owner, &account.Config{})
	events, err := e.Step(ms(0), &account.Input{Command: &order.Command{ID: "c", Account: owner, Type: order.Deposit}})
	if err != nil || len(events) != 1 || events[0].Rejection == nil || events[0].Rejection.Code != "unknown_account" {
		t.Errorf("%+v %v", events, err)
	}
}

func TestACommandIsAnsweredOnceForADay(t *testing.T) {
	s := desk(t)
	deposit := func(id string, at time.Time) (order.Event, bool) {
		c := order.Command{ID: id, Account: owner, Type: order.Deposit, Deposit: &order.Amount{Asset: "USD", Amount: decimal.One}}
		e, ok := s.engine.State.Command(&c, 7, at, s.engine.Market)
		if ok {
			apply(t, s.engine.State, &e)
		}
		return e, ok
	}
	if e, ok := deposit("d1", ms(0)); !ok || e.ID != "d1" || e.CommandSeq != 7 {
		t.Errorf("event %+v", e)
	}
	if _, ok := deposit("d1", ms(24*3600*1000)); ok {
		t.Error("a command folded in a day ago was carried out again")
	}
	deposit("d2", ms(26*3600*1000))
	if n := len(s.engine.State.Commands); n != 1 {
		t.Errorf("%d commands are remembered after the log has lost them", n)
	}
}

func TestAForeignEventIsNotFolded(t *testing.T) {
	good := order.Event{Account: owner, Version: 1, Type: order.AccountOpened, At: ms(0), ID: "e"}
	tests := map[string]func(e *order.Event){
		"another account":     func(e *order.Event) { e.Account = "a2" },
		"a hole":              func(e *order.Event) { e.Version = 2 },
		"another predecessor": func(e *order.Event) { e.Prev = "ff" },
		"an unknown type":     func(e *order.Event) { e.Type = "rumour" },
		"an unknown order":    func(e *order.Event) { e.Type, e.OrderID = order.SliceDecided, "o" },
		"money from nothing": func(e *order.Event) {
			e.Postings = []order.Posting{{Asset: "USD", Bucket: order.Available, Amount: decimal.One}}
		},
		"an empty acceptance": func(e *order.Event) { e.Type = order.OrderAccepted },
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			e := good
			change(&e)
			if err := account.New(owner, &account.Config{}).Apply(&e, "h"); err == nil {
				t.Error("it was folded")
			}
		})
	}
}
