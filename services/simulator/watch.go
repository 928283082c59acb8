package simulator

import (
	"time"

	"github.com/hourglass-trading/hourglass/services/simulator/internal/market"
)

// Level is a price in ticks and a quantity in steps.
type Level = market.Level

// Picture is a book of the synthetic market as a step has left it. It is valid during the call only.
type Picture struct {
	Exchange, Symbol string // as in BTC-USDT
	// At is the end of the step, which is the time of its messages on all exchanges; ID the last update id of it.
	At time.Time
	ID int64
	// PriceDecimals and QtyDecimals are those of ticks and steps.
	PriceDecimals, QtyDecimals int
	Bids, Asks                 []Level // best first
}

// Watch shows each book that somebody follows after each step of the synthetic market, depth levels a side, so that what has
// become of it elsewhere can be compared. It comes before Serve. The market waits for see, which must not call back.
// A replay has no such pictures.
func (s *Simulator) Watch(depth int, see func(*Picture)) {
	if s.floor == nil {
		return
	}
	p := &Picture{} // used again: one call at a time
	s.floor.Listen(func(pair *market.Pair, u *market.Update) {
		p.Exchange, p.Symbol, p.At, p.ID = pair.Exchange, pair.Canonical(), u.At, u.LastID
		p.PriceDecimals, p.QtyDecimals = pair.PriceDecimals, pair.QtyDecimals
		p.Bids, p.Asks = pair.Bids(p.Bids[:0], depth), pair.Asks(p.Asks[:0], depth)
		see(p)
	})
}
