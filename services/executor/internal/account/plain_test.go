package account_test

import (
	"testing"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/pkg/order"
	"github.com/hourglass-trading/hourglass/services/executor/internal/account"
)

// counter is an engine with two exchanges that show 1 BTC at 100 and 1 more at 101 (binance), 3 at 102 (kraken), asked for;
// bids are 99 and 98. It has 1000 USDT and 5 BTC. Orders arrive after 50 ms.
func counter(t *testing.T) *account.Engine {
	t.Helper()
	d := decimal.MustParse
	e := account.NewEngine(owner, counterConfig())
	for _, x := range []market.Exchange{"binance", "kraken"} {
		e.Market.SetInstruments(x, []market.Instrument{{
			Exchange: x, Symbol: pair, Status: market.Trading, PriceTick: d("0.5"), QuantityStep: d("0.1"), MinQuantity: d("0.1"),
		}})
	}
	feed(t, e, epoch, &account.Input{Command: &order.Command{ID: "open", Account: owner, Type: order.OpenAccount}})
	feed(t, e, epoch, &account.Input{Book: ladder("binance", "99", "3", "100", "1", "101", "1")})
	feed(t, e, epoch, &account.Input{Book: ladder("kraken", "98", "9", "102", "3")})
	return e
}

func counterConfig() *account.Config {
	d := decimal.MustParse
	profile := account.StandardProfile()
	profile.TakerFeeBps = map[market.Exchange]decimal.Decimal{"binance": d("10"), "kraken": d("20")}
	profile.MakerFeeBps = map[market.Exchange]decimal.Decimal{"binance": d("4")}
	return &account.Config{
		Profile: profile, Opening: []order.Amount{{Asset: "BTC", Amount: d("5")}, {Asset: "USDT", Amount: d("1000")}},
	}
}

// ladder is a live book of one bid and some asks: price and quantity in turn.
func ladder(e market.Exchange, numbers ...string) *market.Book {
	b := &market.Book{Exchange: e, Symbol: pair, State: market.Live}
	for i := 0; i < len(numbers); i += 2 {
		l := market.Level{Price: decimal.MustParse(numbers[i]), Quantity: decimal.MustParse(numbers[i+1])}
		if i == 0 {
			b.Bids = append(b.Bids, l)
		} else {
			b.Asks = append(b.Asks, l)
		}
	}
	return b
}

func feed(t *testing.T, e *account.Engine, at time.Time, in *account.Input) []order.Event {
	t.Helper()
	events, err := e.Step(at, in)
	if err != nil {
		t.Fatal(err)
	}
	return events
}

// place sends a plain order at the epoch and returns the last event that answered it.
func place(t *testing.T, e *account.Engine, p order.Plain) order.Event {
	t.Helper()
	p.TokenID, p.Symbol = "x", pair
	p.SetDefaults()
	events := feed(t, e, epoch, &account.Input{Command: &order.Command{ID: "place", Account: owner, Type: order.CreatePlain, Plain: &p}})
	return events[len(events)-1]
}

func limitAt(price string) *decimal.Decimal {
	d := decimal.MustParse(price)
	return &d
}

func TestAPlainOrderTakesWhatThereIsAndGivesTheRestUp(t *testing.T) {
	tests := map[string]struct {
		side             market.Side
		kind             order.Type
		quantity, price  string
		tif              order.TimeInForce
		status           order.Status
		reason           string
		filled, notional string
		why              order.Reason
	}{
		"a market order walks the books of all exchanges": {
			market.Buy, order.Market, "3", "", "", order.Filled, order.EndFilled, "3", "303", "",
		},
		"a market order takes no more than there is": {
			market.Buy, order.Market, "6", "", "", order.Expired, order.EndImmediate, "5", "507", order.InsufficientDepth,
		},
		"a market order may sell": {
			market.Sell, order.Market, "4", "", "", order.Filled, order.EndFilled, "4", "395", "",
		},
		"an ioc order stops at its price": {
			market.Buy, order.Limit, "3", "101", order.IOC, order.Expired, order.EndImmediate, "2", "201", order.InsufficientDepth,
		},
		"an ioc order that nobody meets": {
			market.Buy, order.Limit, "1", "99.5", order.IOC, order.Expired, order.EndImmediate, "0", "0", order.LimitNotMet,
		},
		"a fok order stays on the one exchange that has all, be it dearer": {
			market.Buy, order.Limit, "3", "102", order.FOK, order.Filled, order.EndFilled, "3", "306", "",
		},
		"a fok order goes where it is cheapest": {
			market.Buy, order.Limit, "2", "102", order.FOK, order.Filled, order.EndFilled, "2", "201", "",
		},
		"a fok order that only two exchanges together could fill": {
			market.Buy, order.Market, "4", "", order.FOK, order.Expired, order.EndImmediate, "0", "0", order.NotAllAtOnce,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			e := counter(t)
			p := order.Plain{Side: tt.side, Type: tt.kind, Quantity: decimal.MustParse(tt.quantity), TimeInForce: tt.tif}
			if tt.price != "" {
				p.Price = limitAt(tt.price)
			}
			if ev := place(t, e, p); ev.Type != order.OrderAccepted {
				t.Fatalf("answered by %+v", ev.Rejection)
			}
			events := feed(t, e, epoch.Add(time.Second), nil)
			id := order.NewID(owner, "x")
			o, _ := e.State.Order(id)
			sls, _ := e.State.Slices(id)
			if o.Status != tt.status || o.Reason != tt.reason || o.FilledQuantity.String() != tt.filled || o.Notional.String() != tt.notional {
				t.Errorf("the order is %s (%s), filled %s for %s", o.Status, o.Reason, o.FilledQuantity, o.Notional)
			}
			if len(sls) != 1 || sls[0].Reason != tt.why {
				t.Errorf("slices: %+v", sls)
			}
			if !o.Reserved.Amount.IsZero() {
				t.Errorf("still reserved: %s", o.Reserved.Amount)
			}
			if last := events[len(events)-1]; last.Type != order.OrderReported || !last.Report.Final {
				t.Errorf("the last event is %s", last.Type)
			}
		})
	}
}

