package gateway_test

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// readersEnv makes the test binary a process of clients instead: what they do, as JSON.
const readersEnv = "HOURGLASS_LOAD_READERS"

// readers is a crowd of clients that do as little as they can, so that the machine is the gateway's.
type readers struct {
	load
	measuring atomic.Bool
	frames    atomic.Int64
	lost      atomic.Int64
	late      [20_000]atomic.Int64 // frames by lateness, in tenths of a millisecond
}

// runReaders connects the clients, says so on standard output, measures, and says what it saw.
func runReaders(text string) error {
	c := &readers{}
	if err := json.Unmarshal([]byte(text), &c.load); err != nil {
		return err
	}
	var all sync.WaitGroup
	conns := make([]net.Conn, c.Clients)
	for i := range conns {
		conn, in, err := c.connect()
		if err != nil {
			return fmt.Errorf("client %d: %w", i, err)
		}
		conns[i] = conn
		if i%100 < c.Stalled {
			continue
		}
		all.Go(func() { c.follow(conn, in) })
	}
	fmt.Println("connected")
	c.measuring.Store(true)
	begun := time.Now()
	<-time.After(time.Duration(c.Seconds) * time.Second)
	c.measuring.Store(false)
	spent := time.Since(begun)
	lost := c.lost.Load()
	r := reading{Seconds: spent.Seconds(), Frames: int(c.frames.Load()), Lost: int(lost)}
	r.P50, r.P99, r.Max = c.quantile(0.5), c.quantile(0.99), c.quantile(1)
	out, err := json.Marshal(r)
	if err != nil {
		return err
	}
	fmt.Println(string(out))
	for _, conn := range conns {
		_ = conn.Close()
	}
	all.Wait()
	return nil
}

func (c *readers) quantile(q float64) float64 {
	total := c.frames.Load()
	want, seen := int64(q*float64(total)), int64(0)
	for i := range c.late {
		if seen += c.late[i].Load(); seen >= want {
			return float64(i) / 10
		}
	}
	return float64(len(c.late)) / 10
}

// connect opens a connection and subscribes to its symbols. What has come already is in the reader.
func (c *readers) connect() (net.Conn, *bufio.Reader, error) {
	conn, err := net.Dial("tcp", strings.TrimPrefix(c.URL, "http://"))
	if err != nil {
		return nil, nil, err
	}
	req, err := http.NewRequest(http.MethodGet, c.URL+"/v1/ws", http.NoBody)
	if err != nil {
		return nil, nil, err
	}
	for k, v := range map[string]string{"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="} {
		req.Header.Set(k, v)
	}
	if err := req.Write(conn); err != nil {
		return nil, nil, err
	}
	in := bufio.NewReaderSize(conn, 4<<10)
	res, err := http.ReadResponse(in, req)
	if err != nil {
		return nil, nil, err
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusSwitchingProtocols {
		return nil, nil, fmt.Errorf("answer %s", res.Status)
	}
	var asked []byte
	for i := range c.Symbols {
		asked = append(asked, masked(1, fmt.Appendf(nil, `{"action":"subscribe","stream":"book","symbol":%q,"exchange":"binance","interval_ms":%d}`, loadSymbol(i), c.Every))...)
	}
	_, err = conn.Write(asked)
	return conn, in, err
}

// masked is a client's frame whose mask is all zeros: allowed, and nothing to compute.
func masked(opcode byte, payload []byte) []byte {
	frame := []byte{0x80 | opcode}
	if len(payload) < 126 {
		frame = append(frame, 0x80|byte(len(payload)))
	} else {
		frame = binary.BigEndian.AppendUint16(append(frame, 0x80|126), uint16(len(payload)))
	}
	return append(append(frame, 0, 0, 0, 0), payload...)
}

// follow reads frames until the connection ends.
func (c *readers) follow(conn net.Conn, in *bufio.Reader) {
	big := bufio.NewReaderSize(io.MultiReader(bytes.NewReader(peeked(in)), conn), 32<<10)
	for {
		opcode, payload, err := nextFrame(big)
		switch {
		case err != nil:
			c.lost.Add(1)
			return
		case opcode == 9:
			if _, err := conn.Write(masked(10, payload)); err != nil {
				c.lost.Add(1)
				return
			}
		case opcode == 1 && c.measuring.Load():
			c.count(payload)
		}
	}
}

func peeked(in *bufio.Reader) []byte {
	b, _ := in.Peek(in.Buffered()) // what is buffered can be peeked at
	return b
}

// nextFrame returns the next frame; its payload is good until the next call.
func nextFrame(in *bufio.Reader) (opcode byte, payload []byte, err error) {
	head, err := in.Peek(4)
	if err != nil && len(head) < 2 {
		return 0, nil, err
	}
	opcode = head[0] & 0xf
	size, skip := int(head[1]), 2
	if size == 126 {
		if len(head) < 4 {
			return 0, nil, err
		}
		size, skip = int(binary.BigEndian.Uint16(head[2:])), 4
	}
	if _, err := in.Discard(skip); err != nil {
		return 0, nil, err
	}
	payload, err = in.Peek(size)
	if err != nil {
		return 0, nil, err
	}
	_, err = in.Discard(size)
	return opcode, payload, err
}

// count notes how late a book is by its own time.
func (c *readers) count(payload []byte) {
	if !bytes.HasPrefix(payload, []byte(`{"type":"book"`)) {
		return
	}
	_, rest, found := bytes.Cut(payload, []byte(`"ts":"`))
	text, _, ended := bytes.Cut(rest, []byte(`"`))
	at, err := time.Parse(time.RFC3339Nano, string(text))
	if !found || !ended || err != nil {
		fmt.Fprintf(os.Stderr, "a book without a time: %.200s\n", payload)
		return
	}
	tenths := int(time.Since(at) / (100 * time.Microsecond))
	c.late[min(max(tenths, 0), len(c.late)-1)].Add(1)
	c.frames.Add(1)
}
