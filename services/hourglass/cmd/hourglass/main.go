// Command hourglass is the platform in one program: `hourglass up` runs everything in one process, the other commands are
// the client of a server that runs somewhere.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/alecthomas/kong"

	"github.com/hourglass-trading/hourglass/pkg/daemon"
	"github.com/hourglass-trading/hourglass/services/hourglass/internal/audit"
	"github.com/hourglass-trading/hourglass/services/hourglass/internal/backup"
	"github.com/hourglass-trading/hourglass/services/hourglass/internal/cli"
	"github.com/hourglass-trading/hourglass/services/hourglass/internal/simulate"
	"github.com/hourglass-trading/hourglass/services/hourglass/internal/up"
)

// commands is the command line.
type commands struct {
	Up        up.Options            `cmd:"" group:"Server" help:"Run the whole platform in this process: collector, executor, gateway and NATS."`
	Simulator up.SimulatorOptions   `cmd:"" group:"Server" help:"Run the exchanges' protocols alone, over a synthetic market or recordings, for any client."`
	Simulate  simulate.Command      `cmd:"" group:"Orders" help:"Play a scripted market and order through the engine; needs no server."`
	Audit     audit.Command         `cmd:"" group:"Server" help:"Check every stored event: nothing lost, nothing twice, money adds up."`
	Auditor   audit.ServiceOptions  `cmd:"" group:"Server" help:"Check the events of a platform as they are stored, for as long as it runs."`
	Backup    backup.SaveCommand    `cmd:"" group:"Server" help:"Write accounts, orders, users and keys into a folder; the platform may run meanwhile."`
	Restore   backup.RestoreCommand `cmd:"" group:"Server" help:"Make a backup the state of a new platform."`
	Version   versionCmd            `cmd:"" help:"Print the version."`

	cli.Globals
	cli.Commands
}

type versionCmd struct{}

func (versionCmd) Help() string { return "Example:\n\n    hourglass version" }

func main() {
	if code, served := cli.Main(parse, os.Args[1:], daemon.Version()); served {
		os.Exit(code)
	}
	daemon.Main(run)
}

func parse(args []string) (*kong.Context, *commands, error) {
	var c commands
	parser, err := kong.New(&c, kong.Name("hourglass"), kong.Writers(os.Stdout, os.Stderr), kong.ShortUsageOnError(),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, Summary: true, NoExpandSubcommands: true}),
		kong.Description("Paper-trade execution algorithms on real order books. Nothing is ever sent to an exchange.\n\n"+cli.ExitCodes))
	if err != nil {
		return nil, nil, fmt.Errorf("build the command line: %w", err)
	}
	chosen, err := parser.Parse(args)
	return chosen, &c, err
}

// run runs the commands that are processes: they log, and end with the codes of daemon.
func run(ctx context.Context, env daemon.Env) error {
	chosen, c, err := parse(env.Args)
	if err != nil {
		return errors.Join(daemon.ErrConfig, err)
	}
	switch chosen.Command() {
	case "version":
		_, err := fmt.Fprintln(env.Stdout, "hourglass", daemon.Version())
		return err
	case "auditor":
		return audit.Serve(ctx, c.Auditor, env.Log)
	case "simulator":
		return up.Simulate(ctx, c.Simulator, env.Stdout, env.Log)
	default:
		return up.Run(ctx, c.Up, env.Getenv, env.Stdout, env.Log)
	}
}
