package view

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/pkg/market"
)

const (
	pairsFresh   = time.Minute     // how long an answer of a collector is used
	pairsUsable  = time.Hour       // how long it is used if the collector does not answer any more
	pairsRetry   = 2 * time.Second // how long a failure is remembered, so that a dead exchange costs one wait, not one each
	pairsTimeout = 3 * time.Second
)

// Catalog knows the instruments of the exchanges, as their collectors tell them.
type Catalog struct {
	bus       Asker
	exchanges []market.Exchange
	entries   map[market.Exchange]*entry
}

// entry is what is known of one exchange. Who holds turn asks the collector; the others wait for the answer.
type entry struct {
	turn chan struct{}

	mu     sync.Mutex // guards what follows
	list   *Listing
	err    error
	tried  time.Time
	listed time.Time
}

// NewCatalog returns the catalog of the given exchanges; others are unknown.
func NewCatalog(b Asker, exchanges []market.Exchange) *Catalog {
	c := &Catalog{bus: b, exchanges: slices.Sorted(slices.Values(exchanges)), entries: map[market.Exchange]*entry{}}
	for _, e := range exchanges {
		c.entries[e] = &entry{turn: make(chan struct{}, 1)}
	}
	return c
}

// Exchanges returns all exchanges, by name.
func (c *Catalog) Exchanges() []market.Exchange { return slices.Clone(c.exchanges) }

// Exchange checks that an exchange is one of ours; else the error is a *NotFound.
func (c *Catalog) Exchange(name string) (market.Exchange, error) {
	if e := market.Exchange(name); c.entries[e] != nil {
		return e, nil
	}
	names := make([]string, len(c.exchanges))
	for i, e := range c.exchanges {
		names[i] = string(e)
	}
	return "", &NotFound{What: "exchange", Name: name, Matches: market.Closest(name, names)}
}

