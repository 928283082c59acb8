package feed

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
)

// Bounds of a connection.
const (
	dialTimeout  = 10 * time.Second
	writeTimeout = 5 * time.Second
	readLimit    = 32 << 20 // one frame; a full book of a busy pair has over a megabyte
	framesAhead  = 256      // read but not handled; when full, reading stops and TCP holds the exchange back
	keepBuffer   = 256 << 10
)

// frame is a message of the exchange. The data is used again after release.
type frame struct {
	data []byte
	at   time.Time
}

// conn is a WebSocket whose frames arrive on a channel. Its two goroutines end with close.
type conn struct {
	ws     *websocket.Conn
	frames chan frame  // closed when reading has ended; err then says why
	free   chan []byte // buffers to use again
	err    error
	heard  atomic.Int64 // Unix ns of the last message of any kind, pings and pongs included
	cancel context.CancelFunc
	parts  sync.WaitGroup
}

// dialError is a handshake that failed; pause is how long the exchange wants us to wait, 0 if it does not say.
type dialError struct {
	err   error
	pause time.Duration
}

func (e *dialError) Error() string { return "dial: " + e.err.Error() }
func (e *dialError) Unwrap() error { return e.err }

// dial connects and begins to read. The connection lives until close, whatever becomes of ctx.
func dial(ctx context.Context, address string, client *http.Client, pingEvery time.Duration) (*conn, error) {
	c := &conn{frames: make(chan frame, framesAhead), free: make(chan []byte, framesAhead)}
	handshake, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	ws, res, err := websocket.Dial(handshake, address, &websocket.DialOptions{ //nolint:bodyclose // Dial closes it, its doc says
		HTTPClient:     client,
		HTTPHeader:     http.Header{"User-Agent": {userAgent}},
		OnPingReceived: func(context.Context, []byte) bool { c.hear(); return true },
		OnPongReceived: func(context.Context, []byte) { c.hear() },
	})
	if err != nil {
		failed := &dialError{err: err}
		if res != nil && (res.StatusCode == http.StatusTooManyRequests || res.StatusCode == http.StatusTeapot) {
			failed.pause = pauseOf(res)
		}
		return nil, failed
	}
	ws.SetReadLimit(readLimit)
	c.ws = ws
	c.hear()
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	c.cancel = end
	c.parts.Go(func() { c.read(life) })
	if pingEvery > 0 {
		c.parts.Go(func() { c.ping(life, pingEvery) })
	}
	return c, nil
}

func (c *conn) hear() time.Time {
	now := time.Now()
	c.heard.Store(now.UnixNano())
	return now
}

func (c *conn) lastHeard() time.Time { return time.Unix(0, c.heard.Load()).UTC() }

// read hands frames over until the connection ends. It needs no deadline of its own: the owner of the connection watches
// when something was last heard, and closes it.
func (c *conn) read(ctx context.Context) {
	defer close(c.frames)
	for {
		_, r, err := c.ws.Reader(ctx)
		if err != nil {
			c.err = fmt.Errorf("read: %w", err)
			return
		}
		data, err := readAll(r, c.buffer())
		if err != nil {
			c.err = fmt.Errorf("read: %w", err)
			return
		}
		select {
		case c.frames <- frame{data: data, at: c.hear()}:
		case <-ctx.Done():
			c.err = ctx.Err()
			return
		}
	}
}

// readAll reads r to its end into buf, growing it.
func readAll(r io.Reader, buf []byte) ([]byte, error) {
	for {
		if len(buf) == cap(buf) {
			buf = append(buf, 0)[:len(buf)]
		}
		n, err := r.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if errors.Is(err, io.EOF) {
			return buf, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

func (c *conn) buffer() []byte {
	select {
	case b := <-c.free:
		return b[:0]
	default:
		return make([]byte, 0, 4<<10)
	}
}

// release gives a frame's memory back. Large buffers are let go, or one snapshot would make all of them large in time.
func (c *conn) release(f frame) {
	if cap(f.data) > keepBuffer {
		return
	}
	select {
	case c.free <- f.data:
	default:
	}
}

// ping asks for signs of life. A pong that does not come is noticed by whoever watches lastHeard.
func (c *conn) ping(ctx context.Context, every time.Duration) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			wait, cancel := context.WithTimeout(ctx, every)
			err := c.ws.Ping(wait)
			cancel()
			if err != nil && !errors.Is(err, context.DeadlineExceeded) {
				return // reading ends as well, and tells
			}
		}
	}
}

// write sends a text frame, within writeTimeout.
func (c *conn) write(ctx context.Context, data []byte) error {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	if err := c.ws.Write(ctx, websocket.MessageText, data); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return nil
}

// close ends the connection without ceremony and waits for its goroutines.
func (c *conn) close() {
	c.cancel()
	_ = c.ws.CloseNow() // there is nothing left to lose
	c.parts.Wait()
}
