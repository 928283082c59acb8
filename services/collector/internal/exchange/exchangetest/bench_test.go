package exchangetest_test

import (
	"bytes"
	"testing"

	"github.com/hourglass-trading/hourglass/services/collector/internal/book"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange/coinbase"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange/exchangetest"
)

const (
	deepFile = "captures/coinbase/coinbase_level2_batch_2026-07-07.cap.gz"
	deepPair = "BTC-USD"
)

// deep is a book of 42,000 levels with the frames that change it, over and over.
type deep struct {
	ex     coinbase.Exchange
	table  *exchange.Table
	batch  exchange.Batch
	book   *book.Book
	frames [][]byte
}

func newDeep(b *testing.B) *deep {
	b.Helper()
	l := &exchange.Listing{Wire: deepPair, Code: deepPair, Scale: book.Scale{Price: 2, Size: 8}}
	d := &deep{table: exchange.NewTable(l), book: book.New(l.Scale, coinbase.Exchange{}.Rules())}
	d.book.Restart()
	for _, frame := range exchangetest.Frames(b, deepFile) {
		if !bytes.Contains(frame, []byte(deepPair)) || !bytes.Contains(frame, []byte(`"snapshot"`)) && !bytes.Contains(frame, []byte(`"l2update"`)) {
			continue
		}
		d.apply(b, d.decode(b, frame))
		if bytes.Contains(frame, []byte(`"l2update"`)) {
			d.frames = append(d.frames, frame)
		}
	}
	if bids, asks := d.book.Len(); bids+asks < 40_000 {
		b.Fatalf("%d bids and %d asks", bids, asks)
	}
	return d
}

func (d *deep) decode(b *testing.B, frame []byte) []exchange.Event {
	b.Helper()
	d.batch.Reset()
	if err := d.ex.Decode(frame, d.table, &d.batch); err != nil {
		b.Fatal(err)
	}
	return d.batch.Events
}

func (d *deep) apply(b *testing.B, events []exchange.Event) {
	b.Helper()
	for i := range events {
		if e := &events[i]; e.Topic == exchange.OnBook {
			// The frames go round, so the book may cross where their end meets their beginning; that is not what is measured.
			if outcome, _ := d.book.Apply(&e.Update); outcome == book.Broke && e.Update.Kind == book.Broken {
				b.Fatal(e.Update.Err)
			}
		}
	}
}

// BenchmarkDecodeCoinbase decodes a frame of many changes.
func BenchmarkDecodeCoinbase(b *testing.B) {
	d := newDeep(b)
	changes, bytesRead := 0, 0
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		frame := d.frames[i%len(d.frames)]
		for _, e := range d.decode(b, frame) {
			changes += len(e.Update.Bids) + len(e.Update.Asks)
		}
		bytesRead += len(frame)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(changes), "ns/change")
	b.SetBytes(int64(bytesRead / b.N))
}

// BenchmarkApplyDeep applies changes to a book of 42,000 levels.
func BenchmarkApplyDeep(b *testing.B) {
	d := newDeep(b)
	var updates []book.Update
	for _, frame := range d.frames {
		for _, e := range d.decode(b, frame) {
			u := e.Update
			u.Bids, u.Asks = append([]book.Level(nil), u.Bids...), append([]book.Level(nil), u.Asks...)
			updates = append(updates, u)
		}
	}
	changes := 0
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		u := &updates[i%len(updates)]
		if d.book.State() != book.InSync { // crossed where the end meets the beginning
			b.StopTimer()
			*d = *newDeep(b)
			b.StartTimer()
		}
		_, _ = d.book.Apply(u)
		changes += len(u.Bids) + len(u.Asks)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(changes), "ns/change")
}

// BenchmarkTopTen encodes the ten best levels of each side.
func BenchmarkTopTen(b *testing.B) {
	d := newDeep(b)
	var out []byte
	b.ReportAllocs()
	for b.Loop() {
		out = d.book.AppendAsks(d.book.AppendBids(out[:0], 10), 10)
	}
	b.SetBytes(int64(len(out)))
}