// Listing returns the instruments of an exchange. It fails with a *NotFound or a *bus.Failure of kind Unavailable.
func (c *Catalog) Listing(ctx context.Context, e market.Exchange) (*Listing, error) {
	entry := c.entries[e]
	if entry == nil {
		_, err := c.Exchange(string(e))
		return nil, err
	}
	if known := entry.known(time.Now()); known != nil {
		return known.list, known.err
	}
	select {
	case entry.turn <- struct{}{}:
		defer func() { <-entry.turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if known := entry.known(time.Now()); known != nil { // another has asked while we waited
		return known.list, known.err
	}
	// The answer is for all who wait, so it does not end with this caller.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), pairsTimeout)
	defer cancel()
	var reply bus.PairsReply
	err := c.bus.Ask(ctx, bus.CollectorSubject(e, bus.AskPairs), bus.PairsRequest{}, &reply)
	return entry.learn(e, reply.Instruments, err, time.Now())
}

// outcome is what asking a collector came to: a list or an error.
type outcome struct {
	list *Listing
	err  error
}

// known returns what need not be asked for at the time now, nil if it is time to ask.
func (e *entry) known(now time.Time) *outcome {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch age := now.Sub(e.listed); {
	case e.list != nil && age < pairsFresh:
		return &outcome{list: e.list}
	case now.Sub(e.tried) >= pairsRetry:
		return nil
	case e.list != nil && age < pairsUsable:
		return &outcome{list: e.list}
	case e.err != nil:
		return &outcome{err: e.err}
	}
	return nil
}

func (e *entry) learn(exchange market.Exchange, instruments []market.Instrument, err error, now time.Time) (*Listing, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.tried = now
	if err == nil {
		e.list, e.listed, e.err = newListing(exchange, instruments), now, nil
		return e.list, nil
	}
	e.err = err
	if failure := (*bus.Failure)(nil); !errors.As(err, &failure) || failure.Code == "unavailable" {
		e.err = &bus.Failure{Kind: "unavailable", Code: "exchange_unavailable", Detail: fmt.Sprintf("exchange %s does not answer right now", exchange)}
	}
	if e.list != nil && now.Sub(e.listed) < pairsUsable {
		return e.list, nil
	}
	return nil, e.err
}

// Listings returns what the exchanges list that answer, asked side by side, by name.
func (c *Catalog) Listings(ctx context.Context) []*Listing {
	found := make([]*Listing, len(c.exchanges))
	var asked sync.WaitGroup
	for i, e := range c.exchanges {
		asked.Go(func() {
			if list, err := c.Listing(ctx, e); err == nil {
				found[i] = list
			}
		})
	}
	asked.Wait()
	return slices.DeleteFunc(found, func(l *Listing) bool { return l == nil })
}

// Resolve returns the instruments that a text names on the given exchanges, by exchange. With market.All alone these are
// the instruments of every exchange that lists it; otherwise each exchange must list it. The text is a canonical symbol
// or the spelling of one of the exchanges.
func (c *Catalog) Resolve(ctx context.Context, exchanges []market.Exchange, text string) ([]market.Instrument, error) {
	if slices.Contains(exchanges, market.All) {
		return c.resolveAll(ctx, text)
	}
	found := make([]market.Instrument, 0, len(exchanges))
	symbol := text
	for _, e := range exchanges {
		list, err := c.Listing(ctx, e)
		if err != nil {
			return nil, err
		}
		instrument, err := list.Find(symbol)
		if err != nil {
			return nil, err
		}
		symbol = string(instrument.Symbol) // one exchange's spelling names the pair for the rest
		found = append(found, instrument)
	}
	slices.SortFunc(found, func(a, b market.Instrument) int { return cmp.Compare(a.Exchange, b.Exchange) })
	return found, nil
}

func (c *Catalog) resolveAll(ctx context.Context, text string) ([]market.Instrument, error) {
	lists := c.Listings(ctx)
	if len(lists) == 0 {
		return nil, &bus.Failure{Kind: "unavailable", Code: "exchange_unavailable", Detail: "no exchange answers right now"}
	}
	symbol, near := "", []string(nil)
	for _, list := range lists {
		instrument, err := list.Find(text)
		if err == nil {
			symbol = string(instrument.Symbol)
			break
		}
		if missing := (*NotFound)(nil); errors.As(err, &missing) {
			near = append(near, missing.Matches...)
		}
	}
	if symbol == "" {
		slices.Sort(near)
		return nil, &NotFound{What: "symbol", Name: text, Matches: market.Closest(text, slices.Compact(near))}
	}
	var found []market.Instrument
	for _, list := range lists {
		if i, ok := list.bySymbol[market.Symbol(symbol)]; ok {
			found = append(found, list.Instruments[i])
		}
	}
	return found, nil
}

// Listing is what one exchange lists, by symbol.
type Listing struct {
	Exchange    market.Exchange
	Instruments []market.Instrument
	bySymbol    map[market.Symbol]int
	byNative    map[string]int
	byLetters   map[string]int
}

func newListing(e market.Exchange, instruments []market.Instrument) *Listing {
	l := &Listing{
		Exchange: e, Instruments: slices.Clone(instruments),
		bySymbol: map[market.Symbol]int{}, byNative: map[string]int{}, byLetters: map[string]int{},
	}
	slices.SortFunc(l.Instruments, func(a, b market.Instrument) int { return cmp.Compare(a.Symbol, b.Symbol) })
	for i, in := range l.Instruments {
		l.bySymbol[in.Symbol] = i
		l.byNative[in.Native] = i
		letters := market.Letters(string(in.Symbol))
		if other, taken := l.byLetters[letters]; taken && other != i {
			i = -1 // two pairs with the same letters: neither is meant for sure
		}
		l.byLetters[letters] = i
	}
	return l
}

// Find returns the instrument that a text names: a canonical symbol, the exchange's own spelling, or either of them with
// other separators and in lower case. The error is a *NotFound.
func (l *Listing) Find(text string) (market.Instrument, error) {
	if i, ok := l.bySymbol[market.Symbol(text)]; ok {
		return l.Instruments[i], nil
	}
	if i, ok := l.byNative[text]; ok {
		return l.Instruments[i], nil
	}
	if i, ok := l.byLetters[market.Letters(text)]; ok && i >= 0 {
		return l.Instruments[i], nil
	}
	names := make([]string, len(l.Instruments))
	for i, in := range l.Instruments {
		names[i] = string(in.Symbol)
	}
	return market.Instrument{}, &NotFound{What: "symbol", Name: text, Where: l.Exchange, Matches: market.Closest(text, names)}
}
