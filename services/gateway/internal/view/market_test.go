package view

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/pkg/market"
)

// air carries market data by hand.
type air struct {
	mu       sync.Mutex
	handlers map[string]func(string, []byte)
	wishes   []time.Time
	started  int
}

func (a *air) SubscribeMarket(subject string, handle func(string, []byte)) (func(), error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.started++
	a.handlers[subject] = handle
	return func() { a.mu.Lock(); delete(a.handlers, subject); a.mu.Unlock() }, nil
}

func (a *air) Want(context.Context, market.Exchange, market.Symbol) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.wishes = append(a.wishes, time.Now())
	return nil
}

// told returns how many subscriptions and wishes there were, and how many subscriptions there are.
func (a *air) told() (started, wishes, now int) {
	synctest.Wait()
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.started, len(a.wishes), len(a.handlers)
}

func (a *air) publish(t *testing.T, subject string, payload any) {
	t.Helper()
	body, err := json.Marshal(payload)
	if err != nil {
		t.Fatal(err)
	}
	a.handlers[subject](subject, body)
}

func TestASubjectIsSubscribedOnceAndKeptAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &air{handlers: map[string]func(string, []byte){}}
		m := NewMarket(a, slog.New(slog.DiscardHandler))
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() {
			if err := m.Run(ctx); err != nil {
				t.Error(err)
			}
		})
		subject := bus.BookSubject("kraken", "BTC-USD")
		var feeds []*Feed
		for range 3 {
			f, err := m.Open(t.Context(), subject, "kraken", "BTC-USD")
			if err != nil {
				t.Fatal(err)
			}
			feeds = append(feeds, f)
		}
		if started, wishes, _ := a.told(); started != 1 || wishes != 1 {
			t.Errorf("%d subscriptions, %d wishes", started, wishes)
		}
		time.Sleep(10 * time.Minute)
		a.told()
		for i := 1; i < len(a.wishes); i++ {
			if gap := a.wishes[i].Sub(a.wishes[i-1]); gap > bus.InterestTTL/3 {
				t.Fatalf("a wish was not renewed for %v", gap)
			}
		}
		for _, f := range feeds {
			m.Close(f)
		}
		time.Sleep(feedLinger / 2)
		_, before, now := a.told()
		if now != 1 {
			t.Error("dropped at once")
		}
		f, err := m.Open(t.Context(), subject, "kraken", "BTC-USD") // its wish may be over
		if started, wishes, _ := a.told(); err != nil || started != 1 || wishes != before+1 {
			t.Errorf("used again: %d subscriptions, %d wishes, %v", started, wishes-before, err)
		}
		m.Close(f)
		time.Sleep(2 * feedLinger)
		if _, _, now := a.told(); now != 0 {
			t.Error("kept for nobody")
		}
		stop()
		running.Wait()
	})
}

func TestASilentBookIsNotCalledLive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &air{handlers: map[string]func(string, []byte){}}
		m := NewMarket(a, slog.New(slog.DiscardHandler))
		subject := bus.BookSubject("kraken", "BTC-USD")
		f, err := m.Open(t.Context(), subject, "kraken", "BTC-USD")
		if err != nil {
			t.Fatal(err)
		}
		if b, err := f.Book(time.Now()); b != nil || err != nil {
			t.Errorf("before the first: %v, %v", b, err)
		}
		a.publish(t, subject, &market.Book{Exchange: "kraken", Symbol: "BTC-USD", State: market.Live})
		if !f.Live(time.Now().Add(silence)) {
			t.Error("not live within its time")
		}
		b, err := f.Book(time.Now().Add(silence + time.Millisecond))
		if err != nil || b.State != market.Stale || b.Reason == "" {
			t.Errorf("after three seconds: %+v, %v", b, err)
		}
		if f.Live(time.Now().Add(time.Hour)) || !f.Live(time.Now()) {
			t.Error("the look changed the book")
		}
		a.handlers[subject](subject, []byte("{"))
		if _, err := f.Book(time.Now()); err == nil {
			t.Error("nonsense is a book")
		}
	})
}

// desk answers questions.
type desk struct {
	mu    sync.Mutex
	asked int
	err   error
}

func (d *desk) Ask(_ context.Context, _ string, _, reply any) error {
	d.mu.Lock()
	d.asked++
	err := d.err
	d.mu.Unlock()
	time.Sleep(100 * time.Millisecond)
	if err == nil {
		reply.(*bus.PairsReply).Instruments = []market.Instrument{
			{Exchange: "kraken", Symbol: "BTC-USD", Native: "XBT/USD"}, {Exchange: "kraken", Symbol: "ETH-USD", Native: "ETH/USD"},
			{Exchange: "kraken", Symbol: "DOGE-BTC", Native: "XDG/XBT"}, {Exchange: "kraken", Symbol: "AB-CUSD", Native: "AB/CUSD"},
			{Exchange: "kraken", Symbol: "ABC-USD", Native: "ABC/USD"},
		}
	}
	return err
}

func TestPairsAreAskedForOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &desk{}
		c := NewCatalog(d, []market.Exchange{"kraken"})
		look := func() error { _, err := c.Listing(t.Context(), "kraken"); return err }
		var many sync.WaitGroup
		for range 20 {
			many.Go(func() {
				if err := look(); err != nil {
					t.Error(err)
				}
			})
		}
		many.Wait()
		if d.asked != 1 {
			t.Errorf("asked %d times at once", d.asked)
		}
		d.err = errors.New("away")
		time.Sleep(2 * pairsFresh)
		if err := look(); err != nil || d.asked != 2 {
			t.Errorf("an old list is better than none: %v, asked %d times", err, d.asked)
		}
		time.Sleep(pairsUsable)
		for range 5 {
			if err := look(); !errors.Is(err, bus.ErrUnavailable) {
				t.Errorf("with no list: %v", err)
			}
		}
		if d.asked != 3 {
			t.Errorf("a dead exchange was asked %d times", d.asked-2)
		}
		d.err = nil
		time.Sleep(pairsRetry)
		if err := look(); err != nil {
			t.Errorf("when it is back: %v", err)
		}
	})
}

func TestASymbolIsFoundByAnyOfItsSpellings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := NewCatalog(&desk{}, []market.Exchange{"kraken", "binance"})
		for text, want := range map[string]market.Symbol{
			"BTC-USD": "BTC-USD", "XBT/USD": "BTC-USD", "xbtusd": "BTC-USD", "btc-usd": "BTC-USD", "BTCUSD": "BTC-USD", "XDG/XBT": "DOGE-BTC",
			"ABC-USD": "ABC-USD", "AB/CUSD": "AB-CUSD",
		} {
			if got, err := c.Resolve(t.Context(), []market.Exchange{market.All}, text); err != nil || got[0].Symbol != want || len(got) != 2 {
				t.Errorf("%s: %v, %v", text, got, err)
			}
		}
		for text, want := range map[string][]string{"BTC-USDT": {"BTC-USD"}, "ABCUSD": {"AB-CUSD", "ABC-USD", "BTC-USD"}, "*.>": nil, "BTC": {"BTC-USD"}} {
			var missing *NotFound
			if _, err := c.Resolve(t.Context(), []market.Exchange{"kraken"}, text); !errors.As(err, &missing) || fmt.Sprint(missing.Matches) != fmt.Sprint(want) {
				t.Errorf("%s: %v, want %v", text, err, want)
			}
		}
		var missing *NotFound
		if _, err := c.Exchange("karken"); !errors.As(err, &missing) || !slices.Equal(missing.Matches, []string{"kraken"}) {
			t.Errorf("an exchange: %v", err)
		}
	})
}
