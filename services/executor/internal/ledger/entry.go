package ledger

import (
	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/pkg/order"
)

// usual is how many postings the fills of a slice make: one in each bucket of each asset.
const usual = 8

// Entry collects the postings of one event; equal places are summed. The zero value is ready. After an overflow it has no
// postings and Postings tells.
type Entry struct {
	postings []order.Posting
	calc     decimal.Calc
}

// Postings returns what was collected, in the order of its first mention, or decimal.ErrOverflow.
func (e *Entry) Postings() ([]order.Posting, error) {
	if err := e.calc.Err(); err != nil {
		return nil, err
	}
	n := 0
	for i := range e.postings {
		if !e.postings[i].Amount.IsZero() {
			n++
		}
	}
	if n == 0 {
		return nil, nil
	}
	out := make([]order.Posting, 0, n)
	for _, p := range e.postings {
		if !p.Amount.IsZero() {
			out = append(out, p)
		}
	}
	return out, nil
}

func (e *Entry) add(asset string, bucket order.Bucket, amount decimal.Decimal, id order.ID) {
	for i := range e.postings {
		if p := &e.postings[i]; p.Asset == asset && p.Bucket == bucket && p.OrderID == id {
			p.Amount = e.calc.Add(p.Amount, amount)
			return
		}
	}
	if e.postings == nil {
		e.postings = make([]order.Posting, 0, usual)
	}
	e.postings = append(e.postings, order.Posting{Asset: asset, Bucket: bucket, Amount: amount, OrderID: id})
}

// Fund brings an amount into the account.
func (e *Entry) Fund(a order.Amount) {
	e.add(a.Asset, order.Funding, a.Amount.Neg(), "")
	e.add(a.Asset, order.Available, a.Amount, "")
}

// Reserve sets an amount aside for an order; a negative one comes back.
func (e *Entry) Reserve(a order.Amount, id order.ID) {
	e.add(a.Asset, order.Available, a.Amount.Neg(), "")
	e.add(a.Asset, order.Reserved, a.Amount, id)
}

// Fill settles a fill of an order that still holds held of the asset it gives away, and returns what it holds then. A fill
// draws on the reservation first, then on what is available. The fee is in the quote asset on both sides.
func (e *Entry) Fill(f *order.Fill, symbol market.Symbol, held decimal.Decimal) decimal.Decimal {
	base, quote := symbol.Base(), symbol.Quote()
	notional := e.calc.Mul(f.Price, f.Quantity)
	e.add(quote, order.Fees, f.Fee, "")
	if f.Side == market.Sell {
		e.add(base, order.Traded, f.Quantity, "")
		e.add(quote, order.Traded, notional.Neg(), "")
		e.add(quote, order.Available, e.calc.Sub(notional, f.Fee), "")
		return e.draw(base, f.Quantity, held, f.OrderID)
	}
	e.add(quote, order.Traded, notional, "")
	e.add(base, order.Traded, f.Quantity.Neg(), "")
	e.add(base, order.Available, f.Quantity, "")
	return e.draw(quote, e.calc.Add(notional, f.Fee), held, f.OrderID)
}

func (e *Entry) draw(asset string, amount, held decimal.Decimal, id order.ID) decimal.Decimal {
	fromHeld := amount.Min(held)
	e.add(asset, order.Reserved, fromHeld.Neg(), id)
	e.add(asset, order.Available, e.calc.Sub(amount, fromHeld).Neg(), "")
	return e.calc.Sub(held, fromHeld)
}
