package feed

import (
	"slices"
	"time"

	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange"
)

// outbox sends requests no faster than the exchange allows, and knows which of them are still unanswered. Its length is
// bounded by the listings of a connection: each has at most one subscription, one end and one resync under way.
type outbox struct {
	gap     time.Duration
	timeout time.Duration
	nextID  uint64
	next    time.Time // no frame before this
	queue   []exchange.Request
	pending []*question // sent and not fully answered, oldest first
}

// question is a request that waits for answers.
type question struct {
	exchange.Request
	missing  []*exchange.Listing
	deadline time.Time
}

// reset forgets everything but the ids: an answer to a former connection's request must not pass for one of this.
func (o *outbox) reset() { o.queue, o.pending, o.next = nil, nil, time.Time{} }

// add queues requests that build makes from the next free id.
func (o *outbox) add(build func(id uint64) []exchange.Request) {
	requests := build(o.nextID + 1)
	for _, r := range requests {
		o.nextID = max(o.nextID, r.ID)
	}
	o.queue = append(o.queue, requests...)
}

// take returns the next frame if its time has come.
func (o *outbox) take(now time.Time) ([]byte, bool) {
	if len(o.queue) == 0 || now.Before(o.next) {
		return nil, false
	}
	r := o.queue[0]
	o.queue = o.queue[1:]
	o.next = now.Add(o.gap)
	o.pending = append(o.pending, &question{Request: r, missing: append([]*exchange.Listing(nil), r.Listings...), deadline: now.Add(o.timeout)})
	return r.Frame, true
}

// answer notes an answer and returns the question and the listings it concerns; ok is false for an answer to nothing.
func (o *outbox) answer(a exchange.Answer) (q *question, about []*exchange.Listing, ok bool) {
	fits := func(q *question) bool { return q.fits(a) }
	if a.Unnamed {
		only := o.onlySubscription()
		fits = func(q *question) bool { return q == only }
	}
	for i, q := range o.pending {
		if !fits(q) {
			continue
		}
		if a.Listing == nil || !q.EachAnswers {
			about, q.missing = q.missing, nil
		} else {
			for j, l := range q.missing {
				if l == a.Listing {
					about = []*exchange.Listing{l}
					q.missing = append(q.missing[:j], q.missing[j+1:]...)
					break
				}
			}
		}
		if len(q.missing) == 0 {
			o.pending = append(o.pending[:i], o.pending[i+1:]...)
		}
		return q, about, true
	}
	return nil, nil, false
}

// onlySubscription returns the one subscription that is open; nil if there is none, or more of them. An answer meant for the
// end of one costs no more than a subscription asked for again.
func (o *outbox) onlySubscription() (only *question) {
	for _, q := range o.pending {
		switch {
		case q.Ends:
		case only != nil:
			return nil
		default:
			only = q
		}
	}
	return only
}

// fits reports whether an answer may be to this question. Where the exchange does not say which one it answers, what it is
// about must do: an answer about nobody we know fits none.
func (q *question) fits(a exchange.Answer) bool {
	if a.ID != 0 {
		return q.ID == a.ID
	}
	return a.Listing != nil && q.Book == a.Book && q.Ends == a.Ends && slices.Contains(q.missing, a.Listing)
}

// overdue takes out the questions that were not answered in time.
func (o *outbox) overdue(now time.Time) (late []*question) {
	for len(o.pending) > 0 && !now.Before(o.pending[0].deadline) {
		late = append(late, o.pending[0])
		o.pending = o.pending[1:]
	}
	return late
}
