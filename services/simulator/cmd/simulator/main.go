// Command simulator serves the exchanges' protocols over a synthetic market or over recordings.
package main

import (
	"context"

	"github.com/hourglass-trading/hourglass/pkg/daemon"
	"github.com/hourglass-trading/hourglass/services/simulator"
)

func main() {
	daemon.Main(func(ctx context.Context, env daemon.Env) error {
		cfg, err := simulator.ParseConfig(env.Getenv)
		if err != nil {
			return err
		}
		return simulator.Run(ctx, cfg, env.Log)
	})
}
