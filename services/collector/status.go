package collector

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/services/collector/internal/publish"
)

const (
	statusEvery = time.Second
	statusTick  = statusEvery / 4 // a change of state is told within this
)

// tellStatus publishes the exchange's status each second, and at most a quarter of one after a change of its state.
func (d *desk) tellStatus(ctx context.Context, to publish.Bus) error {
	ticker := time.NewTicker(statusTick)
	defer ticker.Stop()
	var state market.State
	var told time.Time
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
		s := d.status(time.Now().UTC())
		if s.State == state && s.At.Sub(told) < statusEvery-statusTick/2 { // a tick that comes a hair early must not cost a whole one
			continue
		}
		state, told = s.State, s.At
		payload, err := json.Marshal(s)
		if err != nil {
			return fmt.Errorf("encode status: %w", err)
		}
		if err := to.PublishMarket(bus.StatusSubject(s.Exchange), payload); err != nil {
			d.log.Debug("status not published", "error", err)
		}
	}
}

// status sums up how the exchange is doing.
func (d *desk) status(now time.Time) bus.Status {
	stats := d.feed.Stats()
	s := bus.Status{
		Exchange: d.endpoint.Exchange, State: market.Live, At: now,
		LastMessageAt: stats.LastMessage, LagMS: stats.Lag.Milliseconds(),
		Messages: stats.Messages, Gaps: stats.Gaps, BadChecksums: stats.BadChecksums,
		Resyncs: stats.Resyncs, BadFrames: stats.BadFrames, Reconnects: stats.Reconnects,
	}
	s.Symbols, s.SymbolsLive = d.publisher.Count()
	silent := now.Sub(stats.LastMessage)
	switch {
	case stats.Connected == 0 && stats.Reason != "":
		s.State, s.Reason = market.Down, stats.Reason
	case stats.Connected == 0:
		s.State, s.Reason = market.Down, "nothing collected yet"
	case s.SymbolsLive == 0 && !stats.LastMessage.IsZero() && silent > d.traits.Stale:
		s.State, s.Reason = market.Stale, fmt.Sprintf("no message for %s", silent.Truncate(time.Second))
	case stats.Connected < stats.Connections:
		s.Reason = fmt.Sprintf("%d of %d connections: %s", stats.Connected, stats.Connections, stats.Reason)
	}
	return s
}
