package simulator

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
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

// Config says what to simulate. Its zero value is the synthetic market in real time, with all symbols and seed 0.
type Config struct {
	// Market is "sim" (the default) or "replay".
	Market string
	// ReplayDir is the folder of recordings, read with all below it; "replay" needs it.
	ReplayDir string
	// Seed decides everything that happens on the synthetic market.
	Seed uint64
	// Speed is how many times faster than real time the market runs; 0 means 1. At most 1000.
	Speed float64
	// Exchanges are those offered; empty means binance and kraken on the synthetic market, all there are in a replay.
	Exchanges []string
	// Symbols (as in BTC-USDT) are those offered; empty means all there are.
	Symbols []string
	// Admin, where not nil, is where faults and moods of the market are asked for. It must not be reachable for clients.
	Admin net.Listener
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
		if c.Exchanges = defaults; c.Market == MarketReplay {
			c.Exchanges = Exchanges()
		}
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
		if !slices.Contains(Exchanges(), e) {
			faults = append(faults, fmt.Errorf("exchange %q is not simulated; there are %v", e, Exchanges()))
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

// Process is the configuration of a process of its own.
type Process struct {
	Config
	// Listen is where the exchanges' protocols are spoken, HealthListen where the process tells its health, AdminListen where
	// faults are asked for; empty means nowhere.
	Listen, HealthListen, AdminListen string
}

// ParseConfig reads the configuration of a process:
//
//	HOURGLASS_MARKET           sim, replay or replay=DIR; sim
//	HOURGLASS_REPLAY_DIR       the folder of recordings, where HOURGLASS_MARKET does not name it
//	HOURGLASS_SEED             seed of the synthetic market; 1
//	HOURGLASS_SPEED            times real time; 1
//	HOURGLASS_SIM_EXCHANGES    comma-separated, those to offer; all
//	HOURGLASS_SIM_SYMBOLS      comma-separated, those to offer; all
//	HOURGLASS_LISTEN           127.0.0.1:9000
//	HOURGLASS_SIMULATOR_ADMIN  address on which faults are asked for; nowhere
//	HOURGLASS_HEALTH_LISTEN    see daemon.DefaultHealthListen
//
// Faults wrap daemon.ErrConfig and are reported together.
func ParseConfig(getenv func(string) string) (Process, error) {
	l := daemon.NewLookup(getenv)
	var p Process
	var named bool
	p.Market, p.ReplayDir, named = strings.Cut(l.String("HOURGLASS_MARKET", MarketSim), "=")
	if !named {
		p.ReplayDir = l.String("HOURGLASS_REPLAY_DIR", "")
	}
	var err error
	if p.Seed, err = strconv.ParseUint(l.String("HOURGLASS_SEED", "1"), 10, 64); err != nil {
		l.Fault("HOURGLASS_SEED", errors.New("not a whole number"))
	}
	if p.Speed, err = strconv.ParseFloat(l.String("HOURGLASS_SPEED", "1"), 64); err != nil {
		l.Fault("HOURGLASS_SPEED", errors.New("not a number"))
	}
	p.Exchanges = l.List("HOURGLASS_SIM_EXCHANGES", Exchanges()...)
	p.Symbols = l.List("HOURGLASS_SIM_SYMBOLS")
	p.Listen = l.Addr("HOURGLASS_LISTEN", "127.0.0.1:9000")
	if l.String("HOURGLASS_SIMULATOR_ADMIN", "") != "" {
		p.AdminListen = l.Addr("HOURGLASS_SIMULATOR_ADMIN", "")
	}
	p.HealthListen = l.Addr("HOURGLASS_HEALTH_LISTEN", daemon.DefaultHealthListen)
	checked := p.Config
	if err := checked.check(); err != nil {
		l.Fault("HOURGLASS_MARKET", err)
	}
	return p, l.Err()
}

// Run simulates until ctx ends.
func Run(ctx context.Context, p Process, log *slog.Logger) error {
	p.Log = log
	if p.AdminListen != "" {
		admin, err := (&net.ListenConfig{}).Listen(ctx, "tcp", p.AdminListen)
		if err != nil {
			return fmt.Errorf("listen for faults: %w", err)
		}
		p.Admin = admin
		defer admin.Close() // Serve has closed it, unless it was never reached
	}
	s, err := Open(p.Config)
	if err != nil {
		return err
	}
	for _, o := range s.Offers() {
		log.Info("exchange simulated", "exchange", o.Exchange, "market", p.Market, "symbols", o.Symbols)
	}
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", p.Listen)
	if err != nil {
		return fmt.Errorf("listen for clients: %w", err)
	}
	health := daemon.NewHealth()
	g := daemon.NewGroup(ctx)
	g.Go("exchanges", func(ctx context.Context) error { return s.Serve(ctx, ln, log) })
	if p.HealthListen != "" {
		g.Go("health", func(ctx context.Context) error { return daemon.ListenAndServe(ctx, p.HealthListen, health.Handler()) })
	}
	return g.Wait()
}
