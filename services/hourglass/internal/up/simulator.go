package up

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"

	"github.com/hourglass-trading/hourglass/pkg/daemon"
	"github.com/hourglass-trading/hourglass/services/simulator"
)

// SimulatorOptions are the flags of `hourglass simulator`.
type SimulatorOptions struct {
	Listen    string   `default:"127.0.0.1:9000" placeholder:"ADDR" help:"Address of the exchanges' REST and WebSocket protocols; GET / lists them."`
	Seed      uint64   `default:"1" placeholder:"N" help:"Seed of the synthetic market: the same seed, the same market."`
	Replay    string   `placeholder:"DIR" type:"existingdir" help:"Play the recordings of this folder instead."`
	Speed     float64  `default:"1" placeholder:"N" help:"Run N times as fast as real time."`
	Exchanges []string `placeholder:"A,B" help:"Exchanges to simulate (default: all)."`
	Admin     string   `placeholder:"ADDR" help:"Address on which faults and moods are asked for; whoever reaches it can ruin the market (default: nowhere)."`
}

// Help shows how it is used.
func (SimulatorOptions) Help() string {
	return `Examples:

    hourglass simulator --listen 127.0.0.1:9000 --seed 7
    hourglass simulator --replay recordings --admin 127.0.0.1:9001`
}

// Simulate runs the simulator alone until ctx ends. When clients are let in it writes one line to out: ready http://host:port.
func Simulate(ctx context.Context, opt SimulatorOptions, out io.Writer, log *slog.Logger) error {
	cfg := simulator.Config{Seed: opt.Seed, Speed: opt.Speed, Exchanges: opt.Exchanges, Log: log}
	if len(cfg.Exchanges) == 0 {
		cfg.Exchanges = simulator.Exchanges()
	}
	if opt.Replay != "" {
		cfg.Market, cfg.ReplayDir = simulator.MarketReplay, opt.Replay
	}
	admin, err := listenAdmin(ctx, opt.Admin)
	if err != nil {
		return err
	}
	if admin != nil {
		defer admin.Close() // Serve has closed it, unless it was never reached
		cfg.Admin = admin
	}
	sim, err := simulator.Open(cfg)
	if err != nil {
		return fmt.Errorf("%w: %w", daemon.ErrConfig, err)
	}
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", opt.Listen)
	if err != nil {
		return fmt.Errorf("listen for clients: %w", err)
	}
	if _, err := fmt.Fprintln(out, "ready http://"+ln.Addr().String()); err != nil {
		return fmt.Errorf("say that clients are let in: %w", err)
	}
	return sim.Serve(ctx, ln, log)
}

// listenAdmin listens where the simulator's faults are asked for; nil where that is nowhere.
func listenAdmin(ctx context.Context, addr string) (net.Listener, error) {
	if addr == "" {
		return nil, nil
	}
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listen for faults: %w", err)
	}
	return ln, nil
}
