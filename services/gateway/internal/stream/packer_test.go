package stream

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// counted counts the writes that reach it.
type counted struct {
	net.Conn
	writes int
	sent   bytes.Buffer
	err    error
}

func (c *counted) Write(b []byte) (int, error) {
	if c.err != nil {
		return 0, c.err
	}
	c.writes++
	return c.sent.Write(b)
}
func (*counted) SetWriteDeadline(time.Time) error { return nil }

func TestWhatIsHeldBackGoesOutAsOne(t *testing.T) {
	wire := &counted{}
	p := &packer{Conn: wire}
	put := func(text string, writes int) {
		t.Helper()
		if n, err := io.WriteString(p, text); n != len(text) || err != nil || wire.writes != writes {
			t.Errorf("%.10q: %d, %v, after %d writes", text, n, err, wire.writes)
		}
	}
	put("a", 1) // nothing is held back: at once
	p.hold()
	put("b", 1)
	put("c", 1)
	if err := p.send(); err != nil || wire.writes != 2 {
		t.Errorf("send: %v, %d writes", err, wire.writes)
	}
	put("d", 2)
	large := string(bytes.Repeat([]byte("x"), packSize+1))
	put(large, 4) // what is held back first, then the rest as it is
	put("e", 4)
	if err := p.release(); err != nil || wire.writes != 5 || wire.sent.String() != "abcd"+large+"e" {
		t.Errorf("release: %v, %d writes, %.20q…", err, wire.writes, wire.sent.String())
	}
	if err := errors.Join(p.release(), p.send()); err != nil || wire.writes != 5 {
		t.Errorf("nothing held back: %v, %d writes", err, wire.writes)
	}
	wire.err = io.ErrClosedPipe
	p.hold()
	put("f", 5)
	if err := p.release(); !errors.Is(err, io.ErrClosedPipe) || p.held != nil {
		t.Errorf("a broken connection: %v", err)
	}
}

func TestAFrameBehindTheHandshakeIsNotLost(t *testing.T) {
	heard := make(chan string, 1)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		over := &taken{ResponseWriter: w}
		conn, err := websocket.Accept(over, r, nil)
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = conn.CloseNow() }()
		_, frame, err := conn.Read(r.Context())
		if err != nil {
			t.Error(err)
		}
		heard <- string(frame)
	}))
	defer srv.Close()
	conn, err := net.Dial("tcp", srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	text := bytes.Repeat([]byte("early "), 200) // more than a small buffer
	frame := append([]byte{0x81, 0x80 | 126, byte(len(text) >> 8), byte(len(text)), 0, 0, 0, 0}, text...)
	handshake := "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
	if _, err := conn.Write(append([]byte(handshake), frame...)); err != nil {
		t.Fatal(err)
	}
	if got := <-heard; got != string(text) {
		t.Errorf("heard %.40q…, %d bytes", got, len(got))
	}
}
