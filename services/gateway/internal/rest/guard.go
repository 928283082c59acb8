package rest

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/hourglass-trading/hourglass/services/gateway/internal/auth"
)

// guard slows down guessing a password: after a few failures each further one doubles the time until the next try is
// taken, up to a bound. It counts twice: a name at an address, where the bound is long enough to make guessing hopeless,
// and a name from anywhere, where it is a minute, because there the one who waits may be the owner. So many addresses
// together still guess slowly, and nobody can lock an owner out.
type guard struct {
	longest time.Duration // for a name at an address

	mu    sync.Mutex // guards tries
	tries map[guess]tried
}

// guess is what failures are counted by; without an address those from anywhere.
type guess struct{ name, address string }

type tried struct {
	failures int
	until    time.Time
}

const (
	freeFailures     = 5  // of a name at an address
	freeFailuresEach = 10 // of a name from anywhere
	longestForName   = time.Minute
	forgetAfter      = time.Hour
)

func newGuard(longest time.Duration) guard {
	return guard{longest: longest, tries: map[guess]tried{}}
}

// wait returns how long a name must wait for its next try from an address.
func (g *guard) wait(name, address string, now time.Time) time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	return max(0, g.tries[guess{name: name}].until.Sub(now), g.tries[guess{name, address}].until.Sub(now))
}

// failed counts a failure; succeeded forgets those of the address, and of the name: its owner is there.
func (g *guard) failed(name, address string, now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.tries) >= maxBuckets {
		g.forget(now)
	}
	g.count(guess{name: name}, freeFailuresEach, longestForName, now)
	g.count(guess{name, address}, freeFailures, g.longest, now)
}

func (g *guard) count(key guess, free int, longest time.Duration, now time.Time) {
	t := g.tries[key]
	if now.Sub(t.until) > forgetAfter {
		t.failures = 0
	}
	t.failures++
	t.until = now
	if over := t.failures - free; over >= 0 {
		t.until = now.Add(min(longest, time.Second<<min(over, 20)))
	}
	g.tries[key] = t
}

// forget drops what is an hour old, and if that is not enough whichever the map yields first.
func (g *guard) forget(now time.Time) {
	for key, t := range g.tries {
		if now.Sub(t.until) > forgetAfter {
			delete(g.tries, key)
		}
	}
	for key := range g.tries {
		if len(g.tries) < maxBuckets*9/10 {
			return
		}
		delete(g.tries, key)
	}
}

func (g *guard) succeeded(name, address string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.tries, guess{name: name})
	delete(g.tries, guess{name, address})
}

// guarded runs a check of a name's password and counts how it ends.
func (s *server) guarded(ctx context.Context, username string, check func() error) error {
	if err := s.spend(ctx, s.logins, "logins"); err != nil {
		return err
	}
	name, from := strings.ToLower(username), client(ctx).Address
	if wait := s.guard.wait(name, from, time.Now()); wait > 0 && !s.Limits.Off {
		return tooMany("too_many_failures", "too many wrong passwords for this name", wait)
	}
	err := check()
	switch {
	case errors.Is(err, auth.ErrCredentials):
		s.guard.failed(name, from, time.Now())
	case err == nil:
		s.guard.succeeded(name, from)
	}
	return err
}
