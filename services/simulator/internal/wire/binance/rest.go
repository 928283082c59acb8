package binance

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/hourglass-trading/hourglass/services/simulator/internal/span"
	"github.com/hourglass-trading/hourglass/services/simulator/internal/wire"
)

// Server answers Binance's paths.
type Server struct {
	market  Market
	door    *wire.Door
	log     *slog.Logger
	symbols map[string]Symbol
}

// New returns a server that lets its WebSocket clients in through the door.
func New(m Market, door *wire.Door, log *slog.Logger) *Server {
	s := &Server{market: m, door: door, log: log, symbols: map[string]Symbol{}}
	for _, symbol := range m.Symbols() {
		s.symbols[symbol.Symbol] = symbol
	}
	return s
}

// Handler routes the exchange's paths; the end of ctx ends the WebSocket sessions.
func (s *Server) Handler(ctx context.Context) http.Handler {
	mux := http.NewServeMux()
	rest := func(path string, answer func(*http.Request) (any, error)) {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) { s.reply(w, r, answer) })
	}
	rest("/api/v3/ping", func(*http.Request) (any, error) { return struct{}{}, nil })
	rest("/api/v3/time", func(*http.Request) (any, error) {
		return map[string]int64{"serverTime": s.market.Now().UnixMilli()}, nil
	})
	rest("/api/v3/exchangeInfo", s.exchangeInfo)
	rest("/api/v3/depth", s.depth)
	rest("/api/v3/klines", s.klines)
	rest("/api/v1/klines", s.klines) // the path of Binance TR
	rest("/api/v3/trades", s.trades)
	rest("/api/v3/ticker/bookTicker", s.bookTicker)
	socket := func(w http.ResponseWriter, r *http.Request) {
		s.door.Serve(ctx, w, r, newSession(s.market, r), s.market.Changed)
	}
	for _, path := range []string{"GET /ws", "GET /ws/", "GET /stream", "GET /stream/"} {
		mux.HandleFunc(path, socket)
	}
	return mux
}

// fault is an answer of the exchange that says no.
type fault struct {
	status int
	Code   int    `json:"code"`
	Msg    string `json:"msg"`
}

func (f *fault) Error() string { return f.Msg }

var (
	errSymbol   = &fault{http.StatusBadRequest, -1121, "Invalid symbol."}
	errInterval = &fault{http.StatusBadRequest, -1120, "Invalid interval."}
	// errDown is what a client gets for a book that cannot be known: an error of the exchange, to be tried again later.
	errDown = &fault{http.StatusServiceUnavailable, -1008, "Server is currently overloaded with other requests. Please try again in a few minutes."}
)

func missing(name string) error {
	return &fault{http.StatusBadRequest, -1102, "Mandatory parameter '" + name + "' was not sent, was empty/null, or malformed."}
}

func illegal(name string) error {
	return &fault{http.StatusBadRequest, -1100, "Illegal characters found in parameter '" + name + "'; legal range is '^[0-9]{1,20}$'."}
}

func (s *Server) reply(w http.ResponseWriter, r *http.Request, answer func(*http.Request) (any, error)) {
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	out, err := answer(r)
	var f *fault
	switch {
	case errors.As(err, &f):
		w.WriteHeader(f.status)
		out = f
	case errors.Is(err, errNoBook):
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(errDown.status)
		out = errDown
	case err != nil:
		s.log.Error("answer a request", "path", r.URL.Path, "error", err)
		w.WriteHeader(http.StatusInternalServerError)
		out = &fault{Code: -1000, Msg: "An unknown error occurred while processing the request."}
	}
	body, ok := out.([]byte)
	if !ok {
		if body, err = json.Marshal(out); err != nil {
			s.log.Error("encode an answer", "path", r.URL.Path, "error", err)
			return
		}
	}
	w.Write(body) //nolint:errcheck // the client has left
}

