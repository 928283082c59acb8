// Package exchangetest holds what every adapter must keep, as tests: it replays the recordings that stand beside the
// repository, where they are, through the adapter and a book, and compares with figures computed elsewhere.
//
// It is for tests only. It runs no network and no clock; recordings are read where they lie and never copied.
package exchangetest

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/services/collector/internal/book"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange"
)

// Suite is an adapter with the recordings that concern it.
type Suite struct {
	Exchange exchange.Exchange
	// Expected are the files that describe recordings, below the folder of Shared; Protocol chooses among their captures.
	Expected []string
	Protocol string
	// NeedTruncation names the recordings that must fail where a book is not truncated. In others that may go unnoticed.
	NeedTruncation []string
	// Asked says whether a recorded address asked for l's book. Nil compares with the adapter's own call, which is no help
	// where the exchange has moved it since.
	Asked func(url string, l *exchange.Listing) bool
	// Listing returns the instrument of a wire name, as the exchange listed it then.
	Listing func(t *testing.T, wire string) *exchange.Listing
}

// Run replays every recording of the suite.
func Run(t *testing.T, s Suite) {
	t.Helper()
	shared := Shared(t)
	for _, file := range s.Expected {
		for _, capture := range readExpected(t, filepath.Join(shared, file)).Captures {
			if capture.Protocol != s.Protocol {
				continue
			}
			lines := readCapture(t, capture.File)
			for wire, want := range capture.Symbols {
				t.Run(filepath.Base(capture.File)+"/"+wire, func(t *testing.T) {
					t.Parallel()
					s.run(t, s.Listing(t, wire), lines, want)
					if slices.Contains(s.NeedTruncation, filepath.Base(capture.File)) {
						t.Run("without truncation it breaks", func(t *testing.T) { s.untruncated(t, s.Listing(t, wire), lines) })
					}
				})
			}
		}
	}
}

func (s Suite) run(t *testing.T, l *exchange.Listing, lines []line, want symbolExpected) {
	if want.InSync != nil && !*want.InSync {
		t.Run("without a snapshot it is never in sync", func(t *testing.T) {
			r := newReplay(s, l)
			r.run(t, lines)
			checkCounts(t, r, want)
			if r.everInSync {
				t.Error("was in sync")
			}
		})
		return
	}
	t.Run("the book is the exchange's", func(t *testing.T) { s.whole(t, l, lines, want) })
	t.Run("a lost message is noticed where it can be", func(t *testing.T) { s.losses(t, l, lines, want) })
	t.Run("a message twice changes nothing", func(t *testing.T) { s.repeated(t, l, lines, want) })
	t.Run("a frame cut off breaks the book or is an error", func(t *testing.T) { s.cut(t, l, lines) })
	t.Run("garbage says nothing", func(t *testing.T) { s.garbage(t, l) })
	t.Run("a field nobody knows changes nothing", func(t *testing.T) { s.strangers(t, l, lines, want) })
	t.Run("a damaged frame does no harm", func(*testing.T) { s.garbled(l, lines) })
	if want.ChecksumsOK > 0 {
		t.Run("a flipped digit fails the checksum", func(t *testing.T) { s.flipped(t, l, lines) })
	}
	if _, anchored := s.Exchange.(exchange.Snapshotter); !anchored {
		t.Run("a snapshot in between replaces the book", func(t *testing.T) { s.again(t, l, lines, want) })
	}
}

// whole replays everything and compares all that is known.
func (s Suite) whole(t *testing.T, l *exchange.Listing, lines []line, want symbolExpected) {
	r := newReplay(s, l)
	points := 0
	r.after = func(message int, _ book.Outcome) {
		for _, p := range want.Checkpoints {
			if p.After != message {
				continue
			}
			points++
			bids, asks := r.book.Top(1)
			if len(bids) != 1 || len(asks) != 1 || bids[0] != p.Bid || asks[0] != p.Ask {
				t.Errorf("after message %d: %s %s, want %s %s", message, bids, asks, p.Bid, p.Ask)
			}
			checkAverages(t, r.book, p.Average)
		}
	}
	r.run(t, lines)
	if r.brokeErr != nil {
		t.Fatalf("broke at delta %d: %v", r.brokeAt, r.brokeErr)
	}
	if points != len(want.Checkpoints) {
		t.Errorf("passed %d of %d checkpoints", points, len(want.Checkpoints))
	}
	checkCounts(t, r, want)
	checkBook(t, r.book, want)
}

