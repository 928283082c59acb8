package account_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/pkg/order"
	"github.com/hourglass-trading/hourglass/services/executor/internal/account"
)

// rested is the counter with an order to buy 2 for 99 at most, which joined 3 others at binance.
func rested(t *testing.T) (*account.Engine, order.ID) {
	t.Helper()
	e := counter(t)
	if ev := place(t, e, order.Plain{Side: market.Buy, Type: order.Limit, Quantity: decimal.New(2, 0), Price: limitAt("99")}); ev.Type != order.OrderAccepted {
		t.Fatalf("answered by %+v", ev.Rejection)
	}
	feed(t, e, after(100), nil)
	id := order.NewID(owner, "x")
	o, _ := e.State.Order(id)
	if r := o.Resting; o.Status != order.Active || r == nil || r.Exchange != "binance" || r.Price.String() != "99" || r.Ahead.String() != "3" {
		t.Fatalf("%s, resting %+v", o.Status, o.Resting)
	}
	return e, id
}

func after(millis int) time.Time { return epoch.Add(time.Duration(millis) * time.Millisecond) }

func printed(price, quantity string, taker market.Side) *account.Input {
	return &account.Input{Trade: &market.Trade{
		Exchange: "binance", Symbol: pair, ID: "t" + price, Price: decimal.MustParse(price), Quantity: decimal.MustParse(quantity), TakerSide: taker,
	}}
}

func TestAnOrderAtRestIsMetAsARiskAverseQueueWould(t *testing.T) {
	sell := func(price, quantity string) *account.Input { return printed(price, quantity, market.Sell) }
	tests := map[string]struct {
		market []*account.Input
		filled string
		left   string // ahead
	}{
		"trades at the price go to those ahead first": {[]*account.Input{sell("99", "1"), sell("99", "2")}, "0", "0"},
		"what is behind those ahead meets it":         {[]*account.Input{sell("99", "1"), sell("99", "3")}, "1", "0"},
		"a trade through the price meets it at once":  {[]*account.Input{sell("98.5", "1.5")}, "1.5", "3"},
		"no more than it wants":                       {[]*account.Input{sell("98", "7")}, "2", ""},
		"a trade above the price does not":            {[]*account.Input{sell("99.5", "7")}, "0", "3"},
		"a buyer came for the other side":             {[]*account.Input{printed("98", "7", market.Buy)}, "0", "3"},
		"a taker whose side is not told may count":    {[]*account.Input{printed("98", "0.7", "")}, "0.7", "3"},
		"less than a step is nothing":                 {[]*account.Input{sell("98", "0.05")}, "0", "3"},
		"another exchange's trades do not": {[]*account.Input{{Trade: &market.Trade{
			Exchange: "kraken", Symbol: pair, Price: decimal.New(90, 0), Quantity: decimal.New(9, 0), TakerSide: market.Sell,
		}}}, "0", "3"},
		"a book that reaches it gives what it shows": {[]*account.Input{{Book: ladder("binance", "97", "1", "98.5", "0.4", "99", "0.5", "99.5", "9")}}, "0.9", "3"},
		"a book above it gives nothing":              {[]*account.Input{{Book: ladder("binance", "97", "1", "99.5", "9")}}, "0", "3"},
		"a shrinking queue is no progress":           {[]*account.Input{{Book: ladder("binance", "99", "1", "100", "1")}, sell("99", "1")}, "0", "2"},
		"the same level does not give twice": {[]*account.Input{
			{Book: ladder("binance", "97", "1", "99", "0.5")}, {Book: ladder("binance", "97", "1", "99", "0.5")},
		}, "0.5", "3"},
		"a book that cannot be used gives nothing": {[]*account.Input{{Book: &market.Book{Exchange: "binance", Symbol: pair, State: market.Gapped}}}, "0", "3"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			e, id := rested(t)
			for i, in := range tt.market {
				feed(t, e, after(200+i), in)
			}
			feed(t, e, after(300), sellThrough)
			o, _ := e.State.Order(id)
			if want := filledWith(tt.filled); o.FilledQuantity.String() != want {
				t.Errorf("filled %s, want %s", o.FilledQuantity, want)
			}
			if o.Resting != nil && tt.left != "" && o.Resting.Ahead.String() != tt.left {
				t.Errorf("ahead %s, want %s", o.Resting.Ahead, tt.left)
			}
			evidence(t, e, id)
		})
	}
}

// sellThrough brings the queue to light: a tenth through the price, after which an event says where the order stands.
var sellThrough = printed("90", "0.1", market.Sell)

// filledWith is a filled quantity with that tenth, of 2.
func filledWith(quantity string) string {
	sum, err := decimal.MustParse(quantity).Add(decimal.New(1, 1))
	if err != nil {
		return err.Error()
	}
	return sum.Min(decimal.New(2, 0)).String()
}

