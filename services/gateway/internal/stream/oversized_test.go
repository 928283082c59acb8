package stream

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hourglass-trading/hourglass/services/gateway/internal/auth"
)

// byHand is a client that writes its frames byte by byte.
type byHand struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
}

func dialByHand(t *testing.T, at, token string) *byHand {
	t.Helper()
	u, err := url.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", u.Host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	c := &byHand{t: t, conn: conn, in: bufio.NewReader(conn)}
	c.put([]byte("GET / HTTP/1.1\r\nHost: " + u.Host + "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n" +
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nAuthorization: Bearer " + token + "\r\n\r\n"))
	res, err := http.ReadResponse(c.in, nil)
	if err != nil || res.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("handshake: %v %v", res, err)
	}
	return c
}

func (c *byHand) put(b []byte) {
	c.t.Helper()
	if _, err := c.conn.Write(b); err != nil {
		c.t.Fatalf("write: %v", err)
	}
}

// frameHead begins a masked frame whose mask changes nothing.
func frameHead(opcode byte, fin bool, length int) []byte {
	if fin {
		opcode |= 0x80
	}
	if length < 126 {
		return []byte{opcode, 0x80 | byte(length), 0, 0, 0, 0}
	}
	b := binary.BigEndian.AppendUint64([]byte{opcode, 0x80 | 127}, uint64(length))
	return append(b, 0, 0, 0, 0)
}

// frame returns the next frame of the server's, which are all short.
func (c *byHand) frame() (opcode byte, payload []byte) {
	c.t.Helper()
	b := make([]byte, 2)
	if _, err := io.ReadFull(c.in, b); err != nil {
		c.t.Fatalf("read: %v", err)
	}
	length := int(b[1])
	if length == 126 {
		more := make([]byte, 2)
		if _, err := io.ReadFull(c.in, more); err != nil {
			c.t.Fatalf("read: %v", err)
		}
		length = int(binary.BigEndian.Uint16(more))
	}
	payload = make([]byte, length)
	if _, err := io.ReadFull(c.in, payload); err != nil {
		c.t.Fatalf("read: %v", err)
	}
	return b[0] & 0x0f, payload
}

const (
	opContinuation, opText, opClose = 0, 1, 8
	closeTooBig                     = "\x03\xf1" // 1009
)

// A client that is in the middle of a frame learns why it is closed: what it sends meanwhile is read, as its system would
// answer a reset otherwise, and lose the reason.
func TestAFrameTooLargeIsClosedWithAReasonThatArrives(t *testing.T) {
	at := serveAt(t, door{"t": auth.Identity{Account: "alice", ExpiresAt: time.Now().Add(time.Hour)}})
	text := func(n int) []byte { return make([]byte, n) }
	for name, is := range map[string]struct{ before, after [][]byte }{
		"in one frame":         {[][]byte{frameHead(opText, true, 60<<10), text(20 << 10)}, [][]byte{text(40 << 10)}},
		"in several frames":    {[][]byte{frameHead(opText, false, 10<<10), text(10 << 10), frameHead(opContinuation, false, 10<<10), text(10 << 10)}, [][]byte{frameHead(opContinuation, true, 20<<10), text(20 << 10)}},
		"by a byte":            {[][]byte{frameHead(opText, true, maxFrame+1), text(maxFrame + 1)}, nil},
		"with more behind it":  {[][]byte{frameHead(opText, true, 17<<10), text(17 << 10), frameHead(opText, true, 100), text(100)}, [][]byte{frameHead(opText, true, 100), text(100)}},
		"larger than any ever": {[][]byte{frameHead(opText, true, 1<<62), text(20 << 10)}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			c := dialByHand(t, at, "t")
			if op, hello := c.frame(); op != opText {
				t.Fatalf("first frame: %d %s", op, hello)
			}
			for _, b := range is.before {
				c.put(b)
			}
			if op, reason := c.frame(); op != opClose || string(reason[:2]) != closeTooBig {
				t.Fatalf("closed with %d %q", op, reason)
			}
			for _, b := range is.after {
				c.put(b)
			}
			if name != "larger than any ever" {
				c.put(append(frameHead(opClose, true, 2), closeTooBig...))
			}
			if rest, err := io.ReadAll(c.in); err != nil || len(rest) > 0 {
				t.Errorf("the end: %q, %v", rest, err)
			}
		})
	}
}

func TestAFrameOfTheLargestSizeIsTaken(t *testing.T) {
	conn := serve(t, door{"t": auth.Identity{Account: "alice", ExpiresAt: time.Now().Add(time.Hour)}})()
	say(t, conn, `{"action":"auth","token":"t"}`)
	if kind, _ := hear(t, conn); kind != "hello" {
		t.Fatalf("heard %q", kind)
	}
	padded := bytes.Repeat([]byte(" "), maxFrame)
	copy(padded, `{"action":"ping"}`)
	say(t, conn, string(padded))
	if kind, code := hear(t, conn); kind != "pong" {
		t.Errorf("%q %d", kind, code)
	}
}

// What a client sends after its end is read up to a bound, of bytes and of time.
func TestAfterTheEndOnlySoMuchIsRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		p := &packer{Conn: ours}
		go func() {
			for {
				if _, err := theirs.Write(make([]byte, 1_000)); err != nil {
					return
				}
			}
		}()
		if n, err := io.CopyN(io.Discard, p, 1<<20); n != 1<<20 || err != nil {
			t.Errorf("before: %d, %v", n, err)
		}
		if err := p.last(); err != nil {
			t.Fatal(err)
		}
		if n, err := io.Copy(io.Discard, p); n != lastBytes || err != nil {
			t.Errorf("afterwards: %d, %v", n, err)
		}
		_, _ = theirs.Close(), p.Close()

		ours, theirs = net.Pipe() // and says nothing
		defer func() { _ = theirs.Close() }()
		p = &packer{Conn: ours}
		if err := p.last(); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if n, err := io.Copy(io.Discard, p); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(began) != lastTime {
			t.Errorf("silence: %d, %v, after %s", n, err, time.Since(began))
		}
		_ = p.Close()
	})
}
