package view

import (
	"encoding/json"
	"log/slog"
	"sync"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/pkg/market"
)

// statusSilence is how long a collector may say nothing of its exchange; it does so each second.
const statusSilence = 5 * time.Second

// maxStatuses bounds the exchanges that are remembered, whatever names arrive on the bus.
const maxStatuses = 64

// Statuses knows how the connections to the exchanges are doing, as the collectors tell it each second.
type Statuses struct {
	log *slog.Logger

	mu     sync.Mutex // guards newest
	newest map[market.Exchange]heard
}

type heard struct {
	status bus.Status
	at     time.Time // by our clock
}

// FollowStatuses subscribes to what all collectors tell; stop ends it.
func FollowStatuses(b MarketBus, log *slog.Logger) (s *Statuses, stop func(), err error) {
	s = &Statuses{log: log, newest: map[market.Exchange]heard{}}
	stop, err = b.SubscribeMarket(bus.AllStatus, s.receive)
	return s, stop, err
}

func (s *Statuses) receive(subject string, payload []byte) {
	var status bus.Status
	if err := json.Unmarshal(payload, &status); err != nil {
		s.log.Warn("status not understood", "subject", subject, "error", err)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.newest[status.Exchange]; known || len(s.newest) < maxStatuses {
		s.newest[status.Exchange] = heard{status: status, at: time.Now()}
	}
}

// Of returns the newest status of an exchange at the time now. Of one that nothing is heard of it is down.
func (s *Statuses) Of(e market.Exchange, now time.Time) (status bus.Status, known bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h, known := s.newest[e]
	status = h.status
	if !known || now.Sub(h.at) > statusSilence {
		status.Exchange, status.State, status.Reason = e, market.Down, "no collector is heard"
	}
	return status, known
}

// Live returns how many exchanges are connected at the time now.
func (s *Statuses) Live(now time.Time) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, h := range s.newest {
		if h.status.State == market.Live && now.Sub(h.at) <= statusSilence {
			n++
		}
	}
	return n
}
