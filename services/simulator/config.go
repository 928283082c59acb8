package simulator

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"

	"github.com/hourglass-trading/hourglass/pkg/daemon"
)

// The kinds of market.
const (
	MarketSim    = "sim"
	MarketReplay = "replay"
)

// exchanges are those whose protocols are spoken here.
var exchanges = []string{"binance", "kraken"}

// Config says what to simulate. Its zero value is the synthetic market in real time, all exchanges and symbols, seed 0.
type Config struct {
	// Market is "sim" (the default) or "replay".
	Market string
	// ReplayDir is the folder of recordings, read with all below it; "replay" needs it.
	ReplayDir string
	// Seed decides everything that happens on the synthetic market.
	Seed uint64
	// Speed is how many times faster than real time the market runs; 0 means 1. At most 1000.
	Speed float64
	// Exchanges and Symbols (as in BTC-USDT) are those offered; empty means all there are.
	Exchanges []string
	Symbols   []string
	// Log gets a line for each file of ReplayDir that is not played; nil means no such lines.
	Log *slog.Logger
}

const maxSpeed = 1000

// check fills in defaults and reports all faults together.
func (c *Config) check() error {
	if c.Market == "" {
		c.Market = MarketSim
	}
	if c.Speed == 0 {
		c.Speed = 1
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if len(c.Exchanges) == 0 {
		c.Exchanges = exchanges
	}
	var faults []error
	switch {
	case c.Market != MarketSim && c.Market != MarketReplay:
		faults = append(faults, fmt.Errorf("market %q is neither %q nor %q", c.Market, MarketSim, MarketReplay))
	case c.Market == MarketReplay && c.ReplayDir == "":
		faults = append(faults, errors.New("a replay needs the folder of the recordings"))
	}
	if !(c.Speed > 0 && c.Speed <= maxSpeed) { // not a number is neither
		faults = append(faults, fmt.Errorf("speed %v is not in (0, %d]", c.Speed, maxSpeed))
	}
	for _, e := range c.Exchanges {
		if !slices.Contains(exchanges, e) {
			faults = append(faults, fmt.Errorf("exchange %q is not simulated; there are %v", e, exchanges))
		}
	}
	if err := errors.Join(faults...); err != nil {
		return fmt.Errorf("simulator configuration: %w", err)
	}
	return nil
}

// wants says whether the configuration includes a symbol of an exchange.
func (c *Config) wants(exchange, symbol string) bool {
	return slices.Contains(c.Exchanges, exchange) && (len(c.Symbols) == 0 || slices.Contains(c.Symbols, symbol))
}

// ParseConfig reads the configuration of a process of its own, and the address it listens on:
//
//	HOURGLASS_MARKET            sim or replay=DIR
//	HOURGLASS_SIM_ADDR          address to listen on, 127.0.0.1:8765
//	HOURGLASS_SIM_SEED          seed of the synthetic market, 1
//	HOURGLASS_SIM_SPEED         times real time, 1
//	HOURGLASS_SIM_EXCHANGES     comma-separated; all
//	HOURGLASS_SIM_SYMBOLS       comma-separated; all
//
// Faults wrap daemon.ErrConfig and are reported together.
func ParseConfig(getenv func(string) string) (Config, string, error) {
	l := daemon.NewLookup(getenv)
	var cfg Config
	cfg.Market, cfg.ReplayDir, _ = strings.Cut(l.String("HOURGLASS_MARKET", MarketSim), "=")
	addr := l.Addr("HOURGLASS_SIM_ADDR", "127.0.0.1:8765")
	var err error
	if cfg.Seed, err = strconv.ParseUint(l.String("HOURGLASS_SIM_SEED", "1"), 10, 64); err != nil {
		l.Fault("HOURGLASS_SIM_SEED", errors.New("not a whole number"))
	}
	if cfg.Speed, err = strconv.ParseFloat(l.String("HOURGLASS_SIM_SPEED", "1"), 64); err != nil {
		l.Fault("HOURGLASS_SIM_SPEED", errors.New("not a number"))
	}
	cfg.Exchanges = l.List("HOURGLASS_SIM_EXCHANGES")
	cfg.Symbols = l.List("HOURGLASS_SIM_SYMBOLS")
	check := cfg
	if err := check.check(); err != nil {
		l.Fault("HOURGLASS_MARKET and HOURGLASS_SIM_*", err)
	}
	return cfg, addr, l.Err()
}
