// Command simulator serves the exchanges' protocols over a synthetic market or over recordings.
package main

import (
	"context"
	"fmt"
	"net"

	"github.com/hourglass-trading/hourglass/pkg/daemon"
	"github.com/hourglass-trading/hourglass/services/simulator"
)

func main() { daemon.Main(run) }

func run(ctx context.Context, env daemon.Env) error {
	cfg, addr, err := simulator.ParseConfig(env.Getenv)
	if err != nil {
		return err
	}
	cfg.Log = env.Log
	s, err := simulator.Open(cfg)
	if err != nil {
		return err
	}
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return fmt.Errorf("listen for clients: %w", err)
	}
	for _, o := range s.Offers() {
		env.Log.Info("simulated exchange", "exchange", o.Exchange, "symbols", o.Symbols)
	}
	return s.Serve(ctx, ln, env.Log)
}
