package feed

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hourglass-trading/hourglass/services/collector/internal/book"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange"
)

// Pauses between the attempts to bring one book in sync: the first at once, the others doubling.
const (
	firstRetry  = 500 * time.Millisecond
	maxRetry    = 30 * time.Second
	wellKnown   = 50              // levels a side that a book should show
	widenGap    = 2 * time.Second // between two snapshots because it does not
	maxRefusals = 5 * time.Minute // a pair that is refused will hardly be granted a minute later
)

// track is a listing that a shard follows: its book and what is being done to bring it in sync. At most one attempt is
// under way for it at a time.
type track struct {
	listing  *exchange.Listing
	book     *book.Book
	reason   string // why it is not live
	received time.Time
	alive    time.Time // of its last connection
	since    time.Time // live from here

	fetching    bool      // a snapshot is under way over REST
	need        bool      // a snapshot must be asked for …
	next        time.Time // … not before this
	due         time.Time // a snapshot in the stream should have come by then, zero if none is awaited
	tries       int
	resubscribe time.Time // when to ask for the subscription again, zero if it was not refused
	refusals    int       // in a row
	refresh     time.Time // when a live book wants another snapshot
	refreshed   time.Time // when one was asked for last
	renewal     time.Time // a snapshot in the stream that renews a live book should have come by then, zero if none is awaited
}

func newTrack(l *exchange.Listing, ex exchange.Exchange) *track {
	return &track{listing: l, book: book.New(l.Scale, ex.Rules())}
}

// begin forgets what an earlier connection knew.
func (t *track) begin() {
	t.book.Restart()
	t.reason = "waiting for the first snapshot"
	t.fetching, t.need, t.refusals, t.tries = false, false, 0, 0
	t.due, t.since, t.resubscribe, t.renewal = time.Time{}, time.Time{}, time.Time{}, time.Time{}
}

// wantsRefresh says whether another snapshot is due, or the price has gone so far that the last one does not reach.
func (t *track) wantsRefresh(now time.Time) bool {
	return now.After(t.refresh) || t.book.Narrow(wellKnown) && now.Sub(t.refreshed) > widenGap
}

func (t *track) live() bool { return t.book.State() == book.InSync }

// again plans the next attempt to bring the book in sync.
func (t *track) again(now time.Time, reason error, least time.Duration) {
	if !t.since.IsZero() && now.Sub(t.since) > calm {
		t.tries = 0
	}
	t.since, t.renewal = time.Time{}, time.Time{}
	pause := least
	if t.tries > 0 {
		pause = max(least, jitter(min(firstRetry<<min(t.tries, 10), maxRetry)))
	}
	t.tries++
	t.reason, t.need, t.next, t.due = reason.Error(), true, now.Add(pause), time.Time{}
}

// fetched is the answer to a call for a snapshot.
type fetched struct {
	track  *track
	update book.Update
	err    error
}

// handle takes a frame of the exchange.
func (s *shard) handle(f frame) error {
	count := &s.feed.count
	count.messages.Add(1)
	count.lastMessage.Store(f.at.UnixNano())
	s.batch.Reset()
	if err := s.feed.Exchange.Decode(f.data, s.table, &s.batch); err != nil {
		s.unreadable(f, err)
	}
	if s.batch.HasData() { // hearts beat on although the data has stopped
		s.rhythm.beat(f.at)
	}
	for i := range s.batch.Events {
		e := &s.batch.Events[i]
		switch e.Topic {
		case exchange.OnBook:
			if t := s.byListing[e.Listing]; t != nil {
				s.apply(t, &e.Update, f.at)
			}
		case exchange.OnTrade:
			s.lag(f.at, e.Trade.Time)
			s.feed.Sink.Trade(e.Listing, &e.Trade, f.at.UTC())
		case exchange.OnAnswer:
			s.answered(e.Answer, f.at)
		case exchange.OnGoodbye:
			return errGoodbye
		case exchange.OnWelcome:
			s.welcome = true
		}
	}
	return nil
}

// unreadable takes note of a frame that belongs to no listing as far as one can tell. Where a loss does not show by itself
// it may have been any book's, so all of them start over.
func (s *shard) unreadable(f frame, err error) {
	s.feed.count.badFrames.Add(1)
	s.badLog.Do(func() { s.log.Warn("unreadable frame", "error", err, "frame", fmt.Sprintf("%.200q", f.data)) })
	if s.feed.traits.LossProven || errors.Is(err, exchange.ErrNoBook) {
		return
	}
	for _, t := range s.tracks {
		s.apply(t, &book.Update{Kind: book.Broken, Err: err}, f.at)
	}
}

func (s *shard) lag(received, told time.Time) {
	if !told.IsZero() {
		s.feed.count.lag.Store(int64(received.Sub(told)))
	}
}

