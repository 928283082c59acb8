package integration

import (
	"bytes"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/order"
)

// orderView is an order with its slices, as the REST interface shows it.
type orderView struct {
	order.Order
	Slices []order.Slice `json:"slices"`
}

type balances struct {
	Balances []order.Balance `json:"balances"`
}

func (u *user) order(tokenID string) orderView {
	u.p.t.Helper()
	var o orderView
	u.do("GET", "/v1/orders/"+tokenID, nil).into(u.p.t, http.StatusOK, &o)
	return o
}

func (u *user) fills(tokenID string) []order.Fill {
	u.p.t.Helper()
	var all []order.Fill
	path := "/v1/orders/" + tokenID + "/executions?limit=1000"
	for cursor := ""; ; {
		var page struct {
			Executions []order.Fill `json:"executions"`
			NextCursor string       `json:"next_cursor"`
		}
		u.do("GET", path+cursor, nil).into(u.p.t, http.StatusOK, &page)
		all = append(all, page.Executions...)
		if page.NextCursor == "" {
			return all
		}
		cursor = "&cursor=" + page.NextCursor
	}
}

func (u *user) balance(asset string) order.Balance {
	u.p.t.Helper()
	var b balances
	u.do("GET", "/v1/balance", nil).into(u.p.t, http.StatusOK, &b)
	for _, x := range b.Balances {
		if x.Asset == asset {
			return x
		}
	}
	u.p.t.Fatalf("no %s in %+v", asset, b)
	return order.Balance{}
}

// twap is a request for an order; further fields may be set.
type twap map[string]any

func (u *user) place(tokenID, symbol, side, quantity string, seconds, interval int, more twap) {
	u.p.t.Helper()
	req := twap{
		"token_id": tokenID, "symbol": symbol, "side": side, "quantity": quantity,
		"duration_seconds": seconds, "interval_seconds": interval,
	}
	for k, v := range more {
		req[k] = v
	}
	// On a busy machine the answer may take longer than the gateway waits for it, or a book be missed just then: the order is
	// asked for again, which its token makes safe.
	u.p.await("acceptance of "+tokenID, 30*time.Second, func() bool {
		a := u.do("POST", "/v1/orders/twap", req)
		switch {
		case a.status == http.StatusCreated, a.status == http.StatusOK:
			return true
		case a.status == http.StatusAccepted, bytes.Contains(a.body, []byte(`"no_market_data"`)):
			return false
		}
		u.p.t.Fatalf("place %s: %d %s", tokenID, a.status, a.body)
		return false
	})
}

// addsUp checks that an order is the sum of its fills, that no slice was filled twice or beyond what it wanted, and that
// the money moved as the fills say, starting from the default opening funds.
func (u *user) addsUp(o orderView) {
	u.p.t.Helper()
	var c decimal.Calc
	var quantity, notional, fees decimal.Decimal
	seen := map[string]bool{}
	for _, f := range u.fills(o.TokenID) {
		if seen[f.ID] {
			u.p.t.Errorf("fill %s twice", f.ID)
		}
		seen[f.ID] = true
		quantity = c.Add(quantity, f.Quantity)
		notional = c.Add(notional, c.Mul(f.Price, f.Quantity))
		fees = c.Add(fees, f.Fee)
	}
	if quantity != o.FilledQuantity || notional != o.Notional || fees != o.Fees {
		u.p.t.Errorf("fills add up to %s for %s and %s in fees, the order says %s, %s, %s",
			quantity, notional, fees, o.FilledQuantity, o.Notional, o.Fees)
	}
	ks := map[string]bool{}
	for _, s := range o.Slices {
		if key := fmt.Sprint(s.K, s.Sweep); ks[key] {
			u.p.t.Errorf("slice %d twice", s.K)
		} else {
			ks[key] = true
		}
		if s.Wanted.Less(s.Filled) || s.CumulativePlanned.Less(s.CumulativeFilled) && !s.Sweep {
			u.p.t.Errorf("slice %d filled beyond its want or ahead of the plan: %+v", s.K, s)
		}
	}
	base, quote := u.balance(o.Symbol.Base()), u.balance(o.Symbol.Quote())
	for _, b := range []order.Balance{base, quote} {
		if b.Total.Sign() < 0 || b.Available.Sign() < 0 || b.Reserved.Sign() < 0 || c.Add(b.Available, b.Reserved) != b.Total {
			u.p.t.Errorf("balance %+v does not add up", b)
		}
		if o.Status.Ended() && !b.Reserved.IsZero() {
			u.p.t.Errorf("the ended order still holds %s", b.Reserved)
		}
	}
	opening := map[string]string{"BTC": "10", "ETH": "100", "USDT": "1000000", "USD": "1000000"}
	wantBase := c.Add(decimal.MustParse(opening[base.Asset]), quantity)
	wantQuote := c.Sub(c.Sub(decimal.MustParse(opening[quote.Asset]), notional), fees)
	if base.Total != wantBase || quote.Total != wantQuote || c.Err() != nil {
		u.p.t.Errorf("balances %s and %s, want %s and %s (%v)", base.Total, quote.Total, wantBase, wantQuote, c.Err())
	}
}

