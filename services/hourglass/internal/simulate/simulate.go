// Package simulate is the command that plays a scripted market, an order and the commands to it through the engine, and
// prints what came of them: a report for people, or JSON in the form of the worked examples.
//
// It needs no server and no network, reads one file and runs in one goroutine. It knows no rule of trading: the executor
// does.
package simulate

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/hourglass-trading/hourglass/services/executor"
	"github.com/hourglass-trading/hourglass/services/hourglass/internal/cli"
)

// maxScript bounds a script: some 400,000 market events.
const maxScript = 64 << 20

// Command is the command line of simulate.
type Command struct {
	File string `arg:"" help:"The script, or - for the standard input."`
}

// Help implements kong.HelpProvider.
func (Command) Help() string {
	return `A script is one JSON object: instrument, account, sim, order, market and commands, with times in milliseconds.
The README shows one. What is wrong with a script is named by its field, and the exit code is 2.

Examples:

    hourglass simulate order.json
    hourglass simulate order.json -o json | jq .tca`
}

// Run plays the script and prints its outcome.
func (c *Command) Run(app *cli.App) error {
	text, err := read(c.File)
	if err != nil {
		return cli.Misused(err.Error(), "hourglass simulate --help")
	}
	out, err := executor.Simulate(text)
	var faults executor.ScriptFaults
	switch {
	case errors.As(err, &faults):
		return cli.Misused(c.File+": "+faults.Error(), "mend the fields that are named; hourglass simulate --help")
	case err != nil:
		return err
	case app.Output == "json":
		return encode(app.Stdout(), out)
	}
	return report(app.Stdout(), out)
}

// read returns the text of a script.
func read(name string) ([]byte, error) {
	in := io.Reader(os.Stdin)
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	text, err := io.ReadAll(io.LimitReader(in, maxScript+1))
	if err == nil && len(text) > maxScript {
		err = fmt.Errorf("%s is larger than %d MiB", name, maxScript>>20)
	}
	return text, err
}

func encode(w io.Writer, out *executor.Simulation) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	if err := enc.Encode(out); err != nil {
		return fmt.Errorf("write the outcome: %w", err)
	}
	return nil
}
