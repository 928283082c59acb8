package account

import (
	"fmt"

	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/order"
)

// The presets: how real the fills are made. An order that names one gets these values whatever the server's profile says;
// only the fees are the account's tier's, since they are the exchanges'.
const (
	Frictionless = "frictionless" // no latency, no memory, no fees
	Standard     = "standard"
	Thin         = "thin"  // half of what is displayed can be had, and it comes back slowly
	Harsh        = "harsh" // half a second late, a quarter of what is displayed
)

// StandardProfile is the standard preset without fees.
func StandardProfile() order.Profile {
	return order.Profile{
		Preset: Standard, LatencyMS: 50, StaleAfterMS: 3000, LiquidityMemoryMS: 30_000, MemoryScope: "account", VisibleShare: decimal.One,
	}
}

// profile returns the profile of an account's order that names preset, or the server's where it names none.
func (c *Config) profile(preset string, id order.AccountID) (order.Profile, error) {
	p := c.Profile
	if preset != "" {
		p = StandardProfile()
		p.Preset = preset
	}
	c.charge(&p, id)
	switch preset {
	case "", Standard:
	case Frictionless:
		p.LatencyMS, p.LiquidityMemoryMS, p.TakerFeeBps, p.MakerFeeBps, p.FeeTier = 0, 0, nil, nil, ""
	case Thin:
		p.VisibleShare, p.LiquidityMemoryMS = decimal.New(5, 1), 120_000
	case Harsh:
		p.LatencyMS, p.VisibleShare, p.LiquidityMemoryMS = 500, decimal.New(25, 2), 300_000
	default:
		return order.Profile{}, fmt.Errorf("must be one of %v", []string{Frictionless, Standard, Thin, Harsh})
	}
	return p, nil
}
