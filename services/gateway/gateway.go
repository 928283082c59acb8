// Package gateway is the one service that clients talk to: REST, users and tokens, and the WebSocket.
//
// It decides nothing about orders. What a client wants is appended to the command log and answered by the one event of the
// account's owner; what a client looks at is answered from what was seen on the bus. A gateway holds nothing that cannot
// be read again, so any number of them serve side by side, given the same keys.
package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"golang.org/x/net/netutil"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/pkg/daemon"
	"github.com/hourglass-trading/hourglass/pkg/metrics"
	"github.com/hourglass-trading/hourglass/pkg/tracing"
	"github.com/hourglass-trading/hourglass/services/gateway/internal/auth"
	"github.com/hourglass-trading/hourglass/services/gateway/internal/direct"
	"github.com/hourglass-trading/hourglass/services/gateway/internal/rest"
	"github.com/hourglass-trading/hourglass/services/gateway/internal/stream"
	"github.com/hourglass-trading/hourglass/services/gateway/internal/view"
	"github.com/hourglass-trading/hourglass/services/gateway/web"
)

// The bounds of the HTTP server. A WebSocket leaves them behind when it is taken over.
const (
	headerTimeout = 5 * time.Second
	readTimeout   = 10 * time.Second
	writeTimeout  = 30 * time.Second // longer than any request may last
	idleTimeout   = 60 * time.Second
	maxHeader     = 16 << 10
	maxConns      = 20_000 // a further one waits in the kernel's queue
	shutdownGrace = 5 * time.Second
)

// errBusLost says that the connection to the bus is lost for good; the process is to be started anew.
var errBusLost = errors.New("the connection to the bus is lost for good")

// Run serves until ctx ends or something breaks. The caller owns conn and closes it afterwards.
func Run(ctx context.Context, cfg Config, conn *bus.Conn, log *slog.Logger) error {
	listener, err := listen(ctx, &cfg)
	if err != nil {
		return err
	}
	reg := metrics.New("gateway", daemon.Version())
	conn.Measure(reg)
	tracer, err := tracing.New(ctx, cfg.Tracing, "gateway", daemon.Version())
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	defer tracer.Close()
	parts, hub, stop, err := assemble(ctx, cfg, conn, watch{reg, tracer}, log)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	defer stop()
	door, err := openDoor(cfg.Direct, conn, parts.Auth, log)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	parts.Auth.OnRevoke(func(session string) {
		hub.Revoke(session)
		door.Revoke(session)
	})
	handler, err := rest.New(parts)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	health := daemon.NewHealth()
	health.Check("gateway", func(ctx context.Context) error { return notReady(parts.Ready(ctx)) })

	// In the direction of the flow: the server stops first, then the streams, and the views last, as their readers are gone.
	viewing, stopViews := context.WithCancel(context.WithoutCancel(ctx))
	defer stopViews()
	views := daemon.NewGroup(viewing)
	views.Go("market view", parts.Market.Run)
	views.Go("account view", parts.Accounts.Run)
	views.Go("sessions", parts.Auth.Run)
	views.Go("ended sessions", parts.Auth.FollowSessions)
	views.Go("ended API keys", parts.Auth.FollowKeys)
	views.Go("used API keys", parts.Auth.NoteUses)
	views.Go("signing keys", parts.Auth.FollowKeyFiles)
	edge := daemon.NewGroup(ctx)
	srv := newServer(handler, log)
	edge.Go("http server", func(context.Context) error { return serve(srv, accept(listener, cfg)) })
	edge.Go("http server's end", func(ctx context.Context) error { return stopServer(ctx, srv) })
	edge.Go("streams", hub.Run)
	edge.Go("direct subscribers", door.Run)
	edge.Go("health", func(ctx context.Context) error {
		return daemon.ListenAndServe(ctx, cfg.HealthListen, reg.Pages(health.Handler()))
	})
	edge.Go("bus", func(ctx context.Context) error {
		select {
		case <-ctx.Done():
			return nil
		case <-conn.Closed():
			return errBusLost
		}
	})
	log.Info("gateway serves", "addr", listener.Addr().String(), "market", cfg.Market, "exchanges", cfg.Exchanges)
	if cfg.Ready != nil {
		cfg.Ready(listener.Addr())
	}
	err = edge.Wait()
	stopViews()
	return errors.Join(err, views.Wait())
}

func listen(ctx context.Context, cfg *Config) (net.Listener, error) {
	listener := cfg.Listener
	if listener == nil {
		var config net.ListenConfig
		var err error
		if listener, err = config.Listen(ctx, "tcp", cfg.Listen); err != nil {
			return nil, fmt.Errorf("listen on %s: %w", cfg.Listen, err)
		}
	}
	if err := cfg.checkLimits(listener.Addr().String()); err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	return listener, nil
}

