package view

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/pkg/market"
)

const (
	maxFeeds   = 5_000            // subscriptions at a time; beyond it Open fails
	feedLinger = time.Minute      // how long a feed that nobody uses is kept, for the next look
	renewEvery = 15 * time.Second // of wishes, well within bus.InterestTTL
)

// Market holds the newest market data of each subject that somebody looks at. It subscribes to a subject once, however
// many look, and renews the wish for its book as long as they do.
type Market struct {
	bus MarketBus
	log *slog.Logger

	mu    sync.Mutex // guards feeds and the fields of Feed that say so
	feeds map[string]*Feed
}

// NewMarket returns an empty Market. Run must be running for feeds to live longer than a minute.
func NewMarket(b MarketBus, log *slog.Logger) *Market {
	return &Market{bus: b, log: log, feeds: map[string]*Feed{}}
}

// Open returns the feed of a subject about an instrument and holds it open until Close.
func (m *Market) Open(ctx context.Context, subject string, e market.Exchange, s market.Symbol) (*Feed, error) {
	m.mu.Lock()
	f, ok := m.feeds[subject]
	if ok {
		f.users++
		again := time.Since(f.wishedAt) > renewEvery // nobody has used it for a while
		m.mu.Unlock()
		if again {
			m.want(ctx, f)
		}
		return f, nil
	}
	if len(m.feeds) >= maxFeeds {
		m.mu.Unlock()
		return nil, ErrTooMany
	}
	f = &Feed{subject: subject, exchange: e, symbol: s, users: 1, openedAt: time.Now()}
	stop, err := m.bus.SubscribeMarket(subject, f.receive) // does not wait for the server
	if err != nil {
		m.mu.Unlock()
		return nil, &bus.Failure{Kind: "unavailable", Code: "unavailable", Detail: "market data cannot be subscribed to: " + err.Error()}
	}
	f.stop = stop
	m.feeds[subject] = f
	m.mu.Unlock()
	m.want(ctx, f)
	return f, nil
}

// Close gives a feed back. It must not be used by the caller afterwards.
func (m *Market) Close(f *Feed) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if f.users--; f.users == 0 {
		f.idleSince = time.Now()
	}
}

// Run renews wishes and drops feeds that nobody has used for a minute, until ctx ends; then it drops them all.
func (m *Market) Run(ctx context.Context) error {
	tick := time.NewTicker(renewEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			m.drop(func(*Feed) bool { return true })
			return nil
		case now := <-tick.C:
			m.drop(func(f *Feed) bool { return f.users == 0 && now.Sub(f.idleSince) > feedLinger })
			for _, f := range m.used() {
				m.want(ctx, f)
			}
		}
	}
}

// want tells the collectors that somebody looks. Failing is not the end: the book may be collected anyway, and the wish
// is repeated.
func (m *Market) want(ctx context.Context, f *Feed) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	m.mu.Lock()
	f.wishedAt = time.Now()
	m.mu.Unlock()
	if err := m.bus.Want(ctx, f.exchange, f.symbol); err != nil {
		m.log.Warn("wish for a book not told", "exchange", f.exchange, "symbol", f.symbol, "error", err)
	}
}

func (m *Market) used() []*Feed {
	m.mu.Lock()
	defer m.mu.Unlock()
	var used []*Feed
	for _, f := range m.feeds {
		if f.users > 0 {
			used = append(used, f)
		}
	}
	return used
}

func (m *Market) drop(gone func(*Feed) bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for subject, f := range m.feeds {
		if gone(f) {
			f.stop()
			delete(m.feeds, subject)
		}
	}
}

// Update is a payload as it came from the bus. It must not be changed.
type Update struct {
	N       uint64 // counts the feed's payloads from 1
	Payload []byte
	At      time.Time // when it came, by our clock
}

// Feed is the newest of one subject.
type Feed struct {
	subject   string
	exchange  market.Exchange
	symbol    market.Symbol
	openedAt  time.Time
	stop      func()
	users     int       // guarded by Market.mu
	idleSince time.Time // guarded by Market.mu
	wishedAt  time.Time // guarded by Market.mu

	mu        sync.Mutex // guards what follows
	newest    Update
	book      *market.Book // newest, decoded
	bookN     uint64
	listeners []*func(Update) // replaced, never changed, so that it can be walked without the lock
}

// Exchange returns the exchange that the feed is about.
func (f *Feed) Exchange() market.Exchange { return f.exchange }

func (f *Feed) receive(_ string, payload []byte) {
	f.mu.Lock()
	f.newest = Update{N: f.newest.N + 1, Payload: payload, At: time.Now()}
	newest, listeners := f.newest, f.listeners
	f.mu.Unlock()
	for _, l := range listeners {
		(*l)(newest)
	}
}

// Offer gives the feed a payload that was asked for, unless one has come by itself: that is newer.
func (f *Feed) Offer(payload []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.newest.N == 0 {
		f.newest = Update{N: 1, Payload: payload, At: time.Now()}
	}
}

// Newest returns the newest payload; N is 0 if there is none yet.
func (f *Feed) Newest() Update {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.newest
}

// Listen calls back with each payload from now on, in order, on the subscription's own goroutine: the callback must be
// quick and must not call the feed. It may be called once more after stop.
func (f *Feed) Listen(call func(Update)) (stop func()) {
	l := &call
	f.mu.Lock()
	defer f.mu.Unlock()
	f.listeners = append(f.listeners[:len(f.listeners):len(f.listeners)], l)
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		var rest []*func(Update)
		for _, other := range f.listeners {
			if other != l {
				rest = append(rest, other)
			}
		}
		f.listeners = rest
	}
}
