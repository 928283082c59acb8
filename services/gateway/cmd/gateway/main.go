// Command gateway runs the service that clients talk to. It is configured by HOURGLASS_* variables; see
// gateway.ParseConfig. `gateway health` asks a running one whether it is ready.
package main

import (
	"context"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/pkg/daemon"
	"github.com/hourglass-trading/hourglass/services/gateway"
)

func main() {
	daemon.Main(func(ctx context.Context, env daemon.Env) error {
		cfg, err := gateway.ParseConfig(env.Getenv)
		if err != nil {
			return err
		}
		conn, err := bus.Connect(ctx, cfg.NATS, env.Log)
		if err != nil {
			return err
		}
		defer conn.Close()
		return gateway.Run(ctx, cfg, conn, env.Log)
	})
}