// watch is what the gateway is watched by.
type watch struct {
	metrics *metrics.Registry
	tracer  *tracing.Tracer
}

// assemble builds the parts. stop ends the one subscription that is made here.
func assemble(ctx context.Context, cfg Config, conn *bus.Conn, by watch, log *slog.Logger) (parts rest.Parts, hub *stream.Hub, stop func(), err error) {
	if err := conn.EnsureStreams(ctx); err != nil {
		return parts, nil, nil, err
	}
	keys, err := auth.LoadKeys(cfg.KeyDir)
	if err != nil {
		return parts, nil, nil, err
	}
	peppers, err := auth.LoadPeppers(cfg.PepperFile)
	if err != nil {
		return parts, nil, nil, err
	}
	users, err := conn.Bucket(ctx, bus.UserBucket)
	if err != nil {
		return parts, nil, nil, err
	}
	sessions, err := conn.Bucket(ctx, bus.SessionBucket)
	if err != nil {
		return parts, nil, nil, err
	}
	apiKeys, err := conn.Bucket(ctx, bus.APIKeyBucket)
	if err != nil {
		return parts, nil, nil, err
	}
	statuses, stop, err := view.FollowStatuses(conn, log)
	if err != nil {
		return parts, nil, nil, err
	}
	limits := cfg.Limits.withDefaults()
	accounts := view.NewAccounts(conn, log)
	accounts.Measure(by.metrics)
	parts = rest.Parts{
		Bus: conn, Auth: auth.New(users, sessions, apiKeys, keys, auth.Options{AccessLife: cfg.AccessLife, Peppers: peppers}, log),
		Catalog: view.NewCatalog(conn, cfg.Exchanges),
		Market:  view.NewMarket(conn, log), Statuses: statuses, Accounts: accounts,
		Ready:  func(ctx context.Context) map[string]string { return ready(ctx, conn, statuses) },
		Limits: limits.ofRest(), Direct: cfg.Direct.URLs,
		Proxies: cfg.TrustedProxies, Origins: cfg.Origins, Pages: web.FS(), Kind: cfg.Market, Version: cfg.Version, Metrics: rest.NewMetrics(by.metrics), Tracer: by.tracer, Log: log,
	}
	hub = stream.NewHub(stream.Config{Public: cfg.PublicStreams, Origins: cfg.Origins, Market: cfg.Market, Version: cfg.Version, Limits: limits.Streams, Metrics: stream.NewMetrics(by.metrics), Tracer: by.tracer},
		parts.Auth, parts.Catalog, parts.Market, parts.Accounts, log)
	parts.Stream, parts.Events, parts.Streams = hub.Serve, hub.Events, stream.Document()
	hub.Observe(by.metrics)
	return parts, hub, stop, nil
}

// openDoor opens NATS to users where there is an address to tell them; else the door stays shut.
func openDoor(cfg Direct, conn *bus.Conn, users *auth.Service, log *slog.Logger) (*direct.Door, error) {
	if len(cfg.URLs) == 0 {
		return nil, nil
	}
	return direct.NewDoor(cfg.IssuerFile, conn.Orders(), users, log)
}

// ready says what works. The words are for anybody: no host, no error text of ours.
func ready(ctx context.Context, conn *bus.Conn, statuses *view.Statuses) map[string]string {
	checks := map[string]string{"bus": "ok", "state": "ok", "market": "ok"}
	if !conn.Connected() {
		checks["bus"] = "not connected"
	}
	within, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if _, err := conn.EventLog(within); err != nil {
		checks["state"] = "the event log does not answer"
	}
	if statuses.Live(time.Now()) == 0 {
		checks["market"] = "no exchange is connected"
	}
	return checks
}

func notReady(checks map[string]string) error {
	var faults []error
	for name, state := range checks {
		if state != "ok" {
			faults = append(faults, fmt.Errorf("%s: %s", name, state))
		}
	}
	return errors.Join(faults...)
}

func newServer(handler http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler: handler, ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout,
		IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

func serve(srv *http.Server, listener net.Listener) error {
	err := srv.Serve(netutil.LimitListener(listener, maxConns))
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("serve %s: %w", listener.Addr(), err)
}

// stopServer waits for the end of ctx, lets the requests under way finish, and cuts off those that do not.
func stopServer(ctx context.Context, srv *http.Server) error {
	<-ctx.Done()
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownGrace)
	defer cancel()
	if err := srv.Shutdown(grace); err != nil {
		return srv.Close()
	}
	return nil
}
