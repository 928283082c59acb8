// Package up runs the whole platform in one process: the NATS server, the simulator where one is wanted, a collector, an
// executor and a gateway, each by the same Run as in a process of its own.
//
// The services talk over the bus only, here as elsewhere. The package wires them and decides nothing.
package up

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/daemon"
	"github.com/hourglass-trading/hourglass/services/hourglass/internal/datadir"
	"github.com/hourglass-trading/hourglass/services/hourglass/internal/embedded"
)

// Options are the flags of `hourglass up`.
type Options struct {
	Market     string   `default:"sim" placeholder:"sim|live|replay=DIR" help:"Where the books come from: a synthetic market, the real exchanges, or recordings in a folder."`
	Listen     string   `default:"127.0.0.1:8000" placeholder:"ADDR" help:"Address of REST, WebSocket and the page."`
	Data       string   `default:"hourglass-data" placeholder:"DIR" type:"path" help:"Folder for accounts, orders and keys. Delete it to start afresh."`
	Seed       uint64   `default:"1" placeholder:"N" help:"Seed of the synthetic market: the same seed, the same market."`
	Speed      float64  `default:"1" placeholder:"N" help:"Play recordings N times faster than they were recorded."`
	Exchanges  []string `placeholder:"A,B" help:"Exchanges to collect (default: all that the market has)."`
	Symbols    []string `placeholder:"X,Y" help:"Symbols to collect from the start, such as BTC-USDT; others are collected when somebody wants them."`
	Admin      string   `name:"simulator-admin" placeholder:"ADDR" help:"Address on which faults of the simulated exchanges are asked for (default: nowhere)."`
	RateLimits string   `name:"rate-limits" enum:"on,off," default:"" placeholder:"on|off" help:"Count requests (default). Off is for load tests, and refused unless the platform listens on loopback."`
	MaxStore   int64    `name:"max-store" placeholder:"MB" help:"Megabytes of events and commands on disk, beyond which new ones are refused (default: three quarters of what is free)."`

	NATSListen    string `name:"nats-listen" placeholder:"ADDR" help:"Let users subscribe to NATS here, with a token from POST /nats/credentials (default: nobody)."`
	NATSWebSocket string `name:"nats-websocket" placeholder:"ADDR" help:"The same for NATS over WebSocket (default: nobody)."`
}

// Help shows how it is used.
func (Options) Help() string {
	return `Examples:

    hourglass up
    hourglass up --market live --exchanges binance,kraken
    hourglass up --market replay=recordings --speed 10 --listen 127.0.0.1:8001`
}

// readyWithin bounds the wait for the first book, after which the platform is up without one and says so.
const readyWithin = 2 * time.Minute

// Run runs the platform until ctx ends. When orders are accepted it writes one line to out: ready http://host:port.
func Run(ctx context.Context, opt Options, getenv func(string) string, out io.Writer, log *slog.Logger) error {
	unlock, err := datadir.Lock(opt.Data)
	if err != nil {
		return err
	}
	defer unlock()
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", opt.Listen)
	if err != nil {
		return fmt.Errorf("listen for clients: %w", err)
	}
	keys := datadir.NATSKeys(opt.Data)
	nats, err := embedded.Start(embedded.Config{
		Dir: datadir.NATS(opt.Data), Keys: keys, Listen: opt.NATSListen, WebSocket: opt.NATSWebSocket, MaxStore: opt.MaxStore << 20,
	}, log)
	if err != nil {
		return errors.Join(err, ln.Close())
	}
	defer embedded.Stop(nats)
	if err := embedded.Prepare(ctx, nats, keys, log.With("service", "streams")); err != nil {
		return errors.Join(err, ln.Close())
	}
	if opt.NATSListen != "" {
		log.Info("direct NATS subscribers may connect", "url", nats.ClientURL())
	}

	g := daemon.NewGroup(ctx)
	p := platform{opt: opt, log: log, nats: nats, keys: keys}
	err = p.start(ctx, g, ln, getenv)
	if err != nil {
		g.Go("start", func(context.Context) error { return err })
	} else {
		g.Go("auditor", func(ctx context.Context) error {
			if err := announce(ctx, ln.Addr(), out, log); err != nil {
				return err
			}
			// Only now: reading all events anew must not make a cold start longer.
			return p.audit(ctx)
		})
	}
	err = g.Wait()
	p.close()
	return err
}

// announce waits until the gateway is ready and says so.
func announce(ctx context.Context, addr net.Addr, out io.Writer, log *slog.Logger) error {
	url := "http://" + addr.String()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	late := time.After(readyWithin)
	for !answers(ctx, url+"/readyz") {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-late:
			log.Warn("no book yet: orders are refused until an exchange is reached", "see", url+"/readyz")
		case <-tick.C:
		}
	}
	if _, err := fmt.Fprintln(out, "ready "+url); err != nil {
		return fmt.Errorf("say that orders are accepted: %w", err)
	}
	return nil
}

func answers(ctx context.Context, url string) bool {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return false
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	return res.Body.Close() == nil && res.StatusCode == http.StatusOK
}

// environment lays settings over an environment: the services read theirs from it, as they do in processes of their own.
func environment(getenv func(string) string, settings map[string]string) func(string) string {
	return func(key string) string {
		if v, ok := settings[key]; ok {
			return v
		}
		return getenv(key)
	}
}

func joined(list []string) string { return strings.Join(list, ",") }
