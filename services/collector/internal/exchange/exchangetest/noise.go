package exchangetest

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange"
)

// strangers adds a field that nobody knows to every object of every frame: it must change nothing.
func (s Suite) strangers(t *testing.T, l *exchange.Listing, lines []line, want symbolExpected) {
	r := newReplay(s, l)
	for _, each := range lines {
		if each.kind == received {
			each.payload = withStranger(each.payload)
		}
		r.run(t, []line{each})
	}
	if r.brokeErr != nil {
		t.Fatalf("broke at delta %d: %v", r.brokeAt, r.brokeErr)
	}
	checkCounts(t, r, want)
	checkBook(t, r.book, want)
}

// withStranger adds a field to every object that has one.
func withStranger(payload []byte) []byte {
	out := make([]byte, 0, 2*len(payload))
	inString := false
	for i := 0; i < len(payload); i++ {
		out = append(out, payload[i])
		switch b := payload[i]; {
		case b == '\\' && inString && i+1 < len(payload):
			i++
			out = append(out, payload[i])
		case b == '"':
			inString = !inString
		case b == '{' && !inString && i+1 < len(payload) && payload[i+1] == '"':
			out = append(out, `"zz_new":[{"a":null,"b":{}},-1.5e3,"\"}"],`...)
		}
	}
	return out
}

// garbled damages bytes of the first frames: whatever is decoded then, nothing may panic.
func (s Suite) garbled(l *exchange.Listing, lines []line) {
	const frames, times = 100, 50
	table, out := exchange.NewTable(l), exchange.Batch{}
	rnd := rand.New(rand.NewPCG(1, 2))
	tried := 0
	for _, each := range lines {
		if each.kind != received || len(each.payload) == 0 || tried == frames {
			continue
		}
		tried++
		for range times {
			damaged := slices.Clone(each.payload)
			for range 1 + rnd.IntN(3) {
				damaged[rnd.IntN(len(damaged))] = "\x00\"{}[],:0-9e.\\\xff"[rnd.IntN(15)]
			}
			out.Reset()
			r := newReplay(s, l)
			if s.Exchange.Decode(damaged, table, &out) == nil {
				for i := range out.Events {
					r.event(&out.Events[i])
				}
			}
		}
	}
}
