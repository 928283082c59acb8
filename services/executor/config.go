package executor

import (
	"errors"
	"fmt"
	"maps"
	"strings"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/pkg/daemon"
	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/pkg/order"
	"github.com/hourglass-trading/hourglass/pkg/tracing"
	"github.com/hourglass-trading/hourglass/services/executor/internal/account"
)

// Config is what an executor is told when it starts.
type Config struct {
	Bus          bus.Config
	HealthListen string
	Tracing      tracing.Config
	Market       string            // live, sim or replay; stands on every order
	Exchanges    []market.Exchange // whose instruments can be traded
	Opening      []order.Amount    // what a new account starts with
	Profile      order.Profile     // how real fills are made; copied into each order
	Tiers        account.Tiers     // the fee schedules of accounts that pay others than the profile's
}

// Markets are the kinds of market that books can come from.
var Markets = []string{"sim", "live", "replay"}

const (
	defaultOpening = "USD=1000000,USDT=1000000,USDC=1000000,EUR=1000000,BTC=10,ETH=100"
	// The taker fees, in basis points, of a spot account without volume, rounded up where pairs differ. They are the
	// exchanges' to change, and depend on the account's tier: HOURGLASS_TAKER_FEES_BPS names those that are known better.
	defaultFees = "binance=10,binance_tr=20,binance_us=60,bitstamp=40,bybit=10,coinbase=120,gateio=20,gemini=40,kraken=40,kucoin=10,okx=10"
	// The maker fees of the same accounts where they are below the taker fees: HOURGLASS_MAKER_FEES_BPS names others.
	defaultMakerFees = "binance_us=40,bitstamp=30,coinbase=60,gemini=20,kraken=25,okx=8"
)

// ParseConfig reads the configuration from the environment and names every fault of it.
func ParseConfig(getenv func(string) string) (Config, error) {
	l := daemon.NewLookup(getenv)
	cfg := Config{
		Bus:          bus.ConfigOf(l, bus.Executor),
		HealthListen: l.Addr("HOURGLASS_HEALTH_LISTEN", daemon.DefaultHealthListen),
		Tracing:      tracing.Config{Endpoint: l.URL("OTEL_EXPORTER_OTLP_ENDPOINT", "", "http", "https")},
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
	if path := l.String(feesKey, ""); path != "" {
		if cfg.Tiers, err = readTiers(path, &cfg.Profile); err != nil {
			l.Fault(feesKey, err)
		}
	}
	for _, e := range cfg.Exchanges {
		if _, known := cfg.Profile.TakerFeeBps[e]; !known {
			l.Fault("HOURGLASS_TAKER_FEES_BPS", fmt.Errorf("says no fee of %s: add %s=BPS", e, e))
		}
	}
	return cfg, l.Err()
}

func parseProfile(l *daemon.Lookup) order.Profile {
	const day = 86_400_000
	p := order.Profile{
		Preset:            "standard",
		LatencyMS:         int64(l.Int("HOURGLASS_LATENCY_MS", 50, 0, 60_000)),
		StaleAfterMS:      int64(l.Int("HOURGLASS_STALE_AFTER_MS", 3_000, 1, day)),
		LiquidityMemoryMS: int64(l.Int("HOURGLASS_LIQUIDITY_MEMORY_MS", 30_000, 0, day)),
		MemoryScope:       parseScope(l),
		VisibleShare:      decimal.One,
	}
	if share, err := decimal.Parse(l.String("HOURGLASS_VISIBLE_SHARE", "1")); err != nil || share.Sign() <= 0 || share.Cmp(decimal.One) > 0 {
		l.Fault("HOURGLASS_VISIBLE_SHARE", errors.New("must be above 0 and at most 1"))
	} else {
		p.VisibleShare = share
	}
	fees, err := parseFees(defaultFees)
	if err == nil {
		p.TakerFeeBps = fees
		fees, err = parseFees(l.String("HOURGLASS_TAKER_FEES_BPS", defaultFees))
	}
	if err != nil {
		l.Fault("HOURGLASS_TAKER_FEES_BPS", err)
	}
	maps.Copy(p.TakerFeeBps, fees) // exchanges that are not named keep their defaults
	p.MakerFeeBps = parseMakerFees(l, p.TakerFeeBps)
	return p
}

// parseMakerFees reads what a resting order pays: what is named, else the default, which is never above the taker's fee.
func parseMakerFees(l *daemon.Lookup, takers map[market.Exchange]decimal.Decimal) map[market.Exchange]decimal.Decimal {
	const key = "HOURGLASS_MAKER_FEES_BPS"
	out := maps.Clone(takers)
	defaults, err := parseFees(defaultMakerFees)
	if err != nil {
		l.Fault(key, err)
	}
	for e, fee := range defaults {
		if taker, known := takers[e]; known {
			out[e] = fee.Min(taker)
		}
	}
	if text := l.String(key, ""); text != "" {
		named, err := parseFees(text)
		if err != nil {
			l.Fault(key, err)
		}
		maps.Copy(out, named)
	}
	return out
}

// parseScope reads who finds a level emptied by whom.
func parseScope(l *daemon.Lookup) string {
	const key = "HOURGLASS_MEMORY_SCOPE"
	scope := l.String(key, "account")
	switch scope {
	case "account", "order":
	case "global":
		l.Fault(key, errors.New("cannot be global: accounts are decided on apart, each from its own events, so what one takes cannot "+
			"be kept from another exactly; choose account or order"))
	default:
		l.Fault(key, fmt.Errorf("%.40q is not account or order", scope))
	}
	return scope
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
