package backup

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/services/hourglass/internal/audit"
	"github.com/hourglass-trading/hourglass/services/hourglass/internal/cli"
	"github.com/hourglass-trading/hourglass/services/hourglass/internal/datadir"
	"github.com/hourglass-trading/hourglass/services/hourglass/internal/embedded"
)

// SaveCommand is the command line of backup.
type SaveCommand struct {
	To   string `arg:"" type:"path" help:"The folder to make; it must not be there yet."`
	Data string `xor:"where" required:"" placeholder:"DIR" type:"existingdir" help:"The data folder of a platform that is stopped."`
	NATS string `xor:"where" required:"" name:"nats" placeholder:"URL" help:"The NATS server of a platform that runs."`
	Seed string `name:"nats-seed" env:"HOURGLASS_NATS_SEED_FILE" placeholder:"FILE" type:"existingfile" help:"The admin's key to it (nats-keys/admin/nats.nk of the data folder), where it asks for one."`
}

// Help implements kong.HelpProvider.
func (SaveCommand) Help() string {
	return `Accounts, orders, users and API keys are written with their checksums, restored on trial, and audited. Sessions and signing keys
are left out: after a restore everybody logs in anew. Keep the folder secret: it holds the hashes of passwords.

Examples:

    hourglass backup --data hourglass-data backups/monday
    hourglass backup --nats nats://127.0.0.1:4222 backups/tuesday`
}

// Run writes a backup.
func (c *SaveCommand) Run(app *cli.App) (err error) {
	ctx, log := app.Context(), slog.New(slog.DiscardHandler)
	cfg := bus.Config{URL: c.NATS, Name: bus.Admin, SeedFile: c.Seed}
	if c.Data != "" {
		unlock, err := datadir.Lock(c.Data)
		if err != nil {
			return err
		}
		defer unlock()
		if _, err := os.Stat(filepath.Join(datadir.NATS(c.Data), "jetstream")); err != nil {
			return fmt.Errorf("not a data folder: %w", err)
		}
		nats, err := embedded.Start(embedded.Config{Dir: datadir.NATS(c.Data)}, log)
		if err != nil {
			return err
		}
		defer embedded.Stop(nats)
		cfg.InProcess, cfg.SeedFile = nats, "" // a store is opened without accounts
	}
	conn, err := bus.Connect(ctx, cfg, log)
	if err != nil {
		return err
	}
	defer conn.Close()
	result, err := Save(ctx, conn, c.To, log)
	return errors.Join(err, tell(app, "saved", c.To, &result, err == nil))
}

// RestoreCommand is the command line of restore.
type RestoreCommand struct {
	From string `arg:"" type:"existingdir" help:"The folder that backup made."`
	Data string `xor:"where" required:"" placeholder:"DIR" type:"path" help:"The data folder to make; it must hold no state yet."`
	NATS string `xor:"where" required:"" name:"nats" placeholder:"URL" help:"A NATS server that has no streams yet."`
	Seed string `name:"nats-seed" env:"HOURGLASS_NATS_SEED_FILE" placeholder:"FILE" type:"existingfile" help:"The admin's key to it (nats-keys/admin/nats.nk of the data folder), where it asks for one."`
}

// Help implements kong.HelpProvider.
func (RestoreCommand) Help() string {
	return `Every file is compared with its checksum, and what was restored is audited; if anything is wrong nothing is restored. Start the
platform on it afterwards: orders that were running go on, slices that fell due meanwhile are missed and caught up with.

Examples:

    hourglass restore backups/monday --data hourglass-data
    hourglass restore backups/tuesday --nats nats://127.0.0.1:4222`
}

// Run restores a backup.
func (c *RestoreCommand) Run(app *cli.App) error {
	ctx, log := app.Context(), slog.New(slog.DiscardHandler)
	if c.Data != "" {
		result, err := Restore(ctx, c.From, c.Data, log)
		return errors.Join(err, tell(app, "restored", c.Data, &result, err == nil))
	}
	return c.toServer(ctx, app, log)
}

func (c *RestoreCommand) toServer(ctx context.Context, app *cli.App, log *slog.Logger) error {
	conn, err := bus.Connect(ctx, bus.Config{URL: c.NATS, Name: bus.Admin, SeedFile: c.Seed}, log)
	if err != nil {
		return err
	}
	defer conn.Close()
	result, err := RestoreTo(ctx, c.From, conn)
	return errors.Join(err, tell(app, "restored", c.NATS, &result, err == nil))
}

// tell says what was done, or which promises were found broken.
func tell(app *cli.App, verb, where string, r *audit.Result, done bool) error {
	out := app.Stdout()
	for i := range r.Violations {
		if _, err := fmt.Fprintln(out, r.Violations[i].String()); err != nil {
			return fmt.Errorf("write the result: %w", err)
		}
	}
	if !done {
		return nil
	}
	if app.Output == "json" {
		return json.NewEncoder(out).Encode(map[string]any{"verb": verb, "where": where, "accounts": r.Accounts, "events": r.Events})
	}
	_, err := fmt.Fprintf(out, "%s %s: %d accounts, %d events, all sound\n", verb, where, r.Accounts, r.Events)
	return err
}
