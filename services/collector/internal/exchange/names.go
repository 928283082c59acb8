package exchange

import (
	"errors"
	"fmt"

	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/services/collector/internal/book"
)

// ErrBusy says that an exchange wants to be asked less often.
var ErrBusy = errors.New("asked too often")

// ErrNoBook marks an unreadable frame that was surely not about a book: a trade, a complaint.
var ErrNoBook = errors.New("harms no book")

// ErrInstrument says that an instrument cannot be expressed in our words.
var ErrInstrument = errors.New("instrument not expressible")

// Complete checks an instrument's names and numbers and derives what follows from them: symbol and scale.
func (l *Listing) Complete() error {
	symbol, err := market.Pair(l.Base, l.Quote)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrInstrument, err)
	}
	if l.PriceTick.Sign() <= 0 || l.QuantityStep.Sign() <= 0 {
		return fmt.Errorf("%w: %s has tick %s and step %s", ErrInstrument, symbol, l.PriceTick, l.QuantityStep)
	}
	if l.Scale == (book.Scale{}) {
		if l.Scale, err = book.ScaleOf(l.PriceTick, l.QuantityStep); err != nil {
			return fmt.Errorf("%w: %s: %w", ErrInstrument, symbol, err)
		}
	}
	l.Symbol = symbol
	return nil
}

// Finer gives the listing a scale of two decimals more than its tick and step, so that orders from before an exchange made
// them coarser do not make a book unreadable. Beyond eight decimals it adds none: amounts of cheap coins need the digits
// in front of the point.
func (l *Listing) Finer() {
	finer := func(scale int) uint8 { return uint8(max(scale, min(scale+2, 8))) }
	if tick, step := l.PriceTick.Scale(), l.QuantityStep.Scale(); max(tick, step) <= book.MaxDecimals {
		l.Scale = book.Scale{Price: finer(tick), Size: finer(step)}
	}
}
