package account_test

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/order"
	"github.com/hourglass-trading/hourglass/services/executor/internal/account"
)

// TestARestartAtAnyEventLosesAndDoublesNothing kills the executor after each event of a few busy lives.
func TestARestartAtAnyEventLosesAndDoublesNothing(t *testing.T) {
	for seed := range 2 { // many more, each with one restart, are in TestAnySeedKeepsTheRules
		d := &bytesDice{noise(uint64(seed), 2500)}
		s := newScenario(d, 40+d.roll(80))
		events, _ := s.run(t)
		for n := range len(events) + 1 {
			again, e := s.restart(t, events, n)
			check(t, s, again, e)
			for i := range n {
				if again[i].ID != events[i].ID {
					t.Fatalf("event %d of seed %d is %s, was %s", i, seed, again[i].ID, events[i].ID)
				}
			}
		}
	}
}

// noise is a tape of n bytes.
func noise(seed uint64, n int) []byte {
	out := make([]byte, n)
	x := seed*2 + 1
	for i := range out {
		x = x*6364136223846793005 + 1442695040888963407
		out[i] = byte(x >> 56)
	}
	return out
}

// outage plays the first example with the executor away from down until up, and books again a second later.
func outage(t *testing.T, down, up int64) ([]order.Slice, order.Order, *stage) {
	t.Helper()
	x := readExample(t, filepath.Join("testdata", "examples", "twap-01-even-split.json"))
	again := x.Market[0]
	again.T = up + 1000
	x.Market = append(x.Market, again)
	x.Commands = []exampleCommand{{T: down, Type: "server_down"}, {T: up, Type: "server_up"}}
	s := newStage(t, x)
	s.run()
	sls, _ := s.engine.State.Slices(s.id)
	o, _ := s.engine.State.Order(s.id)
	return sls, o, s
}

func TestSlicesOfAnOutageAreMissedAndTheirQuantityCatchesUp(t *testing.T) {
	sls, o, s := outage(t, 30_000, 150_000)
	got := ""
	for _, sl := range sls {
		got += fmt.Sprintf("%d %s %s %s %s|", sl.K, sl.Status, sl.Reason, sl.Backlog, sl.Wanted)
	}
	want := "1 filled  0 0.1|2 missed server_down 0 0|3 missed server_down 0.1 0|4 filled  0.2 0.3|"
	if got != want || o.Status != order.Filled {
		t.Errorf("%s order %s; want %s", got, o.Status, want)
	}
	// Known is the mid from 151 s on; what lies between the last decision and the outage is lost with the executor.
	if r, err := s.engine.State.Report(s.id, ms(1_000_000), s.engine.Market); err != nil || r.BenchmarkCoverage.String() != "0.370833" {
		t.Errorf("coverage %s, %v", r.BenchmarkCoverage, err)
	}
}

func TestAWindowThatEndedInAnOutageEndsMissed(t *testing.T) {
	sls, o, _ := outage(t, 70_000, 250_000)
	if o.Status != order.Expired || o.Reason != order.EndMissed || o.FilledQuantity.String() != "0.2" || !o.Reserved.Amount.IsZero() {
		t.Errorf("order %+v", o)
	}
	if len(sls) != 4 || sls[2].Status != order.SliceMissed || sls[3].Reason != order.ServerDown {
		t.Errorf("slices %+v", sls)
	}
}

func TestWhatWasOnItsWayAtAnOutageIsClosedWithoutAFill(t *testing.T) {
	x := readExample(t, filepath.Join("testdata", "examples", "twap-01-even-split.json"))
	x.Sim.LatencyMS = 500
	x.Commands = []exampleCommand{{T: 60_100, Type: "server_down"}, {T: 60_200, Type: "server_up"}}
	again := x.Market[0]
	again.T = 61_000
	x.Market = append(x.Market, again)
	s := newStage(t, x)
	s.run()
	sls, _ := s.engine.State.Slices(s.id)
	if sls[1].Status != order.SliceUnfilled || sls[1].Reason != order.ServerDown || len(sls[1].Fills) > 0 {
		t.Errorf("slice 2: %+v", sls[1])
	}
	if o, _ := s.engine.State.Order(s.id); o.Status != order.Filled {
		t.Errorf("order %+v", o) // spread over the two that were left
	}
}

func TestASliceHalfAnIntervalLateIsMissed(t *testing.T) {
	x := readExample(t, filepath.Join("testdata", "examples", "twap-01-even-split.json"))
	s := newStage(t, x)
	s.market(ms(-1000), &x.Market[0])
	p := x.Order.Params
	p.TokenID, p.Symbol, p.StartsAt = "x", x.Instrument.Symbol, ms(0)
	s.command(ms(0), &order.Command{ID: "accept", Type: order.CreateTWAP, TWAP: &p})
	state := s.engine.State
	for _, at := range []time.Time{ms(0), ms(90_000), ms(150_001)} {
		for e, ok := state.Due(at, s.engine.Market); ok; e, ok = state.Due(at, s.engine.Market) {
			apply(t, state, &e)
		}
	}
	sls, _ := state.Slices(s.id)
	if len(sls) != 3 || sls[1].Status != order.SliceFilled || sls[2].Status != order.SliceMissed || sls[2].Reason != order.Late {
		t.Errorf("slices %+v", sls)
	}
}

func apply(t *testing.T, state *account.State, e *order.Event) {
	t.Helper()
	b, err := order.Encode(e)
	if err != nil {
		t.Fatal(err)
	}
	if err := state.Apply(e, order.Hash(b)); err != nil {
		t.Fatal(err)
	}
}
