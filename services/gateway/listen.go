package gateway

import (
	"net"
	"net/netip"
	"slices"
	"sync"
)

// socketBuffer bounds what a client that does not read can make the kernel hold; by itself it grows to megabytes.
const socketBuffer = 128 << 10

// door takes connections: each with a bounded send buffer, and so many of an address at a time.
type door struct {
	net.Listener
	most    int            // of an address; 0: any number
	proxies []netip.Prefix // of which any number is taken: the clients are behind them

	mu   sync.Mutex // guards open
	open map[netip.Addr]int
}

// accept returns the listener as clients meet it.
func accept(l net.Listener, cfg Config) *door {
	limits := cfg.Limits.withDefaults()
	d := &door{Listener: l, most: limits.ConnectionsPerIP, proxies: cfg.TrustedProxies, open: map[netip.Addr]int{}}
	if limits.Off {
		d.most = 0
	}
	return d
}

// Accept implements net.Listener. A connection too many is closed without a word: an answer would cost what it is to spare.
func (d *door) Accept() (net.Conn, error) {
	for {
		conn, err := d.Listener.Accept()
		if err != nil {
			return nil, err
		}
		tcp, ok := conn.(*net.TCPConn)
		if !ok {
			return conn, nil
		}
		_ = tcp.SetWriteBuffer(socketBuffer) // a wish; without it the kernel's own bound holds
		from := d.from(tcp)
		if !from.IsValid() {
			return conn, nil
		}
		if d.enter(from) {
			return &counted{TCPConn: tcp, leave: func() { d.leave(from) }}, nil
		}
		_ = conn.Close()
	}
}

// from returns what a connection is counted by; it is not valid if the connection is not counted.
func (d *door) from(conn *net.TCPConn) netip.Addr {
	remote, ok := conn.RemoteAddr().(*net.TCPAddr)
	if !ok || d.most == 0 {
		return netip.Addr{}
	}
	ip := remote.AddrPort().Addr().Unmap().WithZone("")
	if slices.ContainsFunc(d.proxies, func(p netip.Prefix) bool { return p.Contains(ip) }) {
		return netip.Addr{}
	}
	if ip.Is6() {
		if network, err := ip.Prefix(64); err == nil { // one customer has all of it
			return network.Addr()
		}
	}
	return ip
}

func (d *door) enter(from netip.Addr) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.open[from] >= d.most {
		return false
	}
	d.open[from]++
	return true
}

func (d *door) leave(from netip.Addr) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.open[from]--; d.open[from] == 0 {
		delete(d.open, from)
	}
}

// counted is a connection that is counted until it is closed.
type counted struct {
	*net.TCPConn
	once  sync.Once
	leave func()
}

// Close implements net.Conn.
func (c *counted) Close() error {
	defer c.once.Do(c.leave)
	return c.TCPConn.Close()
}
