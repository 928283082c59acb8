package exchangetest

import (
	"errors"
	"strings"
	"testing"

	"github.com/hourglass-trading/hourglass/services/collector/internal/book"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange"
)

// losses leaves out one message at a time.
func (s Suite) losses(t *testing.T, l *exchange.Listing, lines []line, want symbolExpected) {
	for _, probe := range want.LossProbes {
		r := newReplay(s, l)
		r.skip = probe.Drop
		r.run(t, lines)
		switch {
		case probe.Detected == nil && r.brokeErr != nil:
			t.Errorf("without delta %d: broke at %d: %v, want unnoticed", probe.Drop, r.brokeAt, r.brokeErr)
		case probe.Detected != nil && r.brokeAt != *probe.Detected:
			t.Errorf("without delta %d: broke at %d, want %d", probe.Drop, r.brokeAt, *probe.Detected)
		}
	}
}

// repeated feeds every frame twice.
func (s Suite) repeated(t *testing.T, l *exchange.Listing, lines []line, want symbolExpected) {
	r := newReplay(s, l)
	for _, each := range lines {
		r.run(t, []line{each, each})
	}
	if r.brokeErr != nil {
		t.Fatalf("broke at delta %d: %v", r.brokeAt, r.brokeErr)
	}
	checkBook(t, r.book, want)
}

// cut cuts the first frames of the book off at every byte: none may pass for a whole one.
func (s Suite) cut(t *testing.T, l *exchange.Listing, lines []line) {
	table := exchange.NewTable(l)
	var out exchange.Batch
	tried := 0
	for _, each := range lines {
		if each.kind != received || len(each.payload) > 2000 || tried == 10 {
			continue
		}
		tried++
		for n := range len(each.payload) {
			out.Reset()
			if err := s.Exchange.Decode(each.payload[:n], table, &out); err != nil {
				continue
			}
			for _, e := range out.Events {
				if e.Topic != exchange.OnBook || e.Update.Kind != book.Broken {
					t.Fatalf("%s gives %+v", each.payload[:n], e)
				}
			}
			if len(out.Events) == 0 {
				t.Fatalf("%s passes for nothing", each.payload[:n])
			}
		}
	}
}

// flipped changes one size in one message by the smallest unit: the checksum must fail at just that message.
func (s Suite) flipped(t *testing.T, l *exchange.Listing, lines []line) {
	r := newReplay(s, l)
	for _, each := range lines {
		if each.kind == received && r.book.State() == book.InSync {
			r.batch.Reset()
			if err := s.Exchange.Decode(each.payload, r.table, &r.batch); err != nil {
				t.Fatal(err)
			}
			for _, e := range r.batch.Events {
				if e.Topic != exchange.OnBook || !e.Update.Checked || !touchesTop(r.book, e.Update) {
					continue
				}
				for _, levels := range [][]book.Level{e.Update.Bids, e.Update.Asks} {
					if len(levels) > 0 {
						levels[0].Size++
						break
					}
				}
				if _, err := r.book.Apply(&e.Update); !errors.Is(err, book.ErrChecksum) {
					t.Fatalf("%s passes with a changed size: %v", each.payload, err)
				}
				return
			}
		}
		r.run(t, []line{each})
	}
	t.Skip("no message touches the top")
}

// touchesTop reports whether the first level of an update is among the best five, so that any checksum covers it.
func touchesTop(b *book.Book, u book.Update) bool {
	for i := range 5 {
		if bid, ok := b.Bid(i); ok && len(u.Bids) > 0 && u.Bids[0].Price == bid.Price {
			return true
		}
		if ask, ok := b.Ask(i); ok && len(u.Bids) == 0 && len(u.Asks) > 0 && u.Asks[0].Price == ask.Price {
			return true
		}
	}
	return false
}

// untruncated keeps every level, which must break the book: the exchange says nothing of levels pushed out.
func (s Suite) untruncated(t *testing.T, l *exchange.Listing, lines []line) {
	r := newReplay(s, l)
	r.keepAll = true
	r.run(t, lines)
	if r.brokeErr == nil {
		t.Error("passed")
	}
}

// again repeats the first snapshot after the last message and then everything once more: the end must be the same.
func (s Suite) again(t *testing.T, l *exchange.Listing, lines []line, want symbolExpected) {
	r := newReplay(s, l)
	r.run(t, lines)
	r.run(t, lines)
	if r.brokeErr != nil {
		t.Fatalf("broke at delta %d: %v", r.brokeAt, r.brokeErr)
	}
	checkBook(t, r.book, want)
}

// garbage feeds what is no frame of any exchange: it may be an error or nothing, but never something.
func (s Suite) garbage(t *testing.T, l *exchange.Listing) {
	table := exchange.NewTable(l)
	for _, frame := range []string{
		"", " ", "\x00", "\xff\xfe", "{", "}", "[", "[]", "{}", "null", "0", `"`, `""`, "ping", "{{}}", `{"a"}`, `{"a":}`, `{"a":1,}`,
		`{"type":1,"data":2,"channel":3,"topic":4,"arg":5,"event":6,"e":7}`, `{"data":null}`, `{"data":{}}`, `{"data":[[]]}`,
		`{"data":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}`, strings.Repeat("[", 1<<16),
	} {
		var out exchange.Batch
		if err := s.Exchange.Decode([]byte(frame), table, &out); err == nil && len(out.Events) > 0 {
			t.Errorf("%.80q says %+v", frame, out.Events)
		}
	}
}
