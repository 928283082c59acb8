package twap

import (
	"cmp"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/pkg/order"
)

// listing is what an exchange asks of an order, and its fee.
type listing struct {
	name                   market.Exchange
	step, minNotional, fee string
}

// working is a buy on some exchanges, with the market it looks at.
func working(t tester, side market.Side, routing string, list ...listing) (*Work, *Market) {
	t.Helper()
	w := &Work{}
	w.Order.Symbol, w.Order.Side, w.Order.Params.Routing = pair, side, routing
	w.Order.Profile = order.Profile{StaleAfterMS: 1000, VisibleShare: decimal.One, TakerFeeBps: map[market.Exchange]decimal.Decimal{}}
	for _, l := range list {
		w.Instruments = append(w.Instruments, market.Instrument{
			Exchange: l.name, Symbol: pair, QuantityStep: dec(l.step), PriceTick: dec("0.01"), MinQuantity: dec(l.step), MinNotional: dec(l.minNotional),
		})
		w.Order.Profile.TakerFeeBps[l.name] = dec(l.fee)
	}
	if err := w.Restore(); err != nil {
		t.Fatal(err)
	}
	return w, NewMarket()
}

type tester interface {
	Helper()
	Fatal(args ...any)
}

func TestEqualPricesGoToTheBetterRawPriceThenTheLowerFeeThenTheName(t *testing.T) {
	a, b, c := listing{"a", "0.1", "0", "20"}, listing{"b", "0.1", "0", "10"}, listing{"c", "0.1", "0", "10"}
	w, m := working(t, market.Buy, order.RoutePrice, a, b, c)
	for _, e := range []market.Exchange{"a", "b", "c"} {
		m.Book(at(0), book(e, []string{"99", "1"}, []string{"100", "1"}))
	}
	k := w.walker(at(0), m, recall{})
	takes, _ := k.walk(30, nil)
	got := ""
	for _, take := range takes {
		got += string(k.cursors[take.cursor].exchange)
	}
	if got != "bca" {
		t.Errorf("by price: %s, want the lower fees first, by name", got)
	}
	// 100.20 with 10 bps and 100.10 with 20 bps: all-in 100.3002 and 100.3002 exactly.
	w, m = working(t, market.Buy, order.RouteAllIn, listing{"a", "0.1", "0", "10"}, listing{"b", "0.1", "0", "20"})
	m.Book(at(0), book("a", nil, []string{"100.2", "1"}))
	m.Book(at(0), book("b", nil, []string{"100.1", "1"}))
	k = w.walker(at(0), m, recall{})
	if takes, _ = k.walk(1, nil); k.cursors[takes[0].cursor].exchange != "b" {
		t.Error("at the same price with fees the better raw price comes first")
	}
}

// offer is a level as the plain reference sees it.
type offer struct {
	exchange    int
	rank, price decimal.Decimal
	fee         decimal.Decimal
	steps       int64
}

// TestAWalkTakesWhatASortedListWouldGive compares with the plain way: all levels of all books in one list, sorted, taken
// from the top.
func TestAWalkTakesWhatASortedListWouldGive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		side := rapid.SampledFrom([]market.Side{market.Buy, market.Sell}).Draw(t, "side")
		routing := rapid.SampledFrom([]string{order.RouteAllIn, order.RoutePrice}).Draw(t, "routing")
		var list []listing
		for _, name := range []market.Exchange{"a", "b", "c"} {
			list = append(list, listing{
				name, rapid.SampledFrom([]string{"0.1", "0.25", "0.5"}).Draw(t, "step"), "0",
				rapid.SampledFrom([]string{"0", "10", "20"}).Draw(t, "fee"),
			})
		}
		w, m := working(t, side, routing, list...)
		var offers []offer
		for i, l := range list {
			b := &market.Book{Exchange: l.name, Symbol: pair, State: market.Live}
			price := int64(10_000)
			var levels []market.Level
			for range rapid.IntRange(0, 5).Draw(t, "levels") {
				levels = append(levels, market.Level{Price: decimal.New(price, 2), Quantity: decimal.New(rapid.Int64Range(1, 300).Draw(t, "size"), 2)})
				step := rapid.Int64Range(1, 20).Draw(t, "gap")
				if side == market.Buy {
					price += step
				} else {
					price -= step
				}
			}
			if side == market.Buy {
				b.Asks = levels
			} else {
				b.Bids = levels
			}
			m.Book(at(0), b)
			for _, level := range levels {
				o := offer{exchange: i, rank: level.Price, price: level.Price, fee: dec(l.fee)}
				if routing == order.RouteAllIn {
					o.rank, _ = level.Price.Mul(feeFactor(side, o.fee))
				}
				o.steps, _ = level.Quantity.FloorSteps(dec(l.step))
				offers = append(offers, o)
			}
		}
		slices.SortStableFunc(offers, func(a, b offer) int {
			sign := 1
			if side == market.Sell {
				sign = -1
			}
			return cmp.Or(sign*a.rank.Cmp(b.rank), sign*a.price.Cmp(b.price), a.fee.Cmp(b.fee), cmp.Compare(a.exchange, b.exchange))
		})
		need := rapid.Int64Range(0, 3000).Draw(t, "need")
		left := need
		want := make([]int64, len(list))
		for _, o := range offers {
			n := min(o.steps, left/w.grid.step[o.exchange])
			want[o.exchange] += n
			left -= n * w.grid.step[o.exchange]
		}
		k := w.walker(at(0), m, recall{})
		takes, short := k.walk(need, nil)
		got := make([]int64, len(list))
		for _, s := range k.shares(takes) {
			got[s.cursor] = s.steps
		}
		if !slices.Equal(got, want) || short {
			t.Fatalf("took %v of %d, want %v", got, need, want)
		}
		// A ladder gives what a fresh walk gives.
		ladder := k.ladder()
		part := rapid.Int64Range(0, 3000).Draw(t, "part")
		fresh, _ := k.walk(part, nil)
		var sum rung
		for _, take := range fresh {
			c := &k.cursors[take.cursor]
			sum = sum.plus(c.rung(take.level, take.steps))
		}
		if ladder.take(part) != sum {
			t.Fatalf("ladder gives %+v for %d, a walk %+v", ladder.take(part), part, sum)
		}
	})
}