func TestAnOrderIsWorkedOnTheSyntheticMarket(t *testing.T) {
	t.Parallel()
	p := up(t, "--market", "sim", "--data", t.TempDir(), "--seed", "7")
	u := p.signUp("ann")
	u.place("first", "BTC-USDT", "buy", "0.5", 10, 2, nil)
	if a := u.do("POST", "/v1/orders/twap", twap{"token_id": "first", "symbol": "BTC-USDT", "side": "buy", "quantity": "0.5", "duration_seconds": 10, "interval_seconds": 2}); a.status != http.StatusConflict {
		t.Errorf("the same order again: %d %s", a.status, a.body)
	}
	var o orderView
	p.await("end of the order", 30*time.Second, func() bool {
		o = u.order("first")
		return o.Status.Ended()
	})
	if o.Status != order.Filled || o.Market != "sim" || o.SlicesTotal != 5 || len(o.Slices) != 5 {
		t.Errorf("order = %+v", o)
	}
	u.addsUp(o)
	if a := u.do("DELETE", "/v1/orders/first", nil); a.status != http.StatusConflict {
		t.Errorf("cancel of an ended order: %d %s", a.status, a.body)
	}

	stranger := p.signUp("bob")
	for _, path := range []string{"/v1/orders/first", "/v1/orders/first/executions"} {
		if a := stranger.do("GET", path, nil); a.status != http.StatusNotFound {
			t.Errorf("a stranger gets %d on %s", a.status, path)
		}
	}
	took, err := p.terminate()
	if err != nil || took > 5*time.Second {
		t.Errorf("SIGTERM ended it with %v after %s, want a clean end within 5 s", err, took)
	}
}

func TestACanceledOrderGivesItsReserveBack(t *testing.T) {
	t.Parallel()
	p := up(t, "--market", "sim", "--data", t.TempDir())
	u := p.signUp("ann")
	u.place("long", "ETH-USDT", "buy", "10", 3600, 60, twap{"exchange": "binance"})
	if b := u.balance("USDT"); b.Reserved.IsZero() {
		t.Errorf("nothing is reserved: %+v", b)
	}
	if a := u.do("DELETE", "/v1/orders/long", nil); a.status != http.StatusOK {
		t.Fatalf("cancel: %d %s", a.status, a.body)
	}
	// What was on its way when the cancel came still arrives, and holds its reserve until then.
	p.await("the end of the order", 5*time.Second, func() bool {
		o := u.order("long")
		return o.Status == order.Canceled && o.Reserved.Amount.IsZero()
	})
	u.addsUp(u.order("long"))
}

func TestKillNineInTheMiddleOfAnOrder(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	p := up(t, "--market", "sim", "--data", data, "--seed", "3")
	u := p.signUp("ann")
	u.place("survivor", "BTC-USDT", "buy", "1", 30, 1, nil)
	p.await("first fills", 20*time.Second, func() bool { return u.order("survivor").SlicesDone >= 3 })
	before := u.order("survivor")
	p.kill()

	p = up(t, "--market", "sim", "--data", data, "--seed", "3")
	u = &user{p: p}
	u.logIn("ann")
	if after := u.order("survivor"); after.FilledQuantity.Less(before.FilledQuantity) {
		t.Errorf("what was acknowledged is lost: %s filled, %s before", after.FilledQuantity, before.FilledQuantity)
	}
	var o orderView
	p.await("end of the order", 60*time.Second, func() bool {
		o = u.order("survivor")
		return o.Status.Ended()
	})
	if !before.FilledQuantity.Less(o.FilledQuantity) {
		t.Errorf("the order did not go on: %s filled at the end, %s at the kill", o.FilledQuantity, before.FilledQuantity)
	}
	missed := 0
	for _, s := range o.Slices {
		if s.Status == order.SliceMissed {
			missed++
		}
	}
	t.Logf("%s: %s of %s filled, %d slices missed", o.Status, o.FilledQuantity, o.Quantity, missed)
	u.addsUp(o)
}
