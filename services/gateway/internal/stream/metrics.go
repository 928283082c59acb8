package stream

import "github.com/hourglass-trading/hourglass/pkg/metrics"

// Metrics count what happens on the connections, for all of them together. The zero Metrics count for nobody.
type Metrics struct {
	accepted, refused, frames, conflated, slow metrics.Counter
	closed                                     metrics.Counters
}

// NewMetrics makes metrics in a registry.
func NewMetrics(r *metrics.Registry) Metrics {
	return Metrics{
		accepted:  r.Counter("ws_connections_total", "Streams taken: WebSockets and server-sent events."),
		refused:   r.Counter("ws_refused_total", "Streams refused because there are as many as are served."),
		frames:    r.Counter("ws_frames_total", "Frames written to clients."),
		conflated: r.Counter("ws_conflated_frames_total", "Frames of market data that a slow client was not sent, because a newer one replaced them."),
		slow:      r.Counter("ws_slow_readers_total", "Clients that fell too far behind in their account's events and were told where to resume."),
		closed:    r.Counters("ws_closed_total", "WebSockets that we closed, by the code of the closing frame.", "code"),
	}
}

// gauges are what is counted at a scrape.
type gauges struct{ clients, channels *metrics.Readings }

func newGauges(r *metrics.Registry) gauges {
	return gauges{
		clients:  r.Readings(metrics.Gauge, "ws_clients", "Streams open now: WebSockets and server-sent events."),
		channels: r.Readings(metrics.Gauge, "ws_channels", "Streams of market data that clients share."),
	}
}

// Observe makes a registry tell how many clients the hub has.
func (h *Hub) Observe(r *metrics.Registry) {
	g := newGauges(r)
	locked := func(count func() int) func() int64 {
		return func() int64 {
			h.mu.Lock()
			defer h.mu.Unlock()
			return int64(count())
		}
	}
	g.clients.Add(locked(func() int { return len(h.sessions) }))
	g.channels.Add(locked(func() int { return len(h.channels) }))
}

// Describe adds the metrics of a hub to a registry without a hub behind them, for the documentation.
func Describe(r *metrics.Registry) {
	NewMetrics(r)
	newGauges(r)
}
