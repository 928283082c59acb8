// Package feed connects to an exchange and keeps the books of the wanted listings in sync. It is the only part of the
// collector that opens a socket, and one driver for all exchanges: what differs comes from an exchange.Exchange.
//
// A Feed spreads its listings over connections. Each connection has one goroutine that owns its books (a shard) and, while
// it stands, one that reads and perhaps one that pings; each snapshot that is fetched has one too, a few at most. All of them
// end before Run returns. Want, Stats and the REST client may be used by any goroutine. A Sink is called from the shards'
// goroutines, for one listing never by two at once.
//
// A feed publishes nothing and keeps nothing beyond the connection: a book that was lost is fetched anew. One listing's
// trouble never touches another's book, only the loss of their connection does.
package feed

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/services/collector/internal/book"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange"
)

// View is how a listing stands.
type View struct {
	Book     *book.Book // in sync; nil unless State is market.Live
	State    market.State
	Reason   string    // why it is not live
	Alive    time.Time // last message of any kind on the connection, zero before the first
	Received time.Time // of the book's newest change
	Now      time.Time
}

// Sink takes what a feed learns. Its methods must not block: the books wait meanwhile.
type Sink interface {
	// Look shows a listing after each change of its book or state, and every Tick besides.
	Look(l *exchange.Listing, v View)
	// Trade reports a trade.
	Trade(l *exchange.Listing, t *exchange.Trade, received time.Time)
	// Trades says whether trades arrive from now on; while they do not, what is traded remains unknown.
	Trades(l *exchange.Listing, arrive bool, at time.Time)
	// Gone says that a listing is no longer followed.
	Gone(l *exchange.Listing, at time.Time)
}

// Tick is how often a shard looks after its clocks: pacing, time-outs, silence, conflation.
const Tick = 25 * time.Millisecond

// Config is what a feed needs.
type Config struct {
	Exchange exchange.Exchange
	WS       string // base address
	REST     *REST
	Web      *Web
	// Recorded is set for exchanges that replay a recording: a stream that stops on a socket that still answers has come to
	// its end, and its books stay what they are.
	Recorded bool
	Sink     Sink
	Log      *slog.Logger
}

// Stats counts what happened since the feed was made.
type Stats struct {
	Connections, Connected                                       int
	Reason                                                       string // of the last loss of a connection
	LastMessage                                                  time.Time
	Lag                                                          time.Duration // our clock minus the exchange's at the newest message that tells its time
	Messages, Gaps, BadChecksums, Resyncs, BadFrames, Reconnects uint64
}

// Feed keeps the books of one exchange.
type Feed struct {
	Config
	traits exchange.Traits
	dials  *rate.Limiter
	wanted chan []*exchange.Listing // one place: the newest set replaces one not yet looked at
	count  counters
}

// counters are Stats in the making.
type counters struct {
	connections, connected                                       atomic.Int64
	lastMessage, lag                                             atomic.Int64 // Unix ns; ns
	messages, gaps, badChecksums, resyncs, badFrames, reconnects atomic.Uint64

	mu     sync.Mutex // guards reason
	reason string
}

// New returns a feed that follows nothing yet.
func New(cfg Config) *Feed {
	traits := cfg.Exchange.Traits()
	// A tenth of the attempts at once: they come back within a tenth of the exchange's own window. Three at least, so that an
	// attempt that fails does not hold the next one back for seconds; budgets are half of what is allowed.
	every := traits.DialsPer / time.Duration(traits.Dials)
	return &Feed{
		Config: cfg, traits: traits,
		dials:  rate.NewLimiter(rate.Every(every), max(traits.Dials/10, 3)),
		wanted: make(chan []*exchange.Listing, 1),
	}
}

// Want makes the feed follow these listings and no others. It does not wait. The listings must not change afterwards; one
// goroutine at a time may call it.
func (f *Feed) Want(listings []*exchange.Listing) { replace(f.wanted, listings) }

// replace puts v into a channel with one place, whatever is there.
func replace[T any](ch chan T, v T) {
	select {
	case <-ch:
	default:
	}
	ch <- v
}

// Run follows what is wanted until ctx ends; it returns when all connections are closed.
func (f *Feed) Run(ctx context.Context) error {
	var shards []*shard
	var running sync.WaitGroup
	defer running.Wait()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case wanted := <-f.wanted:
			for _, s := range f.spread(shards, wanted) {
				shards = append(shards, s)
				running.Go(func() { s.run(ctx) })
			}
		}
	}
}

// spread tells each shard its part of the wanted listings. Who has a place keeps it; newcomers fill what is free, and new
// shards, which are returned, take the rest.
func (f *Feed) spread(shards []*shard, wanted []*exchange.Listing) (added []*shard) {
	want := make(map[*exchange.Listing]bool, len(wanted))
	for _, l := range wanted {
		want[l] = true
	}
	for _, s := range shards {
		kept := make([]*exchange.Listing, 0, len(s.told))
		for _, l := range s.told {
			if want[l] {
				kept = append(kept, l)
				delete(want, l)
			}
		}
		s.told = kept
	}
	all := shards
	for _, l := range wanted {
		if !want[l] {
			continue
		}
		delete(want, l) // it may be named twice
		s := withRoom(all, f.traits.Listings)
		if s == nil {
			s = newShard(f)
			all, added = append(all, s), append(added, s)
		}
		s.told = append(s.told, l)
	}
	for _, s := range all {
		replace(s.wanted, s.told)
		s.told = append([]*exchange.Listing(nil), s.told...) // what was sent is the shard's
	}
	return added
}

func withRoom(shards []*shard, most int) *shard {
	for _, s := range shards {
		if len(s.told) < most {
			return s
		}
	}
	return nil
}

// Stats returns the counters.
func (f *Feed) Stats() Stats {
	c := &f.count
	c.mu.Lock()
	reason := c.reason
	c.mu.Unlock()
	s := Stats{
		Connections: int(c.connections.Load()), Connected: int(c.connected.Load()), Reason: reason,
		Lag:      time.Duration(c.lag.Load()),
		Messages: c.messages.Load(), Gaps: c.gaps.Load(), BadChecksums: c.badChecksums.Load(),
		Resyncs: c.resyncs.Load(), BadFrames: c.badFrames.Load(), Reconnects: c.reconnects.Load(),
	}
	if at := c.lastMessage.Load(); at != 0 {
		s.LastMessage = time.Unix(0, at).UTC()
	}
	return s
}
