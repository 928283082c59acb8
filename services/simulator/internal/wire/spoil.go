package wire

import (
	"bytes"
	"regexp"
	"sync"
)

// hugeFrame is the size of the frame sent on request; most clients take less.
const hugeFrame = 10 << 20

var huge = sync.OnceValue(func() []byte {
	return append(append([]byte(`{"padding":"`), bytes.Repeat([]byte("x"), hugeFrame)...), `"}`...)
})

// garbage is no JSON, and ends in the middle.
var garbage = []byte(`{"e":"depthUpdate","b":[["0.00`)

// spoil lets the next requested mishap happen to a message of a book. Crossing and corrupting wait for a message that can be
// crossed or corrupted.
func (s *Session) spoil(sub *Sub, frame []byte) [][]byte {
	out := [][]byte{frame}
	if sub.Book == "" {
		return out
	}
	do, seen := s.faults.next(sub.seen, bookMishaps, sub.Book)
	sub.seen = seen
	happened := do != ""
	switch do {
	case "drop":
		out = nil
	case "repeat":
		out = [][]byte{frame, frame}
	case "reorder":
		if sub.held == nil { // it comes behind the next one
			sub.held, sub.seen = frame, seen+1
			return nil
		}
	case "corrupt":
		out[0], happened = corrupt(frame)
	case "cross":
		out[0], happened = cross(frame)
	}
	if happened {
		sub.seen++
	}
	if sub.held != nil {
		out, sub.held = append(out, sub.held), nil
	}
	return out
}

var checksum = regexp.MustCompile(`"checksum":\s*-?\d+`)

// corrupt changes the last digit of a checksum; false where the message has none.
func corrupt(frame []byte) ([]byte, bool) {
	at := checksum.FindIndex(frame)
	if at == nil {
		return frame, false
	}
	out := bytes.Clone(frame)
	digit := &out[at[1]-1]
	*digit = '0' + (*digit-'0'+1)%10
	return out, true
}

var (
	// sides are the words for the sides of a book in all protocols spoken here, in pairs.
	sides = pairsOf(`"bids":`, `"asks":`, `"b":[`, `"a":[`, `["buy",`, `["sell",`)
	// standing is a level with a quantity: ["1.0","2.0"…, ["buy","1.0","2.0"] or {"price":1.0,"qty":2.0}.
	standing = regexp.MustCompile(`\["(?:buy","|sell",")?[0.]*[1-9][0-9.]*","[0.]*[1-9]|"qty":\s*[0.]*[1-9]`)
)

func pairsOf(words ...string) [][2][]byte {
	var out [][2][]byte
	for i := 0; i+1 < len(words); i += 2 {
		out = append(out, [2][]byte{[]byte(words[i]), []byte(words[i+1])})
	}
	return out
}

// cross makes bids of asks and asks of bids, so that a level of the message stands beyond the other side's best; false where
// the message has no level that stands.
func cross(frame []byte) ([]byte, bool) {
	if !standing.Match(frame) {
		return frame, false
	}
	const placeholder = "\x00"
	out, crossed := frame, false
	for _, words := range sides {
		if bytes.Contains(out, words[0]) || bytes.Contains(out, words[1]) {
			out = bytes.ReplaceAll(out, words[0], []byte(placeholder))
			out = bytes.ReplaceAll(out, words[1], words[0])
			out = bytes.ReplaceAll(out, []byte(placeholder), words[1])
			crossed = true
		}
	}
	return out, crossed
}
