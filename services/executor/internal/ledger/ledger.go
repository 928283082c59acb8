// Package ledger keeps an account's money: what is available, what each order has reserved, and the postings that move it.
//
// It is double-entry: every change is a list of postings that sums to zero per asset, and no balance and no reservation is
// ever negative; postings that would break this change nothing and are an error. The package is pure; a Ledger has one
// owner and no lock. It does not price, match or decide: who posts has decided.
package ledger

import (
	"cmp"
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
	slices.SortFunc(next.assets, func(a, b assetChange) int { return cmp.Compare(a.name, b.name) })
	out := make([]order.Balance, 0, len(next.assets))
	for i := range next.assets {
		b, err := balance(next.assets[i].name, next.assets[i].funds)
		if err != nil {
			return nil, fmt.Errorf("total of %s: %w", next.assets[i].name, err)
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
	for i := range next.assets {
		l.Assets[next.assets[i].name] = next.assets[i].funds
	}
	for _, h := range next.held {
		l.Held[h.id] = h.amount
		if h.amount.IsZero() {
			delete(l.Held, h.id)
		}
	}
	return nil
}

// change is what postings make of the parts they touch, each in the order of its first mention. They are few, so they are
// looked up one after the other.
type change struct {
	assets []assetChange
	held   []heldChange
}

type assetChange struct {
	name  string
	funds Funds
	sum   decimal.Decimal // of the postings
}

type heldChange struct {
	id     order.ID
	amount decimal.Decimal
}

// asset returns what becomes of an asset.
func (c *change) asset(l *Ledger, name string) *assetChange {
	for i := range c.assets {
		if c.assets[i].name == name {
			return &c.assets[i]
		}
	}
	c.assets = append(c.assets, assetChange{name: name, funds: l.Assets[name]})
	return &c.assets[len(c.assets)-1]
}

// reservation returns what becomes of what an order holds.
func (c *change) reservation(l *Ledger, id order.ID) *heldChange {
	for i := range c.held {
		if c.held[i].id == id {
			return &c.held[i]
		}
	}
	c.held = append(c.held, heldChange{id, l.Held[id]})
	return &c.held[len(c.held)-1]
}

func (l *Ledger) next(postings []order.Posting) (change, error) {
	c := change{assets: make([]assetChange, 0, 2), held: make([]heldChange, 0, 1)} // an order's pair, and the order
	for i := range postings {
		if err := l.post(&c, &postings[i]); err != nil {
			return change{}, err
		}
	}
	for i := range postings {
		p := &postings[i]
		a := c.asset(l, p.Asset)
		switch {
		case !a.sum.IsZero():
			return change{}, fmt.Errorf("%s by %s: %w", p.Asset, a.sum, ErrUnbalanced)
		case a.funds.Available.Sign() < 0:
			return change{}, fmt.Errorf("available %s: %s: %w", p.Asset, a.funds.Available, ErrNegative)
		case p.Bucket != order.Reserved:
		case c.reservation(l, p.OrderID).amount.Sign() < 0:
			return change{}, fmt.Errorf("reservation of order %s: %s: %w", p.OrderID, c.reservation(l, p.OrderID).amount, ErrNegative)
		}
	}
	return c, nil
}

func (l *Ledger) post(c *change, p *order.Posting) error {
	a := c.asset(l, p.Asset)
	var calc decimal.Calc
	a.sum = calc.Add(a.sum, p.Amount)
	switch p.Bucket {
	case order.Available:
		a.funds.Available = calc.Add(a.funds.Available, p.Amount)
	case order.Reserved:
		if p.OrderID == "" {
			return fmt.Errorf("a reservation without an order: %w", ErrBucket)
		}
		h := c.reservation(l, p.OrderID)
		h.amount = calc.Add(h.amount, p.Amount)
		a.funds.Reserved = calc.Add(a.funds.Reserved, p.Amount)
	case order.Fees, order.Traded, order.Funding: // outside the account
	default:
		return fmt.Errorf("bucket %.20q: %w", string(p.Bucket), ErrBucket)
	}
	if err := calc.Err(); err != nil {
		return fmt.Errorf("post %s of %s: %w", p.Amount, p.Asset, err)
	}
	return nil
}
