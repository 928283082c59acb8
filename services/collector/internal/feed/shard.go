package feed

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
	"golang.org/x/time/rate"

	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange"
)

// Why a session ends by our own will.
var (
	errIdle    = errors.New("nothing wanted")
	errSilent  = errors.New("nothing heard")
	errGoodbye = errors.New("the exchange announced its end")
	errOld     = errors.New("its allowed lifetime is over")
)

// Bounds of reconnecting and fetching.
const (
	firstPause = 250 * time.Millisecond // the mean of the first pause after a loss; it doubles with each attempt …
	maxPauseUp = 15 * time.Second       // … up to this mean, which full jitter spreads over twice the range
	calm       = 10 * time.Second       // a connection or a book that held so long starts the pauses over
	maxFetches = 4                      // snapshots under way per connection; the others wait their turn
	lookDown   = time.Second            // how often the sink hears of books that have no connection
	badLogGap  = 10 * time.Second       // between two log lines about unreadable frames
)

// shard is one connection and the books on it.
type shard struct {
	feed   *Feed
	log    *slog.Logger
	told   []*exchange.Listing // Feed.Run's own note of what it sent last
	wanted chan []*exchange.Listing

	// All below belongs to the shard's goroutine.
	tracks    []*track
	byListing map[*exchange.Listing]*track
	table     *exchange.Table
	batch     exchange.Batch
	out       outbox
	conn      *conn
	started   time.Time
	pinged    time.Time
	welcome   bool // requests may be sent
	rhythm    rhythm
	fetches   sync.WaitGroup
	fetching  int
	fetched   chan fetched // a place for every fetch under way, so that none waits
	badLog    rate.Sometimes
}

func newShard(f *Feed) *shard {
	return &shard{
		feed: f, log: f.Log, wanted: make(chan []*exchange.Listing, 1),
		byListing: map[*exchange.Listing]*track{}, table: exchange.NewTable(),
		out:    outbox{gap: f.traits.RequestGap, timeout: f.traits.Answer},
		badLog: rate.Sometimes{Interval: badLogGap},
	}
}

// run keeps the connection until ctx ends, whenever something is wanted from it.
func (s *shard) run(ctx context.Context) {
	s.feed.count.connections.Add(1)
	defer s.feed.count.connections.Add(-1)
	pause := backoff.ExponentialBackOff{
		InitialInterval: firstPause, MaxInterval: maxPauseUp, Multiplier: 2,
		RandomizationFactor: 1, // full jitter: from nothing to twice the mean
	}
	pause.Reset()
	for s.idle(ctx) {
		begun := time.Now()
		err := s.session(ctx)
		if ctx.Err() != nil {
			break
		}
		if errors.Is(err, errIdle) {
			continue
		}
		if time.Since(begun) > calm {
			pause.Reset()
		}
		wait := pauseAfter(err, pause.NextBackOff())
		s.feed.count.reconnects.Add(1)
		s.log.Warn("connection lost", "error", err, "listings", len(s.tracks), "retry_in", wait)
		s.lose(err)
		s.pause(ctx, wait)
	}
	s.lose(errors.New("the collector stops"))
}

// pauseAfter lets an exchange's own demand stand above our pause.
func pauseAfter(err error, pause time.Duration) time.Duration {
	if failed := (*dialError)(nil); errors.As(err, &failed) {
		return max(failed.pause, pause)
	}
	if errors.Is(err, errGoodbye) || errors.Is(err, errOld) {
		return min(pause, firstPause)
	}
	return pause
}

// idle waits until something is wanted; false means that ctx has ended.
func (s *shard) idle(ctx context.Context) bool {
	for ctx.Err() == nil {
		if len(s.tracks) > 0 {
			select {
			case wanted := <-s.wanted:
				s.follow(wanted, time.Now())
				continue
			default:
				return true
			}
		}
		select {
		case <-ctx.Done():
		case wanted := <-s.wanted:
			s.follow(wanted, time.Now())
		}
	}
	return false
}

// pause waits before the next attempt, but not blindly: the books are shown to be down, and wishes are heard.
func (s *shard) pause(ctx context.Context, d time.Duration) {
	end := time.NewTimer(d)
	defer end.Stop()
	look := time.NewTicker(lookDown)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-end.C:
			return
		case wanted := <-s.wanted:
			if s.follow(wanted, time.Now()); len(s.tracks) == 0 {
				return
			}
		case now := <-look.C:
			for _, t := range s.tracks {
				s.look(t, now)
			}
		}
	}
}

// session connects and serves until something ends it.
func (s *shard) session(ctx context.Context) error {
	if err := s.feed.dials.Wait(ctx); err != nil {
		return fmt.Errorf("wait for the budget of attempts: %w", err)
	}
	address, err := s.address(ctx)
	if err != nil {
		return err
	}
	c, err := dial(ctx, address, s.feed.Web.client, s.feed.traits.PingEvery)
	if err != nil {
		return err
	}
	life, end := context.WithCancel(ctx)
	s.feed.count.connected.Add(1)
	defer func() {
		s.feed.count.connected.Add(-1)
		end()
		c.close()
		s.fetches.Wait()
		s.conn, s.fetching = nil, 0
	}()
	s.conn, s.started, s.pinged, s.welcome = c, time.Now(), time.Now(), !s.feed.traits.Greets
	s.rhythm = rhythm{}
	s.fetched = make(chan fetched, maxFetches)
	s.out.reset()
	s.log.Info("connected", "listings", len(s.tracks))
	s.subscribe(s.tracks, s.started)
	return s.serve(life)
}

