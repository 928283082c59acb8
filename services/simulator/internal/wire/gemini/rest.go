package gemini

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hourglass-trading/hourglass/services/simulator/internal/span"
	"github.com/hourglass-trading/hourglass/services/simulator/internal/wire"
	"github.com/hourglass-trading/hourglass/services/simulator/internal/wire/venue"
)

const (
	maxCandles = 1440
	maxTrades  = 500
)

// Server answers Gemini's paths.
type Server struct {
	market  venue.Market
	words   Words
	door    *wire.Door
	log     *slog.Logger
	list    []venue.Instrument
	symbols map[string]venue.Instrument
	meter   *wire.Meter
}

// New returns a server that lets its WebSocket clients in through the door.
func New(m venue.Market, door *wire.Door, log *slog.Logger) *Server {
	s := &Server{
		market: m, door: door, log: log, list: m.Instruments(), symbols: map[string]venue.Instrument{}, meter: wire.NewMeter(120, time.Minute),
	}
	for _, i := range s.list {
		s.symbols[i.Symbol] = i
	}
	return s
}

// Handler routes the exchange's paths; the end of ctx ends the WebSocket sessions.
func (s *Server) Handler(ctx context.Context) http.Handler {
	mux := http.NewServeMux()
	rest := func(path string, answer func(*http.Request) (any, error)) {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) { s.reply(w, r, answer) })
	}
	rest("/v1/symbols", func(*http.Request) (any, error) {
		out := make([]string, len(s.list))
		for n, i := range s.list {
			out[n] = strings.ToLower(i.Symbol)
		}
		return out, nil
	})
	rest("/v1/symbols/details/all", func(*http.Request) (any, error) {
		out := make([]json.RawMessage, len(s.list))
		for n, i := range s.list {
			out[n] = details(i)
		}
		return out, nil
	})
	rest("/v1/symbols/details/{symbol}", func(r *http.Request) (any, error) {
		i, err := s.symbol(r)
		return details(i), err
	})
	rest("/v2/candles/{symbol}/{frame}", s.candles)
	rest("/v1/book/{symbol}", s.book)
	rest("/v1/trades/{symbol}", s.trades)
	rest("/v1/pubticker/{symbol}", s.pubticker)
	rest("/v2/ticker/{symbol}", s.ticker)
	rest("/v1/pricefeed", s.pricefeed)
	socket := func(w http.ResponseWriter, r *http.Request) {
		s.door.Serve(ctx, w, r, newSession(s), s.market.Changed)
	}
	mux.HandleFunc("GET /v2/marketdata", socket)
	mux.HandleFunc("GET /v2/marketdata/{$}", socket)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.reply(w, r, func(r *http.Request) (any, error) {
			return nil, refusal{http.StatusNotFound, fault{"error", "EndpointNotFound", "API entry point `" + r.URL.Path + "` not found"}}
		})
	})
	return mux
}

// fault is an error in the exchange's words.
type fault struct {
	Result  string `json:"result"`
	Reason  string `json:"reason"`
	Message string `json:"message"`
}

// refusal is an answer of the exchange that says no.
type refusal struct {
	status int
	fault
}

func (r refusal) Error() string { return r.Message }

var (
	errTooFast = refusal{http.StatusTooManyRequests, fault{"error", "RateLimit", "Requests were made too frequently"}}
	errBusy    = refusal{http.StatusServiceUnavailable, fault{"error", "System", "The exchange is down for maintenance"}}
)

func wrong(value, what string) error {
	return refusal{http.StatusBadRequest, fault{"error", "Bad Request", fmt.Sprintf("Supplied value '%.60s' is not a valid %s", value, what)}}
}

