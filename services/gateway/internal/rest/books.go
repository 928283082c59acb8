package rest

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/services/gateway/internal/view"
)

// bookPatience is how long a book that nobody collected yet is waited for: a collector connects and takes a snapshot.
const bookPatience = 3 * time.Second

type orderbook struct {
	Exchange     market.Exchange `json:"exchange"`
	Symbol       market.Symbol   `json:"symbol"`
	Native       any             `json:"native"` // a text; of a consolidated book an object by exchange
	Seq          uint64          `json:"seq,omitempty"`
	ExchangeSeq  uint64          `json:"exchange_seq,omitempty"`
	State        market.State    `json:"state"`
	Reason       string          `json:"reason,omitempty"`
	ExchangeTime time.Time       `json:"exchange_time,omitzero"`
	ReceivedAt   time.Time       `json:"received_at,omitzero"`
	AliveAt      time.Time       `json:"alive_at,omitzero"`
	Sources      []market.Source `json:"sources,omitempty"`
	Bids         any             `json:"bids"`
	Asks         any             `json:"asks"`
}

// GetOrderbook returns the newest book, of one exchange or of all that list the symbol.
func (s *server) GetOrderbook(ctx context.Context, req GetOrderbookRequestObject) (GetOrderbookResponseObject, error) {
	depth := valueOr(req.Params.Depth, 10)
	if market.Exchange(req.Exchange) == market.All {
		return s.consolidated(ctx, req.Symbol, depth)
	}
	in, err := s.instrument(ctx, req.Exchange, req.Symbol)
	if err != nil {
		return nil, err
	}
	books, err := s.books(ctx, []market.Instrument{in})
	if err != nil {
		return nil, err
	}
	b := books[0]
	if b.State != market.Live {
		return nil, notLive(b)
	}
	return GetOrderbook200JSONResponse{
		Exchange: b.Exchange, Symbol: b.Symbol, Native: in.Native, Seq: b.Seq, ExchangeSeq: b.ExchangeSeq, State: b.State, Reason: b.Reason,
		ExchangeTime: b.ExchangeTime, ReceivedAt: b.ReceivedAt, AliveAt: b.AliveAt, Bids: view.Cut(b.Bids, depth), Asks: view.Cut(b.Asks, depth),
	}, nil
}

func (s *server) consolidated(ctx context.Context, symbol string, depth int) (GetOrderbookResponseObject, error) {
	instruments, err := s.Catalog.Resolve(ctx, []market.Exchange{market.All}, symbol)
	if err != nil {
		return nil, err
	}
	books, err := s.books(ctx, instruments)
	if err != nil {
		return nil, err
	}
	merged, err := market.Merge(instruments[0].Symbol, books, depth)
	if err != nil {
		return nil, fmt.Errorf("merge the books: %w", err)
	}
	live := func(source market.Source) bool { return source.State == market.Live }
	if !slices.ContainsFunc(merged.Sources, live) {
		return nil, notLive(books...)
	}
	return GetOrderbook200JSONResponse{
		Exchange: market.All, Symbol: merged.Symbol, Native: view.Natives(instruments), State: market.Live,
		Sources: merged.Sources, Bids: merged.Bids, Asks: merged.Asks,
	}, nil
}

// notLive refuses books none of which may be used, and says why each may not.
func notLive(books ...*market.Book) error {
	why := make([]string, 0, len(books))
	for _, b := range books {
		why = append(why, fmt.Sprintf("%s is %s (%s)", b.Exchange, b.State, b.Reason))
	}
	return unavailable("no_market_data", fmt.Sprintf("no live book of %s: %s", books[0].Symbol, strings.Join(why, ", ")))
}

// books returns the newest books of instruments. It waits until one of them is live; those of which nothing is known then
// are down. It fails if nothing is known of any.
func (s *server) books(ctx context.Context, instruments []market.Instrument) ([]*market.Book, error) {
	feeds, done, err := s.feeds(ctx, instruments)
	if err != nil {
		return nil, err
	}
	defer done()
	within, cancel := context.WithTimeout(ctx, bookPatience)
	defer cancel()
	if !view.AnyLive(within, feeds) && ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if len(feeds) > 1 {
		soon, cancel := context.WithTimeout(ctx, time.Second)
		view.Settled(soon, feeds)
		cancel()
	}
	books, known := make([]*market.Book, len(feeds)), 0
	for i, f := range feeds {
		if books[i], err = f.Book(time.Now()); err != nil {
			return nil, err
		}
		if books[i] != nil {
			known++
			continue
		}
		books[i] = &market.Book{Exchange: f.Exchange(), Symbol: instruments[0].Symbol, State: market.Down, Reason: "no book yet"}
	}
	if known == 0 {
		return nil, unavailable("no_market_data", fmt.Sprintf("no book of %s came from %s in time", instruments[0].Symbol, names(instruments)))
	}
	return books, nil
}

// feeds opens the book feeds of instruments; done gives them back. A feed that is new is given the book that the collector
// has already, if it has one, so that a first look need not wait for the next change.
func (s *server) feeds(ctx context.Context, instruments []market.Instrument) (feeds []*view.Feed, done func(), err error) {
	done = func() {
		for _, f := range feeds {
			s.Market.Close(f)
		}
	}
	for _, in := range instruments {
		f, err := s.Market.Open(ctx, bus.BookSubject(in.Exchange, in.Symbol), in.Exchange, in.Symbol)
		if err != nil {
			done()
			return nil, nil, err
		}
		feeds = append(feeds, f)
		if f.Newest().N > 0 {
			continue
		}
		within, cancel := context.WithTimeout(ctx, time.Second)
		var payload json.RawMessage
		if err := s.Bus.Ask(within, bus.CollectorSubject(in.Exchange, bus.AskBook), bus.BookRequest{Symbol: in.Symbol}, &payload); err == nil {
			f.Offer(payload)
		}
		cancel()
	}
	return feeds, done, nil
}

func names(instruments []market.Instrument) string {
	text := ""
	for i, in := range instruments {
		if i > 0 {
			text += ", "
		}
		text += string(in.Exchange)
	}
	return text
}