// address returns where to connect to.
func (s *shard) address(ctx context.Context) (string, error) {
	locator, ok := s.feed.Exchange.(exchange.Locator)
	if !ok {
		return s.feed.Exchange.Endpoint(s.feed.WS), nil
	}
	body, err := s.feed.REST.Get(ctx, locator.Locate())
	if err != nil {
		return "", &dialError{err: fmt.Errorf("ask for the address: %w", err), pause: s.feed.REST.Wait()}
	}
	address, err := locator.ParseLocation(body)
	if err != nil {
		return "", fmt.Errorf("ask for the address: %w", err)
	}
	return address, nil
}

// serve is the loop that owns the connection's books.
func (s *shard) serve(ctx context.Context) error {
	ticker := time.NewTicker(Tick)
	defer ticker.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return ctx.Err()
		case f, open := <-s.conn.frames:
			if !open {
				return s.conn.err
			}
			err = s.handle(f)
			s.conn.release(f)
		case r := <-s.fetched:
			s.anchor(ctx, r)
		case wanted := <-s.wanted:
			if s.follow(wanted, time.Now()); len(s.tracks) == 0 {
				return errIdle
			}
		case now := <-ticker.C:
			err = s.tick(ctx, now.UTC())
		}
		if err != nil {
			return err
		}
	}
}

// follow makes the wanted listings the followed ones.
func (s *shard) follow(wanted []*exchange.Listing, now time.Time) {
	keep := make(map[*exchange.Listing]bool, len(wanted))
	var added []*track
	for _, l := range wanted {
		keep[l] = true
		if s.byListing[l] == nil {
			t := newTrack(l, s.feed.Exchange)
			s.byListing[l] = t
			s.table.Add(l)
			added = append(added, t)
		}
	}
	var gone []*exchange.Listing
	rest := s.tracks[:0]
	for _, t := range s.tracks {
		if keep[t.listing] {
			rest = append(rest, t)
			continue
		}
		gone = append(gone, t.listing)
		delete(s.byListing, t.listing)
		s.table.Remove(t.listing)
		s.feed.Sink.Gone(t.listing, now.UTC())
	}
	clear(s.tracks[len(rest):])
	if len(gone) > 0 {
		s.rhythm = rhythm{} // those who are left may have a slower one
	}
	rest = append(rest, added...)
	s.tracks = rest
	if s.conn == nil {
		for _, t := range added { // who has seen another collector's book must not go on with it
			t.reason = "not connected yet"
			s.look(t, now)
		}
		return
	}
	for part := range chunks(gone, s.feed.traits.Batch) {
		s.out.add(func(id uint64) []exchange.Request { return s.feed.Exchange.Unsubscribe(id, part) })
	}
	s.subscribe(added, now)
}

// subscribe asks for the books and trades of tracks.
func (s *shard) subscribe(tracks []*track, now time.Time) {
	listings := make([]*exchange.Listing, len(tracks))
	for i, t := range tracks {
		t.begin()
		listings[i] = t.listing
		s.look(t, now)
	}
	for part := range chunks(listings, s.feed.traits.Batch) {
		s.out.add(func(id uint64) []exchange.Request { return s.feed.Exchange.Subscribe(id, part) })
	}
}

// chunks yields parts of at most n.
func chunks(list []*exchange.Listing, n int) func(func([]*exchange.Listing) bool) {
	return func(yield func([]*exchange.Listing) bool) {
		for len(list) > 0 {
			k := min(n, len(list))
			if !yield(list[:k:k]) {
				return
			}
			list = list[k:]
		}
	}
}

// lose discards every book of a connection that is gone.
func (s *shard) lose(err error) {
	now, reason := time.Now().UTC(), Reason(err)
	s.feed.count.mu.Lock()
	s.feed.count.reason = reason
	s.feed.count.mu.Unlock()
	for _, t := range s.tracks {
		t.begin()
		t.reason = reason
		s.feed.Sink.Trades(t.listing, false, now)
		s.look(t, now)
	}
}

// look shows a track to the sink.
func (s *shard) look(t *track, now time.Time) {
	v := View{State: market.Down, Reason: t.reason, Alive: t.alive, Received: t.received, Now: now.UTC()}
	if s.conn != nil {
		v.Alive = s.conn.lastHeard()
		t.alive = v.Alive
		silent := now.Sub(v.Alive)
		quiet, stopped, _ := s.quiet(now)
		switch {
		case silent > s.feed.traits.Stale:
			v.State, v.Reason = market.Stale, fmt.Sprintf("nothing heard for %s", silent.Truncate(time.Second))
		case stopped:
			v.State, v.Reason = market.Stale, fmt.Sprintf("no data for %s", quiet.Truncate(time.Second))
		case t.live():
			v.State, v.Reason, v.Book = market.Live, "", t.book
		default:
			v.State = market.Gapped
		}
	}
	s.feed.Sink.Look(t.listing, v)
}

// jitter spreads a pause over everything up to d, as full jitter wants.
func jitter(d time.Duration) time.Duration { return rand.N(d + 1) }