// apply gives an update to a book and acts on what becomes of it.
func (s *shard) apply(t *track, u *book.Update, at time.Time) {
	s.lag(at, u.Time)
	outcome, err := t.book.Apply(u)
	switch outcome {
	case book.Applied:
		t.received, t.due = at.UTC(), time.Time{}
		if u.Kind == book.Snapshot {
			t.renewal = time.Time{}
		}
		if t.since.IsZero() {
			t.since, t.refresh = at, at.Add(s.feed.traits.Refresh/2+jitter(s.feed.traits.Refresh))
			t.need = false
			s.log.Debug("book in sync", "symbol", t.listing.Symbol, "exchange_seq", uint64(t.book.Seq()))
		}
		s.look(t, at)
	case book.Held: // the first message is a better moment to ask than the answer to the subscription, if it comes earlier
		if !t.fetching && !t.need {
			t.need, t.next = true, at
		}
	case book.Stale:
		t.again(at, err, 0)
	case book.Broke:
		s.broke(t, err, at)
		if errors.Is(err, book.ErrGap) { // what shows the loss is itself no loss: it is the first of the new buffer
			_, _ = t.book.Apply(u)
		}
	case book.Waiting:
		t.reason = "waiting for the first message after the snapshot"
	case book.Ignored:
	}
}

// broke says first that the book is not to be used, then sees to another.
func (s *shard) broke(t *track, err error, at time.Time) {
	switch {
	case errors.Is(err, book.ErrGap):
		s.feed.count.gaps.Add(1)
	case errors.Is(err, book.ErrChecksum):
		s.feed.count.badChecksums.Add(1)
	case errors.Is(err, book.ErrStream):
		s.feed.count.badFrames.Add(1)
	}
	s.feed.count.resyncs.Add(1)
	s.log.Warn("book broken", "symbol", t.listing.Symbol, "error", err, "tries", t.tries)
	t.book.Restart()
	t.again(at, err, 0)
	s.look(t, at)
}

// answered matches an answer to its request.
func (s *shard) answered(a exchange.Answer, at time.Time) {
	q, about, ok := s.out.answer(a)
	if !ok || q.Ends {
		return
	}
	for _, l := range about {
		t := s.byListing[l]
		switch {
		case t == nil: // unwanted since
		case a.Refused != "":
			s.refused(t, q, a.Refused, at)
		default:
			s.accepted(t, q, a, at)
		}
	}
}

func (s *shard) accepted(t *track, q *question, a exchange.Answer, at time.Time) {
	t.refusals = 0
	if q.Trades {
		s.feed.Sink.Trades(t.listing, true, at.UTC())
	}
	if !q.Book {
		return
	}
	if a.Depth > 0 {
		t.book.SetDepth(a.Depth) // what is granted counts, not what was asked for
	}
	if t.live() || t.fetching || t.need {
		return
	}
	if _, ok := s.feed.Exchange.(exchange.Snapshotter); ok {
		t.need, t.next = true, at
	} else {
		t.due = at.Add(s.feed.traits.Answer)
	}
}

// refused plans another subscription. A refusal must never be silent: nothing else would ever tell that nothing comes.
func (s *shard) refused(t *track, q *question, why string, at time.Time) {
	s.log.Warn("subscription refused", "symbol", t.listing.Symbol, "error", why, "books", q.Book)
	t.refusals++
	pause := firstRetry + jitter(min(firstRetry<<min(t.refusals, 12), maxRefusals))
	t.resubscribe = at.Add(pause)
	if q.Book && !t.live() {
		t.reason, t.need, t.due = "subscription refused: "+why, false, time.Time{}
		s.look(t, at)
	}
}

// tick looks after all clocks.
func (s *shard) tick(ctx context.Context, now time.Time) error {
	traits := &s.feed.traits
	switch silent := now.Sub(s.conn.lastHeard()); {
	case silent > traits.Silence:
		return fmt.Errorf("%w for %s", errSilent, silent.Truncate(time.Millisecond))
	case s.hopeless(now):
		return fmt.Errorf("%w but pongs", errSilent)
	case traits.MaxLifetime > 0 && now.Sub(s.started) > traits.MaxLifetime:
		return errOld
	}
	if err := s.speak(ctx, now); err != nil {
		return err
	}
	for _, q := range s.out.overdue(now) {
		if q.Ends {
			continue
		}
		for _, l := range q.missing {
			if t := s.byListing[l]; t != nil {
				s.refused(t, q, fmt.Sprintf("no answer within %s", traits.Answer), now)
			}
		}
	}
	for _, t := range s.tracks {
		s.care(ctx, t, now)
		s.look(t, now)
	}
	return nil
}

// hopeless reports whether the stream has stopped for good although the socket lives.
func (s *shard) hopeless(now time.Time) bool {
	_, _, hopeless := s.quiet(now)
	return hopeless
}

