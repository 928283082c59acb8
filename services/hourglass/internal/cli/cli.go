// Package cli is the command-line client: each command asks a gateway, by the SDK, and prints the answer as a table for
// people or as JSON for scripts.
//
// An App serves one command in one goroutine; following an order adds one that reads the stream, and is waited for. The
// package knows no rule of trading: what is wrong with a request, the server says. It adds what to do next, and an exit
// code that scripts can rely on (see exit.go).
package cli

import (
	"context"
	"errors"
	"io"
	"os"
	"strconv"
	"time"

	"golang.org/x/term"

	"github.com/hourglass-trading/hourglass/pkg/client"
)

// Commands are those of the client.
type Commands struct {
	Login      loginCmd      `cmd:"" group:"Set-up" help:"Log in, or register and log in; the session is kept for later commands."`
	Logout     logoutCmd     `cmd:"" group:"Set-up" help:"End the session."`
	Keys       keysCmd       `cmd:"" group:"Set-up" help:"List, make and revoke API keys for bots."`
	Doctor     doctorCmd     `cmd:"" group:"Set-up" help:"Check the set-up and say what to do."`
	Completion completionCmd `cmd:"" group:"Set-up" help:"Print the completion script of a shell."`
	Complete   completeCmd   `cmd:"" hidden:"" name:"__complete" help:"Print what may come next."`

	Exchanges exchangesCmd `cmd:"" group:"Market" help:"The exchanges, and how the connections to them are doing."`
	Pairs     pairsCmd     `cmd:"" group:"Market" help:"What an exchange lists."`
	Klines    klinesCmd    `cmd:"" group:"Market" help:"Candles, as a chart or as a table."`
	Book      bookCmd      `cmd:"" group:"Market" help:"The order book, live on a terminal."`

	TWAP       twapCmd       `cmd:"" name:"twap" group:"Orders" help:"Place a TWAP order and follow it to its end."`
	Preview    previewCmd    `cmd:"" group:"Orders" help:"What a TWAP order would do on the books of now; changes nothing."`
	Orders     ordersCmd     `cmd:"" group:"Orders" help:"Your orders, newest first."`
	Order      orderCmd      `cmd:"" group:"Orders" help:"One order with its slices; --follow to its end."`
	Executions executionsCmd `cmd:"" group:"Orders" help:"The fills of an order, each with the book level it was taken from."`
	Report     reportCmd     `cmd:"" group:"Orders" help:"What an order cost, and why."`
	Cancel     cancelCmd     `cmd:"" group:"Orders" help:"Cancel an order, or all that are open."`
	Pause      pauseCmd      `cmd:"" group:"Orders" help:"Pause an order."`
	Resume     resumeCmd     `cmd:"" group:"Orders" help:"Go on with a paused order."`
	Amend      amendCmd      `cmd:"" group:"Orders" help:"Change the part of an order that is not filled yet."`

	Balance balanceCmd `cmd:"" group:"Funds" help:"Your paper funds."`
	Deposit depositCmd `cmd:"" group:"Funds" help:"Add paper funds."`
}

// Globals are the flags that every command of the client has.
type Globals struct {
	URL    string `name:"url" env:"HOURGLASS_URL" default:"http://127.0.0.1:8000" placeholder:"URL" group:"Client" help:"The server that the client's commands ask (${env})."`
	Token  string `name:"token" env:"HOURGLASS_TOKEN" placeholder:"KEY" group:"Client" help:"An API key to use instead of the session (${env})."`
	Output string `short:"o" enum:"text,json" default:"text" group:"Client" help:"text for people, or json for scripts: one value, or one a line where it is a stream."`
}

// Runner is a command of the client.
type Runner interface{ Run(app *App) error }

// App is what a command works with.
type App struct {
	Globals
	ctx     context.Context //nolint:containedctx // of the one command that this process runs; kong calls it without
	in      *os.File
	out     io.Writer
	err     io.Writer
	getenv  func(string) string
	version string

	inTerminal  bool
	outTerminal bool // a person reads the answer as it comes
	errTerminal bool
	color       bool
	width       int // of the terminal, in columns
	height      int
}

// New returns an App over the process's own files.
func New(ctx context.Context, g Globals, version string) *App {
	app := &App{
		Globals: g, ctx: ctx, in: os.Stdin, out: os.Stdout, err: os.Stderr, getenv: os.Getenv, version: version,
		inTerminal: terminal(os.Stdin), outTerminal: terminal(os.Stdout), errTerminal: terminal(os.Stderr),
	}
	dumb := os.Getenv("TERM") == "dumb"
	app.color = app.outTerminal && os.Getenv("NO_COLOR") == "" && !dumb
	app.outTerminal = app.outTerminal && !dumb
	app.resize()
	return app
}

func terminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }

// resize looks how large the terminal is; without one the environment says it, else 80 × 24.
func (app *App) resize() {
	app.width, app.height = 80, 24
	if app.outTerminal {
		if w, h, err := term.GetSize(int(os.Stdout.Fd())); err == nil && w > 0 && h > 0 {
			app.width, app.height = w, h
			return
		}
	}
	if n, err := strconv.Atoi(app.getenv("COLUMNS")); err == nil && n >= 20 && n <= 500 {
		app.width = n
	}
}

// Stdout is where the answer goes, for commands that are not of this package.
func (app *App) Stdout() io.Writer { return app.out }

// Context ends with the command, for commands that are not of this package.
func (app *App) Context() context.Context { return app.ctx }

// json reports whether the answer is for a script.
func (app *App) json() bool { return app.Output == "json" }

// client returns the SDK with the session of the server that was named.
func (app *App) client() (*client.Client, error) {
	options := []client.Option{client.WithUserAgent("hourglass-cli/" + app.version)}
	if app.Token != "" {
		options = append(options, client.WithAPIKey(app.Token))
	} else {
		s, err := app.session()
		if err != nil {
			return nil, err
		}
		options = append(options, client.WithSession(s))
	}
	// A person waits; a command does not outlast more than a restart.
	return client.New(app.URL, append(options, client.WithRetries(5*time.Second))...)
}

// look runs a command that asks one question and prints the answer.
func look[T any](app *App, ask func(context.Context, *client.Client) (T, error), show func(T) error) error {
	c, err := app.client()
	if err != nil {
		return err
	}
	answer, err := ask(app.ctx, c)
	if err != nil {
		return err
	}
	if app.json() {
		return app.encode(answer)
	}
	return show(answer)
}

var errNoTerminal = errors.New("there is no terminal to ask on")
