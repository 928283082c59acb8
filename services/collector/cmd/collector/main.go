// Command collector runs the service that connects to exchanges.
package main

import (
	"context"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/pkg/daemon"
	"github.com/hourglass-trading/hourglass/services/collector"
)

func main() {
	daemon.Main(func(ctx context.Context, env daemon.Env) error {
		cfg, err := collector.ParseConfig(env.Getenv)
		if err != nil {
			return err
		}
		conn, err := bus.Connect(ctx, cfg.Bus, env.Log)
		if err != nil {
			return err
		}
		defer conn.Close()
		return collector.Run(ctx, cfg, conn, env.Log)
	})
}
