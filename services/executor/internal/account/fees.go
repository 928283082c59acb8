package account

import (
	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/pkg/order"
)

// Tier is what the exchanges take of an account of some standing with them, in basis points.
type Tier struct {
	TakerBps, MakerBps map[market.Exchange]decimal.Decimal
}

// Tiers are the fee schedules by name, and who has which. The zero value has none: then every account pays the fees of the
// server's profile.
type Tiers struct {
	ByName   map[string]Tier
	Default  string // of accounts that are not named; empty: the fees of the server's profile
	Accounts map[order.AccountID]string
}

// name returns the tier of an account, empty if it has none.
func (t *Tiers) name(id order.AccountID) string {
	if name, ok := t.Accounts[id]; ok {
		return name
	}
	return t.Default
}

// charge puts the fees of an account into a profile, and the name of the tier that they come from.
func (c *Config) charge(p *order.Profile, id order.AccountID) {
	p.TakerFeeBps, p.MakerFeeBps, p.FeeTier = c.Profile.TakerFeeBps, c.Profile.MakerFeeBps, ""
	name := c.Tiers.name(id)
	if tier, ok := c.Tiers.ByName[name]; ok {
		p.TakerFeeBps, p.MakerFeeBps, p.FeeTier = tier.TakerBps, tier.MakerBps, name
	}
}
