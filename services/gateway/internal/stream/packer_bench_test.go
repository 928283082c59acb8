package stream

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/coder/websocket"
)

// BenchmarkBacklog sends a backlog of 32 frames of 1 KiB to a client that has caught its breath: as one, as the writer of a
// session does, and singly, as a loop for each client would.
func BenchmarkBacklog(b *testing.B) {
	const backlog = 32
	frame := bytes.Repeat([]byte("x"), 1<<10)
	for name, send := range map[string]func(context.Context, *websocket.Conn, *packer) error{
		"as one": func(ctx context.Context, conn *websocket.Conn, p *packer) error {
			within, cancel := context.WithTimeout(ctx, writePatience)
			defer cancel()
			p.hold()
			for range backlog {
				if err := conn.Write(within, websocket.MessageText, frame); err != nil {
					return err
				}
			}
			return p.release()
		},
		"singly": func(ctx context.Context, conn *websocket.Conn, _ *packer) error {
			for range backlog {
				within, cancel := context.WithTimeout(ctx, writePatience)
				err := conn.Write(within, websocket.MessageText, frame)
				cancel()
				if err != nil {
					return err
				}
			}
			return nil
		},
	} {
		b.Run(name, func(b *testing.B) {
			conn, p := connected(b)
			b.ResetTimer()
			for b.Loop() {
				if err := send(b.Context(), conn, p); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N*backlog)/b.Elapsed().Seconds()/1000, "kframes/s")
		})
	}
}

// connected is the server's end of a connection whose client reads and looks at nothing.
func connected(b *testing.B) (*websocket.Conn, *packer) {
	b.Helper()
	type end struct {
		conn   *websocket.Conn
		packer *packer
	}
	ends, done := make(chan end, 1), make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		over := &taken{ResponseWriter: w}
		conn, err := websocket.Accept(over, r, nil)
		if err != nil {
			b.Error(err)
		}
		ends <- end{conn, over.conn}
		<-done
	}))
	client, err := net.Dial("tcp", srv.Listener.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { close(done); _ = client.Close(); srv.Close() })
	handshake := "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
	if _, err := io.WriteString(client, handshake); err != nil {
		b.Fatal(err)
	}
	go func() { _, _ = io.CopyBuffer(struct{ io.Writer }{io.Discard}, client, make([]byte, 64<<10)) }()
	e := <-ends
	return e.conn, e.packer
}
