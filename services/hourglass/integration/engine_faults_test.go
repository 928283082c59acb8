package integration

import (
	"io"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/pkg/order"
)

// outages are what befalls the books one after the other, and what a slice must then say of them. Each lasts until it is
// healed, so that at the end of them no book is left.
var outages = []struct {
	exchange market.Exchange
	first    []string // asked for once
	again    string   // asked for until a slice has seen it
	reason   order.Reason
}{
	{"okx", []string{"do=silence&seconds=600"}, "", order.StaleBook},
	{"binance", []string{"do=status&code=503&count=1000", "do=drop&symbol=BTC-USDT"}, "", order.GappedBook},
	// Each connection that is lost is followed by a longer pause; one that stands brings no book.
	{"bybit", []string{"do=silence&seconds=600"}, "do=disconnect", order.ExchangeDown},
}

func TestWhatAnOrderMissesWhileExchangesFailIsExplained(t *testing.T) {
	t.Parallel()
	admin := freeAddr(t)
	p := up(t, "--market", "sim", "--data", t.TempDir(), "--exchanges", "binance,bybit,okx", "--simulator-admin", admin)
	u := p.signUp("ann")
	if a := u.do("POST", "/v1/deposit", map[string]string{"asset": "USDT", "amount": "200000000"}); a.status >= 300 {
		t.Fatalf("deposit: %d %s", a.status, a.body)
	}
	// A slice is more than any exchange shows at its best price, so that all have a part in it.
	const token = "outages"
	u.place(token, "BTC-USDT", "buy", "1800", 300, 1, twap{"exchange": "all", "catch_up": "none"})
	used := func(what string, exchanges ...market.Exchange) {
		t.Helper()
		from := len(u.order(token).Slices)
		p.await(what, 30*time.Second, func() bool {
			list := u.order(token).Slices
			return !slices.ContainsFunc(exchanges, func(e market.Exchange) bool {
				return !slices.ContainsFunc(list[min(from, len(list)):], func(s order.Slice) bool { return filledOn(&s, e) })
			})
		})
	}
	used("fills on all exchanges", "binance", "bybit", "okx")
	for _, o := range outages {
		for _, ask := range o.first {
			askFault(t, admin, string(o.exchange), ask)
		}
		p.await(string(o.exchange)+" to be unusable: "+string(o.reason), 30*time.Second, func() bool {
			if o.again != "" {
				askFault(t, admin, string(o.exchange), o.again)
			}
			return slices.ContainsFunc(u.order(token).Slices, func(s order.Slice) bool { return unusable(&s, o.exchange) == o.reason })
		})
	}
	p.await("a slice without a book", 30*time.Second, func() bool {
		return slices.ContainsFunc(u.order(token).Slices, func(s order.Slice) bool { return s.Status == order.SliceSkipped })
	})
	for _, o := range outages {
		askFault(t, admin, string(o.exchange), "do=heal")
	}
	used("fills on all exchanges again", "binance", "bybit", "okx")
	if a := u.do("DELETE", "/v1/orders/"+token, nil); a.status != http.StatusOK {
		t.Fatalf("cancel: %d %s", a.status, a.body)
	}
	var o orderView
	p.await("the end of the order", 30*time.Second, func() bool {
		o = u.order(token)
		return o.Status.Ended() && o.Reserved.Amount.IsZero()
	})
	explained(t, &o)
	var report order.Execution
	u.do("GET", "/v1/orders/"+token+"/report", nil).into(t, http.StatusOK, &report)
	accounted(t, &o, report.Points)
}

// filledOn reports whether a slice was filled on an exchange.
func filledOn(s *order.Slice, e market.Exchange) bool {
	return slices.ContainsFunc(s.Fills, func(f order.Fill) bool { return f.Exchange == e })
}

