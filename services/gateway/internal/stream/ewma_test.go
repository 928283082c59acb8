package stream

import (
	"testing"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
)

func TestTheAverageHalvesWhatIsAHalfLifeAgo(t *testing.T) {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	touch := func(bid, ask string) *touchBody {
		return &touchBody{State: market.Live, Bid: &side{Price: decimal.MustParse(bid)}, Ask: &side{Price: decimal.MustParse(ask)}}
	}
	a := average{halfLife: 10 * time.Second}
	a.pass(start)
	if a.value != nil {
		t.Errorf("before any mid: %v", a.value)
	}
	for _, step := range []struct {
		after time.Duration
		touch *touchBody
		want  string
	}{
		{0, touch("99", "101"), "100"},
		{5 * time.Second, touch("109", "111"), "100"}, // what held until now
		{15 * time.Second, nil, "105"},                // half of the way to 110
		{25 * time.Second, nil, "107.5"},              // and half of the rest
		{35 * time.Second, &touchBody{State: "down"}, "108.75"},
		{95 * time.Second, nil, "108.75"}, // without a mid time does not count
		{95 * time.Second, touch("200", "200"), "108.75"},
		{105 * time.Second, nil, "154.375"},
	} {
		at := start.Add(step.after)
		if step.touch != nil {
			a.observe(step.touch, at)
		} else {
			a.pass(at)
		}
		if a.value.Cmp(decimal.MustParse(step.want)) != 0 {
			t.Errorf("after %v: %v, want %s", step.after, a.value, step.want)
		}
	}
}