// evidence checks that each fill at rest was at the order's own price, with the maker fee, and says what met it.
func evidence(t *testing.T, e *account.Engine, id order.ID) {
	t.Helper()
	sls, _ := e.State.Slices(id)
	for _, sl := range sls[1:] {
		for _, f := range sl.Fills {
			var c decimal.Calc
			fee := c.Bps(c.Mul(f.Price, f.Quantity), decimal.New(4, 0))
			if !f.Maker || f.Price.String() != "99" || f.Fee != fee || (f.TradeID == "") == (f.LevelPrice == nil) {
				t.Errorf("fill %+v, want the fee %s", f, fee)
			}
		}
	}
}

func TestTheMarketablePartTakesAndTheRestRests(t *testing.T) {
	e := counter(t)
	place(t, e, order.Plain{Side: market.Buy, Type: order.Limit, Quantity: decimal.New(3, 0), Price: limitAt("101")})
	feed(t, e, after(100), nil)
	id := order.NewID(owner, "x")
	o, _ := e.State.Order(id)
	sls, _ := e.State.Slices(id)
	if o.FilledQuantity.String() != "2" || o.Fees.String() != "0.201" || sls[0].Reason != order.Rests || sls[0].Status != order.SlicePartial {
		t.Errorf("filled %s with fees %s, slice %+v", o.FilledQuantity, o.Fees, sls[0])
	}
	if r := o.Resting; r == nil || r.Exchange != "binance" || !r.Ahead.IsZero() || o.Reserved.Amount.String() != "101.202" {
		t.Errorf("resting %+v, reserved %s", o.Resting, o.Reserved.Amount)
	}
	feed(t, e, after(200), printed("101", "1", market.Sell))
	feed(t, e, after(300), nil)
	if o, _ := e.State.Order(id); o.Status != order.Filled || !o.Reserved.Amount.IsZero() || o.Resting != nil {
		t.Errorf("%s, reserved %s, resting %+v", o.Status, o.Reserved.Amount, o.Resting)
	}
	if r, err := e.State.Report(id, after(300), e.Market); err != nil || !r.Final {
		t.Errorf("report %+v, %v", r, err)
	}
}

func TestTwoOrdersAtRestShareATrade(t *testing.T) {
	e, first := rested(t)
	p := order.Plain{TokenID: "y", Symbol: pair, Side: market.Buy, Type: order.Limit, Quantity: decimal.New(2, 0), Price: limitAt("99")}
	p.SetDefaults()
	feed(t, e, after(110), &account.Input{Command: &order.Command{ID: "y", Account: owner, Type: order.CreatePlain, Plain: &p}})
	feed(t, e, after(200), nil)
	feed(t, e, after(300), printed("98.5", "3", market.Sell))
	a, _ := e.State.Order(first)
	b, _ := e.State.Order(order.NewID(owner, "y"))
	if a.FilledQuantity.String() != "2" || b.FilledQuantity.String() != "1" {
		t.Errorf("the first got %s, the second %s", a.FilledQuantity, b.FilledQuantity)
	}
	sls, _ := e.State.Slices(b.ID)
	if f := sls[1].Fills[0]; f.Displayed.String() != "3" || f.Remembered.String() != "2" {
		t.Errorf("the second's fill: %+v", f)
	}
}

func TestAnOrderAtRestIsAmendedAsTheLastOfTheQueue(t *testing.T) {
	e, id := rested(t)
	amend := func(at int, name string, a order.Amendment) order.Event {
		events := feed(t, e, after(at), &account.Input{Command: &order.Command{ID: name, Account: owner, Type: order.Amend, OrderID: id, Amend: &a}})
		return events[len(events)-1]
	}
	feed(t, e, after(200), printed("99", "3", market.Sell)) // nobody is ahead any more
	if ev := amend(210, "more", order.Amendment{Quantity: limitAt("4")}); ev.Type != order.OrderAmended || ev.Order.Reserved.Amount.String() != "396.792" {
		t.Fatalf("answered by %s %+v", ev.Type, ev.Rejection)
	}
	if ev := amend(220, "again", order.Amendment{Quantity: limitAt("5")}); ev.Rejection == nil || ev.Rejection.Code != "immediate_order" {
		t.Errorf("on its way: %s", ev.Type)
	}
	feed(t, e, after(300), nil)
	if o, _ := e.State.Order(id); o.Resting == nil || o.Resting.Ahead.String() != "3" || o.RemainingQuantity.String() != "4" {
		t.Fatalf("resting %+v", o.Resting)
	}
	if ev := amend(310, "cap", order.Amendment{ParticipationCap: limitAt("1")}); ev.Rejection == nil || ev.Rejection.Errors[0].Field != "participation_cap" {
		t.Errorf("a cap: %s", ev.Type)
	}
	amend(320, "price", order.Amendment{LimitPrice: limitAt("100")})
	feed(t, e, after(400), nil)
	o, _ := e.State.Order(id)
	if o.FilledQuantity.String() != "1" || o.Resting == nil || o.Resting.Price.String() != "100" || o.SlicesTotal != 3 {
		t.Errorf("filled %s, resting %+v, %d slices", o.FilledQuantity, o.Resting, o.SlicesTotal)
	}
	if ev := amend(410, "down", order.Amendment{Quantity: limitAt("1")}); ev.Order == nil || ev.Order.Status != order.Filled || !ev.Order.Reserved.Amount.IsZero() {
		t.Errorf("amended to what is filled: %+v", ev)
	}
}

