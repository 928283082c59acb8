// Package embedded runs the NATS server inside this process, with its streams on disk.
//
// A Server is started once and stopped once. The services reach it without a socket; it listens on one only if told to.
// Nothing of the platform is decided here.
package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/hourglass-trading/hourglass/pkg/bus"
)

// Config says where the server keeps its streams and whether others may connect.
type Config struct {
	Dir       string // made if it is not there
	Keys      string // folder of bus.MakeKeys, whose accounts hold; empty: everybody may do everything
	Listen    string // host:port for direct subscribers; empty: nobody but this process
	WebSocket string // the same over WebSocket

	MaxStore   int64 // bytes of the streams on disk, beyond which nothing is taken; 0: three quarters of what is free at the start
	SyncLazily bool  // leave it to NATS when to write to the disk: for the test that shows what a power cut then takes
}

// The bounds of the server.
const (
	maxPayload  = 4 << 20   // an order of 10,000 slices with its schedule takes 0.8 MB
	maxMemory   = 256 << 20 // of streams kept in memory
	maxConns    = 4_096
	maxControl  = 4_096 // bytes of a protocol line: a longer subject is refused
	startWithin = 30 * time.Second
	authWithin  = 10 * time.Second // to show a key: a busy machine takes its time
)

// ErrNotReady says that the server did not begin to serve in time.
var ErrNotReady = errors.New("the embedded NATS server did not become ready")

// Start starts the server and returns when it serves. Every message is on disk before it is acknowledged (sync always):
// with the default, a power cut loses what was acknowledged in the last minutes.
func Start(cfg Config, log *slog.Logger) (*server.Server, error) {
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the data folder: %w", err)
	}
	opts, err := options(cfg)
	if err != nil {
		return nil, err
	}
	s, err := server.NewServer(opts)
	if err != nil {
		return nil, fmt.Errorf("start the embedded NATS server: %w", err)
	}
	s.SetLoggerV2(logger{log.With("part", "nats")}, false, false, false)
	s.Start()
	if !s.ReadyForConnections(startWithin) || !s.JetStreamEnabled() {
		s.Shutdown()
		return nil, ErrNotReady
	}
	return s, nil
}

// options are the server's: the accounts from their file, as in a container, and the bounds from here.
func options(cfg Config) (*server.Options, error) {
	opts := &server.Options{}
	settle := accounts
	if cfg.Keys == "" {
		settle = func(cfg Config, _ *server.Options) error { return bus.GatherStreams(cfg.Dir) }
	}
	if err := settle(cfg, opts); err != nil {
		return nil, fmt.Errorf("accounts of the embedded NATS server: %w", err)
	}
	opts.ServerName, opts.NoSigs, opts.NoLog = "hourglass", true, true
	opts.JetStream, opts.StoreDir, opts.SyncAlways = true, filepath.Clean(cfg.Dir), !cfg.SyncLazily
	opts.JetStreamMaxStore = cfg.MaxStore
	opts.DisableJetStreamBanner, opts.JetStreamMaxMemory = true, maxMemory
	opts.MaxPayload, opts.MaxConn, opts.MaxControlLine = maxPayload, maxConns, maxControl
	opts.AuthTimeout = authWithin.Seconds()
	opts.DontListen = cfg.Listen == ""
	var err error
	if cfg.Listen != "" {
		if opts.Host, opts.Port, err = address(cfg.Listen); err != nil {
			return nil, err
		}
	}
	if cfg.WebSocket != "" {
		if opts.Websocket.Host, opts.Websocket.Port, err = address(cfg.WebSocket); err != nil {
			return nil, err
		}
		opts.Websocket.NoTLS = true // what ends it stands before the port, as with the gateway's own
	}
	return opts, nil
}

// accounts makes the keys that are missing and reads who may do what. Direct subscribers are let in where there is a port.
func accounts(cfg Config, opts *server.Options) error {
	if err := bus.MakeKeys(cfg.Keys); err != nil {
		return err
	}
	if err := bus.MoveStreams(cfg.Dir); err != nil {
		return err
	}
	files := []string{bus.AccountsFile}
	if cfg.Listen != "" || cfg.WebSocket != "" {
		files = append(files, bus.CalloutFile)
	}
	main := filepath.Join(cfg.Keys, bus.AccountsDir, "embedded.conf")
	text := "include " + strings.Join(files, "\ninclude ") + "\n"
	if err := os.WriteFile(main, []byte(text), 0o600); err != nil {
		return err
	}
	return opts.ProcessConfigFile(main)
}

func address(addr string) (host string, port int, err error) {
	host, text, err := net.SplitHostPort(addr)
	if err != nil {
		return "", 0, fmt.Errorf("address for direct subscribers: %w", err)
	}
	if port, err = strconv.Atoi(text); err != nil {
		return "", 0, fmt.Errorf("address for direct subscribers: port %q: %w", text, err)
	}
	if port == 0 {
		port = server.RANDOM_PORT
	}
	return host, port, nil
}

// Connect connects this process to the server as one of the identities whose keys it holds.
func Connect(ctx context.Context, s *server.Server, keys, identity string, log *slog.Logger) (*bus.Conn, error) {
	return bus.Connect(ctx, bus.Config{
		InProcess: s, Name: identity, SeedFile: filepath.Join(keys, identity, bus.SeedFile),
	}, log)
}

// Prepare makes the streams and buckets of a server with accounts.
func Prepare(ctx context.Context, s *server.Server, keys string, log *slog.Logger) error {
	admin, err := Connect(ctx, s, keys, bus.Admin, log)
	if err != nil {
		return err
	}
	defer admin.Close()
	return admin.Prepare(ctx)
}

// Stop stops the server and returns when its files are closed.
func Stop(s *server.Server) {
	s.Shutdown()
	s.WaitForShutdown()
}

// logger writes what the server says into the process's log. Its notices are of no interest to who runs the platform.
type logger struct{ log *slog.Logger }

func (l logger) Noticef(format string, v ...any) {
	l.log.Debug("notice", "text", fmt.Sprintf(format, v...))
}
func (l logger) Warnf(format string, v ...any) {
	l.log.Warn("warning", "text", fmt.Sprintf(format, v...))
}
func (l logger) Errorf(format string, v ...any) {
	l.log.Error("error", "text", fmt.Sprintf(format, v...))
}
func (l logger) Fatalf(format string, v ...any) {
	l.log.Error("fatal", "text", fmt.Sprintf(format, v...))
}
func (l logger) Debugf(string, ...any) {}
func (l logger) Tracef(string, ...any) {}
