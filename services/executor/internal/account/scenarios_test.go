package account_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"reflect"
	"runtime"
	"strconv"
	"testing"

	"github.com/hourglass-trading/hourglass/pkg/order"
	"github.com/hourglass-trading/hourglass/services/executor/internal/account"
)

// thorough is how many scenarios there are to one that is also encoded, replayed and restarted to the byte, which costs
// ten times as much.
const thorough = 64

type seedDice struct{ *rand.Rand }

func (d seedDice) roll(n int) int { return d.IntN(n) }

// TestAnySeedKeepsTheRules plays small scenarios by their seeds, on all cores. HOURGLASS_SCENARIOS says how many,
// HOURGLASS_SCENARIOS_FIRST which is the first; a long run is best without the race detector.
func TestAnySeedKeepsTheRules(t *testing.T) {
	first, count := number(t, "HOURGLASS_SCENARIOS_FIRST", 0), number(t, "HOURGLASS_SCENARIOS", 200)
	shards := uint64(runtime.GOMAXPROCS(0))
	for shard := range shards {
		t.Run(fmt.Sprintf("shard %d", shard), func(t *testing.T) {
			t.Parallel()
			for seed := first + shard; seed < first+count; seed += shards {
				playSeed(seeded{t, seed}, seed)
			}
		})
	}
}

func playSeed(t tb, seed uint64) {
	d := seedDice{rand.New(rand.NewPCG(seed, 0))}
	s := newScenario(d, 15+d.roll(25))
	if seed%thorough == 0 {
		holds(t, s, d)
		return
	}
	events, e := s.run(t)
	lawful(t, s, events, e)
	foldsBack(t, s, events, e)
}

// foldsBack checks that the events alone make the account. The hash of each stands in the next one.
func foldsBack(t tb, s *scenario, events []order.Event, e *account.Engine) {
	t.Helper()
	state := account.New(owner, s.cfg)
	for i := range events {
		hash := e.State.Hash
		if i+1 < len(events) {
			hash = events[i+1].Prev
		}
		if err := state.Apply(&events[i], hash); err != nil {
			t.Fatal(err)
		}
	}
	if !reflect.DeepEqual(state.Orders(), e.State.Orders()) || !reflect.DeepEqual(state.Ledger, e.State.Ledger) ||
		!reflect.DeepEqual(state.Memory.Taken, e.State.Memory.Taken) {
		t.Fatal("folded from its events the account is another")
	}
}

// seeded names the seed of what failed.
type seeded struct {
	t    *testing.T
	seed uint64
}

func (s seeded) Helper() { s.t.Helper() }

func (s seeded) Fatal(args ...any) {
	s.t.Helper()
	s.t.Fatal(fmt.Sprintf("HOURGLASS_SCENARIOS_FIRST=%d HOURGLASS_SCENARIOS=1:", s.seed), fmt.Sprint(args...))
}

func (s seeded) Fatalf(format string, args ...any) {
	s.t.Helper()
	s.Fatal(fmt.Sprintf(format, args...))
}

func number(t *testing.T, key string, otherwise uint64) uint64 {
	t.Helper()
	text := os.Getenv(key)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", key, err)
	}
	return n
}