func TestAFillOrKillOrderThatTheBookLeftGetsNothing(t *testing.T) {
	e := counter(t)
	place(t, e, order.Plain{Side: market.Buy, Type: order.Limit, Price: limitAt("101"), Quantity: decimal.MustParse("2"), TimeInForce: order.FOK})
	feed(t, e, epoch.Add(20*time.Millisecond), &account.Input{Book: ladder("binance", "99", "3", "100", "1", "101", "0.9")})
	feed(t, e, epoch.Add(time.Second), nil)
	id := order.NewID(owner, "x")
	o, _ := e.State.Order(id)
	sls, _ := e.State.Slices(id)
	if !o.FilledQuantity.IsZero() || o.Status != order.Expired || sls[0].Reason != order.BookMoved {
		t.Errorf("%s, filled %s, %s", o.Status, o.FilledQuantity, sls[0].Reason)
	}
}

func TestAPlainOrderIsRefusedByField(t *testing.T) {
	one := decimal.One
	tests := map[string]struct {
		p           order.Plain
		code, field string
	}{
		"a limit order without a price": {order.Plain{Side: market.Buy, Type: order.Limit, Quantity: one, TimeInForce: order.IOC}, "validation_failed", "price"},
		"a price off the tick":          {order.Plain{Side: market.Buy, Type: order.Limit, Quantity: one, TimeInForce: order.IOC, Price: limitAt("100.3")}, "validation_failed", "price"},
		"a quantity off the lot":        {order.Plain{Side: market.Buy, Type: order.Market, Quantity: decimal.MustParse("0.15")}, "validation_failed", "quantity"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			e := counter(t)
			ev := place(t, e, tt.p)
			if ev.Rejection == nil || ev.Rejection.Code != tt.code || len(ev.Rejection.Errors) == 0 || ev.Rejection.Errors[0].Field != tt.field {
				t.Errorf("answered by %s, %+v", ev.Type, ev.Rejection)
			}
			p := tt.p
			p.TokenID, p.Symbol = "x", pair
			p.SetDefaults()
			if _, refused := e.State.PreviewPlain(&p, epoch, e.Market); refused == nil || refused.Code != tt.code {
				t.Errorf("its preview: %+v", refused)
			}
		})
	}
}

func TestAPlainOrderOfAHaltedPairIsRefused(t *testing.T) {
	for field, chosen := range map[string]market.Exchange{"symbol": market.All, "exchange": "binance"} {
		e := counter(t)
		for _, in := range e.Market.Instruments(pair) {
			in.Status = market.Halted
			e.Market.SetInstruments(in.Exchange, []market.Instrument{in})
		}
		ev := place(t, e, order.Plain{Side: market.Buy, Type: order.Market, Quantity: decimal.One, Exchanges: []market.Exchange{chosen}})
		if r := ev.Rejection; r == nil || r.Kind != order.Invalid || r.Code != "instrument_halted" || len(r.Errors) != 1 || r.Errors[0].Field != field {
			t.Errorf("%s: answered by %s, %+v", chosen, ev.Type, r)
		}
	}
}

func TestAnOrderOnItsWayCanBeCanceledAndNothingElse(t *testing.T) {
	e := counter(t)
	place(t, e, order.Plain{Side: market.Buy, Type: order.Market, Quantity: decimal.One})
	id := order.NewID(owner, "x")
	at := epoch.Add(10 * time.Millisecond)
	for _, kind := range []order.CommandType{order.Pause, order.Resume, order.Amend} {
		events := feed(t, e, at, &account.Input{Command: &order.Command{ID: string(kind), Account: owner, Type: kind, OrderID: id, Amend: &order.Amendment{}}})
		if last := events[len(events)-1]; last.Rejection == nil || last.Rejection.Code != "immediate_order" {
			t.Errorf("%s is answered by %s", kind, last.Type)
		}
	}
	feed(t, e, at, &account.Input{Command: &order.Command{ID: "cancel", Account: owner, Type: order.Cancel, OrderID: id}})
	feed(t, e, epoch.Add(time.Second), nil)
	if o, _ := e.State.Order(id); o.Status != order.Canceled || o.FilledQuantity != decimal.One || !o.Reserved.Amount.IsZero() {
		t.Errorf("%s, filled %s, reserved %s", o.Status, o.FilledQuantity, o.Reserved.Amount)
	}
}
