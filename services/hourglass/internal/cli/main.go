package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"
)

// Globaler is the whole command line, of which the client's flags are a part.
type Globaler interface{ ClientFlags() Globals }

// ClientFlags implements Globaler where Globals is embedded.
func (g Globals) ClientFlags() Globals { return g }

// Main runs the command that args name if it is one of the client's, and a faulty command line of any kind. served is false
// where the process's own machinery has to go on: for a server, and for the health check of a container.
func Main[C Globaler](parse func([]string) (*kong.Context, C, error), args []string, version string) (code int, served bool) {
	if len(args) == 1 && args[0] == "health" {
		return 0, false
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	chosen, flags, err := parse(args)
	if err != nil {
		return misused(os.Stderr, err), true
	}
	selected := chosen.Selected()
	if selected == nil || !selected.Target.CanAddr() {
		return 0, false
	}
	command, ok := selected.Target.Addr().Interface().(Runner)
	complete, completes := selected.Target.Addr().Interface().(*completeCmd)
	if !ok && !completes {
		return 0, false
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	app := New(ctx, flags.ClientFlags(), version)
	if completes {
		err = complete.Print(app, chosen.Model)
	} else {
		err = command.Run(app)
	}
	return app.end(err), true
}

// end is the exit code of a command.
func (app *App) end(err error) int {
	var told *unwell
	switch {
	case errors.As(err, &told):
		return told.code // its findings say it
	case errors.Is(err, syscall.EPIPE):
		return ExitOK // whoever reads has had enough, such as head
	case err != nil && app.ctx.Err() != nil:
		err = context.Canceled // whatever it broke
	}
	return app.Explain(err)
}

// misused tells a fault of the command line.
func misused(w io.Writer, err error) int {
	var wrong *kong.ParseError
	hint := "hourglass --help"
	if errors.As(err, &wrong) && wrong.Context != nil {
		if node := wrong.Context.Selected(); node != nil {
			hint = strings.TrimSpace("hourglass "+node.Path()) + " --help"
			hint = strings.Replace(hint, "hourglass hourglass", "hourglass", 1)
		}
	}
	fmt.Fprintf(w, "error: %s\n  try: %s\n", err, hint)
	return ExitUsage
}
