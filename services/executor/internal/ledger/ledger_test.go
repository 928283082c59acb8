package ledger_test

import (
	"encoding/json"
	"errors"
	"testing"

	"pgregory.net/rapid"

	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/pkg/order"
	"github.com/hourglass-trading/hourglass/services/executor/internal/ledger"
)

func dec(s string) decimal.Decimal { return decimal.MustParse(s) }

func post(t *testing.T, l *ledger.Ledger, do func(e *ledger.Entry)) []order.Balance {
	t.Helper()
	var e ledger.Entry
	do(&e)
	postings, err := e.Postings()
	if err != nil {
		t.Fatal(err)
	}
	after, err := l.After(postings)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Apply(postings); err != nil {
		t.Fatal(err)
	}
	return after
}

func text(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestABuyDrawsOnItsReservationFirst(t *testing.T) {
	var l ledger.Ledger
	post(t, &l, func(e *ledger.Entry) { e.Fund(order.Amount{Asset: "USDT", Amount: dec("1000")}) })
	post(t, &l, func(e *ledger.Entry) { e.Reserve(order.Amount{Asset: "USDT", Amount: dec("100")}, "o1") })
	fill := order.Fill{OrderID: "o1", Side: market.Buy, Price: dec("50"), Quantity: dec("3"), Fee: dec("0.15")}
	var left decimal.Decimal
	after := post(t, &l, func(e *ledger.Entry) { left = e.Fill(&fill, "BTC-USDT", dec("100")) })
	want := `[{"asset":"BTC","total":"3","available":"3","reserved":"0"},{"asset":"USDT","total":"849.85","available":"849.85","reserved":"0"}]`
	if got := text(t, after); got != want || got != text(t, l.Balances()) || !left.IsZero() || len(l.Held) != 0 {
		t.Errorf("balances %s\nwant     %s\nheld %s, %v", got, want, left, l.Held)
	}
}

func TestASellPaysItsFeeFromTheProceeds(t *testing.T) {
	var l ledger.Ledger
	post(t, &l, func(e *ledger.Entry) { e.Fund(order.Amount{Asset: "BTC", Amount: dec("2")}) })
	post(t, &l, func(e *ledger.Entry) { e.Reserve(order.Amount{Asset: "BTC", Amount: dec("1")}, "o1") })
	fill := order.Fill{OrderID: "o1", Side: market.Sell, Price: dec("50"), Quantity: dec("0.4"), Fee: dec("0.02")}
	var left decimal.Decimal
	post(t, &l, func(e *ledger.Entry) { left = e.Fill(&fill, "BTC-USDT", dec("1")) })
	post(t, &l, func(e *ledger.Entry) { e.Reserve(order.Amount{Asset: "BTC", Amount: left.Neg()}, "o1") })
	want := `[{"asset":"BTC","total":"1.6","available":"1.6","reserved":"0"},{"asset":"USDT","total":"19.98","available":"19.98","reserved":"0"}]`
	if got := text(t, l.Balances()); got != want {
		t.Errorf("balances %s\nwant     %s", got, want)
	}
}

func TestWrongPostingsChangeNothing(t *testing.T) {
	one := decimal.One
	tests := map[string]struct {
		postings []order.Posting
		want     error
	}{
		"not balanced":                  {[]order.Posting{{Asset: "A", Bucket: order.Available, Amount: one}}, ledger.ErrUnbalanced},
		"balanced over assets is not":   {[]order.Posting{{Asset: "A", Bucket: order.Available, Amount: one}, {Asset: "B", Bucket: order.Funding, Amount: one.Neg()}}, ledger.ErrUnbalanced},
		"more than is available":        {[]order.Posting{{Asset: "A", Bucket: order.Available, Amount: dec("-11")}, {Asset: "A", Bucket: order.Funding, Amount: dec("11")}}, ledger.ErrNegative},
		"more than the order holds":     {[]order.Posting{{Asset: "A", Bucket: order.Available, Amount: one}, {Asset: "A", Bucket: order.Reserved, Amount: one.Neg(), OrderID: "o9"}}, ledger.ErrNegative},
		"no such bucket":                {[]order.Posting{{Asset: "A", Bucket: "sock", Amount: one}}, ledger.ErrBucket},
		"a reservation without a order": {[]order.Posting{{Asset: "A", Bucket: order.Reserved, Amount: one}}, ledger.ErrBucket},
		"beyond 38 digits": {[]order.Posting{
			{Asset: "A", Bucket: order.Available, Amount: dec("9e37")}, {Asset: "A", Bucket: order.Available, Amount: dec("9e37")},
		}, decimal.ErrOverflow},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var l ledger.Ledger
			post(t, &l, func(e *ledger.Entry) { e.Fund(order.Amount{Asset: "A", Amount: dec("10")}) })
			before := text(t, l)
			if _, err := l.After(tt.postings); !errors.Is(err, tt.want) {
				t.Errorf("After: %v, want %v", err, tt.want)
			}
			if err := l.Apply(tt.postings); !errors.Is(err, tt.want) {
				t.Errorf("Apply: %v, want %v", err, tt.want)
			}
			if after := text(t, l); after != before {
				t.Errorf("changed to %s", after)
			}
		})
	}
}

func TestMoneyIsNeitherMadeNorLost(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var l ledger.Ledger
		post(t, &l, func(e *ledger.Entry) {
			e.Fund(order.Amount{Asset: "USDT", Amount: dec("100000")})
			e.Fund(order.Amount{Asset: "BTC", Amount: dec("100")})
		})
		var c decimal.Calc
		outside := map[string]decimal.Decimal{"USDT": dec("100000"), "BTC": dec("100")}
		for range rapid.IntRange(1, 30).Draw(rt, "fills") {
			f := order.Fill{
				OrderID: "o1", Side: rapid.SampledFrom([]market.Side{market.Buy, market.Sell}).Draw(rt, "side"),
				Price:    decimal.New(rapid.Int64Range(1, 1000).Draw(rt, "price"), 2),
				Quantity: decimal.New(rapid.Int64Range(1, 100).Draw(rt, "quantity"), 2), Fee: decimal.New(rapid.Int64Range(0, 5).Draw(rt, "fee"), 4),
			}
			asset := map[market.Side]string{market.Buy: "USDT", market.Sell: "BTC"}[f.Side]
			var held decimal.Decimal
			post(t, &l, func(e *ledger.Entry) { e.Reserve(order.Amount{Asset: asset, Amount: dec("0.3")}, "o1") })
			post(t, &l, func(e *ledger.Entry) { held = e.Fill(&f, "BTC-USDT", dec("0.3")) })
			post(t, &l, func(e *ledger.Entry) { e.Reserve(order.Amount{Asset: asset, Amount: held.Neg()}, "o1") })
			quote, base := c.Mul(f.Price, f.Quantity), f.Quantity
			if f.Side == market.Buy {
				quote = quote.Neg()
			} else {
				base = base.Neg()
			}
			outside["USDT"] = c.Sub(c.Add(outside["USDT"], quote), f.Fee)
			outside["BTC"] = c.Add(outside["BTC"], base)
		}
		for _, b := range l.Balances() {
			if b.Total != outside[b.Asset] || !b.Reserved.IsZero() {
				rt.Fatalf("%+v, want %s", b, outside[b.Asset])
			}
		}
	})
}
