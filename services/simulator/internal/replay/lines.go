package replay

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
)

// Bounds on what a recording may hold, so that a wrong or hostile file ends in an error instead of in exhausted memory.
const (
	maxLine = 64 << 20  // bytes of one event; a full exchangeInfo body has 10 MiB
	maxFile = 512 << 20 // bytes of a file once unpacked
)

// errStop ends the reading of a file early without an error.
var errStop = errors.New("stop reading")

type lineKind int

const (
	lineReceived lineKind = iota // <time>: <payload>
	lineOpened                   // <url> <-> <time>
	lineSent                     // <url> <- <time>: <payload>
	lineFetched                  // <url> -> <time>: <body>
)

// line is one event of a recorder.
type line struct {
	kind lineKind
	at   int64 // Unix nanoseconds
	url  string
	body []byte
}

// parseLine reads one event. The body is a part of raw, not a copy.
func parseLine(raw []byte) (line, error) {
	var l line
	if len(raw) == 0 {
		return l, errors.New("empty line")
	}
	rest := raw
	if raw[0] < '0' || raw[0] > '9' {
		url, after, ok := bytes.Cut(raw, []byte(" "))
		if !ok {
			return l, errors.New("no time on the line")
		}
		op, after, ok := bytes.Cut(after, []byte(" "))
		if !ok {
			return l, errors.New("no time on the line")
		}
		switch string(op) {
		case "<->":
			l.kind = lineOpened
		case "<-":
			l.kind = lineSent
		case "->":
			l.kind = lineFetched
		default:
			return l, fmt.Errorf("unknown event %.10q", op)
		}
		l.url, rest = string(url), after
	}
	stamp, body, hasBody := bytes.Cut(rest, []byte(": "))
	if !hasBody && l.kind != lineOpened {
		return l, errors.New("no payload on the line")
	}
	at, err := parseUnix(stamp)
	if err != nil {
		return l, err
	}
	l.at, l.body = at, body
	return l, nil
}

// parseUnix reads Unix seconds with up to nine decimals as nanoseconds.
func parseUnix(b []byte) (int64, error) {
	whole, frac, _ := bytes.Cut(b, []byte("."))
	sec, err := strconv.ParseUint(string(whole), 10, 33)
	if err != nil {
		return 0, fmt.Errorf("time %.30q is not in Unix seconds", b)
	}
	if len(frac) > 9 {
		frac = frac[:9]
	}
	ns := int64(0)
	for i := range 9 {
		ns *= 10
		if i < len(frac) {
			if frac[i] < '0' || frac[i] > '9' {
				return 0, fmt.Errorf("time %.30q is not in Unix seconds", b)
			}
			ns += int64(frac[i] - '0')
		}
	}
	return int64(sec)*1e9 + ns, nil
}

// readLines calls visit with each event of a gzipped recording, in file order. The bytes handed over stay valid.
// A visit that returns errStop ends the reading.
func readLines(path string, visit func(line) error) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return fmt.Errorf("unpack: %w", err)
	}
	total := 0
	s := bufio.NewScanner(z)
	s.Buffer(make([]byte, 0, 1<<20), maxLine)
	for n := 1; s.Scan(); n++ {
		if total += len(s.Bytes()); total > maxFile {
			return fmt.Errorf("line %d: more than %d bytes once unpacked", n, maxFile)
		}
		// The scanner reuses its buffer.
		l, err := parseLine(bytes.Clone(s.Bytes()))
		if err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
		if err := visit(l); err != nil {
			if errors.Is(err, errStop) {
				return nil
			}
			return fmt.Errorf("line %d: %w", n, err)
		}
	}
	if err := s.Err(); err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return fmt.Errorf("unpack: the file is cut off: %w", err)
		}
		return fmt.Errorf("unpack: %w", err)
	}
	return nil
}
