package executor

import (
	"errors"
	"fmt"
	"strings"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/pkg/daemon"
	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/pkg/order"
)

// Config is what an executor is told when it starts.
type Config struct {
	Bus          bus.Config
	HealthListen string
	Market       string            // live, sim or replay; stands on every order
	Exchanges    []market.Exchange // whose instruments can be traded
	Opening      []order.Amount    // what a new account starts with
	Profile      order.Profile     // how real fills are made; copied into each order
}

// Markets are the kinds of market that books can come from.
var Markets = []string{"sim", "live", "replay"}

const (
	defaultOpening = "USD=1000000,USDT=1000000,USDC=1000000,EUR=1000000,BTC=10,ETH=100"
	// The taker fees, in basis points, of an account without volume, as the exchanges published them in 2026.
	defaultFees = "binance=10,kraken=40"
)

// ParseConfig reads the configuration from the environment and names every fault of it.
func ParseConfig(getenv func(string) string) (Config, error) {
	l := daemon.NewLookup(getenv)
	cfg := Config{
		Bus:          bus.Config{URL: l.String("HOURGLASS_NATS", "nats://127.0.0.1:4222"), Name: "executor"},
		HealthListen: l.Addr("HOURGLASS_HEALTH_LISTEN", daemon.DefaultHealthListen),
		Market:       l.OneOf("HOURGLASS_MARKET", "live", Markets...),
	}
	for _, name := range l.List("HOURGLASS_EXCHANGES", "binance", "kraken") {
		e, err := market.ParseExchange(name)
		if err != nil {
			l.Fault("HOURGLASS_EXCHANGES", err)
			continue
		}
		cfg.Exchanges = append(cfg.Exchanges, e)
	}
	var err error
	if cfg.Opening, err = parseOpening(l.String("HOURGLASS_OPENING_FUNDS", defaultOpening)); err != nil {
		l.Fault("HOURGLASS_OPENING_FUNDS", err)
	}
	cfg.Profile = parseProfile(l)
	return cfg, l.Err()
}

func parseProfile(l *daemon.Lookup) order.Profile {
	const day = 86_400_000
	p := order.Profile{
		Preset:            "standard",
		LatencyMS:         int64(l.Int("HOURGLASS_LATENCY_MS", 50, 0, 60_000)),
		StaleAfterMS:      int64(l.Int("HOURGLASS_STALE_AFTER_MS", 3_000, 1, day)),
		LiquidityMemoryMS: int64(l.Int("HOURGLASS_LIQUIDITY_MEMORY_MS", 30_000, 0, day)),
		MemoryScope:       l.OneOf("HOURGLASS_MEMORY_SCOPE", "account", "account", "order"),
		VisibleShare:      decimal.One,
	}
	if share, err := decimal.Parse(l.String("HOURGLASS_VISIBLE_SHARE", "1")); err != nil || share.Sign() <= 0 || share.Cmp(decimal.One) > 0 {
		l.Fault("HOURGLASS_VISIBLE_SHARE", errors.New("must be above 0 and at most 1"))
	} else {
		p.VisibleShare = share
	}
	fees, err := parseFees(l.String("HOURGLASS_TAKER_FEES_BPS", defaultFees))
	if err != nil {
		l.Fault("HOURGLASS_TAKER_FEES_BPS", err)
	}
	p.TakerFeeBps = fees
	return p
}

// parseOpening reads ASSET=AMOUNT, separated by commas.
func parseOpening(text string) ([]order.Amount, error) {
	var out []order.Amount
	err := eachPair(text, func(asset string, amount decimal.Decimal) error {
		if _, err := market.Pair(asset, "USD"); err != nil {
			return err
		}
		out = append(out, order.Amount{Asset: asset, Amount: amount})
		return nil
	})
	return out, err
}

// parseFees reads EXCHANGE=BPS, separated by commas.
func parseFees(text string) (map[market.Exchange]decimal.Decimal, error) {
	out := map[market.Exchange]decimal.Decimal{}
	return out, eachPair(text, func(name string, bps decimal.Decimal) error {
		e, err := market.ParseExchange(name)
		out[e] = bps
		return err
	})
}

func eachPair(text string, use func(key string, value decimal.Decimal) error) error {
	for part := range strings.SplitSeq(text, ",") {
		key, value, ok := strings.Cut(strings.TrimSpace(part), "=")
		d, err := decimal.Parse(value)
		if !ok || err != nil || d.Sign() < 0 {
			return fmt.Errorf("%.60q is not NAME=NUMBER with a number from 0", part)
		}
		if err := use(key, d); err != nil {
			return err
		}
	}
	return nil
}
