package audit

import (
	"strings"
	"testing"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/order"
)

const (
	ann   = order.AccountID("aann")
	first = order.ID("ofirst")
)

var d = decimal.MustParse

// history is an account that is opened, buys 2 BTC at 100 in two fills, and is told the report.
func history() []*order.Event {
	posting := func(asset string, b order.Bucket, amount string, id order.ID) order.Posting {
		return order.Posting{Asset: asset, Bucket: b, Amount: d(amount), OrderID: id}
	}
	state := func(filled, held string) *order.Order {
		return &order.Order{ID: first, Quantity: d("2"), FilledQuantity: d(filled), Reserved: order.Amount{Asset: "USDT", Amount: d(held)}}
	}
	fill := func(id, filled, held string) *order.Event {
		return &order.Event{
			ID: id, Type: order.SliceArrived, OrderID: first, Order: state(filled, held),
			Fills: []order.Fill{{ID: "f" + id, OrderID: first, Price: d("100"), Quantity: d("1")}},
			Postings: []order.Posting{
				posting("USDT", order.Reserved, "-100", first), posting("USDT", order.Traded, "100", ""),
				posting("BTC", order.Traded, "-1", ""), posting("BTC", order.Available, "1", ""),
			},
		}
	}
	return []*order.Event{
		{
			ID: "open", Type: order.AccountOpened, CommandID: "c1", CommandSeq: 1,
			Postings: []order.Posting{posting("USDT", order.Funding, "-1000", ""), posting("USDT", order.Available, "1000", "")},
			Balances: []order.Balance{{Asset: "USDT", Total: d("1000"), Available: d("1000")}},
		},
		{
			ID: "accept", Type: order.OrderAccepted, CommandID: "c2", CommandSeq: 2, OrderID: first, Order: state("0", "200"),
			Postings: []order.Posting{posting("USDT", order.Available, "-200", ""), posting("USDT", order.Reserved, "200", first)},
		},
		fill("1", "1", "100"),
		fill("2", "2", "0"),
		{ID: "report", Type: order.OrderReported, OrderID: first, Order: state("2", "0")},
	}
}

// stored chains events as the executor does and gives them their places in the stream.
func stored(t *testing.T, events []*order.Event) []bus.Stored {
	t.Helper()
	var out []bus.Stored
	hash := ""
	for i, e := range events {
		e.Account, e.Version, e.Prev = ann, uint64(i+1), hash
		body, err := order.Encode(e)
		if err != nil {
			t.Fatal(err)
		}
		hash = order.Hash(body)
		out = append(out, bus.Stored{Seq: uint64(i + 1), Account: ann, Data: body})
	}
	return out
}

func audited(log []bus.Stored, last uint64) Result {
	a := New()
	for i := range log {
		a.Event(&log[i])
	}
	a.End(last)
	return a.Result()
}

func TestASoundHistoryHasNoViolation(t *testing.T) {
	r := audited(stored(t, history()), 5)
	if r.Count != 0 || r.Events != 5 || r.Accounts != 1 || len(r.Heads[ann]) != 64 {
		t.Errorf("result = %+v", r)
	}
}

func TestARefusalAfterTheReportIsNoSecondReport(t *testing.T) {
	h := append(history(), &order.Event{
		ID: "late", Type: order.CommandRejected, CommandID: "c3", CommandSeq: 3, OrderID: first,
		Rejection: &order.Rejection{Kind: order.Conflict, Code: "order_ended"},
	})
	if r := audited(stored(t, h), 6); r.Count != 0 {
		t.Errorf("result = %+v", r)
	}
}

