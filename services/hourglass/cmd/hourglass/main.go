// Command hourglass is the platform in one program: `hourglass up` runs everything in one process.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/alecthomas/kong"

	"github.com/hourglass-trading/hourglass/pkg/daemon"
	"github.com/hourglass-trading/hourglass/services/hourglass/internal/up"
)

// commands is the command line.
type commands struct {
	Up      up.Options `cmd:"" help:"Run the whole platform in this process: collector, executor, gateway and NATS."`
	Version struct{}   `cmd:"" help:"Print the version."`
}

func main() { daemon.Main(run) }

func run(ctx context.Context, env daemon.Env) error {
	var cli commands
	parser, err := kong.New(&cli, kong.Name("hourglass"), kong.UsageOnError(), kong.Writers(env.Stdout, os.Stderr),
		kong.Description("Paper-trade execution algorithms on real order books. Nothing is ever sent to an exchange."))
	if err != nil {
		return fmt.Errorf("build the command line: %w", err)
	}
	chosen, err := parser.Parse(env.Args)
	if err != nil {
		return errors.Join(daemon.ErrConfig, err)
	}
	switch chosen.Command() {
	case "version":
		_, err := fmt.Fprintln(env.Stdout, "hourglass", daemon.Version())
		return err
	default:
		return up.Run(ctx, cli.Up, env.Getenv, env.Stdout, env.Log)
	}
}