func TestABudgetIsNeverOverspent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, m := working(t, market.Buy, order.RouteAllIn, listing{"a", "0.01", "0", "10"}, listing{"b", "0.1", "0", "0"})
		m.Book(at(0), book("a", nil, []string{"100", "3", "101", "3"}))
		m.Book(at(0), book("b", nil, []string{"100.5", "2", "102", "5"}))
		budget := decimal.New(rapid.Int64Range(0, 200_000).Draw(t, "budget"), 2)
		k := w.walker(at(0), m, recall{})
		takes, short := k.walk(rapid.Int64Range(1, 1300).Draw(t, "need"), &budget)
		var c decimal.Calc
		var spent decimal.Decimal
		for _, s := range k.shares(takes) {
			spent = c.Add(spent, s.cost)
		}
		left := c.Sub(budget, spent)
		if left.Sign() < 0 || c.Err() != nil {
			t.Fatalf("spent %s of %s", spent, budget)
		}
		if short && left.Cmp(dec("10.2")) > 0 {
			t.Fatalf("stopped with %s left", left)
		}
	})
}

func TestTheSmallestShareBelowItsMinimumIsDroppedFirst(t *testing.T) {
	w, m := working(t, market.Buy, order.RoutePrice, listing{"a", "0.1", "50", "0"}, listing{"b", "0.1", "60", "0"}, listing{"c", "0.1", "5", "0"})
	m.Book(at(0), book("a", nil, []string{"100", "0.3"}))              // worth 30
	m.Book(at(0), book("b", nil, []string{"101", "0.4", "103", "2"}))  // worth 40.4 at first, enough once a is out
	m.Book(at(0), book("c", nil, []string{"102", "0.4", "110", "10"})) // worth 40.8
	parts := w.route(w.walker(at(0), m, recall{}), 11, nil)            // 0.3 + 0.4 + 0.4
	if len(parts.shares) != 2 || parts.shares[0].steps != 7 || parts.shares[1].steps != 4 || !parts.dropped || parts.grains != 11 {
		t.Errorf("parts %+v", parts)
	}
}

func TestWhyNothingCouldBeTaken(t *testing.T) {
	limit := dec("100")
	tests := map[string]struct {
		asks  []string
		limit *decimal.Decimal
		bound *decimal.Decimal
		taken []Taken
		want  order.Reason
	}{
		"nobody offers":                 {nil, nil, nil, nil, order.NoLiquidity},
		"above the limit":               {[]string{"101", "1"}, &limit, &limit, nil, order.LimitNotMet},
		"above the slippage bound":      {[]string{"101", "1"}, nil, &limit, nil, order.SlippageCap},
		"all of it has been taken":      {[]string{"99", "1"}, nil, &limit, []Taken{{Exchange: "a", Symbol: pair, Side: market.Buy, Price: dec("99"), Steps: 10, At: at(0), ForMS: 9}}, order.LiquidityConsumed},
		"less than a step is displayed": {[]string{"99", "0.05"}, nil, &limit, nil, order.NoLiquidity},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w, m := working(t, market.Buy, order.RouteAllIn, listing{"a", "0.1", "0", "0"})
			w.Order.LimitPrice, w.Order.Profile.LiquidityMemoryMS = tt.limit, 9
			m.Book(at(0), book("a", []string{"98", "1"}, tt.asks))
			memory := Memory{Taken: tt.taken}
			k := w.walker(at(0), m, memory.recall(w, at(0)))
			k.cursors[0].bound = tt.bound
			parts := w.route(k, 10, nil)
			if got := w.nothing(k, parts); parts.grains != 0 || got != tt.want {
				t.Errorf("%d grains, reason %s, want %s", parts.grains, got, tt.want)
			}
		})
	}
}