func TestEachBrokenPromiseIsNamed(t *testing.T) {
	tests := map[string]struct {
		events func(h []*order.Event) []*order.Event // before they are chained
		log    func(l []bus.Stored) []bus.Stored
		want   []Rule
		event  string
	}{
		"an event is missing": {
			log:  func(l []bus.Stored) []bus.Stored { return append(l[:2:2], l[3:]...) },
			want: []Rule{Sequence, Version, Chain, Overfill}, event: "2",
		},
		"the last events are missing": {
			log: func(l []bus.Stored) []bus.Stored { return l[:3] }, want: []Rule{Sequence},
		},
		"a sequence was used again after a loss": {
			log: func(l []bus.Stored) []bus.Stored {
				l[4].Data = l[0].Data
				return l
			},
			want: []Rule{Version, Chain, Doubled, Balances}, event: "open",
		},
		"a byte of an event is another": {
			log: func(l []bus.Stored) []bus.Stored {
				l[1].Data = []byte(strings.Replace(string(l[1].Data), `"token_id":""`, `"token_id":"x"`, 1))
				return l
			},
			want: []Rule{Chain}, event: "1",
		},
		"a message is no event": {
			log: func(l []bus.Stored) []bus.Stored {
				l[4].Data = []byte("{")
				return l
			},
			want: []Rule{Foreign},
		},
		"an event is another account's": {
			log: func(l []bus.Stored) []bus.Stored {
				l[4].Account = "abob"
				return l
			},
			want: []Rule{Foreign},
		},
		"money comes from nowhere": {
			events: func(h []*order.Event) []*order.Event {
				h[2].Postings = h[2].Postings[:3]
				return h
			},
			want: []Rule{Postings}, event: "1",
		},
		"a balance is negative": {
			events: func(h []*order.Event) []*order.Event {
				h[0].Postings[0].Amount, h[0].Postings[1].Amount = d("-100"), d("100")
				h[0].Balances = nil
				return h
			},
			want: []Rule{Negative}, event: "accept",
		},
		"an event misstates a balance": {
			events: func(h []*order.Event) []*order.Event {
				h[0].Balances[0].Available, h[0].Balances[0].Total = d("999"), d("999")
				return h
			},
			want: []Rule{Balances}, event: "open",
		},
		"an order has more than it asked for": {
			events: func(h []*order.Event) []*order.Event {
				h[3].Order.Quantity = d("1")
				return h
			},
			want: []Rule{Overfill}, event: "2",
		},
		"a fill is there twice": {
			events: func(h []*order.Event) []*order.Event {
				h[3].Fills[0].ID = h[2].Fills[0].ID
				return h
			},
			want: []Rule{Doubled}, event: "2",
		},
		"a command took effect twice": {
			events: func(h []*order.Event) []*order.Event {
				h[1].CommandID = "c1"
				return h
			},
			want: []Rule{Doubled}, event: "accept",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			h := history()
			if tt.events != nil {
				h = tt.events(h)
			}
			log := stored(t, h)
			if tt.log != nil {
				log = tt.log(log)
			}
			r := audited(log, 5)
			var got []Rule
			for _, v := range r.Violations {
				if len(got) == 0 || got[len(got)-1] != v.Rule {
					got = append(got, v.Rule)
				}
			}
			for _, rule := range tt.want {
				if !contains(r.Violations, rule, tt.event) {
					t.Errorf("no violation of %q at event %q: %v", rule, tt.event, got)
				}
			}
			if r.Count == 0 {
				t.Error("no violation at all")
			}
		})
	}
}

func contains(all []Violation, rule Rule, event string) bool {
	for _, v := range all {
		if v.Rule == rule && (event == "" || rule == Sequence || v.Event == event && v.Account == ann) {
			return true
		}
	}
	return false
}

func TestViolationsAreBounded(t *testing.T) {
	a := New()
	for seq := range uint64(maxViolations + 10) {
		a.Event(&bus.Stored{Seq: seq + 1, Data: []byte("{}")})
	}
	if r := a.Result(); r.Count != maxViolations+10 || len(r.Violations) != maxViolations {
		t.Errorf("%d counted, %d kept", r.Count, len(r.Violations))
	}
}

func TestACommandMayComeAgainAfterADay(t *testing.T) {
	h := history()
	h[1].CommandID = "c1"
	h[1].At = h[0].At.Add(bus.CommandAge + time.Second)
	h[2].At, h[3].At, h[4].At = h[1].At, h[1].At, h[1].At
	if r := audited(stored(t, h), 5); r.Count != 0 {
		t.Errorf("violations: %v", r.Violations)
	}
}