func TestAnOrderThatCannotComeToRestEnds(t *testing.T) {
	e := counter(t)
	place(t, e, order.Plain{Side: market.Buy, Type: order.Limit, Quantity: decimal.New(2, 0), Price: limitAt("99")})
	feed(t, e, after(20), &account.Input{Book: &market.Book{Exchange: "binance", Symbol: pair, State: market.Down}})
	feed(t, e, after(300), nil)
	if o, _ := e.State.Order(order.NewID(owner, "x")); o.Status != order.Expired || o.Reason != order.EndNotPlaced || !o.Reserved.Amount.IsZero() {
		t.Errorf("%s (%s), reserved %s", o.Status, o.Reason, o.Reserved.Amount)
	}
}

func TestAnOrderAtRestIsCanceledAndGivesItsMoneyBack(t *testing.T) {
	e, id := rested(t)
	feed(t, e, after(200), printed("98", "0.5", market.Sell))
	feed(t, e, after(300), &account.Input{Command: &order.Command{ID: "cancel", Account: owner, Type: order.Cancel, OrderID: id}})
	feed(t, e, after(400), printed("98", "5", market.Sell))
	o, _ := e.State.Order(id)
	if o.Status != order.Canceled || o.FilledQuantity.String() != "0.5" || !o.Reserved.Amount.IsZero() || o.Resting != nil {
		t.Errorf("%s, filled %s, reserved %s, resting %+v", o.Status, o.FilledQuantity, o.Reserved.Amount, o.Resting)
	}
}

func TestAnOrderAtRestGoesOnAfterARestart(t *testing.T) {
	e, id := rested(t)
	feed(t, e, after(200), printed("99", "3.5", market.Sell))
	body, err := json.Marshal(e.State)
	if err != nil {
		t.Fatal(err)
	}
	state, err := account.Restore(body, counterConfig())
	if err != nil {
		t.Fatal(err)
	}
	state.Resume(after(1000))
	again := &account.Engine{State: state, Market: e.Market}
	feed(t, again, after(1000), nil)
	feed(t, again, after(1100), printed("99", "0.5", market.Sell)) // an event has said that nobody is ahead
	feed(t, again, after(1200), printed("98", "9", market.Sell))
	feed(t, again, after(1300), nil)
	if o, _ := state.Order(id); o.Status != order.Filled || o.Notional.String() != "198" {
		t.Errorf("%s, filled %s for %s", o.Status, o.FilledQuantity, o.Notional)
	}
}

func TestAnOrderRestsForAQuarterAtMost(t *testing.T) {
	e, id := rested(t)
	feed(t, e, epoch.Add((order.RestingSeconds+60)*time.Second), nil)
	if o, _ := e.State.Order(id); o.Status != order.Expired || o.Reason != order.EndWindow || !o.Reserved.Amount.IsZero() || o.Resting != nil {
		t.Errorf("%s (%s), reserved %s", o.Status, o.Reason, o.Reserved.Amount)
	}
	if at, ok := e.State.Wake(); ok {
		t.Errorf("still waiting for %s", at)
	}
}

func TestAPriceOutOfSightHasNoPlaceUntilItIsSeen(t *testing.T) {
	e := counter(t)
	deep := func(bids int) *market.Book {
		b := ladder("binance", "99", "3", "100", "1")
		for n := 1; n < bids; n++ {
			b.Bids = append(b.Bids, market.Level{Price: decimal.New(int64(990-5*n), 1), Quantity: decimal.New(7, 0)})
		}
		return b
	}
	feed(t, e, after(0), &account.Input{Book: deep(50)}) // down to 74.5
	place(t, e, order.Plain{Side: market.Buy, Type: order.Limit, Quantity: decimal.One, Price: limitAt("70")})
	feed(t, e, after(100), nil)
	id := order.NewID(owner, "x")
	if o, _ := e.State.Order(id); o.Resting == nil || !o.Resting.Hidden {
		t.Fatalf("resting %+v", o.Resting)
	}
	feed(t, e, after(200), printed("70", "50", market.Sell))
	if o, _ := e.State.Order(id); !o.FilledQuantity.IsZero() {
		t.Errorf("filled %s by trades at a price that is out of sight", o.FilledQuantity)
	}
	b := deep(1)
	b.Bids[0].Price = decimal.New(70, 0)
	feed(t, e, after(300), &account.Input{Book: b}) // 3 are shown there now
	feed(t, e, after(400), printed("70", "3.4", market.Sell))
	if o, _ := e.State.Order(id); o.FilledQuantity.String() != "0.4" || o.Resting.Hidden {
		t.Errorf("filled %s, resting %+v", o.FilledQuantity, o.Resting)
	}
}
