package up

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"strings"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/pkg/daemon"
	"github.com/hourglass-trading/hourglass/services/collector"
	"github.com/hourglass-trading/hourglass/services/executor"
	"github.com/hourglass-trading/hourglass/services/gateway"
	"github.com/hourglass-trading/hourglass/services/hourglass/internal/audit"
	"github.com/hourglass-trading/hourglass/services/hourglass/internal/datadir"
	"github.com/hourglass-trading/hourglass/services/hourglass/internal/embedded"
	"github.com/hourglass-trading/hourglass/services/simulator"
)

// startSymbols are collected from the start where the market is not a recording: enough for a first look.
var startSymbols = []string{"BTC-USDT", "ETH-USDT", "BTC-USD", "ETH-USD"}

// platform is the services that run in this process.
type platform struct {
	opt   Options
	log   *slog.Logger
	nats  *server.Server
	keys  string // folder of the services' keys to it
	conns []*bus.Conn
}

// start starts every service as a part of g. What it returns is a fault of the options or of the environment.
func (p *platform) start(ctx context.Context, g *daemon.Group, ln net.Listener, getenv func(string) string) error {
	kind, dir, _ := strings.Cut(p.opt.Market, "=")
	settings := map[string]string{
		"HOURGLASS_MARKET":  kind,
		"HOURGLASS_LISTEN":  p.opt.Listen,
		"HOURGLASS_KEY_DIR": datadir.Keys(p.opt.Data),
	}
	if len(p.opt.Exchanges) > 0 {
		settings["HOURGLASS_EXCHANGES"] = joined(p.opt.Exchanges)
	}
	if p.opt.RateLimits != "" {
		settings["HOURGLASS_RATE_LIMITS"] = p.opt.RateLimits
	}
	symbols := startSymbols
	switch kind {
	case simulator.MarketSim, simulator.MarketReplay:
		offered, err := p.startSimulator(ctx, g, kind, dir, settings)
		if err != nil {
			return err
		}
		if kind == simulator.MarketReplay {
			symbols = offered
		}
	case "live":
	default:
		return fmt.Errorf("%w: --market is %q, not sim, live or replay=DIR", daemon.ErrConfig, p.opt.Market)
	}
	if len(p.opt.Symbols) > 0 {
		symbols = p.opt.Symbols
	}
	settings["HOURGLASS_SYMBOLS"] = joined(symbols)
	return p.startServices(ctx, g, ln, environment(getenv, settings))
}

// startSimulator opens the market and serves it on a free port of loopback, which it tells the services in settings. It
// returns the symbols that the market has.
func (p *platform) startSimulator(ctx context.Context, g *daemon.Group, kind, dir string, settings map[string]string) ([]string, error) {
	cfg := simulator.Config{Market: kind, ReplayDir: dir, Seed: p.opt.Seed, Speed: p.opt.Speed, Exchanges: p.opt.Exchanges, Log: p.log}
	admin, err := listenAdmin(ctx, p.opt.Admin)
	if err != nil {
		return nil, err
	}
	if admin != nil {
		cfg.Admin = admin // closed by Serve, or with the process that could not start
	}
	sim, err := simulator.Open(cfg)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", daemon.ErrConfig, err)
	}
	var exchanges, symbols []string
	for _, o := range sim.Offers() {
		exchanges = append(exchanges, o.Exchange)
		symbols = append(symbols, o.Symbols...)
	}
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for the collector: %w", err)
	}
	g.Go("simulator", func(ctx context.Context) error { return sim.Serve(ctx, ln, p.log.With("service", "simulator")) })
	settings["HOURGLASS_SIMULATOR"] = "http://" + ln.Addr().String()
	settings["HOURGLASS_EXCHANGES"] = joined(exchanges)
	return symbols, nil
}

func (p *platform) startServices(ctx context.Context, g *daemon.Group, ln net.Listener, getenv func(string) string) error {
	collecting, err := collector.ParseConfig(p.identified(bus.Collector, getenv))
	if err != nil {
		return err
	}
	executing, err := executor.ParseConfig(p.identified(bus.Executor, getenv))
	if err != nil {
		return err
	}
	serving, err := gateway.ParseConfig(p.identified(bus.Gateway, getenv))
	if err != nil {
		return err
	}
	serving.Listener = ln
	// One process, one page of health: the gateway's for everybody.
	collecting.HealthListen, executing.HealthListen, serving.HealthListen = "", "", ""
	services := []struct {
		bus bus.Config
		run func(context.Context, *bus.Conn, *slog.Logger) error
	}{
		{collecting.Bus, func(ctx context.Context, c *bus.Conn, log *slog.Logger) error {
			return collector.Run(ctx, collecting, c, log)
		}},
		{executing.Bus, func(ctx context.Context, c *bus.Conn, log *slog.Logger) error {
			return executor.Run(ctx, executing, c, log)
		}},
		{serving.NATS, func(ctx context.Context, c *bus.Conn, log *slog.Logger) error {
			return gateway.Run(ctx, serving, c, log)
		}},
	}
	for _, s := range services {
		cfg, log := s.bus, p.log.With("service", s.bus.Name)
		cfg.InProcess = p.nats
		conn, err := bus.Connect(ctx, cfg, log)
		if err != nil {
			return err
		}
		p.conns = append(p.conns, conn)
		g.Go(s.bus.Name, func(ctx context.Context) error { return s.run(ctx, conn, log) })
	}
	return nil
}

// audit checks the events as they are stored. What it finds it logs as errors: the platform goes on, a person must look.
func (p *platform) audit(ctx context.Context) error {
	log := p.log.With("service", "auditor")
	conn, err := embedded.Connect(ctx, p.nats, p.keys, bus.Admin, log)
	if err != nil {
		return err
	}
	defer conn.Close()
	return audit.NewWatch(log).Run(ctx, conn)
}

// identified is the environment of one service: its key to the bus, and for the gateway how the world reaches it.
func (p *platform) identified(service string, getenv func(string) string) func(string) string {
	settings := map[string]string{"HOURGLASS_NATS_SEED_FILE": filepath.Join(p.keys, service, bus.SeedFile)}
	if service == bus.Gateway {
		settings["HOURGLASS_NATS_DIRECT"] = joined(p.doors())
		settings["HOURGLASS_NATS_ISSUER_FILE"] = filepath.Join(p.keys, service, bus.IssuerFile)
	}
	return environment(getenv, settings)
}

// doors are the addresses at which direct subscribers are let in.
func (p *platform) doors() (urls []string) {
	if p.opt.NATSListen != "" {
		urls = append(urls, p.nats.ClientURL())
	}
	if p.opt.NATSWebSocket != "" {
		urls = append(urls, p.nats.WebsocketURL())
	}
	return urls
}

// close ends the connections once all services have returned.
func (p *platform) close() {
	for _, c := range p.conns {
		c.Close()
	}
}
