// Package daemon is what every process of Hourglass does alike: signals and exit codes (Main), logging, the environment
// read once (Lookup), parts that live and die together (Group), and the state of health on an internal listener (Health).
//
// A Group and a Health may be used by any number of goroutines. A Lookup belongs to the one goroutine that reads the
// configuration. Main is called once, from func main.
//
// The package knows no service and no bus, keeps nothing in globals, and restarts nothing: a part that ends takes its
// process with it, and whoever started the process starts it again.
package daemon

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"
)

// What a process says with its exit code.
const (
	ExitOK     = 0   // it ended by itself, or was asked to
	ExitFailed = 1   // it could not go on; the reason is logged
	ExitConfig = 2   // its configuration is at fault (ErrConfig): starting it again will not help
	ExitKilled = 130 // a second signal came while it was stopping
)

// Env is what a process gets from the outside, handed in so that a test can hand in something else.
type Env struct {
	Getenv func(string) string
	Args   []string // without the program's name
	Stdout io.Writer
	Log    *slog.Logger // writes to standard error
}

// Main runs a process and exits with one of the codes above. SIGINT and SIGTERM cancel the context that run gets; a
// second signal exits at once, for a person who has waited long enough. The error run returns is logged here and nowhere
// else. The single argument "health" does not start the process but asks the one that runs (see Probe), because an image
// made from scratch holds no other program for a container's health check.
func Main(run func(ctx context.Context, env Env) error) {
	signals := make(chan os.Signal, 2) // two are all we ever act on
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	p := process{
		args: os.Args[1:], getenv: os.Getenv, stdout: os.Stdout, stderr: os.Stderr,
		terminal: isTerminal(os.Stderr), signals: signals, exit: os.Exit,
	}
	os.Exit(p.run(run))
}

// version is set by the linker: -X github.com/hourglass-trading/hourglass/pkg/daemon.version=…
var version string

// Version is the version of this build: what the linker was told, else the module's version or the commit, else "dev".
func Version() string {
	if version != "" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "dev"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value
		}
	}
	return "dev"
}

// process is Main without the operating system.
type process struct {
	args           []string
	getenv         func(string) string
	stdout, stderr io.Writer
	terminal       bool
	signals        <-chan os.Signal
	exit           func(code int)
}

func (p process) run(run func(ctx context.Context, env Env) error) int {
	log, err := newLog(p.stderr, p.terminal, p.getenv)
	if err != nil {
		// The fault is in the logging's own configuration, so it is told in the form that always works.
		slog.New(slog.NewJSONHandler(p.stderr, nil)).Error("configuration", "error", err)
		return ExitConfig
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	watched := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(watched)
		p.watch(cancel, done, log)
	}()

	if len(p.args) == 1 && p.args[0] == "health" {
		err = probeFromEnv(ctx, p.getenv)
	} else {
		err = run(ctx, Env{Getenv: p.getenv, Args: p.args, Stdout: p.stdout, Log: log})
	}
	asked := ctx.Err() != nil
	close(done)
	<-watched
	return exitCode(err, asked, log)
}

// watch cancels on the first signal and exits on the second, until the process is done.
func (p process) watch(cancel context.CancelFunc, done <-chan struct{}, log *slog.Logger) {
	select {
	case <-done:
		return
	case sig := <-p.signals:
		log.Info("stopping", "signal", sig.String())
		cancel()
	}
	select {
	case <-done:
	case sig := <-p.signals:
		log.Error("stopped before the end", "signal", sig.String())
		p.exit(ExitKilled)
	}
}

// exitCode logs how the process ended and says it in a number. Being cancelled is no failure once we were asked to stop.
func exitCode(err error, asked bool, log *slog.Logger) int {
	var broken *PanicError
	switch {
	case err == nil, asked && errors.Is(err, context.Canceled):
		return ExitOK
	case errors.As(err, &broken):
		log.Error("broken", "error", err, "stack", string(broken.Stack))
		return ExitFailed
	case errors.Is(err, ErrConfig):
		log.Error("configuration", "error", err)
		return ExitConfig
	default:
		log.Error("failed", "error", err)
		return ExitFailed
	}
}

// Wait waits for d, or fails when ctx ends.
func Wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
