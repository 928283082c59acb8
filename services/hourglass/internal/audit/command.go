package audit

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/services/hourglass/internal/cli"
)

// ErrViolated says that the events break a promise.
var ErrViolated = errors.New("the events break a promise")

// Command is the command line of audit.
type Command struct {
	Data string `xor:"where" required:"" placeholder:"DIR" type:"existingdir" help:"The data folder of a platform that is stopped."`
	NATS string `xor:"where" required:"" name:"nats" placeholder:"URL" help:"The NATS server of a platform that runs."`
	Seed string `name:"nats-seed" env:"HOURGLASS_NATS_SEED_FILE" placeholder:"FILE" type:"existingfile" help:"The admin's key to it (nats-keys/admin/nats.nk of the data folder), where it asks for one."`
}

// Help implements kong.HelpProvider.
func (Command) Help() string {
	return `Every event of every account is checked: versions, hash chain, postings, balances, fills. The exit code is 0 if all
promises hold and 1 if not; each broken one is printed with its account and event.

Examples:

    hourglass audit --data hourglass-data
    hourglass audit --nats nats://127.0.0.1:4222 -o json`
}

// Run audits and prints what it found.
func (c *Command) Run(app *cli.App) error {
	ctx, log := app.Context(), slog.New(slog.DiscardHandler)
	if c.Data != "" {
		result, err := Data(ctx, c.Data, log)
		return errors.Join(err, tell(app, &result, err))
	}
	conn, err := bus.Connect(ctx, bus.Config{URL: c.NATS, Name: bus.Admin, SeedFile: c.Seed}, log)
	if err != nil {
		return err
	}
	defer conn.Close()
	result, err := Bus(ctx, conn)
	return errors.Join(err, tell(app, &result, err))
}

// tell prints what an audit found; it fails with ErrViolated if that is anything. An audit that broke off prints what it
// had found by then.
func tell(app *cli.App, r *Result, broke error) error {
	if err := write(app.Stdout(), app.Output == "json", r, broke == nil); err != nil {
		return err
	}
	if r.Count > 0 {
		return fmt.Errorf("%w: %d violations in %d events", ErrViolated, r.Count, r.Events)
	}
	return nil
}

func write(w io.Writer, asJSON bool, r *Result, whole bool) error {
	if asJSON {
		if err := json.NewEncoder(w).Encode(r); err != nil {
			return fmt.Errorf("write the result: %w", err)
		}
		return nil
	}
	for i := range r.Violations {
		if _, err := fmt.Fprintln(w, r.Violations[i].String()); err != nil {
			return fmt.Errorf("write the result: %w", err)
		}
	}
	if !whole {
		return nil
	}
	if _, err := fmt.Fprintf(w, "%d accounts, %d events, %d violations\n", r.Accounts, r.Events, r.Count); err != nil {
		return fmt.Errorf("write the result: %w", err)
	}
	return nil
}
