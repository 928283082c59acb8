package exchangetest

import (
	"strings"
	"testing"

	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/services/collector/internal/book"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange"
)

// replay feeds the lines of a recording to an adapter and one book, as the feed does.
type replay struct {
	ex      exchange.Exchange
	asked   func(url string, l *exchange.Listing) bool
	listing *exchange.Listing
	table   *exchange.Table
	batch   exchange.Batch
	book    *book.Book

	depth   int                                     // granted by the exchange, 0 for all
	keepAll bool                                    // do not truncate
	skip    int                                     // leave out the delta of this number
	after   func(message int, outcome book.Outcome) // each book message of the stream

	messages, deltas, snapshots, applied, checked int
	first, last                                   book.Seq
	breaks                                        int
	brokeAt                                       int // number of the delta at which the book first broke, 0 never
	brokeErr                                      error
	everInSync                                    bool

	trades      int
	buys, sells decimal.Decimal
	lastTrade   exchange.Trade
}

func newReplay(s Suite, l *exchange.Listing) *replay {
	ex := s.Exchange
	r := &replay{ex: ex, asked: s.Asked, listing: l, table: exchange.NewTable(l), book: book.New(l.Scale, ex.Rules())}
	r.book.Restart()
	return r
}

func (r *replay) run(t testing.TB, lines []line) {
	t.Helper()
	for _, l := range lines {
		switch l.kind {
		case received:
			r.frame(t, l.payload)
		case answered:
			r.answer(t, l)
		case sent, connected:
		}
		if r.brokeErr != nil {
			return
		}
	}
}

// answer takes the snapshot of our listing.
func (r *replay) answer(t testing.TB, l line) {
	t.Helper()
	s, ok := r.ex.(exchange.Snapshotter)
	switch {
	case !ok,
		r.asked != nil && !r.asked(l.url, r.listing),
		r.asked == nil && !asks(l.url, s.Snapshot(r.listing), r.listing):
		return
	}
	var u book.Update
	if err := s.ParseSnapshot(l.payload, r.listing, &u); err != nil {
		t.Fatal(err)
	}
	r.apply(&u)
}

// asks reports whether a recorded address is a call of ours but for the host, the limit and the order of parameters.
func asks(url string, call exchange.Call, l *exchange.Listing) bool {
	at, query, _ := strings.Cut(url, "?")
	return strings.HasSuffix(at, call.Path) && strings.Contains(query+"&", l.Code+"&")
}

func (r *replay) frame(t testing.TB, frame []byte) {
	t.Helper()
	r.batch.Reset()
	if err := r.ex.Decode(frame, r.table, &r.batch); err != nil {
		t.Fatalf("decode %.200s: %v", frame, err)
	}
	for i := range r.batch.Events {
		r.event(&r.batch.Events[i])
	}
}

func (r *replay) event(e *exchange.Event) {
	switch e.Topic {
	case exchange.OnBook:
		r.message(&e.Update)
	case exchange.OnTrade:
		r.trade(e)
	case exchange.OnAnswer:
		if e.Answer.Book && e.Answer.Depth > 0 && !r.keepAll {
			r.depth = e.Answer.Depth
			r.book.SetDepth(r.depth)
		}
	case exchange.OnGoodbye, exchange.OnWelcome:
	}
}

func (r *replay) message(u *book.Update) {
	r.messages++
	if u.Kind == book.Snapshot {
		r.snapshots++
	} else {
		if r.deltas++; r.deltas == r.skip {
			return
		}
		if r.first == 0 {
			r.first = u.First
		} else if chain := r.ex.Rules().Chain; chain != nil && chain(r.last, u) != book.Apply {
			r.breaks++
		}
		r.last = u.Last
	}
	if u.Checked {
		r.checked++
	}
	outcome := r.apply(u)
	if r.after != nil {
		r.after(r.messages, outcome)
	}
}

func (r *replay) apply(u *book.Update) book.Outcome {
	outcome, err := r.book.Apply(u)
	switch outcome {
	case book.Applied:
		r.applied++
	case book.Broke:
		r.brokeErr, r.brokeAt = err, r.deltas
	case book.Stale:
		if u.Kind == book.Delta { // nothing bridges to the snapshot: as good a proof of a loss as a gap
			r.brokeErr, r.brokeAt = err, r.deltas
		}
	case book.Ignored, book.Held, book.Waiting:
	}
	r.everInSync = r.everInSync || r.book.State() == book.InSync
	return outcome
}

func (r *replay) trade(e *exchange.Event) {
	r.trades++
	r.lastTrade = e.Trade
	size := decimal.New(e.Trade.Size, int(r.listing.Scale.Size))
	var c decimal.Calc
	if e.Trade.Taker == market.Buy {
		r.buys = c.Add(r.buys, size)
	} else {
		r.sells = c.Add(r.sells, size)
	}
}
