// Package ledger keeps an account's money: what is available, what each order has reserved, and the postings that move it.
//
// It is double-entry: every change is a list of postings that sums to zero per asset, and no balance and no reservation is
// ever negative; postings that would break this change nothing and are an error. The package is pure; a Ledger has one
// owner and no lock. It does not price, match or decide: who posts has decided.
package ledger

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/order"
)

var (
	// ErrUnbalanced says that postings do not sum to zero in some asset.
	ErrUnbalanced = errors.New("postings do not sum to zero")
	// ErrNegative says that postings would take more than there is.
	ErrNegative = errors.New("a balance would be negative")
	// ErrBucket says that a posting names no bucket, or a reservation without its order.
	ErrBucket = errors.New("not a place for money")
)

// Funds is what an account has of one asset.
type Funds struct {
	Available decimal.Decimal `json:"available"`
	Reserved  decimal.Decimal `json:"reserved"` // the sum of the orders' reservations
}

// Ledger is the money of one account. The zero value is an account without any.
type Ledger struct {
	Assets map[string]Funds             `json:"assets"`
	Held   map[order.ID]decimal.Decimal `json:"held"` // what each order has reserved; none at zero
}

// Available returns what is free of an asset.
func (l *Ledger) Available(asset string) decimal.Decimal { return l.Assets[asset].Available }

// Balances returns every asset that the account has had, by name.
func (l *Ledger) Balances() []order.Balance {
	out := make([]order.Balance, 0, len(l.Assets))
	for _, asset := range slices.Sorted(maps.Keys(l.Assets)) {
		b, err := balance(asset, l.Assets[asset])
		if err != nil {
			continue // cannot be: Apply has summed these two before
		}
		out = append(out, b)
	}
	return out
}

func balance(asset string, f Funds) (order.Balance, error) {
	total, err := f.Available.Add(f.Reserved)
	return order.Balance{Asset: asset, Total: total, Available: f.Available, Reserved: f.Reserved}, err
}

// After returns the balances of the assets that postings touch, by name, as they would be, and changes nothing.
// It fails with ErrUnbalanced, ErrNegative, ErrBucket or decimal.ErrOverflow.
func (l *Ledger) After(postings []order.Posting) ([]order.Balance, error) {
	next, err := l.next(postings)
	if err != nil {
		return nil, err
	}
	out := make([]order.Balance, 0, len(next.assets))
	for _, asset := range slices.Sorted(maps.Keys(next.assets)) {
		b, err := balance(asset, next.assets[asset])
		if err != nil {
			return nil, fmt.Errorf("total of %s: %w", asset, err)
		}
		out = append(out, b)
	}
	return out, nil
}

// Apply carries postings out, all or none, with the errors of After.
func (l *Ledger) Apply(postings []order.Posting) error {
	next, err := l.next(postings)
	if err != nil {
		return err
	}
	if l.Assets == nil {
		l.Assets = map[string]Funds{}
	}
	if l.Held == nil {
		l.Held = map[order.ID]decimal.Decimal{}
	}
	maps.Copy(l.Assets, next.assets)
	for id, amount := range next.held {
		l.Held[id] = amount
		if amount.IsZero() {
			delete(l.Held, id)
		}
	}
	return nil
}

// change is what postings make of the parts they touch.
type change struct {
	assets map[string]Funds
	held   map[order.ID]decimal.Decimal
}

func (l *Ledger) next(postings []order.Posting) (change, error) {
	c := change{assets: map[string]Funds{}, held: map[order.ID]decimal.Decimal{}}
	sums := map[string]decimal.Decimal{}
	for i := range postings {
		if err := l.post(&c, sums, &postings[i]); err != nil {
			return change{}, err
		}
	}
	for _, p := range postings {
		f := c.assets[p.Asset]
		switch {
		case !sums[p.Asset].IsZero():
			return change{}, fmt.Errorf("%s by %s: %w", p.Asset, sums[p.Asset], ErrUnbalanced)
		case f.Available.Sign() < 0:
			return change{}, fmt.Errorf("available %s: %s: %w", p.Asset, f.Available, ErrNegative)
		case c.held[p.OrderID].Sign() < 0:
			return change{}, fmt.Errorf("reservation of order %s: %s: %w", p.OrderID, c.held[p.OrderID], ErrNegative)
		}
	}
	return c, nil
}

func (l *Ledger) post(c *change, sums map[string]decimal.Decimal, p *order.Posting) error {
	f, ok := c.assets[p.Asset]
	if !ok {
		f = l.Assets[p.Asset]
	}
	var calc decimal.Calc
	sums[p.Asset] = calc.Add(sums[p.Asset], p.Amount)
	switch p.Bucket {
	case order.Available:
		f.Available = calc.Add(f.Available, p.Amount)
	case order.Reserved:
		if p.OrderID == "" {
			return fmt.Errorf("a reservation without an order: %w", ErrBucket)
		}
		held, ok := c.held[p.OrderID]
		if !ok {
			held = l.Held[p.OrderID]
		}
		c.held[p.OrderID] = calc.Add(held, p.Amount)
		f.Reserved = calc.Add(f.Reserved, p.Amount)
	case order.Fees, order.Traded, order.Funding: // outside the account
	default:
		return fmt.Errorf("bucket %.20q: %w", string(p.Bucket), ErrBucket)
	}
	c.assets[p.Asset] = f
	if err := calc.Err(); err != nil {
		return fmt.Errorf("post %s of %s: %w", p.Amount, p.Asset, err)
	}
	return nil
}
