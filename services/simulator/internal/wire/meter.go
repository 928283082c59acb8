package wire

import (
	"net"
	"net/http"
	"sync"
	"time"
)

// maxClients bounds how many clients a Meter tells apart in one window; those past it are not counted.
const maxClients = 10000

// Meter counts the requests of each client address, so that a client which asks too often can be told so. It may be used by
// any number of goroutines.
type Meter struct {
	most int
	per  time.Duration

	mu     sync.Mutex // guards all below
	began  time.Time
	counts map[string]int
}

// NewMeter allows a client that many requests in each window of that length.
func NewMeter(most int, per time.Duration) *Meter {
	return &Meter{most: most, per: per, counts: map[string]int{}}
}

// Allow counts a request, and says whether it is within the limit.
func (m *Meter) Allow(r *http.Request) bool {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if now := time.Now(); now.Sub(m.began) >= m.per {
		m.began = now
		clear(m.counts)
	}
	if _, known := m.counts[host]; !known && len(m.counts) >= maxClients {
		return true
	}
	m.counts[host]++
	return m.counts[host] <= m.most
}