func checkBook(t *testing.T, b *book.Book, want symbolExpected) {
	t.Helper()
	bids, asks := b.Top(10)
	if !slices.Equal(bids, want.Bids) || !slices.Equal(asks, want.Asks) {
		t.Errorf("top ten: %s %s, want %s %s", bids, asks, want.Bids, want.Asks)
	}
	nb, na := b.Len()
	if got := [2]int{nb, na}; got != want.FinalLevels {
		t.Errorf("levels: %v, want %v", got, want.FinalLevels)
	}
	if sum := sha256.Sum256(b.AppendAll(nil)); hex.EncodeToString(sum[:]) != want.Hash {
		t.Errorf("hash of the whole book: %x, want %s", sum, want.Hash)
	}
	if want.FinalID != 0 && uint64(b.Seq()) != want.FinalID {
		t.Errorf("last id: %d, want %d", b.Seq(), want.FinalID)
	}
}

func checkCounts(t *testing.T, r *replay, want symbolExpected) {
	t.Helper()
	if r.messages != want.BookMessages {
		t.Errorf("book messages: %d, want %d", r.messages, want.BookMessages)
	}
	if want.ChecksumsOK > 0 && (r.checked != want.ChecksumsOK || r.applied != want.ChecksumsOK || r.snapshots != want.Snapshots) {
		t.Errorf("checksums: %d, applied %d, want %d", r.checked, r.applied, want.ChecksumsOK)
	}
	if c := want.IDChain; c != nil && (uint64(r.first) != c.First || uint64(r.last) != c.Last || r.breaks != c.Breaks) {
		t.Errorf("ids %d to %d with %d breaks, want %+v", r.first, r.last, r.breaks, *c)
	}
	w := want.Trades
	if w == nil {
		return
	}
	if r.trades != w.Count || r.buys != w.Buys || r.sells != w.Sells {
		t.Errorf("trades: %d, %s bought, %s sold, want %+v", r.trades, r.buys, r.sells, *w)
	}
	id := fmt.Sprint(w.Last.ID)
	if f, ok := w.Last.ID.(float64); ok {
		id = fmt.Sprintf("%.0f", f)
	}
	scale := r.listing.Scale
	last := market.Level{Price: decimal.New(r.lastTrade.Price, int(scale.Price)), Quantity: decimal.New(r.lastTrade.Size, int(scale.Size))}
	if r.lastTrade.ID != id || last != (market.Level{Price: w.Last.Price, Quantity: w.Last.Size}) || r.lastTrade.Taker != w.Last.Taker {
		t.Errorf("last trade: %+v, want %+v", r.lastTrade, w.Last)
	}
}

// checkAverages walks the book for what a quantity costs on average.
func checkAverages(t *testing.T, b *book.Book, want map[market.Side]map[string]*exponentedDecimal) {
	t.Helper()
	bids, asks := b.Top(1 << 20)
	for side, byQuantity := range want {
		levels := bids
		if side == market.Buy {
			levels = asks
		}
		for text, average := range byQuantity {
			quantity := decimal.MustParse(text)
			var c decimal.Calc
			var cost decimal.Decimal
			rest := quantity
			for _, l := range levels {
				take := rest.Min(l.Quantity)
				cost, rest = c.Add(cost, c.Mul(take, l.Price)), c.Sub(rest, take)
			}
			got := c.Quo(cost, quantity, 12, decimal.HalfEven)
			switch {
			case c.Err() != nil:
				t.Error(c.Err())
			case average == nil && rest.IsZero(), average != nil && (!rest.IsZero() || got != average.Decimal):
				t.Errorf("%s of %s: %s, want %v", side, quantity, got, average)
			}
		}
	}
}
