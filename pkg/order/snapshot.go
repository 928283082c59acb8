package order

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
)

// SnapshotForm is the form of Snapshot. It is raised when a name in it, or what it means, becomes another: who knows another
// form reads the events.
const SnapshotForm = 1

// Snapshot is the part of a snapshot of an account's state that others than its owner read: the account as its events up to
// one of them tell it, without the orders' slices and fills, and without what commands were answered.
type Snapshot struct {
	Account AccountID `json:"account"`
	Version uint64    `json:"v"`    // of the event
	Hash    string    `json:"hash"` // of its bytes

	Ledger   SnapshotLedger    `json:"ledger"`
	Orders   []SnapshotOrder   `json:"orders"`   // all of them, by acceptance
	Commands []SnapshotCommand `json:"commands"` // that were answered within the last day, the oldest first
}

// SnapshotLedger is the account's money.
type SnapshotLedger struct {
	Assets map[string]SnapshotFunds `json:"assets"` // every asset that the account has had
}

// SnapshotFunds is what the account has of an asset.
type SnapshotFunds struct {
	Available decimal.Decimal `json:"available"`
	Reserved  decimal.Decimal `json:"reserved"`
}

// SnapshotOrder is an order as its last event tells it.
type SnapshotOrder struct {
	Order       Order               `json:"order"`
	Instruments []market.Instrument `json:"instruments"` // of the routing set, by exchange
}

// SnapshotCommand is a command that has its event.
type SnapshotCommand struct {
	ID string    `json:"id"`
	At time.Time `json:"at"`
}

// Balances returns what the account has, by asset. It fails with decimal.ErrOverflow.
func (s *Snapshot) Balances() ([]Balance, error) {
	out := make([]Balance, 0, len(s.Ledger.Assets))
	for asset, f := range s.Ledger.Assets {
		total, err := f.Available.Add(f.Reserved)
		if err != nil {
			return nil, fmt.Errorf("total of %s: %w", asset, err)
		}
		out = append(out, Balance{Asset: asset, Total: total, Available: f.Available, Reserved: f.Reserved})
	}
	slices.SortFunc(out, func(a, b Balance) int { return cmp.Compare(a.Asset, b.Asset) })
	return out, nil
}
