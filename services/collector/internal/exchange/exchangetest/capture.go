package exchangetest

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// lineKind is what a line of a recording is.
type lineKind uint8

const (
	received  lineKind = iota // a frame from the exchange
	sent                      // a frame to it
	connected                 // a connection was opened; the payload is its address
	answered                  // the body of a finished REST call; url is its address
)

type line struct {
	kind    lineKind
	url     string
	payload []byte
}

// maxLine bounds a line of a recording; the largest frame seen is 1.1 MB.
const maxLine = 64 << 20

// Shared returns the folder of recordings, which stands beside the repository or where HOURGLASS_SHARED says. It skips the
// test where there is none: the recordings are not part of the project.
func Shared(tb testing.TB) string {
	tb.Helper()
	dir := os.Getenv("HOURGLASS_SHARED")
	if dir == "" {
		at, err := os.Getwd()
		if err != nil {
			tb.Fatal(err)
		}
		for ; at != filepath.Dir(at); at = filepath.Dir(at) {
			if _, err := os.Stat(filepath.Join(at, "go.work")); err == nil {
				dir = filepath.Join(at, "..", "shared")
				break
			}
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "captures")); err != nil {
		tb.Skipf("no recordings in %q: set HOURGLASS_SHARED to run this", dir)
	}
	return dir
}

// Frames returns the frames that a recording received, below the folder of Shared.
func Frames(tb testing.TB, file string) [][]byte {
	tb.Helper()
	var frames [][]byte
	for _, l := range readCapture(tb, filepath.Join(Shared(tb), file)) {
		if l.kind == received {
			frames = append(frames, l.payload)
		}
	}
	return frames
}

// Body returns the first REST answer of a recording, below the folder of Shared, whose address contains the text.
func Body(tb testing.TB, file, text string) []byte {
	tb.Helper()
	for _, l := range readCapture(tb, filepath.Join(Shared(tb), file)) {
		if l.kind == answered && strings.Contains(l.url, text) {
			return l.payload
		}
	}
	tb.Fatalf("%s holds no answer of %s", file, text)
	return nil
}

// Unzip returns the content of a compressed file below the folder of Shared.
func Unzip(tb testing.TB, file string) []byte {
	tb.Helper()
	f, err := os.Open(filepath.Join(Shared(tb), file))
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	z, err := gzip.NewReader(f)
	if err != nil {
		tb.Fatal(err)
	}
	body, err := io.ReadAll(io.LimitReader(z, maxLine))
	if err != nil {
		tb.Fatal(err)
	}
	return body
}

func readCapture(tb testing.TB, path string) []line {
	tb.Helper()
	f, err := os.Open(path)
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	z, err := gzip.NewReader(f)
	if err != nil {
		tb.Fatal(err)
	}
	var lines []line
	s := bufio.NewScanner(z)
	s.Buffer(nil, maxLine)
	for s.Scan() {
		l, err := parseLine(s.Text())
		if err != nil {
			tb.Fatalf("%s, line %d: %v", path, len(lines)+1, err)
		}
		lines = append(lines, l)
	}
	if err := s.Err(); err != nil {
		tb.Fatal(err)
	}
	return lines
}

func parseLine(text string) (line, error) {
	before, payload, found := strings.Cut(text, ": ")
	if url, _, ok := strings.Cut(before, " <-> "); ok {
		return line{kind: connected, url: url}, nil
	}
	if !found {
		return line{}, fmt.Errorf("no payload in %.80q", text)
	}
	if url, _, ok := strings.Cut(before, " -> "); ok {
		return line{kind: answered, url: url, payload: []byte(payload)}, nil
	}
	if strings.Contains(before, " <- ") {
		return line{kind: sent, payload: []byte(payload)}, nil
	}
	return line{kind: received, payload: []byte(payload)}, nil
}