// unusable is why an exchange's book could not be used for a slice, empty if it could.
func unusable(s *order.Slice, e market.Exchange) order.Reason {
	for _, b := range s.Books {
		if b.Exchange == e {
			return b.Reason
		}
	}
	return ""
}

// explained checks that the evidence of each slice that was looked at bears out why it got less than was planned, and that
// nothing was sent to an exchange that could not be used.
func explained(t *testing.T, o *orderView) {
	t.Helper()
	for i := range o.Slices {
		s := &o.Slices[i]
		var c decimal.Calc
		if bad := doubt(s, c.Sub(s.Planned, s.Filled)); bad != "" {
			t.Errorf("slice %d: %s: %+v", s.K, bad, *s)
		}
		for _, child := range s.Children {
			if why := unusable(s, child.Exchange); why != "" {
				t.Errorf("slice %d was sent to %s, which was not usable: %s", s.K, child.Exchange, why)
			}
		}
	}
}

// accounted checks that the slices of an order's report, those that it did not come to as well, are all of the order, and
// that each of them says why something of it is missing.
func accounted(t *testing.T, o *orderView, points []order.Point) {
	t.Helper()
	var c decimal.Calc
	var missing decimal.Decimal
	reasons := map[order.Reason]decimal.Decimal{}
	for i := range points {
		p := &points[i]
		short := c.Sub(p.Planned, p.Filled)
		missing = c.Add(missing, short)
		if short.Sign() < 0 || short.IsZero() != (p.Reason == "") {
			t.Errorf("slice %d is %s short with reason %q", p.K, short, p.Reason)
		}
		reasons[p.Reason] = c.Add(reasons[p.Reason], short)
	}
	if want := c.Sub(o.Quantity, o.FilledQuantity); missing != want || len(points) != o.SlicesTotal || c.Err() != nil {
		t.Errorf("%d of %d slices explain that %s is missing, it is %s", len(points), o.SlicesTotal, missing, want)
	}
	t.Logf("%s of %s filled; missing by reason: %v", o.FilledQuantity, o.Quantity, reasons)
}

// doubt is what is wrong with a slice's explanation for what it is short of; empty if nothing.
func doubt(s *order.Slice, short decimal.Decimal) string {
	var c decimal.Calc
	var sent, arrived decimal.Decimal
	for _, child := range s.Children {
		sent, arrived = c.Add(sent, child.Quantity), c.Add(arrived, child.Filled)
	}
	worst := order.Reason("")
	for _, r := range []order.Reason{order.CrossedBook, order.StaleBook, order.GappedBook, order.ExchangeDown} {
		if slices.ContainsFunc(s.Books, func(b order.BookSeen) bool { return b.Reason == r }) {
			worst = r
		}
	}
	usable := slices.ContainsFunc(s.Books, func(b order.BookSeen) bool { return b.Usable })
	switch {
	case arrived != s.Filled || s.Wanted.Less(sent) || sent.Less(s.Filled):
		return "filled more than was sent, or sent more than was wanted"
	case short.IsZero() != (s.Reason == ""):
		return "a reason for nothing, or none for something"
	case s.Status == order.SliceSkipped && !usable && s.Reason != worst:
		return "the reason is not that of its books"
	case s.Status == order.SliceSkipped && usable && s.Reason == worst:
		return "skipped for a book while another was usable"
	case (s.Status == order.SlicePartial || s.Status == order.SliceUnfilled) && !usable:
		return "sent without a book"
	case s.Status == order.SliceSent:
		return "nothing has become of it"
	}
	return ""
}

// askFault asks the simulator for a fault of an exchange.
func askFault(t *testing.T, admin, exchange, query string) {
	t.Helper()
	r, err := http.Post("http://"+admin+"/faults/"+exchange+"?"+query, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if body, _ := io.ReadAll(io.LimitReader(r.Body, 1024)); r.StatusCode != http.StatusNoContent {
		t.Fatalf("%s %s: %d %s", exchange, query, r.StatusCode, body)
	}
}
