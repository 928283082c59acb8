package twap

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/pkg/order"
)

func TestWhatWasTakenComesBackLinearly(t *testing.T) {
	taken := Taken{Steps: 80, At: at(0), ForMS: 30_000}
	for ms, want := range map[int64]int64{0: 80, 1: 80, 10_000: 54, 20_000: 27, 29_999: 1, 30_000: 0, 99_000: 0, -5: 80} {
		if got := taken.left(at(ms)); got != want {
			t.Errorf("after %d ms %d steps are missing, want %d", ms, got, want)
		}
	}
}

func TestMemoryNeverGrowsByItself(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		taken := Taken{Steps: rapid.Int64Range(1, 1<<62).Draw(t, "steps"), At: at(0), ForMS: rapid.Int64Range(1, 1e9).Draw(t, "for")}
		early := rapid.Int64Range(0, 2e9).Draw(t, "early")
		late := early + rapid.Int64Range(0, 1e9).Draw(t, "later")
		a, b := taken.left(at(early)), taken.left(at(late))
		if a < b || a > taken.Steps || b < 0 || early == 0 && a != taken.Steps {
			t.Fatalf("%d steps, then %d of %+v", a, b, taken)
		}
	})
}

func TestMemoryIsPerLevelAndForgetsWhatWasGone(t *testing.T) {
	kraken := level{"kraken", pair, market.Buy, dec("100")}
	var m Memory
	for _, t := range []Taken{
		{Exchange: "kraken", Price: dec("100"), Steps: 5, At: at(0), ForMS: 1000, Order: "o1"},
		{Exchange: "kraken", Price: dec("100"), Steps: 7, At: at(500), ForMS: 1000, Order: "o2"},
		{Exchange: "kraken", Price: dec("101"), Steps: 9, At: at(500), ForMS: 1000, Order: "o1"},
		{Exchange: "okx", Price: dec("100"), Steps: 11, At: at(500), ForMS: 1000, Order: "o1"},
	} {
		t.Symbol, t.Side = pair, market.Buy
		m.Taken = append(m.Taken, t)
	}
	m.index()
	tests := map[string]struct {
		born int64
		want int64
	}{
		"a level that was always there sums its fills": {always, 3 + 7},
		"born after the first fill":                    {at(100).UnixMilli(), 7},
		"born with the second":                         {at(500).UnixMilli(), 7},
		"born after both":                              {at(501).UnixMilli(), 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := (recall{memory: &m, at: at(500)}).missing(kraken, tt.born); got != tt.want {
				t.Errorf("remembered %d, want %d", got, tt.want)
			}
		})
	}
}

func TestAnOrderThatIsAloneRecallsItsOwnAlone(t *testing.T) {
	m := Memory{Taken: []Taken{{Steps: 5, At: at(0), ForMS: 1000, Order: "o1"}, {Steps: 7, At: at(0), ForMS: 1000, Order: "o2"}}}
	w := &Work{Order: order.Order{ID: "o2", Profile: order.Profile{LiquidityMemoryMS: 1000, MemoryScope: ScopeOrder}}}
	if got := m.recall(w, at(0)).missing(level{}, always); got != 7 {
		t.Errorf("alone it recalls %d", got)
	}
	w.Order.Profile.MemoryScope = ScopeAccount
	if got := m.recall(w, at(0)).missing(level{}, always); got != 12 {
		t.Errorf("with others it recalls %d", got)
	}
	w.Order.Profile.LiquidityMemoryMS = 0
	if got := m.recall(w, at(0)).missing(level{}, always); got != 0 {
		t.Errorf("without memory it recalls %d", got)
	}
}

func TestForgettingLeavesNoTrace(t *testing.T) {
	var m Memory
	for i := range 100 {
		m.Taken = append(m.Taken, Taken{Price: decimal.New(int64(i%7), 0), Steps: 3, At: at(int64(i * 10)), ForMS: int64(100 + i%7*100)})
	}
	for ms := int64(0); ms < 2000; ms += 10 {
		m.Forget(at(ms))
		kept := 0
		for _, taken := range m.byLevel {
			kept += len(taken)
		}
		if m.byLevel != nil && kept != len(m.Taken) || len(m.Taken) > 0 && m.Taken[0].left(at(ms)) == 0 {
			t.Fatalf("at %d ms %d are kept, %d by level", ms, len(m.Taken), kept)
		}
	}
	if len(m.Taken) != 0 {
		t.Errorf("%d are left", len(m.Taken))
	}
}

func TestBoundsAreRoundedToTheBetterTick(t *testing.T) {
	p := func(s string) *decimal.Decimal { d := dec(s); return &d }
	tests := map[string]struct {
		side        market.Side
		limit, slip *decimal.Decimal
		mid, tick   string
		want        string
	}{
		"a buy's slippage is rounded down":       {market.Buy, nil, p("100"), "59995", "0.1", "60594.9"},
		"a sell's slippage is rounded up":        {market.Sell, nil, p("300"), "2000.25", "0.01", "1940.25"},
		"a buy keeps the lower of both":          {market.Buy, p("60010"), p("300"), "60000", "0.01", "60010"},
		"a sell keeps the higher of both":        {market.Sell, p("59990"), p("300"), "60000", "0.01", "59990"},
		"a limit off a coarse tick is rounded":   {market.Buy, p("100.07"), nil, "100", "0.1", "100"},
		"a sell's limit is rounded up":           {market.Sell, p("100.01"), nil, "100", "0.1", "100.1"},
		"all the slippage a sell can have is no": {market.Sell, nil, p("10000"), "100", "0.1", "0"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := bound(tt.side, tt.limit, tt.slip, dec(tt.mid), dec(tt.tick)); got == nil || *got != dec(tt.want) {
				t.Errorf("bound = %v, want %s", got, tt.want)
			}
		})
	}
	if got := bound(market.Buy, nil, nil, dec("100"), dec("0.1")); got != nil {
		t.Errorf("without limit and slippage the bound is %s", got)
	}
}
