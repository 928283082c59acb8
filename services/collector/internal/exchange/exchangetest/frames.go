package exchangetest

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hourglass-trading/hourglass/pkg/fuzztest"
	"github.com/hourglass-trading/hourglass/services/collector/internal/book"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// Golden decodes every frame of testdata/*.frames, one a line, and compares what they say with the .golden file beside it.
// Lines that begin with # say what follows and are passed over.
func Golden(t *testing.T, ex exchange.Exchange, listings ...*exchange.Listing) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", "*.frames"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no frames in testdata: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			table := exchange.NewTable(listings...)
			var got bytes.Buffer
			for _, frame := range framesOf(t, file) {
				fmt.Fprintf(&got, "%s\n", frame)
				tell(&got, ex, table, frame)
			}
			golden := strings.TrimSuffix(file, ".frames") + ".golden"
			if *update {
				if err := os.WriteFile(golden, got.Bytes(), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got.Bytes(), want) {
				t.Errorf("%s differs:\n%s", golden, got.Bytes())
			}
		})
	}
}

func framesOf(tb testing.TB, file string) [][]byte {
	tb.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		tb.Fatal(err)
	}
	var frames [][]byte
	for frame := range bytes.Lines(text) {
		if frame = bytes.TrimRight(frame, "\n"); len(frame) > 0 && frame[0] != '#' {
			frames = append(frames, frame)
		}
	}
	return frames
}

// tell writes what a frame says.
func tell(to *bytes.Buffer, ex exchange.Exchange, table *exchange.Table, frame []byte) {
	var out exchange.Batch
	if err := ex.Decode(frame, table, &out); err != nil {
		fmt.Fprintf(to, "  error: %v\n", err)
	}
	for _, e := range out.Events {
		name := "?"
		if e.Listing != nil {
			name = e.Listing.Wire
		}
		switch e.Topic {
		case exchange.OnBook:
			u := e.Update
			kind := map[book.Kind]string{book.Delta: "delta", book.Snapshot: "snapshot", book.Broken: "broken"}[u.Kind]
			fmt.Fprintf(to, "  %s of %s: %d to %d after %d, %s, bids %v, asks %v", kind, name, u.First, u.Last, u.Prev, u.Time.Format("2006-01-02T15:04:05.999999999Z"), u.Bids, u.Asks)
			if u.Checked {
				fmt.Fprintf(to, ", checksum %d", u.Checksum)
			}
			if u.Err != nil {
				fmt.Fprintf(to, ", %v", u.Err)
			}
			fmt.Fprintln(to)
		case exchange.OnTrade:
			x := e.Trade
			fmt.Fprintf(to, "  trade of %s: %s, taker %s, %d at %d, %s\n", name, x.ID, x.Taker, x.Size, x.Price, x.Time.Format("2006-01-02T15:04:05.999999999Z"))
		case exchange.OnAnswer:
			a := e.Answer
			if a.Unnamed {
				name = "the only one asked for"
			}
			fmt.Fprintf(to, "  answer to %d about %s: book %t, ends %t, depth %d, refused %q\n", a.ID, name, a.Book, a.Ends, a.Depth, a.Refused)
		case exchange.OnGoodbye:
			fmt.Fprintln(to, "  goodbye")
		case exchange.OnWelcome:
			fmt.Fprintln(to, "  welcome")
		}
	}
}

// Fuzz decodes anything, beginning with the frames of testdata. Nothing may panic, a book may take any update that comes of
// it, and the same frame must say the same again.
func Fuzz(f *testing.F, ex exchange.Exchange, listings ...*exchange.Listing) {
	f.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", "*.frames"))
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		for _, frame := range framesOf(f, file) {
			f.Add(frame)
		}
	}
	fuzztest.Seed(f)
	f.Fuzz(func(t *testing.T, frame []byte) {
		table := exchange.NewTable(listings...)
		var out exchange.Batch
		if err := ex.Decode(frame, table, &out); err == nil {
			for i := range out.Events {
				e := &out.Events[i]
				if e.Topic != exchange.OnBook {
					continue
				}
				b := book.New(e.Listing.Scale, ex.Rules())
				b.Restart()
				_, _ = b.Apply(&e.Update)
			}
		}
		var first, again bytes.Buffer
		tell(&first, ex, table, frame)
		tell(&again, ex, table, frame)
		if !bytes.Equal(first.Bytes(), again.Bytes()) {
			t.Errorf("first:\n%s\nthen:\n%s", first.Bytes(), again.Bytes())
		}
	})
}

// Bench decodes the frames of a recording about one listing and applies them to its book, over and over from where it first
// was in sync.
func Bench(b *testing.B, s Suite, file string, l *exchange.Listing) {
	b.Helper()
	r := newReplay(s, l)
	var frames [][]byte
	var start *book.Update
	for _, each := range readCapture(b, filepath.Join(Shared(b), file)) {
		switch {
		case each.kind == answered:
			r.answer(b, each)
		case each.kind == received && bytes.Contains(each.payload, []byte(l.Wire)):
			if start != nil {
				frames = append(frames, each.payload)
			}
			r.frame(b, each.payload)
		}
		if start == nil && r.book.State() == book.InSync {
			start = picture(r.book)
		}
	}
	if len(frames) == 0 {
		b.Fatalf("no frames about %s on a book in sync", l.Wire)
	}
	depth := r.depth
	r.book = book.New(l.Scale, book.Rules{Checksum: s.Exchange.Rules().Checksum}) // without a chain, for the ids go round
	r.book.SetDepth(depth)
	r.book.Restart()
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if i%len(frames) == 0 {
			r.apply(start)
		}
		r.frame(b, frames[i%len(frames)])
	}
	if r.brokeErr != nil {
		b.Fatal(r.brokeErr)
	}
}

// picture returns the whole book as a snapshot.
func picture(b *book.Book) *book.Update {
	u := &book.Update{Kind: book.Snapshot}
	for i := 0; ; i++ {
		bid, isBid := b.Bid(i)
		ask, isAsk := b.Ask(i)
		if isBid {
			u.Bids = append(u.Bids, bid)
		}
		if isAsk {
			u.Asks = append(u.Asks, ask)
		}
		if !isBid && !isAsk {
			return u
		}
	}
}
