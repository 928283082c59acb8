package stream

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

const (
	packSize = 32 << 10 // bytes held back at most; also what a client that does not read makes us hold
	wireSize = 512      // of the library's own buffers: a client's frames are small, and ours are packed here
)

// packer is a connection whose writes can be held back and sent as one: a system call costs more than a frame, and what
// falls due together need not be sent singly. It holds memory only while it holds something back.
type packer struct {
	net.Conn
	ending atomic.Bool
	left   atomic.Int64 // bytes that are still read, once it is ending

	mu   sync.Mutex // guards what follows
	held *[]byte    // nil: nothing is held back, each write goes out by itself
}

var packs = sync.Pool{New: func() any { b := make([]byte, 0, packSize); return &b }}

// What a client sends after it was told why it is closed is read up to a bound: enough for a frame that is on its way.
// Bytes that are left unread when a connection is closed make the system answer with a reset, which may overtake the reason.
const (
	lastBytes = 64 << 10
	lastTime  = time.Second
)

// last bounds what is read from now on by lastBytes and lastTime; behind them is the end.
func (p *packer) last() error {
	p.left.Store(lastBytes)
	p.ending.Store(true)
	return p.SetReadDeadline(time.Now().Add(lastTime))
}

// Read implements net.Conn.
func (p *packer) Read(b []byte) (int, error) {
	if !p.ending.Load() {
		return p.Conn.Read(b)
	}
	left := p.left.Load()
	if left <= 0 {
		return 0, io.EOF
	}
	n, err := p.Conn.Read(b[:min(int64(len(b)), left)])
	p.left.Add(-int64(n))
	return n, err
}

// hold has what is written from now on wait for release, as far as there is room.
func (p *packer) hold() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.held == nil {
		p.held = packs.Get().(*[]byte)
	}
}

// send sends what is held back so far.
func (p *packer) send() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.held == nil {
		return nil
	}
	return p.flush()
}

// release sends what was held back, and holds nothing back any more.
func (p *packer) release() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.held == nil {
		return nil
	}
	err := p.flush()
	packs.Put(p.held)
	p.held = nil
	return err
}

// Write implements net.Conn.
func (p *packer) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.held == nil {
		return p.Conn.Write(b)
	}
	if len(*p.held)+len(b) > packSize {
		if err := p.flush(); err != nil {
			return 0, err
		}
		if len(b) > packSize {
			return p.Conn.Write(b)
		}
	}
	*p.held = append(*p.held, b...)
	return len(b), nil
}

func (p *packer) flush() error {
	if len(*p.held) == 0 {
		return nil
	}
	if err := p.SetWriteDeadline(time.Now().Add(writePatience)); err != nil {
		return err
	}
	_, err := p.Conn.Write(*p.held)
	*p.held = (*p.held)[:0]
	return err
}

// taken is a response whose connection, once taken over, is a packer with small buffers.
type taken struct {
	http.ResponseWriter
	conn *packer // after Hijack
}

// Unwrap implements what http.ResponseController asks for.
func (t *taken) Unwrap() http.ResponseWriter { return t.ResponseWriter }

// Hijack implements http.Hijacker.
func (t *taken) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffered, err := http.NewResponseController(t.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	t.conn = &packer{Conn: conn}
	// What the client sent behind its handshake must be in the new buffer, where the library looks for it. The answer to the
	// handshake has gone out.
	early, err := buffered.Peek(buffered.Reader.Buffered())
	if err != nil {
		return nil, nil, err
	}
	in := bufio.NewReaderSize(io.MultiReader(bytes.NewReader(early), conn), max(wireSize, len(early)))
	if _, err := in.Peek(len(early)); err != nil {
		return nil, nil, err
	}
	return t.conn, bufio.NewReadWriter(in, bufio.NewWriterSize(t.conn, wireSize)), nil
}
