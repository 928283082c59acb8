package integration

import (
	"bufio"
	"cmp"
	"compress/gzip"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hourglass-trading/hourglass/pkg/decimal"
)

// shared is the folder of recorded traffic beside the project.
func shared(t *testing.T, parts ...string) string {
	t.Helper()
	root := os.Getenv("HOURGLASS_SHARED")
	if root == "" {
		root = filepath.Join("..", "..", "..", "..", "shared")
	}
	path, err := filepath.Abs(filepath.Join(append([]string{root}, parts...)...))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Skipf("needs the recorded traffic: %v", err)
	}
	return path
}

// recordedBook rebuilds a Binance book from a recording in the plainest way there is, with maps, so that it shares no code
// and no idea with the collector that it checks.
type recordedBook struct {
	bids, asks map[decimal.Decimal]decimal.Decimal
	id         uint64
}

type depthFrame struct {
	Data struct {
		Event string               `json:"e"`
		Time  int64                `json:"E"` // named so that it is not taken for e: names match in any case
		First uint64               `json:"U"`
		Last  uint64               `json:"u"`
		Bids  [][2]decimal.Decimal `json:"b"`
		Asks  [][2]decimal.Decimal `json:"a"`
	} `json:"data"`
}

// readRecording calls after with the book as it was after each depth message, numbered from 1 as the recording's notes do.
func readRecording(t *testing.T, file string, after func(n int, b *recordedBook)) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	unzipped, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(unzipped)
	lines.Buffer(nil, 64<<20)
	b, n := &recordedBook{}, 0
	var early []depthFrame
	for lines.Scan() {
		head, payload, ok := strings.Cut(lines.Text(), ": ")
		switch {
		case !ok || strings.Contains(head, "<-"):
		case strings.Contains(head, " -> "):
			var snapshot struct {
				ID   uint64               `json:"lastUpdateId"`
				Bids [][2]decimal.Decimal `json:"bids"`
				Asks [][2]decimal.Decimal `json:"asks"`
			}
			decode(t, payload, &snapshot)
			b.bids, b.asks, b.id = map[decimal.Decimal]decimal.Decimal{}, map[decimal.Decimal]decimal.Decimal{}, snapshot.ID
			put(b.bids, snapshot.Bids)
			put(b.asks, snapshot.Asks)
			for _, frame := range early {
				b.apply(t, frame)
			}
		case strings.Contains(payload, `"e":"depthUpdate"`):
			var frame depthFrame
			decode(t, payload, &frame)
			if n++; b.bids == nil {
				early = append(early, frame)
				continue
			}
			b.apply(t, frame)
			after(n, b)
		}
	}
	if lines.Err() != nil || n == 0 {
		t.Fatalf("%s: %d depth messages, %v", file, n, lines.Err())
	}
}

func decode(t *testing.T, text string, v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), v); err != nil {
		t.Fatalf("%.200s: %v", text, err)
	}
}

func (b *recordedBook) apply(t *testing.T, f depthFrame) {
	t.Helper()
	if f.Data.Last <= b.id {
		return
	}
	if f.Data.First > b.id+1 {
		t.Fatalf("hole between %d and %d", b.id, f.Data.First)
	}
	put(b.bids, f.Data.Bids)
	put(b.asks, f.Data.Asks)
	b.id = f.Data.Last
}

func put(side map[decimal.Decimal]decimal.Decimal, levels [][2]decimal.Decimal) {
	for _, l := range levels {
		if l[1].IsZero() {
			delete(side, l[0])
		} else {
			side[l[0]] = l[1]
		}
	}
}

// prices returns the prices of the side that a taker of the given side takes from, best first.
func (b *recordedBook) prices(side string) ([]decimal.Decimal, map[decimal.Decimal]decimal.Decimal) {
	levels, sign := b.asks, 1
	if side == "sell" {
		levels, sign = b.bids, -1
	}
	prices := make([]decimal.Decimal, 0, len(levels))
	for p := range levels {
		prices = append(prices, p)
	}
	slices.SortFunc(prices, func(x, y decimal.Decimal) int { return cmp.Compare(sign*x.Cmp(y), 0) })
	return prices, levels
}

// averagePrice is what taking a quantity at once costs a coin, to 12 decimals.
func (b *recordedBook) averagePrice(t *testing.T, side, quantity string) decimal.Decimal {
	t.Helper()
	var c decimal.Calc
	want := decimal.MustParse(quantity)
	rest, paid := want, decimal.Decimal{}
	prices, levels := b.prices(side)
	for _, p := range prices {
		take := levels[p].Min(rest)
		paid = c.Add(paid, c.Mul(p, take))
		if rest = c.Sub(rest, take); rest.IsZero() {
			break
		}
	}
	avg := c.Quo(paid, want, 12, decimal.HalfEven)
	if c.Err() != nil || !rest.IsZero() {
		t.Fatalf("walk %s %s: %s left, %v", side, quantity, rest, c.Err())
	}
	return avg
}
