package executor

import (
	"encoding/json"
	"log/slog"
	"sync"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/pkg/market"
)

// maxTrades bounds the trades that wait for the loop: some ten seconds of a busy day on a dozen instruments. Beyond it the
// oldest are dropped and counted; the participation cap then sees less volume, never more.
const maxTrades = 65_536

// inbox holds the market data that the loop has not taken yet: the newest book of each instrument, and trades in order.
// The bus's goroutines put in, the loop takes out.
type inbox struct {
	log  *slog.Logger
	wake chan struct{} // has room for one: the loop is told that there is something, not how much

	mu      sync.Mutex // guards what follows
	books   map[string]*market.Book
	trades  []*market.Trade
	dropped uint64
	foreign uint64
}

func newInbox(log *slog.Logger) *inbox {
	return &inbox{log: log, wake: make(chan struct{}, 1), books: map[string]*market.Book{}}
}

// putBook keeps a book instead of the one before it. A payload that is not the book its subject names is counted.
func (in *inbox) putBook(subject string, payload []byte) {
	var b market.Book
	if err := json.Unmarshal(payload, &b); err != nil || !names(subject, b.Exchange, b.Symbol) {
		in.refuse(subject, err)
		return
	}
	in.mu.Lock()
	in.books[subject] = &b
	in.mu.Unlock()
	in.signal()
}

// putTrade appends a trade.
func (in *inbox) putTrade(subject string, payload []byte) {
	var t market.Trade
	if err := json.Unmarshal(payload, &t); err != nil || !names(subject, t.Exchange, t.Symbol) {
		in.refuse(subject, err)
		return
	}
	in.mu.Lock()
	if len(in.trades) == maxTrades {
		in.trades = in.trades[1:]
		in.dropped++
	}
	in.trades = append(in.trades, &t)
	in.mu.Unlock()
	in.signal()
}

// names reports whether subject is that of the given instrument.
func names(subject string, e market.Exchange, s market.Symbol) bool {
	exchange, symbol, err := bus.ParseMarket(subject)
	return err == nil && exchange == e && symbol == s
}

func (in *inbox) refuse(subject string, err error) {
	in.mu.Lock()
	in.foreign++
	in.mu.Unlock()
	in.log.Warn("foreign market data", "subject", subject, "error", err)
}

func (in *inbox) signal() {
	select {
	case in.wake <- struct{}{}:
	default: // the loop has a signal waiting already
	}
}

// take empties the inbox.
func (in *inbox) take() (map[string]*market.Book, []*market.Trade) {
	in.mu.Lock()
	defer in.mu.Unlock()
	books, trades := in.books, in.trades
	in.books, in.trades = map[string]*market.Book{}, nil
	return books, trades
}
