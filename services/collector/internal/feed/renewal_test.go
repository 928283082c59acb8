package feed

import (
	"log/slog"
	"testing"
	"time"

	"github.com/hourglass-trading/hourglass/services/collector/internal/book"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange"
)

// renewing is an exchange that cannot prove a loss and starts books in the stream.
type renewing struct{ exchange.Exchange }

func (renewing) Rules() book.Rules { return book.Rules{} }

func (renewing) Traits() exchange.Traits {
	return exchange.Traits{Refresh: time.Hour, Answer: 10 * time.Second, Dials: 1, DialsPer: time.Second}
}

func (renewing) Resync(id uint64, l *exchange.Listing) []exchange.Request {
	return []exchange.Request{{ID: id, Listings: []*exchange.Listing{l}, Ends: true}, {ID: id + 1, Listings: []*exchange.Listing{l}}}
}

type blind struct{ Sink }

func (blind) Look(*exchange.Listing, View) {}

func TestALiveBookIsRenewedInTheStreamAndServesOn(t *testing.T) {
	start := time.Unix(1790000000, 0)
	levels := func(price int64) []book.Level { return []book.Level{{Price: price, Size: 1}} }
	snapshot := book.Update{Kind: book.Snapshot, Bids: levels(10), Asks: levels(11)}
	begin := func() (*shard, *track) {
		s := newShard(New(Config{Exchange: renewing{}, Sink: blind{}, Log: slog.New(slog.DiscardHandler)}))
		track := newTrack(&exchange.Listing{Wire: "BTC"}, renewing{})
		track.begin()
		s.apply(track, &snapshot, start)
		s.care(t.Context(), track, start.Add(2*time.Hour))
		if len(s.out.queue) != 2 || !track.live() {
			t.Fatalf("%d requests, live %t", len(s.out.queue), track.live())
		}
		s.apply(track, &book.Update{Bids: levels(9)}, start.Add(2*time.Hour))
		s.care(t.Context(), track, start.Add(2*time.Hour+time.Second))
		if len(s.out.queue) != 2 || !track.live() {
			t.Fatalf("a second later %d requests, live %t", len(s.out.queue), track.live())
		}
		return s, track
	}
	t.Run("until the snapshot replaces it", func(t *testing.T) {
		s, track := begin()
		s.apply(track, &snapshot, start.Add(2*time.Hour+2*time.Second))
		s.care(t.Context(), track, start.Add(2*time.Hour+time.Minute))
		if bids, _ := track.book.Len(); !track.live() || bids != 1 {
			t.Errorf("live %t, %d bids", track.live(), bids)
		}
	})
	t.Run("but not longer than the answer may take", func(t *testing.T) {
		s, track := begin()
		s.care(t.Context(), track, start.Add(2*time.Hour+time.Minute))
		if track.live() || !track.need {
			t.Errorf("live %t, asked for again %t", track.live(), track.need)
		}
	})
}
