package publish

import (
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/services/collector/internal/book"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange"
	"github.com/hourglass-trading/hourglass/services/collector/internal/feed"
)

var start = time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)

const (
	bookOf  = "md.book.binance.BTC-USDT"
	touchOf = "md.touch.binance.BTC-USDT"
)

// paper notes what is published.
type paper struct {
	subjects []string
	payloads [][]byte
}

func (p *paper) PublishMarket(subject string, payload []byte) error {
	p.subjects = append(p.subjects, subject)
	p.payloads = append(p.payloads, append([]byte(nil), payload...))
	return nil
}

// take returns the payloads on a subject so far, and forgets everything.
func (p *paper) take(subject string) (found []string) {
	for i, s := range p.subjects {
		if s == subject {
			found = append(found, string(p.payloads[i]))
		}
	}
	p.subjects, p.payloads = nil, nil
	return found
}

// desk is a publisher with one instrument and its book.
type desk struct {
	*Publisher
	paper   *paper
	listing *exchange.Listing
	book    *book.Book
	seq     book.Seq
	seeds   int
}

func newDesk(tb testing.TB) *desk {
	tb.Helper()
	d := &desk{paper: &paper{}, listing: &exchange.Listing{Wire: "BTCUSDT", Scale: book.Scale{Price: 2, Size: 4}}}
	d.listing.Symbol = "BTC-USDT"
	d.Publisher = New("binance", 0, d.paper, func(*exchange.Listing) { d.seeds++ }, slog.New(slog.DiscardHandler))
	d.book = book.New(d.listing.Scale, book.Rules{})
	d.book.Restart()
	d.change(tb, book.Snapshot, 10000, 1, start)
	return d
}

func (d *desk) change(tb testing.TB, kind book.Kind, price, size int64, at time.Time) {
	tb.Helper()
	d.seq++
	u := &book.Update{Kind: kind, Last: d.seq, Time: at, Bids: []book.Level{{Price: price, Size: size}}}
	if kind == book.Snapshot {
		u.Asks = []book.Level{{Price: 20000, Size: 15000}}
	}
	if _, err := d.book.Apply(u); err != nil {
		tb.Fatal(err)
	}
}

func (d *desk) live(received, now time.Time) {
	d.Look(d.listing, feed.View{Book: d.book, State: market.Live, Alive: now, Received: received, Now: now})
}

// look is the look of a tick, at a book that does not matter.
func (d *desk) look(now time.Time) {
	d.Look(d.listing, feed.View{State: market.Gapped, Alive: now, Now: now})
}

func decode(t *testing.T, payload string) market.Book {
	t.Helper()
	var b market.Book
	if err := json.Unmarshal([]byte(payload), &b); err != nil {
		t.Fatalf("%s: %v", payload, err)
	}
	return b
}

func TestBooksAreConflatedButNotTheirStates(t *testing.T) {
	d := newDesk(t)
	d.live(start, start)
	for ms := 1; ms <= 250; ms++ { // a change each millisecond
		at := start.Add(time.Duration(ms) * time.Millisecond)
		d.change(t, book.Delta, 9999, int64(ms), at)
		d.live(at, at)
	}
	books := d.paper.take(bookOf)
	if len(books) != 3 {
		t.Fatalf("%d books in 250 ms of changes, want 3", len(books))
	}
	if b := decode(t, books[2]); b.Seq != 3 || b.Bids[1].Quantity != decimal.MustParse("0.02") || b.ExchangeSeq != 201 {
		t.Errorf("third book %s: want the state at 200 ms", books[2])
	}
	at := start.Add(251 * time.Millisecond)
	d.Look(d.listing, feed.View{State: market.Gapped, Reason: `a "gap"`, Alive: at, Received: at, Now: at})
	d.Look(d.listing, feed.View{State: market.Gapped, Reason: `a "gap"`, Alive: at, Received: at, Now: at.Add(time.Millisecond)})
	books = d.paper.take(bookOf)
	if len(books) != 1 {
		t.Fatalf("%d books for a change of state, want 1 at once", len(books))
	}
	if b := decode(t, books[0]); b.State != market.Gapped || b.Reason != `a "gap"` || len(b.Bids)+len(b.Asks) != 0 || b.Seq != 4 {
		t.Errorf("%s: want a gapped book without levels", books[0])
	}
	d.live(at, at.Add(2*time.Millisecond))
	if books = d.paper.take(bookOf); len(books) != 1 || decode(t, books[0]).State != market.Live {
		t.Errorf("books %s: want one, at once", books)
	}
}

