// Package bitstamp speaks Bitstamp's public protocol, the REST interface and the WebSocket of version 2, over a stall.Market.
//
// A Server may serve any number of connections at once. There are no private channels, and no orders one by one.
package bitstamp

import (
	"context"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/hourglass-trading/hourglass/services/simulator/internal/floor"
	"github.com/hourglass-trading/hourglass/services/simulator/internal/span"
	"github.com/hourglass-trading/hourglass/services/simulator/internal/wire"
	"github.com/hourglass-trading/hourglass/services/simulator/internal/wire/stall"
)

const (
	name = "bitstamp"
	// maxCandles and maxTrades are the most the exchange answers with.
	maxCandles = 1000
	maxTrades  = 1000
)

// NewSim returns the market on the synthetic floor.
func NewSim(f *floor.Floor) *stall.Sim {
	return stall.NewSim(f, stall.Words{
		Exchange: name, Symbol: func(base, quote string) string { return strings.ToLower(base + quote) }, Micros: true, Encoder: encoder,
	})
}

// NewReplay returns an empty market of recordings.
func NewReplay() *stall.Replay {
	return stall.NewReplay(func(symbol, kind string) string { return kind + symbol })
}

// Server answers Bitstamp's paths.
type Server struct {
	market  stall.Market
	door    *wire.Door
	log     *slog.Logger
	symbols map[string]stall.Symbol
}

// New returns a server that lets its WebSocket clients in through the door.
func New(m stall.Market, door *wire.Door, log *slog.Logger) *Server {
	s := &Server{market: m, door: door, log: log, symbols: map[string]stall.Symbol{}}
	for _, symbol := range m.Symbols() {
		s.symbols[symbol.Symbol] = symbol
	}
	return s
}

