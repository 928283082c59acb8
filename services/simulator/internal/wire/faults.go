package wire

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// errKicked ends a session on request.
var errKicked = errors.New("disconnected on request")

// maxSilence bounds a requested silence.
const maxSilence = 10 * time.Minute

// Faults is what goes wrong on request, on all connections of an exchange. It may be used by any number of goroutines.
type Faults struct {
	mu    sync.Mutex // guards all below
	kick  chan struct{}
	until time.Time // of the silence
	lost  map[string]int
}

func newFaults() *Faults { return &Faults{kick: make(chan struct{}), lost: map[string]int{}} }

// ServeHTTP makes something go wrong once:
//
//	POST ?do=disconnect            every connection ends, without a closing word
//	POST ?do=silence&seconds=5     nothing is sent for a while, on connections that stay open
//	POST ?do=lose&symbol=BTC-USDT  every follower of the book misses its next message
func (f *Faults) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Query().Get("do") {
	case "disconnect":
		f.disconnect()
	case "silence":
		seconds, err := strconv.ParseFloat(r.URL.Query().Get("seconds"), 64)
		if d := time.Duration(seconds * float64(time.Second)); err == nil && d > 0 && d <= maxSilence {
			f.silence(d)
			break
		}
		http.Error(w, "seconds is not a number of at most "+maxSilence.String(), http.StatusBadRequest)
		return
	case "lose":
		f.lose(r.URL.Query().Get("symbol"))
	default:
		http.Error(w, "do is none of disconnect, silence, lose", http.StatusBadRequest)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (f *Faults) disconnect() {
	f.mu.Lock()
	defer f.mu.Unlock()
	close(f.kick)
	f.kick = make(chan struct{})
}

func (f *Faults) silence(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.until = time.Now().Add(d)
}

func (f *Faults) lose(symbol string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.lost) < 10000 { // symbols are what a caller says they are
		f.lost[bare(symbol)]++
	}
}

// bare makes one of the spellings of a symbol: BTC-USD, BTC/USD, BTCUSD.
func bare(symbol string) string {
	return strings.ToUpper(strings.NewReplacer("-", "", "/", "").Replace(symbol))
}

// kicked is closed at the next disconnect.
func (f *Faults) kicked() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.kick
}

// losses counts the messages of a book that had to be lost so far.
func (f *Faults) losses(symbol string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.lost) == 0 || symbol == "" {
		return 0
	}
	return f.lost[bare(symbol)]
}

// silent waits a requested silence out.
func (f *Faults) silent(ctx context.Context) error {
	f.mu.Lock()
	wait, kick := time.Until(f.until), f.kick
	f.mu.Unlock()
	if wait <= 0 {
		return nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-kick:
		return errKicked
	case <-timer.C:
		return nil
	}
}
