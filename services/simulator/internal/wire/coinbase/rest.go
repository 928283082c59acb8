package coinbase

import (
	"context"
	"encoding/json"
	"errors"
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
	maxCandles = 300
	maxTrades  = 1000
)

// Server answers Coinbase's paths.
type Server struct {
	market   venue.Market
	door     *wire.Door
	log      *slog.Logger
	list     []venue.Instrument
	products map[string]venue.Instrument
	meter    *wire.Meter
}

// New returns a server that lets its WebSocket clients in through the door.
func New(m venue.Market, door *wire.Door, log *slog.Logger) *Server {
	s := &Server{
		market: m, door: door, log: log, list: m.Instruments(), products: map[string]venue.Instrument{},
		meter: wire.NewMeter(15, time.Second), // 10, and 15 in a burst
	}
	for _, i := range s.list {
		s.products[i.Symbol] = i
	}
	return s
}

// Handler routes the exchange's paths; the end of ctx ends the WebSocket sessions. The feed lies on the bare host.
func (s *Server) Handler(ctx context.Context) http.Handler {
	mux := http.NewServeMux()
	rest := func(path string, answer func(*http.Request) (any, error)) {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) { s.reply(w, r, answer) })
	}
	rest("/time", func(*http.Request) (any, error) {
		now := s.market.Now().UTC()
		return map[string]any{"iso": now.Format("2006-01-02T15:04:05.000Z"), "epoch": float64(now.UnixMilli()) / 1000}, nil
	})
	rest("/currencies", func(*http.Request) (any, error) { return s.assets(), nil })
	rest("/currencies/{id}", s.asset)
	rest("/products", func(*http.Request) (any, error) {
		out := make([]json.RawMessage, 0, len(s.list))
		for _, i := range s.list {
			out = append(out, entry(i))
		}
		return out, nil
	})
	rest("/products/{id}", func(r *http.Request) (any, error) {
		i, err := s.product(r)
		return entry(i), err
	})
	rest("/products/{id}/candles", s.candles)
	rest("/products/{id}/book", s.book)
	rest("/products/{id}/trades", s.trades)
	rest("/products/{id}/ticker", s.ticker)
	rest("/products/{id}/stats", s.stats)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.reply(w, r, func(*http.Request) (any, error) { return nil, errUnknown })
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if bare := r.URL.Path == "" || r.URL.Path == "/"; bare && r.Header.Get("Upgrade") != "" {
			s.door.Serve(ctx, w, r, newSession(s), s.market.Changed)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// refusal is an answer of the exchange that says no.
type refusal struct {
	status int
	msg    string
}

func (r refusal) Error() string { return r.msg }

var (
	errUnknown = refusal{http.StatusNotFound, "NotFound"}
	errTooFast = refusal{http.StatusTooManyRequests, "Public rate limit exceeded"}
	errBusy    = refusal{http.StatusServiceUnavailable, "Service unavailable"}
	errAgent   = refusal{http.StatusBadRequest, "User-Agent header is required."}
)

func (s *Server) reply(w http.ResponseWriter, r *http.Request, answer func(*http.Request) (any, error)) {
	var out any
	var err error
	switch {
	case !s.meter.Allow(r):
		err = errTooFast
	case r.UserAgent() == "":
		err = errAgent
	default:
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
		no = refusal{http.StatusInternalServerError, "Internal server error"}
	}
	if err != nil {
		status, out = no.status, map[string]string{"message": no.msg}
	}
	body, err := json.Marshal(out)
	if err != nil {
		s.log.Error("encode an answer", "path", r.URL.Path, "error", err)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	w.Write(body) //nolint:errcheck // the client has left
}

func (s *Server) product(r *http.Request) (venue.Instrument, error) {
	i, ok := s.products[strings.ToUpper(r.PathValue("id"))]
	if !ok {
		return i, errUnknown
	}
	return i, nil
}

// entry spells a product's description.
func entry(i venue.Instrument) json.RawMessage {
	if i.Entry != nil {
		return i.Entry
	}
	raw, err := json.Marshal(map[string]any{
		"id": i.Symbol, "base_currency": i.Base, "quote_currency": i.Quote, "quote_increment": i.Tick, "base_increment": i.Step,
		"display_name": i.Base + "-" + i.Quote, "min_market_funds": i.MinValue, "margin_enabled": false, "post_only": false,
		"limit_only": false, "cancel_only": false, "status": "online", "status_message": "", "trading_disabled": false,
		"fx_stablecoin": false, "max_slippage_percentage": "0.02000000", "auction_mode": false, "high_bid_limit_percentage": "",
	})
	if err != nil {
		return nil // cannot happen: plain values only
	}
	return raw
}

// assets describes what is traded.
func (s *Server) assets() []map[string]any {
	var ids []string
	for _, i := range s.list {
		ids = append(ids, i.Base, i.Quote)
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	out := make([]map[string]any, len(ids))
	for n, id := range ids {
		kind, precision := "crypto", "0.00000001"
		if slices.Contains([]string{"USD", "EUR", "GBP"}, id) {
			kind, precision = "fiat", "0.01"
		}
		out[n] = map[string]any{
			"id": id, "name": id, "min_size": precision, "status": "online", "message": "", "max_precision": precision,
			"convertible_to": []string{}, "default_network": "", "supported_networks": []any{}, "display_name": "",
			"details": map[string]any{
				"type": kind, "symbol": nil, "network_confirmations": 0, "sort_order": n, "crypto_address_link": "",
				"crypto_transaction_link": "", "push_payment_methods": []string{}, "group_types": []string{}, "display_name": nil,
				"processing_time_seconds": nil, "min_withdrawal_amount": nil, "max_withdrawal_amount": nil,
			},
		}
	}
	return out
}

func (s *Server) asset(r *http.Request) (any, error) {
	for _, a := range s.assets() {
		if a["id"] == r.PathValue("id") {
			return a, nil
		}
	}
	return nil, errUnknown
}

// moment reads a time: ISO 8601 or Unix seconds; zero where there is none.
func moment(r *http.Request, name string) (time.Time, error) {
	v := r.URL.Query().Get(name)
	if v == "" {
		return time.Time{}, nil
	}
	if s, err := strconv.ParseUint(v, 10, 35); err == nil {
		return time.Unix(int64(s), 0).UTC(), nil
	}
	for _, form := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02"} {
		if t, err := time.Parse(form, v); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, refusal{http.StatusBadRequest, "Invalid " + name}
}

// candles answers newest first. One end alone counts for none; more than 300 in a range are an error, not a part.
func (s *Server) candles(r *http.Request) (any, error) {
	i, err := s.product(r)
	if err != nil {
		return nil, err
	}
	seconds := r.URL.Query().Get("granularity")
	if seconds == "" {
		seconds = "60"
	}
	if !slices.Contains([]string{"60", "300", "900", "3600", "21600", "86400"}, seconds) {
		return nil, refusal{http.StatusBadRequest, "Unsupported granularity"}
	}
	n, err := strconv.Atoi(seconds)
	if err != nil {
		return nil, err
	}
	w := span.Window{Limit: maxCandles}
	if w.From, err = moment(r, "start"); err != nil {
		return nil, err
	}
	if w.To, err = moment(r, "end"); err != nil {
		return nil, err
	}
	switch {
	case w.From.IsZero() || w.To.IsZero():
		w.From, w.To = time.Time{}, time.Time{}
	case w.To.Before(w.From):
		return nil, refusal{http.StatusBadRequest, "start must be before end"}
	case w.To.Sub(w.From) > time.Duration(n*maxCandles)*time.Second:
		return nil, refusal{http.StatusBadRequest, "granularity too small for the requested time range. Count of aggregations requested exceeds 300"}
	}
	candles, err := s.market.Candles(i.Symbol, span.Minutes(n/60), w)
	if err != nil {
		return nil, err
	}
	rows := make([][]any, 0, len(candles))
	for _, c := range slices.Backward(candles) {
		row := []any{c.Start.Unix()}
		for _, v := range []string{c.Low, c.High, c.Open, c.Close, c.Base} {
			row = append(row, json.Number(venue.Short(v)))
		}
		rows = append(rows, row)
	}
	return rows, nil
}

func (s *Server) book(r *http.Request) (any, error) {
	i, err := s.product(r)
	if err != nil {
		return nil, err
	}
	depth := 0
	switch r.URL.Query().Get("level") {
	case "", "1":
		depth = 1
	case "2", "3":
	default:
		return nil, refusal{http.StatusBadRequest, "Invalid level"}
	}
	b, err := s.market.Book(i.Symbol, depth)
	if err != nil {
		return nil, err
	}
	rows := func(side []venue.Level) [][]any {
		out := make([][]any, len(side))
		for i, l := range side {
			out[i] = []any{l.Price, l.Qty, 1}
			if r.URL.Query().Get("level") == "3" {
				out[i][2] = order(b.Seq+int64(i), 3)
			}
		}
		return out
	}
	return map[string]any{
		"bids": rows(b.Bids), "asks": rows(b.Asks), "sequence": b.Seq, "auction_mode": false, "auction": nil, "time": b.At.UTC().Format(stamp),
	}, nil
}

func (s *Server) trades(r *http.Request) (any, error) {
	i, err := s.product(r)
	if err != nil {
		return nil, err
	}
	n := maxTrades
	if v := r.URL.Query().Get("limit"); v != "" {
		if n, err = strconv.Atoi(v); err != nil || n < 1 {
			return nil, refusal{http.StatusBadRequest, "Invalid limit"}
		}
	}
	trades, err := s.market.Trades(i.Symbol, min(n, maxTrades))
	if err != nil {
		return nil, err
	}
	rows := make([]map[string]any, 0, len(trades))
	for _, t := range slices.Backward(trades) {
		rows = append(rows, map[string]any{
			"trade_id": t.ID, "side": maker(t.Sell), "size": t.Qty, "price": t.Price, "time": t.At.UTC().Format(stamp),
		})
	}
	return rows, nil
}

func (s *Server) ticker(r *http.Request) (any, error) {
	i, err := s.product(r)
	if err != nil {
		return nil, err
	}
	b, err := s.market.Book(i.Symbol, 1)
	if err != nil {
		return nil, err
	}
	day, _, err := venue.Day(s.market, i.Symbol)
	if err != nil {
		return nil, err
	}
	out := map[string]any{"ask": "", "bid": "", "volume": day.Base, "trade_id": 0, "price": day.Close, "size": "0", "time": b.At.UTC().Format(stamp)}
	if len(b.Bids) > 0 && len(b.Asks) > 0 {
		out["bid"], out["ask"] = b.Bids[0].Price, b.Asks[0].Price
	}
	last, err := s.market.Trades(i.Symbol, 1)
	if err != nil {
		return nil, err
	}
	if len(last) > 0 {
		out["trade_id"], out["price"], out["size"], out["time"] = last[0].ID, last[0].Price, last[0].Qty, last[0].At.UTC().Format(stamp)
	}
	return out, nil
}

func (s *Server) stats(r *http.Request) (any, error) {
	i, err := s.product(r)
	if err != nil {
		return nil, err
	}
	day, _, err := venue.Day(s.market, i.Symbol)
	if err != nil {
		return nil, err
	}
	return map[string]string{
		"open": day.Open, "high": day.High, "low": day.Low, "last": day.Close, "volume": day.Base, "volume_30day": day.Base,
	}, nil
}