// symbol reads the mandatory parameter.
func (s *Server) symbol(r *http.Request) (Symbol, error) {
	name := r.URL.Query().Get("symbol")
	if name == "" {
		return Symbol{}, missing("symbol")
	}
	symbol, ok := s.symbols[name]
	if !ok {
		return Symbol{}, errSymbol
	}
	return symbol, nil
}

// limit reads a count; more than most is cut to it, as at the exchange.
func limit(r *http.Request, def, most int) (int, error) {
	v := r.URL.Query().Get("limit")
	if v == "" {
		return def, nil
	}
	n, err := strconv.Atoi(v)
	if err != nil || n <= 0 {
		return 0, illegal("limit")
	}
	return min(n, most), nil
}

func (s *Server) exchangeInfo(r *http.Request) (any, error) {
	q := r.URL.Query()
	var names []string
	switch {
	case q.Get("symbol") != "":
		names = []string{q.Get("symbol")}
	case q.Get("symbols") != "":
		if err := json.Unmarshal([]byte(q.Get("symbols")), &names); err != nil {
			return nil, illegal("symbols")
		}
	default:
		for _, symbol := range s.market.Symbols() {
			names = append(names, symbol.Symbol)
		}
	}
	entries := make([]json.RawMessage, 0, len(names))
	for _, name := range names {
		symbol, ok := s.symbols[name]
		if !ok {
			return nil, errSymbol
		}
		entries = append(entries, symbol.entry())
	}
	return map[string]any{
		"timezone": "UTC", "serverTime": s.market.Now().UnixMilli(), "exchangeFilters": []any{}, "symbols": entries,
		"rateLimits": []map[string]any{{"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 6000}},
	}, nil
}

func (s *Server) depth(r *http.Request) (any, error) {
	symbol, err := s.symbol(r)
	if err != nil {
		return nil, err
	}
	n, err := limit(r, 100, 5000)
	if err != nil {
		return nil, err
	}
	return s.market.Depth(r.Context(), symbol.Symbol, n)
}

func (s *Server) klines(r *http.Request) (any, error) {
	symbol, err := s.symbol(r)
	if err != nil {
		return nil, err
	}
	q := r.URL.Query()
	interval, ok := span.Binance(q.Get("interval"))
	if !ok {
		return nil, errInterval
	}
	var w span.Window
	if w.Limit, err = limit(r, 500, 1000); err != nil {
		return nil, err
	}
	for name, at := range map[string]*time.Time{"startTime": &w.From, "endTime": &w.To} {
		if v := q.Get(name); v != "" {
			ms, err := strconv.ParseUint(v, 10, 43)
			if err != nil {
				return nil, illegal(name)
			}
			*at = time.UnixMilli(int64(ms))
		}
	}
	candles, err := s.market.Candles(symbol.Symbol, interval, w)
	if candles == nil {
		candles = []Candle{}
	}
	return candles, err
}

func (s *Server) trades(r *http.Request) (any, error) {
	symbol, err := s.symbol(r)
	if err != nil {
		return nil, err
	}
	n, err := limit(r, 500, 1000)
	if err != nil {
		return nil, err
	}
	trades, err := s.market.Trades(symbol.Symbol, n)
	if trades == nil {
		trades = []Trade{}
	}
	return trades, err
}

func (s *Server) bookTicker(r *http.Request) (any, error) {
	if r.URL.Query().Has("symbol") {
		symbol, err := s.symbol(r)
		if err != nil {
			return nil, err
		}
		return s.market.Touch(symbol.Symbol)
	}
	all := []Touch{}
	for _, symbol := range s.market.Symbols() {
		t, err := s.market.Touch(symbol.Symbol)
		if errors.Is(err, errNoBook) {
			continue
		}
		if err != nil {
			return nil, err
		}
		all = append(all, t)
	}
	return all, nil
}

// streamNames splits a part of a request's address into stream names. Words without an @ are none: /ws/0 is how some clients
// ask for a socket without streams.
func streamNames(text string) []string {
	var names []string
	for name := range strings.SplitSeq(text, "/") {
		if strings.Contains(name, "@") {
			names = append(names, name)
		}
	}
	return names
}