func (s *Server) reply(w http.ResponseWriter, r *http.Request, answer func(*http.Request) (any, error)) {
	var out any
	var err error = errTooFast
	if s.meter.Allow(r) {
		out, err = answer(r)
	}
	status := http.StatusOK
	var no refusal
	switch {
	case err == nil:
	case errors.As(err, &no):
	case errors.Is(err, venue.ErrNoBook):
		no = errBusy
	default:
		s.log.Error("answer a request", "path", r.URL.Path, "error", err)
		no = refusal{http.StatusInternalServerError, fault{"error", "System", "We are experiencing technical issues"}}
	}
	if err != nil {
		status, out = no.status, no.fault
	}
	body, err := json.Marshal(out)
	if err != nil {
		s.log.Error("encode an answer", "path", r.URL.Path, "error", err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write(body) //nolint:errcheck // the client has left
}

func (s *Server) symbol(r *http.Request) (venue.Instrument, error) {
	name := r.PathValue("symbol")
	i, ok := s.symbols[strings.ToUpper(name)]
	if !ok {
		return i, wrong(name, "symbol")
	}
	return i, nil
}

// details describe a symbol: tick_size is the step of quantities, quote_increment the tick of prices, both bare numbers.
func details(i venue.Instrument) json.RawMessage {
	raw, err := json.Marshal(map[string]any{
		"symbol": i.Symbol, "base_currency": i.Base, "quote_currency": i.Quote, "tick_size": bare(i.Step), "quote_increment": bare(i.Tick),
		"min_order_size": i.MinQty, "status": "open", "wrap_enabled": false, "product_type": "spot", "contract_type": "vanilla",
		"contract_price_currency": i.Quote,
	})
	if err != nil {
		return nil // cannot happen: plain values only
	}
	return raw
}

// bare spells a power of ten as the exchange does, small ones with an exponent.
func bare(s string) json.Number {
	if zeros := strings.TrimPrefix(s, "0."); len(zeros) > 5 && strings.Trim(zeros, "0") == "1" {
		return json.Number("1E-" + strconv.Itoa(len(zeros)))
	}
	return json.Number(s)
}

// candles answers with the newest, newest first; there is no asking for others.
func (s *Server) candles(r *http.Request) (any, error) {
	i, err := s.symbol(r)
	if err != nil {
		return nil, err
	}
	frame, ok := frames[r.PathValue("frame")]
	if !ok {
		return nil, wrong(r.PathValue("frame"), "time frame")
	}
	list, err := s.market.Candles(i.Symbol, frame, span.Window{Limit: maxCandles})
	if err != nil {
		return nil, err
	}
	rows := make([][]any, 0, len(list))
	for _, c := range slices.Backward(list) {
		row := []any{c.Start.UnixMilli()}
		for _, v := range []string{c.Open, c.High, c.Low, c.Close, c.Base} {
			row = append(row, json.Number(venue.Short(v)))
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// count reads how many are wanted; 0 is all there are.
func count(r *http.Request, name string, def int) (int, error) {
	v := r.URL.Query().Get(name)
	if v == "" {
		return def, nil
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 0 {
		return 0, wrong(v, name)
	}
	return n, nil
}

func (s *Server) book(r *http.Request) (any, error) {
	i, err := s.symbol(r)
	if err != nil {
		return nil, err
	}
	bids, err := count(r, "limit_bids", 50)
	if err != nil {
		return nil, err
	}
	asks, err := count(r, "limit_asks", 50)
	if err != nil {
		return nil, err
	}
	b, err := s.market.Book(i.Symbol, 0)
	if err != nil {
		return nil, err
	}
	at := strconv.FormatInt(b.At.Unix(), 10)
	rows := func(side []venue.Level, n int) []map[string]string {
		if n == 0 || n > len(side) {
			n = len(side)
		}
		out := make([]map[string]string, n)
		for i, l := range side[:n] {
			out[i] = map[string]string{"price": l.Price, "amount": l.Qty, "timestamp": at}
		}
		return out
	}
	return map[string]any{"bids": rows(b.Bids, bids), "asks": rows(b.Asks, asks)}, nil
}

func (s *Server) trades(r *http.Request) (any, error) {
	i, err := s.symbol(r)
	if err != nil {
		return nil, err
	}
	n, err := count(r, "limit_trades", 50)
	if err != nil {
		return nil, err
	}
	if n == 0 {
		n = maxTrades
	}
	list, err := s.market.Trades(i.Symbol, min(n, maxTrades))
	if err != nil {
		return nil, err
	}
	rows := make([]map[string]any, 0, len(list))
	for _, t := range slices.Backward(list) {
		rows = append(rows, map[string]any{
			"timestamp": t.At.Unix(), "timestampms": t.At.UnixMilli(), "tid": t.ID, "price": t.Price, "amount": t.Qty,
			"exchange": "gemini", "type": side(t.Sell),
		})
	}
	return rows, nil
}

// touch is the best bid and ask and the last day.
func (s *Server) touch(i venue.Instrument) (bid, ask string, day venue.Candle, at time.Time, err error) {
	b, err := s.market.Book(i.Symbol, 1)
	if err != nil {
		return "", "", day, at, err
	}
	if len(b.Bids) == 0 || len(b.Asks) == 0 {
		return "", "", day, at, venue.ErrNoBook
	}
	day, _, err = venue.Day(s.market, i.Symbol)
	return b.Bids[0].Price, b.Asks[0].Price, day, b.At, err
}

func (s *Server) pubticker(r *http.Request) (any, error) {
	i, err := s.symbol(r)
	if err != nil {
		return nil, err
	}
	bid, ask, day, at, err := s.touch(i)
	if err != nil {
		return nil, err
	}
	volume := map[string]any{i.Base: day.Base, i.Quote: day.Quote, "timestamp": at.UnixMilli()}
	return map[string]any{"bid": bid, "ask": ask, "last": day.Close, "volume": volume}, nil
}

func (s *Server) ticker(r *http.Request) (any, error) {
	i, err := s.symbol(r)
	if err != nil {
		return nil, err
	}
	bid, ask, day, _, err := s.touch(i)
	if err != nil {
		return nil, err
	}
	hours, err := s.market.Candles(i.Symbol, span.Minutes(60), span.Window{Limit: 24})
	if err != nil {
		return nil, err
	}
	changes := make([]string, 0, len(hours)) // the prices at the end of the last hours, newest first
	for _, c := range slices.Backward(hours) {
		changes = append(changes, c.Close)
	}
	return map[string]any{
		"symbol": i.Symbol, "open": day.Open, "high": day.High, "low": day.Low, "close": day.Close, "changes": changes, "bid": bid, "ask": ask,
	}, nil
}

func (s *Server) pricefeed(*http.Request) (any, error) {
	out := []map[string]string{}
	for _, i := range s.list {
		day, ok, err := venue.Day(s.market, i.Symbol)
		if err != nil {
			return nil, err
		}
		if ok {
			out = append(out, map[string]string{"pair": i.Symbol, "price": day.Close, "percentChange24h": "0.0000"})
		}
	}
	return out, nil
}