// speak sends what is due: a request, or else a ping.
func (s *shard) speak(ctx context.Context, now time.Time) error {
	if !s.welcome {
		if now.Sub(s.started) > s.feed.traits.Answer {
			return errors.New("no greeting")
		}
		return nil
	}
	data, ok := s.out.take(now)
	if p, pings := s.feed.Exchange.(exchange.Pinger); pings && !ok {
		var every time.Duration
		if data, every = p.Ping(s.out.nextID + 1); now.Sub(s.pinged) >= every {
			s.out.nextID, s.pinged, ok = s.out.nextID+1, now, true
		}
	}
	if !ok {
		return nil
	}
	if stamper, stamps := s.feed.Exchange.(exchange.Stamper); stamps {
		data = stamper.Stamp(data, now)
	}
	return s.conn.write(ctx, data)
}

// care does what is due for one track.
func (s *shard) care(ctx context.Context, t *track, now time.Time) {
	_, anchored := s.feed.Exchange.(exchange.Snapshotter)
	if !t.resubscribe.IsZero() && !now.Before(t.resubscribe) {
		t.resubscribe = time.Time{}
		one := []*exchange.Listing{t.listing} // alone, so that a refusal for one hits no other
		s.out.add(func(id uint64) []exchange.Request { return s.feed.Exchange.Subscribe(id, one) })
	}
	switch {
	case t.need && !now.Before(t.next):
		s.ask(ctx, t, now, anchored)
	case !t.due.IsZero() && now.After(t.due):
		t.again(now, errors.New("no snapshot in time"), 0)
	case !t.renewal.IsZero() && now.After(t.renewal): // unsubscribed by us, and not subscribed again
		s.broke(t, errors.New("no snapshot in time"), now)
	case !anchored && s.feed.traits.Refresh > 0 && t.live() && now.After(t.refresh) && t.renewal.IsZero():
		t.refresh = now.Add(s.feed.traits.Refresh/2 + jitter(s.feed.traits.Refresh))
		t.renewal = s.resync(t, now)
	case anchored && s.feed.traits.Refresh > 0 && t.live() && t.wantsRefresh(now) && !t.fetching && s.fetching < maxFetches:
		t.refresh, t.refreshed = now.Add(s.feed.traits.Refresh/2+jitter(s.feed.traits.Refresh)), now
		t.book.Refresh()
		s.fetch(ctx, t)
	}
}

// ask sends for what is needed, or leaves it for later where too much is under way.
func (s *shard) ask(ctx context.Context, t *track, now time.Time, anchored bool) {
	switch {
	case !anchored:
		t.due = s.resync(t, now)
	case t.fetching || s.fetching == maxFetches:
		return
	default:
		s.fetch(ctx, t)
	}
	t.need = false
}

// resync asks for a snapshot in the stream and returns when it should have come. A live book serves on until then.
func (s *shard) resync(t *track, now time.Time) time.Time {
	s.out.add(func(id uint64) []exchange.Request { return s.feed.Exchange.Resync(id, t.listing) })
	return now.Add(s.feed.traits.Answer + time.Duration(len(s.out.queue))*s.out.gap)
}

// fetch gets a snapshot over REST; its answer comes to anchor.
func (s *shard) fetch(ctx context.Context, t *track) {
	snapshotter, ok := s.feed.Exchange.(exchange.Snapshotter)
	if !ok {
		return
	}
	t.fetching = true
	s.fetching++
	results := s.fetched
	s.fetches.Go(func() {
		r := fetched{track: t}
		body, err := s.feed.REST.Get(ctx, snapshotter.Snapshot(t.listing))
		if err == nil {
			err = snapshotter.ParseSnapshot(body, t.listing, &r.update)
		}
		r.err = err
		results <- r
	})
}

// anchor takes a fetched snapshot.
func (s *shard) anchor(ctx context.Context, r fetched) {
	s.fetching--
	t := r.track
	t.fetching = false
	if s.byListing[t.listing] != t || ctx.Err() != nil {
		return // unwanted since
	}
	now := time.Now()
	if r.err != nil {
		s.log.Warn("snapshot not fetched", "symbol", t.listing.Symbol, "error", r.err)
		if !t.live() {
			t.again(now, errors.New("no snapshot: "+Reason(r.err)), max(firstRetry, s.feed.REST.Wait()))
			s.look(t, now)
		}
		return
	}
	s.apply(t, &r.update, now)
}

// quiet says how long the stream has been silent, and what that means. At the end of a recording it means nothing.
func (s *shard) quiet(now time.Time) (silent time.Duration, stopped, hopeless bool) {
	if s.feed.Recorded {
		return 0, false, false
	}
	return s.rhythm.stopped(now, s.feed.traits.Stale)
}
