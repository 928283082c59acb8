package view

import (
	"container/list"
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/pkg/order"
)

const (
	maxAccounts = 10_000           // held at a time; the least recently used one is dropped and read again when needed
	loadTimeout = 10 * time.Second // to read an account, at the worst from its first event
	checkEvery  = 5 * time.Second  // how long a lost last message may go unnoticed
	checkRecent = 30 * time.Second // accounts looked at within this time are checked
)

// Accounts holds the accounts that were looked at lately, each folded from its snapshot and the events after it, or from all
// its events, and kept up to date by what the bus repeats of them.
type Accounts struct {
	bus   AccountBus
	log   *slog.Logger
	tally tally

	mu   sync.Mutex // guards what follows, and the fields of Account that say so
	byID map[order.AccountID]*Account
	used *list.List // of *Account, the most recently used first
}

// NewAccounts returns a view of accounts without any. Run must be running.
func NewAccounts(b AccountBus, log *slog.Logger) *Accounts {
	return &Accounts{bus: b, log: log, byID: map[order.AccountID]*Account{}, used: list.New()}
}

// Open returns an account as of now and keeps it in the view until Close. An account without events is empty, not unknown.
func (s *Accounts) Open(ctx context.Context, id order.AccountID) (*Account, error) {
	s.mu.Lock()
	a, ok := s.byID[id]
	if ok {
		s.used.MoveToFront(a.place)
	} else {
		a = newAccount(id, s.bus, s.log, &s.tally)
		a.place = s.used.PushFront(a)
		s.byID[id] = a
		s.evict()
	}
	a.users++
	a.usedAt = time.Now()
	s.mu.Unlock()

	if !ok {
		// Others wait for this too, so it does not end with this caller.
		a.load(context.WithoutCancel(ctx))
	}
	select {
	case <-a.ready:
	case <-ctx.Done():
		s.Close(a)
		return nil, ctx.Err()
	}
	if a.err != nil {
		s.remove(a)
		return nil, a.err
	}
	return a, nil
}

// Close gives an account back.
func (s *Accounts) Close(a *Account) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a.users--
	a.usedAt = time.Now()
}

// Run checks the accounts in use against the stream every few seconds, because the last message of an account may get
// lost and nothing behind it would show the hole. It ends with ctx and drops all accounts.
func (s *Accounts) Run(ctx context.Context) error {
	tick := time.NewTicker(checkEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			s.dropAll()
			return nil
		case now := <-tick.C:
			for _, a := range s.recent(now) {
				if err := a.CatchUp(ctx); err != nil && ctx.Err() == nil {
					s.log.Warn("account not checked", "account", a.id, "error", err)
					break // the bus is away; the next round tries again
				}
			}
		}
	}
}

func (s *Accounts) recent(now time.Time) []*Account {
	s.mu.Lock()
	defer s.mu.Unlock()
	var recent []*Account
	for e := s.used.Front(); e != nil; e = e.Next() {
		a := e.Value.(*Account)
		select {
		case <-a.ready:
			if a.err == nil && (a.users > 0 || now.Sub(a.usedAt) < checkRecent) {
				recent = append(recent, a)
			}
		default:
		}
	}
	return recent
}

// evict drops the accounts beyond the bound that nobody holds open.
func (s *Accounts) evict() {
	for e := s.used.Back(); e != nil && s.used.Len() > maxAccounts; {
		a, before := e.Value.(*Account), e.Prev()
		if a.users == 0 {
			s.forget(a)
		}
		e = before
	}
}

// remove drops an account that could not be loaded, for each that waited for it; the next look tries again.
func (s *Accounts) remove(a *Account) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a.users--
	if s.byID[a.id] == a {
		s.forget(a)
	}
}

func (s *Accounts) dropAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.byID {
		s.forget(a)
	}
}

func (s *Accounts) forget(a *Account) {
	s.used.Remove(a.place)
	delete(s.byID, a.id)
	a.unsubscribe()
}

// load subscribes to the account's events, reads its snapshot and the events there are, and closes ready. What comes meanwhile is applied as it
// comes or found in the stream: versions tell which is which.
func (a *Account) load(ctx context.Context) {
	defer close(a.ready)
	ctx, cancel := context.WithTimeout(ctx, loadTimeout)
	defer cancel()
	stop, err := a.bus.SubscribeEvents(a.id, a.receive)
	if err != nil {
		a.err = unavailable("follow the account", err)
		return
	}
	a.mu.Lock()
	a.stop = stop
	a.mu.Unlock()
	a.restore(ctx)
	for again := true; again && a.err == nil; again = a.missedOne() {
		a.err = a.CatchUp(ctx)
	}
}

// missedOne reports, once, whether an event could not be applied while the account was loading.
func (a *Account) missedOne() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	missed := a.missed
	a.missed = false
	return missed
}

func (a *Account) unsubscribe() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.stop != nil {
		a.stop()
		a.stop = nil
	}
}

// receive takes an event from the subscription. A hole before it is filled from the stream, on this subscription's own
// goroutine: what follows waits in its queue.
func (a *Account) receive(m bus.Stored) {
	if a.apply(m, false) {
		return
	}
	select {
	case <-a.ready:
	default:
		a.mu.Lock()
		a.missed = true // the stream is being read and will be read again
		a.mu.Unlock()
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), loadTimeout)
	defer cancel()
	if err := a.CatchUp(ctx); err != nil {
		a.log.Warn("hole in an account not filled yet", "account", a.id, "error", err)
	}
}

// CatchUp applies what the stream holds beyond the last event seen.
func (a *Account) CatchUp(ctx context.Context) error {
	a.reading.Lock()
	defer a.reading.Unlock()
	a.mu.Lock()
	from := a.seq + 1
	a.mu.Unlock()
	err := a.bus.ReadEvents(ctx, a.id, from, func(m bus.Stored) error {
		a.apply(m, true)
		return nil
	})
	if err != nil {
		return unavailable("read the account", err)
	}
	return nil
}

func unavailable(doing string, err error) error {
	return fmt.Errorf("%s: %w: %w", doing, bus.ErrUnavailable, err)
}
