package wire

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// errKicked ends a session on request.
var errKicked = errors.New("disconnected on request")

const (
	// maxSilence bounds a requested silence, and how slow an answer may be made.
	maxSilence = 10 * time.Minute
	maxSlow    = time.Minute
	// maxCount bounds how often a fault is to happen.
	maxCount = 1000
	// keptMishaps is how many requested mishaps are remembered for sessions that have not had them yet; older ones are lost.
	keptMishaps = 1000
)

// mishap is what goes wrong once on each session that it concerns.
type mishap struct {
	do string
	// book is the symbol, made bare, whose book it befalls; empty means any.
	book string
}

// Mishaps of a book befall the next message of it, on each session that follows it; the others each session.
var (
	bookMishaps    = []string{"drop", "repeat", "reorder", "corrupt", "cross"}
	sessionMishaps = []string{"garbage", "huge"}
)

// FaultNames are all that can be asked for.
func FaultNames() []string {
	return slices.Concat(bookMishaps, sessionMishaps, []string{"disconnect", "silence", "refuse", "slow", "status", "old", "heal"})
}

// trouble is what goes wrong with the next answers over REST.
type trouble struct {
	do     string // slow, status or old
	left   int
	slow   time.Duration
	status int
}

// Faults is what goes wrong on request, on all connections of an exchange. It may be used by any number of goroutines.
type Faults struct {
	mu       sync.Mutex // guards all below
	kick     chan struct{}
	told     chan struct{} // closed at the next request of any kind
	until    time.Time     // of the silence
	hearts   bool          // whether heartbeats and answers go on meanwhile
	first    int           // number of mishaps[0] among all there ever were
	mishaps  []mishap
	refusals []string // bare symbols, empty for any, whose next subscription is refused
	troubles []trouble
	answers  map[string]keptAnswer // books over REST, by their address
}

func newFaults() *Faults {
	return &Faults{kick: make(chan struct{}), told: make(chan struct{}), answers: map[string]keptAnswer{}}
}

// ServeHTTP makes something go wrong; the simulator's design.md lists what there is.
func (f *Faults) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := f.Ask(r.URL.Query()); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// Ask makes something go wrong, or says why it cannot.
func (f *Faults) Ask(q url.Values) error {
	do, book := q.Get("do"), bare(q.Get("symbol"))
	count, err := number(q, "count", 1, maxCount)
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case do == "disconnect":
		close(f.kick)
		f.kick = make(chan struct{})
	case do == "silence":
		d, err := seconds(q, maxSilence)
		if err != nil {
			return err
		}
		f.until, f.hearts = time.Now().Add(d), q.Get("heartbeat") == "true"
	case slices.Contains(bookMishaps, do), slices.Contains(sessionMishaps, do):
		if slices.Contains(sessionMishaps, do) {
			book = ""
		}
		for range count {
			f.mishaps = append(f.mishaps, mishap{do, book})
		}
		if over := len(f.mishaps) - keptMishaps; over > 0 {
			f.mishaps, f.first = slices.Clone(f.mishaps[over:]), f.first+over
		}
	case do == "refuse":
		for range min(count, maxCount-len(f.refusals)) {
			f.refusals = append(f.refusals, book)
		}
	case do == "slow", do == "status", do == "old":
		return f.askREST(do, count, q)
	case do == "heal":
		f.until, f.refusals, f.troubles = time.Time{}, nil, nil
		f.mishaps, f.first = nil, f.first+len(f.mishaps)
	default:
		return fmt.Errorf("do is none of %s", strings.Join(FaultNames(), ", "))
	}
	close(f.told)
	f.told = make(chan struct{})
	return nil
}

// askREST notes a request about REST; the lock is held.
func (f *Faults) askREST(do string, count int, q url.Values) error {
	t := trouble{do: do, left: count}
	var err error
	switch do {
	case "slow":
		t.slow, err = seconds(q, maxSlow)
	case "status":
		if t.status, err = number(q, "code", 0, 599); err == nil && t.status < 400 {
			err = errors.New("code is no status between 400 and 599")
		}
	}
	if err != nil {
		return err
	}
	if len(f.troubles) >= maxCount {
		return errors.New("too much trouble already")
	}
	f.troubles = append(f.troubles, t)
	return nil
}

// number reads a whole number between 1 and most; def where it is not given.
func number(q url.Values, name string, def, most int) (int, error) {
	text := q.Get(name)
	if text == "" {
		return def, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > most {
		return 0, fmt.Errorf("%s is not between 1 and %d", name, most)
	}
	return n, nil
}

func seconds(q url.Values, most time.Duration) (time.Duration, error) {
	n, err := strconv.ParseFloat(q.Get("seconds"), 64)
	if err != nil || !(n > 0 && n <= most.Seconds()) { // not a number is neither
		return 0, fmt.Errorf("seconds is not a number up to %.0f", most.Seconds())
	}
	return time.Duration(n * float64(time.Second)), nil
}

// bare makes one of the spellings of a symbol: BTC-USD, BTC/USD, BTC_USD, btcusd.
func bare(symbol string) string {
	return strings.ToUpper(strings.NewReplacer("-", "", "/", "", "_", "").Replace(symbol))
}

// kicked is closed at the next disconnect.
func (f *Faults) kicked() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.kick
}

// changed is closed at the next request of any kind.
func (f *Faults) changed() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.told
}

// count is the number of mishaps so far: what a session or a subscription that begins now has behind it.
func (f *Faults) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.first + len(f.mishaps)
}

// next finds the first mishap from a number on that is of these kinds and befalls a book; seen is what to ask from the next
// time: the mishap's number, for the caller to step over once it has happened, or the end.
func (f *Faults) next(from int, kinds []string, book string) (do string, seen int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := max(0, from-f.first); i < len(f.mishaps); i++ {
		m := f.mishaps[i]
		if slices.Contains(kinds, m.do) && (m.book == "" || m.book == bare(book)) {
			return m.do, f.first + i
		}
	}
	return "", f.first + len(f.mishaps)
}

// refused uses up a refusal of a symbol, where there is one.
func (f *Faults) refused(symbol string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	i := slices.IndexFunc(f.refusals, func(s string) bool { return s == "" || s == bare(symbol) })
	if i < 0 {
		return false
	}
	f.refusals = slices.Delete(f.refusals, i, i+1)
	return true
}

// quiet is how long the streams are silent yet, and mute whether all else is too.
func (f *Faults) quiet() (left time.Duration, mute bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	left = time.Until(f.until)
	return left, left > 0 && !f.hearts
}

// silent waits out a silence in which nothing at all is said.
func (f *Faults) silent(ctx context.Context, kicked <-chan struct{}) error {
	for {
		left, mute := f.quiet()
		if !mute {
			return nil
		}
		timer := time.NewTimer(left)
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-kicked:
			timer.Stop()
			return errKicked
		case <-f.changed(): // perhaps it has been healed
		case <-timer.C:
		}
		timer.Stop()
	}
}
