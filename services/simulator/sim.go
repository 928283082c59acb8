package simulator

import (
	"time"

	"github.com/hourglass-trading/hourglass/services/simulator/internal/floor"
	"github.com/hourglass-trading/hourglass/services/simulator/internal/market"
)

// openSim sets the synthetic market up. Its prices are a function of the seed and the time, so a simulator that is started
// again goes on where the price has got to meanwhile.
func (s *Simulator) openSim(cfg Config) {
	var specs []market.Spec
	for _, spec := range market.Pairs() {
		if cfg.wants(spec.Exchange, spec.Canonical()) {
			specs = append(specs, spec)
			s.offer(spec.Exchange, spec.Canonical())
		}
	}
	now := time.Now()
	f := floor.New(market.New(cfg.Seed, specs, now), cfg.Speed, now)
	for _, e := range exchanges {
		if s.offered(e.name) {
			s.speakers[e.name] = e.sim(f)
		}
	}
	s.floor = f
}
