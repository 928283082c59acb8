// Package simulator speaks the exchanges' public REST and WebSocket protocols on a listener of ours, over a synthetic market or
// over recordings, so that everything above the wire runs the same way as against the real exchanges.
//
// Serve may be called once. Under each exchange's name lie that exchange's own paths: /binance/api/v3/depth, /kraken/v2; under
// /faults/<exchange> what goes wrong on request (wire.Faults). The simulator takes no orders, knows no accounts and reaches no network by itself.
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
	// run, where not nil, moves the synthetic market until its ctx ends.
	run func(ctx context.Context)
}

// Open reads the recordings or sets the synthetic market up. Faults of the configuration are reported together; a fault of a
// recording names the file and the line.
func Open(cfg Config) (*Simulator, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	s := &Simulator{speakers: map[string]speaker{}}
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

// Serve answers on the listener until ctx ends, and returns when every session and goroutine has ended. It closes the listener.
func (s *Simulator) Serve(ctx context.Context, ln net.Listener, log *slog.Logger) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	doors := map[string]*wire.Door{}
	for name := range s.speakers {
		doors[name] = wire.NewDoor(log)
	}
	server := &http.Server{
		Handler: s.routes(ctx, doors, log), ReadHeaderTimeout: readHeaderTimeout, MaxHeaderBytes: maxHeader,
		BaseContext: func(net.Listener) context.Context { return ctx },
		ErrorLog:    slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	done := make(chan error, 2) // one from each goroutine below
	parts := 1
	go func() { done <- server.Serve(ln) }()
	if s.run != nil {
		parts++
		go func() { s.run(ctx); done <- nil }()
	}
	log.Info("simulator listens", "addr", ln.Addr().String())

	var err error
	select {
	case <-ctx.Done():
	case err = <-done:
		parts--
	}
	stop()
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	if e := server.Shutdown(end); e != nil {
		server.Close() //nolint:errcheck // nothing more can be done
	}
	for _, door := range doors {
		door.Close()
	}
	for range parts {
		if e := <-done; err == nil {
			err = e
		}
	}
	if errors.Is(err, http.ErrServerClosed) {
		err = nil
	}
	if err != nil {
		return fmt.Errorf("serve the simulator: %w", err)
	}
	return nil
}

func (s *Simulator) routes(ctx context.Context, doors map[string]*wire.Door, log *slog.Logger) http.Handler {
	mux := http.NewServeMux()
	for name, speak := range s.speakers {
		h := http.StripPrefix("/"+name, speak(ctx, doors[name], log.With("exchange", name)))
		mux.Handle("/"+name, h) // Coinbase's feed has no path, and not every client follows a redirection to one
		mux.Handle("/"+name+"/", h)
		mux.Handle("POST /faults/"+name, doors[name].Faults())
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