func TestAnUnchangedBookIsRepeatedEachSecondWithAFreshSignOfLife(t *testing.T) {
	d := newDesk(t)
	for ms := 0; ms <= 3000; ms += 25 {
		d.live(start, start.Add(time.Duration(ms)*time.Millisecond))
	}
	books := d.paper.take(bookOf)
	if len(books) != 4 {
		t.Fatalf("%d books in 3 s, want 4", len(books))
	}
	for i, payload := range books {
		b := decode(t, payload)
		if b.Seq != uint64(i+1) || !b.AliveAt.Equal(start.Add(time.Duration(i)*time.Second)) || !b.ReceivedAt.Equal(start) {
			t.Errorf("book %d: %s", i, payload)
		}
	}
}

func TestABookReadsAsIfItsStructHadBeenEncoded(t *testing.T) {
	d := newDesk(t)
	at := start.Add(1234567 * time.Nanosecond)
	d.change(t, book.Delta, 9999, 123456, at)
	d.live(at, at)
	for name, payload := range map[string]string{"live": d.paper.take(bookOf)[0], "down": func() string {
		d.Look(d.listing, feed.View{State: market.Down, Reason: "gone", Now: at})
		return d.paper.take(bookOf)[0]
	}()} {
		b := decode(t, payload)
		encoded, err := json.Marshal(b)
		if err != nil || string(encoded) != payload {
			t.Errorf("%s: %s\nwant %s", name, payload, encoded)
		}
	}
}

func TestTouchesTellEachChangeOfTheBest(t *testing.T) {
	d := newDesk(t)
	d.live(start, start)
	for i, price := range []int64{9999, 10001, 10001, 10002} { // below the best, two new bests, one of them only in size
		at := start.Add(time.Duration(i+1) * time.Millisecond)
		d.change(t, book.Delta, price, int64(i+1), at)
		d.live(at, at)
	}
	d.live(start.Add(4*time.Millisecond), start.Add(5*time.Millisecond))
	d.Look(d.listing, feed.View{State: market.Stale, Received: start, Now: start.Add(6 * time.Millisecond)})
	touches := d.paper.take(touchOf)
	if len(touches) != 5 {
		t.Fatalf("touches %s", touches)
	}
	var last market.Touch
	if err := json.Unmarshal([]byte(touches[3]), &last); err != nil {
		t.Fatal(err)
	}
	if encoded, err := json.Marshal(last); err != nil || string(encoded) != touches[3] {
		t.Errorf("%s, want %s", touches[3], encoded)
	}
	if last.Bid.Price != decimal.MustParse("100.02") || last.Ask.Quantity != decimal.MustParse("1.5") || last.Seq != 2 {
		t.Errorf("%s", touches[3])
	}
	if strings.Contains(touches[4], "bid") || strings.Contains(touches[4], "ask") {
		t.Errorf("%s: of a stale book nothing holds", touches[4])
	}
}

func TestWhatIsNoLongerCollectedIsNotServed(t *testing.T) {
	d := newDesk(t)
	if _, ok := d.Book("BTC-USDT"); ok {
		t.Error("a book before there is one")
	}
	d.live(start, start)
	if payload, ok := d.Book("BTC-USDT"); !ok || decode(t, string(payload)).State != market.Live {
		t.Errorf("book %s", payload)
	}
	if symbols, live := d.Count(); symbols != 1 || live != 1 {
		t.Errorf("%d symbols, %d live", symbols, live)
	}
	successor := *d.listing
	d.Gone(&successor, start.Add(time.Second)) // a listing that never was the followed one
	if _, ok := d.Book("BTC-USDT"); !ok {
		t.Error("gone with another's end")
	}
	d.paper.take(bookOf)
	d.Gone(d.listing, start.Add(time.Second))
	if books := d.paper.take(bookOf); len(books) != 1 || decode(t, books[0]).State != market.Down || decode(t, books[0]).Seq != 2 {
		t.Errorf("books %s", books)
	}
	if _, ok := d.Book("BTC-USDT"); ok {
		t.Error("still served")
	}
	if symbols, live := d.Count(); symbols != 0 || live != 0 {
		t.Errorf("%d symbols, %d live", symbols, live)
	}
	d.live(start.Add(2*time.Second), start.Add(2*time.Second))
	if books := d.paper.take(bookOf); len(books) != 1 || decode(t, books[0]).Seq != 3 {
		t.Errorf("books %s: the count goes on", books)
	}
}

func (d *desk) trade(price, size int64, theirs, ours time.Time) {
	d.Trade(d.listing, &exchange.Trade{ID: "7", Price: price, Size: size, Taker: market.Sell, Time: theirs}, ours)
}

