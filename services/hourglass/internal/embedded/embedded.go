// Package embedded runs the NATS server inside this process, with its streams on disk.
//
// A Server is started once and stopped once. The services reach it without a socket; it listens on one only if told to.
// Nothing of the platform is decided here.
package embedded

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// Config says where the server keeps its streams and whether others may connect.
type Config struct {
	Dir    string // made if it is not there
	Listen string // host:port for direct subscribers; empty: nobody but this process

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
)

// ErrNotReady says that the server did not begin to serve in time.
var ErrNotReady = errors.New("the embedded NATS server did not become ready")

// Start starts the server and returns when it serves. Every message is on disk before it is acknowledged (sync always):
// with the default, a power cut loses what was acknowledged in the last minutes.
func Start(cfg Config, log *slog.Logger) (*server.Server, error) {
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the data folder: %w", err)
	}
	opts := &server.Options{
		ServerName: "hourglass", DontListen: cfg.Listen == "", NoSigs: true, NoLog: true,
		JetStream: true, StoreDir: filepath.Clean(cfg.Dir), SyncAlways: !cfg.SyncLazily, JetStreamMaxStore: cfg.MaxStore, DisableJetStreamBanner: true,
		JetStreamMaxMemory: maxMemory, MaxPayload: maxPayload, MaxConn: maxConns, MaxControlLine: maxControl,
	}
	if cfg.Listen != "" {
		host, port, err := net.SplitHostPort(cfg.Listen)
		if err != nil {
			return nil, fmt.Errorf("address for direct subscribers: %w", err)
		}
		if opts.Port, err = strconv.Atoi(port); err != nil {
			return nil, fmt.Errorf("address for direct subscribers: port %q: %w", port, err)
		}
		if opts.Port == 0 {
			opts.Port = server.RANDOM_PORT
		}
		opts.Host = host
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
