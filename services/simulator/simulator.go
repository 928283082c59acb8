// Package simulator speaks the exchanges' public REST and WebSocket protocols on a listener of ours, over a synthetic market or
// over recordings, so that everything above the wire runs the same way as against the real exchanges.
//
// Serve may be called once. Under each exchange's name lie that exchange's own paths: /binance/api/v3/depth, /kraken/v2. What
// goes wrong on request is asked for on a listener of its own; design.md says how. The simulator takes no orders, knows no
// accounts and reaches no network by itself.
package simulator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/hourglass-trading/hourglass/services/simulator/internal/floor"
	"github.com/hourglass-trading/hourglass/services/simulator/internal/wire"
)

// Offer is what can be collected from one exchange here.
type Offer struct {
	Exchange string
	// Symbols in the project's spelling (BTC-USDT), in alphabetical order.
	Symbols []string
}

// Simulator is an open market that waits for its listener.
type Simulator struct {
	offers []Offer
	// speakers answer for the exchanges offered.
	speakers map[string]speaker
	// floor is the synthetic market; nil in a replay.
	floor *floor.Floor
	admin net.Listener
}

// Open reads the recordings or sets the synthetic market up. Faults of the configuration are reported together; a fault of a
// recording names the file and the line.
func Open(cfg Config) (*Simulator, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	s := &Simulator{speakers: map[string]speaker{}, admin: cfg.Admin}
	if cfg.Market == MarketSim {
		s.openSim(cfg)
	} else if err := s.openReplay(cfg); err != nil {
		return nil, err
	}
	s.offers = slices.DeleteFunc(s.offers, func(o Offer) bool { return len(o.Symbols) == 0 })
	if len(s.offers) == 0 {
		return nil, fmt.Errorf("open the %s market: none of the exchanges %v has any of the symbols %v", cfg.Market, cfg.Exchanges, cfg.Symbols)
	}
	for i := range s.offers {
		slices.Sort(s.offers[i].Symbols)
	}
	slices.SortFunc(s.offers, func(a, b Offer) int { return strings.Compare(a.Exchange, b.Exchange) })
	return s, nil
}

// Offers lists what can be collected here, the exchanges in alphabetical order.
func (s *Simulator) Offers() []Offer { return s.offers }

// offer notes that an exchange has a symbol.
func (s *Simulator) offer(exchange, symbol string) {
	for i := range s.offers {
		if s.offers[i].Exchange == exchange {
			s.offers[i].Symbols = append(s.offers[i].Symbols, symbol)
			return
		}
	}
	s.offers = append(s.offers, Offer{exchange, []string{symbol}})
}

func (s *Simulator) offered(exchange string) bool {
	return slices.ContainsFunc(s.offers, func(o Offer) bool { return o.Exchange == exchange })
}

// Bounds of the HTTP server. Answers are not bounded in time: a depth request may be held for seconds, and a session lives on.
const (
	readHeaderTimeout = 10 * time.Second
	maxHeader         = 64 << 10 // 1,024 streams in an address need about 40 kB
	stopTimeout       = 5 * time.Second
)

// Serve answers on the listener until ctx ends, and returns when every session and goroutine has ended. It closes the listener,
// and Config.Admin where there is one.
func (s *Simulator) Serve(ctx context.Context, ln net.Listener, log *slog.Logger) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	doors := map[string]*wire.Door{}
	for name := range s.speakers {
		doors[name] = wire.NewDoor(log)
	}
	server := func(h http.Handler) *http.Server {
		return &http.Server{
			Handler: h, ReadHeaderTimeout: readHeaderTimeout, MaxHeaderBytes: maxHeader,
			BaseContext: func(net.Listener) context.Context { return ctx },
			ErrorLog:    slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		}
	}
	servers := map[net.Listener]*http.Server{ln: server(s.routes(ctx, doors, log))}
	if s.admin != nil {
		servers[s.admin] = server(s.adminRoutes(doors))
	}
	parts := 0
	done := make(chan error, len(servers)+1) // one from each goroutine below
	for ln, server := range servers {
		parts++
		go func() { done <- server.Serve(ln) }()
		log.Info("simulator listens", "addr", ln.Addr().String(), "admin", ln == s.admin)
	}
	if s.floor != nil {
		parts++
		go func() { s.floor.Run(ctx); done <- nil }()
	}

	var err error
	select {
	case <-ctx.Done():
	case err = <-done:
		parts--
	}
	stop()
	for _, server := range servers {
		shutDown(ctx, server)
	}
	for _, door := range doors {
		door.Close()
	}
	for range parts {
		if e := <-done; err == nil || errors.Is(err, http.ErrServerClosed) {
			err = e
		}
	}
	if err != nil && !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve the simulator: %w", err)
	}
	return nil
}

// shutDown lets a server finish what it is at, for a while.
func shutDown(ctx context.Context, server *http.Server) {
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	if err := server.Shutdown(end); err != nil {
		server.Close() //nolint:errcheck // nothing more can be done
	}
}

func (s *Simulator) routes(ctx context.Context, doors map[string]*wire.Door, log *slog.Logger) http.Handler {
	mux := http.NewServeMux()
	for name, speak := range s.speakers {
		h := http.StripPrefix("/"+name, doors[name].REST(name, speak(ctx, doors[name], log.With("exchange", name))))
		mux.Handle("/"+name, h) // Coinbase's feed has no path, and not every client follows a redirection to one
		mux.Handle("/"+name+"/", h)
	}
	type bases struct {
		REST string `json:"rest"`
		WS   string `json:"ws"`
	}
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		index := map[string]bases{}
		for exchange := range s.speakers {
			// As the client calls us: our own name for the address may be of no use to it.
			index[exchange] = bases{"http://" + r.Host + "/" + exchange, "ws://" + r.Host + "/" + exchange}
		}
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(index); err != nil {
			log.Debug("client left", "error", err)
		}
	})
	return mux
}