func TestTradesMakeCandlesByTheExchangesClock(t *testing.T) {
	d := newDesk(t)
	ahead := -3 * time.Hour // a recording, or a clock far off
	d.Trades(d.listing, true, start)
	ours := start.Add(400 * time.Millisecond)
	d.trade(10000, 5, ours.Add(ahead), ours)
	if d.seeds != 1 {
		t.Errorf("seeded %d times", d.seeds)
	}
	d.trade(10100, 5, start.Add(ahead+1100*time.Millisecond), start.Add(1100*time.Millisecond))
	d.trade(10050, 10, start.Add(ahead+1900*time.Millisecond), start.Add(1900*time.Millisecond))
	trades := 0
	for _, s := range d.paper.subjects {
		if s == "md.trade.binance.BTC-USDT" {
			trades++
		}
	}
	if trades != 3 {
		t.Errorf("%d trades", trades)
	}
	d.look(start.Add(2400 * time.Millisecond))
	if klines := d.paper.take("md.kline.binance.BTC-USDT.1s"); len(klines) != 1 || strings.Contains(klines[0], `"complete":true`) {
		t.Errorf("klines %s: at 2.4 s the second's candle is still running", klines)
	}
	d.look(start.Add(2600 * time.Millisecond))
	klines := d.paper.take("md.kline.binance.BTC-USDT.1s")
	if len(klines) != 1 {
		t.Fatalf("klines %s, want the finished one: the first second's lacks its beginning", klines)
	}
	var k bus.Kline
	if err := json.Unmarshal([]byte(klines[0]), &k); err != nil {
		t.Fatal(err)
	}
	if !k.Complete || !k.OpenTime.Equal(start.Add(ahead+time.Second)) || k.High != decimal.MustParse("101") || k.Volume != decimal.MustParse("0.0015") {
		t.Errorf("%s", klines[0])
	}
	if recent := d.Recent("BTC-USDT", time.Second); len(recent) != 2 || recent[0] != k.Candle {
		t.Errorf("recent %+v", recent)
	}
	d.Trades(d.listing, false, start)
	d.look(start.Add(5 * time.Second))
	if klines := d.paper.take("md.kline.binance.BTC-USDT.1s"); len(klines) != 0 {
		t.Errorf("klines %s of a time without trades", klines)
	}
}

func TestARunningCandleIsSeededByTheExchange(t *testing.T) {
	d := newDesk(t)
	d.Trades(d.listing, true, start.Add(30*time.Second))
	d.trade(10000, 10000, start.Add(31*time.Second), start.Add(31*time.Second))
	minute := market.Candle{
		OpenTime: start, CloseTime: start.Add(time.Minute - time.Millisecond), Volume: decimal.MustParse("7"),
		Open: decimal.MustParse("90"), High: decimal.MustParse("120"), Low: decimal.MustParse("80"), Close: decimal.MustParse("100"),
	}
	d.Seed(d.listing, time.Minute, minute)
	d.trade(10500, 10000, start.Add(40*time.Second), start.Add(40*time.Second))
	d.live(start, start.Add(61*time.Second))
	klines := d.paper.take("md.kline.binance.BTC-USDT.1m")
	if len(klines) != 2 || !strings.Contains(klines[0], `"open":"90","high":"120","low":"80","close":"105","volume":"8"`) || !strings.Contains(klines[0], `"complete":true`) {
		t.Errorf("klines %s", klines)
	}
}

func TestALookAtAChangeAllocatesNothing(t *testing.T) {
	d := newDesk(t)
	d.bus = silent{}
	now := start
	d.live(now, now)
	u := &book.Update{Bids: make([]book.Level, 1)}
	if n := testing.AllocsPerRun(200, func() {
		now = now.Add(100 * time.Millisecond)
		u.Time, u.Bids[0] = now, book.Level{Price: 10000, Size: now.UnixMilli()}
		if _, err := d.book.Apply(u); err != nil {
			t.Fatal(err)
		}
		d.live(now, now)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

type silent struct{}

func (silent) PublishMarket(string, []byte) error { return nil }

// BenchmarkBook encodes a book of fifty levels a side.
func BenchmarkBook(b *testing.B) {
	d := newDesk(b)
	d.bus = silent{}
	u := &book.Update{Kind: book.Snapshot, Time: start}
	for i := range int64(Depth) {
		u.Bids = append(u.Bids, book.Level{Price: 6000000 - i, Size: 12345 + i})
		u.Asks = append(u.Asks, book.Level{Price: 6000001 + i, Size: 12345 + i})
	}
	if _, err := d.book.Apply(u); err != nil {
		b.Fatal(err)
	}
	now := start
	b.ReportAllocs()
	for b.Loop() {
		now = now.Add(time.Second)
		d.live(start, now)
	}
}