// Handler routes the exchange's paths; the end of ctx ends the WebSocket sessions.
func (s *Server) Handler(ctx context.Context) http.Handler {
	mux := http.NewServeMux()
	rest := func(path string, do func(*http.Request) (any, error)) {
		answer := func(w http.ResponseWriter, r *http.Request) { stall.Reply(w, r, s.log, down, broken, do) }
		// The exchange takes its paths with and without a slash at the end.
		mux.HandleFunc("GET /api/v2/"+path, answer)
		mux.HandleFunc("GET /api/v2/"+path+"/{$}", answer)
	}
	rest("markets", s.markets)
	rest("trading-pairs-info", s.pairs)
	rest("currencies", s.currencies)
	rest("order_book/{pair}", s.book)
	rest("transactions/{pair}", s.transactions)
	rest("ticker/{pair}", s.ticker)
	rest("ticker", s.tickers)
	rest("ohlc/{pair}", s.ohlc)
	socket := func(w http.ResponseWriter, r *http.Request) {
		s.door.Serve(ctx, w, r, &session{s}, s.market.Changed)
	}
	mux.HandleFunc("GET /{$}", socket)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "" { // the socket has no path, and not every client follows a redirection to one
			socket(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

func no(status int, code, reason string) *stall.Fault {
	return &stall.Fault{Status: status, Body: map[string]string{"status": "error", "reason": reason, "code": code}, Text: reason}
}

var (
	down    = no(http.StatusServiceUnavailable, "503.001", "Service temporarily unavailable.")
	broken  = no(http.StatusInternalServerError, "500.001", "Internal server error.")
	errPair = no(http.StatusNotFound, "404.002", "Invalid currency pair.")
)

func (s *Server) pair(r *http.Request) (stall.Symbol, error) {
	symbol, ok := s.symbols[r.PathValue("pair")]
	if !ok {
		return symbol, errPair
	}
	return symbol, nil
}

func (s *Server) markets(*http.Request) (any, error) {
	out := []any{}
	for _, p := range s.market.Symbols() {
		out = append(out, map[string]any{
			"name": p.Base + "/" + p.Quote, "market_symbol": p.Symbol, "base_currency": p.Base, "counter_currency": p.Quote,
			"base_decimals": p.QtyDecimals, "counter_decimals": p.PriceDecimals, "minimum_order_value": p.MinValue,
			"maximum_order_value": "100000000", "minimum_order_amount": p.MinQty, "maximum_order_amount": "1000000000",
			"trading": "Enabled", "instant_order_counter_decimals": 2, "instant_and_market_orders": "Enabled",
			"description": p.Base + " / " + p.Quote, "market_type": "SPOT", "underlying_asset": nil, "payoff_type": nil,
			"contract_size": nil, "tick_size": nil, "isin": nil,
		})
	}
	return out, nil
}

func (s *Server) pairs(*http.Request) (any, error) {
	out := []any{}
	for _, p := range s.market.Symbols() {
		if p.Entry != nil {
			out = append(out, p.Entry)
			continue
		}
		out = append(out, map[string]any{
			"name": p.Base + "/" + p.Quote, "url_symbol": p.Symbol, "base_decimals": p.QtyDecimals, "counter_decimals": p.PriceDecimals,
			"minimum_order": p.MinValue + " " + p.Quote, "trading": "Enabled", "instant_order_counter_decimals": 2,
			"instant_and_market_orders": "Enabled", "description": p.Base + " / " + p.Quote,
		})
	}
	return out, nil
}

func (s *Server) currencies(*http.Request) (any, error) {
	out, seen := []any{}, map[string]bool{}
	for _, p := range s.market.Symbols() {
		for _, coin := range []string{p.Base, p.Quote} {
			if seen[coin] {
				continue
			}
			seen[coin] = true
			kind := "crypto"
			if coin == "USD" || coin == "EUR" {
				kind = "fiat"
			}
			out = append(out, map[string]any{
				"name": coin, "currency": coin, "type": kind, "symbol": coin, "decimals": 8, "logo": "", "available_supply": nil,
				"deposit": "Enabled", "withdrawal": "Enabled", "networks": []any{},
			})
		}
	}
	return out, nil
}

// book is the whole book, or its best hundred levels where they are asked for.
func (s *Server) book(r *http.Request) (any, error) {
	p, err := s.pair(r)
	if err != nil {
		return nil, err
	}
	switch r.URL.Query().Get("group") {
	case "", "0", "1", "2":
	default:
		return nil, no(http.StatusBadRequest, "400.067", "Invalid group parameter.")
	}
	b, err := s.market.Book(r.Context(), p.Symbol, 0)
	if err != nil {
		return nil, err
	}
	return picture(b.ID, b.Bids, b.Asks), nil
}

type levels struct {
	Timestamp      string        `json:"timestamp"`
	Microtimestamp string        `json:"microtimestamp"`
	Bids           []stall.Level `json:"bids"`
	Asks           []stall.Level `json:"asks"`
}

func picture(us int64, bids, asks []stall.Level) levels {
	return levels{strconv.FormatInt(us/1e6, 10), strconv.FormatInt(us, 10), bids, asks}
}

func (s *Server) transactions(r *http.Request) (any, error) {
	p, err := s.pair(r)
	if err != nil {
		return nil, err
	}
	var since time.Duration
	switch r.URL.Query().Get("time") {
	case "", "hour":
		since = time.Hour
	case "minute":
		since = time.Minute
	case "day":
		since = 24 * time.Hour
	default:
		return nil, no(http.StatusBadRequest, "400.067", "Invalid time parameter.")
	}
	trades, err := s.market.Trades(p.Symbol, maxTrades)
	if err != nil {
		return nil, err
	}
	out := []any{}
	for i := len(trades) - 1; i >= 0; i-- { // newest first
		t := &trades[i]
		if s.market.Now().Sub(t.At) > since {
			break
		}
		out = append(out, map[string]string{
			"date": strconv.FormatInt(t.At.Unix(), 10), "tid": strconv.FormatInt(t.ID, 10), "price": t.Price, "amount": t.Qty,
			"type": strconv.Itoa(kindOf(t)),
		})
	}
	return out, nil
}

// kindOf is 1 where the taker sold.
func kindOf(t *stall.Trade) int {
	if t.Sell {
		return 1
	}
	return 0
}

func (s *Server) ticker(r *http.Request) (any, error) {
	p, err := s.pair(r)
	if err != nil {
		return nil, err
	}
	return s.day(r.Context(), p)
}

func (s *Server) tickers(r *http.Request) (any, error) {
	out := []any{}
	for _, p := range s.market.Symbols() {
		row, err := s.day(r.Context(), p)
		if err != nil {
			return nil, err
		}
		out = append(out, row)
	}
	return out, nil
}

// day tells of the running day of UTC, where the exchange tells of the last 24 hours.
func (s *Server) day(ctx context.Context, p stall.Symbol) (any, error) {
	d, err := stall.Today(ctx, s.market, p.Symbol)
	if err != nil {
		return nil, err
	}
	return map[string]any{
		"timestamp": strconv.FormatInt(s.market.Now().Unix(), 10), "open": d.Open, "high": d.High, "low": d.Low, "last": d.Close,
		"volume": d.Volume, "vwap": d.Close, "bid": d.Bid[0], "ask": d.Ask[0], "side": "0", "open_24": d.Open, "percent_change_24": "0.00",
		"market_type": "SPOT", "pair": p.Base + "/" + p.Quote, "market": p.Base + "/" + p.Quote,
	}, nil
}

// intervals are those that candles are made for, in seconds, by their names in package span.
var intervals = map[string]string{
	"60": "1m", "180": "3m", "300": "5m", "900": "15m", "1800": "30m", "3600": "1h", "7200": "2h", "14400": "4h", "21600": "6h",
	"43200": "12h", "86400": "1d", "259200": "3d",
}

func (s *Server) ohlc(r *http.Request) (any, error) {
	p, err := s.pair(r)
	if err != nil {
		return nil, err
	}
	q := r.URL.Query()
	in, ok := span.Binance(intervals[q.Get("step")])
	n, err := strconv.Atoi(q.Get("limit"))
	if !ok || err != nil || n < 1 || n > maxCandles {
		return nil, no(http.StatusBadRequest, "400.067", "Invalid step or limit parameter.")
	}
	// Of a start and an end, the end counts; a start alone counts forward.
	w := span.Window{Limit: n}
	if start := q.Get("start"); start != "" && q.Get("end") == "" {
		sec, err := strconv.ParseUint(start, 10, 34)
		if err != nil {
			return nil, no(http.StatusBadRequest, "400.067", "Invalid start parameter.")
		}
		w.From = time.Unix(int64(sec), 0)
	} else if w, ok = stall.Newest(in, s.market.Now(), "", q.Get("end"), n); !ok {
		return nil, no(http.StatusBadRequest, "400.067", "Invalid end parameter.")
	}
	candles, err := s.market.Candles(p.Symbol, in, w)
	if err != nil {
		return nil, err
	}
	rows := make([]map[string]string, len(candles))
	for i := range candles {
		c := &candles[i]
		rows[i] = map[string]string{
			"timestamp": strconv.FormatInt(c.Start.Unix(), 10), "open": c.Open, "high": c.High, "low": c.Low, "close": c.Close,
			"volume": c.Volume,
		}
	}
	return map[string]any{"data": map[string]any{"pair": p.Base + "/" + p.Quote, "ohlc": rows}}, nil
}
