// Package view remembers what was last seen on the bus, so that a look is answered without asking anybody: the newest
// market data per subject (Market), the instruments of the exchanges (Catalog), and each account as its events tell it
// (Accounts).
//
// All three are safe for concurrent use and hold nothing that cannot be read again. What the bus carries is kept as the
// bytes that came; it is decoded only where somebody asks for a part. The package decides nothing about orders: it folds
// what the account's owner has decided.
package view

import (
	"context"
	"errors"
	"fmt"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/pkg/order"
)

// ErrTooMany says that a bound of the view is reached; trying again later may help.
var ErrTooMany = errors.New("too many different things are looked at")

// MarketBus is what Market needs of the bus.
type MarketBus interface {
	SubscribeMarket(subject string, handle func(subject string, payload []byte)) (stop func(), err error)
	Want(ctx context.Context, e market.Exchange, s market.Symbol) error
}

// Asker is what Catalog needs of the bus.
type Asker interface {
	Ask(ctx context.Context, subject string, request, reply any) error
}

// AccountBus is what Accounts needs of the bus.
type AccountBus interface {
	SubscribeEvents(a order.AccountID, handle func(bus.Stored)) (stop func(), err error)
	ReadSnapshot(ctx context.Context, account order.AccountID) (s *bus.Snapshot, there bool, err error)
	ReadEvents(ctx context.Context, account order.AccountID, from uint64, handle func(bus.Stored) error) error
}

// NotFound says that an exchange or a symbol is not known, and what was perhaps meant.
type NotFound struct {
	What    string // exchange or symbol
	Name    string // what was asked for
	Where   market.Exchange
	Matches []string
}

// Error implements error.
func (e *NotFound) Error() string {
	text := fmt.Sprintf("unknown %s %.40q", e.What, e.Name)
	if e.Where != "" {
		text += " on " + string(e.Where)
	}
	return text + market.DidYouMean(e.Matches)
}
