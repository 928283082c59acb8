// Command executor runs the service that owns accounts and works their orders.
package main

import (
	"context"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/pkg/daemon"
	"github.com/hourglass-trading/hourglass/services/executor"
)

func main() {
	daemon.Main(func(ctx context.Context, env daemon.Env) error {
		cfg, err := executor.ParseConfig(env.Getenv)
		if err != nil {
			return err
		}
		conn, err := bus.Connect(ctx, cfg.Bus, env.Log)
		if err != nil {
			return err
		}
		defer conn.Close()
		return executor.Run(ctx, cfg, conn, env.Log)
	})
}
