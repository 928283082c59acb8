// Package gateio speaks Gate.io's public spot protocol of version 4, REST and WebSocket, over a stall.Market.
//
// A Server may serve any number of connections at once. Books can be had by the newer channel, which starts from a picture in
// the stream, and by the older one, which starts from an answer over REST.
package gateio

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"strconv"

	"github.com/hourglass-trading/hourglass/services/simulator/internal/floor"
	"github.com/hourglass-trading/hourglass/services/simulator/internal/span"
	"github.com/hourglass-trading/hourglass/services/simulator/internal/wire"
	"github.com/hourglass-trading/hourglass/services/simulator/internal/wire/stall"
)

const (
	name = "gateio"
	// maxCandles, maxTrades and maxLevels are the most the exchange answers with.
	maxCandles = 1000
	maxTrades  = 1000
	maxLevels  = 1000
)

// NewSim returns the market on the synthetic floor.
func NewSim(f *floor.Floor) *stall.Sim {
	return stall.NewSim(f, stall.Words{
		Exchange: name, Symbol: func(base, quote string) string { return base + "_" + quote }, Encoder: encoder,
	})
}

// Server answers Gate.io's paths.
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
		mux.HandleFunc("GET /api/v4/spot/"+path, func(w http.ResponseWriter, r *http.Request) {
			stall.Reply(w, r, s.log, down, broken, do)
		})
	}
	rest("time", func(*http.Request) (any, error) {
		return map[string]int64{"server_time": s.market.Now().UnixMilli()}, nil
	})
	rest("currencies", s.currencies)
	rest("currency_pairs", s.pairs)
	rest("currency_pairs/{pair}", s.onePair)
	rest("order_book", s.book)
	rest("trades", s.trades)
	rest("tickers", s.tickers)
	rest("candlesticks", s.candlesticks)
	socket := func(w http.ResponseWriter, r *http.Request) {
		s.door.Serve(ctx, w, r, &session{Server: s}, s.market.Changed)
	}
	mux.HandleFunc("GET /ws/v4", socket)
	mux.HandleFunc("GET /ws/v4/{$}", socket)
	return mux
}

func no(status int, label, text string) *stall.Fault {
	return &stall.Fault{Status: status, Body: map[string]string{"label": label, "message": text}, Text: text}
}

var (
	down   = no(http.StatusServiceUnavailable, "TOO_BUSY", "The system is busy, please try again later")
	broken = no(http.StatusInternalServerError, "SERVER_ERROR", "Internal server error")
)

func invalid(parameter string) error {
	return no(http.StatusBadRequest, "INVALID_PARAM_VALUE", "Invalid request parameter `"+parameter+"` value")
}

func (s *Server) pair(id string) (stall.Symbol, error) {
	symbol, ok := s.symbols[id]
	switch {
	case id == "":
		return symbol, no(http.StatusBadRequest, "MISSING_REQUIRED_PARAM", "Missing required parameter: currency_pair")
	case !ok:
		return symbol, no(http.StatusBadRequest, "INVALID_CURRENCY_PAIR", "Invalid currency pair "+id[:min(40, len(id))])
	}
	return symbol, nil
}

// limit reads a count between 1 and most.
func limit(r *http.Request, def, most int) (int, error) {
	text := r.URL.Query().Get("limit")
	if text == "" {
		return def, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > most {
		return 0, invalid("limit")
	}
	return n, nil
}

func entry(p stall.Symbol) any {
	if p.Entry != nil {
		return p.Entry
	}
	return map[string]any{
		"id": p.Symbol, "base": p.Base, "base_name": p.Base, "quote": p.Quote, "quote_name": p.Quote, "fee": "0.2",
		"min_base_amount": p.MinQty, "min_quote_amount": p.MinValue, "max_quote_amount": "5000000",
		"amount_precision": p.QtyDecimals, "precision": p.PriceDecimals, "trade_status": "tradable", "sell_start": 0, "buy_start": 0,
		"type": "normal", "st_tag": false,
	}
}

func (s *Server) pairs(*http.Request) (any, error) {
	out := []any{}
	for _, p := range s.market.Symbols() {
		out = append(out, entry(p))
	}
	return out, nil
}

func (s *Server) onePair(r *http.Request) (any, error) {
	p, err := s.pair(r.PathValue("pair"))
	if err != nil {
		return nil, err
	}
	return entry(p), nil
}

func (s *Server) currencies(*http.Request) (any, error) {
	out, seen := []any{}, map[string]bool{}
	for _, p := range s.market.Symbols() {
		for _, coin := range []string{p.Base, p.Quote} {
			if !seen[coin] {
				seen[coin] = true
				out = append(out, map[string]any{
					"currency": coin, "name": coin, "delisted": false, "withdraw_disabled": false, "withdraw_delayed": false,
					"deposit_disabled": false, "trade_disabled": false, "chain": coin, "chains": []any{},
				})
			}
		}
	}
	return out, nil
}

func (s *Server) book(r *http.Request) (any, error) {
	q := r.URL.Query()
	p, err := s.pair(q.Get("currency_pair"))
	if err != nil {
		return nil, err
	}
	n, err := limit(r, 10, maxLevels)
	if err != nil {
		return nil, err
	}
	if in := q.Get("interval"); in != "" && in != "0" {
		return nil, invalid("interval") // levels are not gathered here
	}
	b, err := s.market.Book(r.Context(), p.Symbol, n)
	if err != nil {
		return nil, err
	}
	ms := b.At.UnixMilli()
	out := struct {
		ID      *int64        `json:"id,omitempty"`
		Current int64         `json:"current"`
		Update  int64         `json:"update"`
		Asks    []stall.Level `json:"asks"`
		Bids    []stall.Level `json:"bids"`
	}{nil, s.market.Now().UnixMilli(), ms, b.Asks, b.Bids}
	if q.Get("with_id") == "true" {
		out.ID = &b.ID
	}
	return out, nil
}

// trade is a row of the trades, and the message of their channel.
type trade struct {
	ID       json.RawMessage `json:"id"` // a text over REST, a number in the stream
	Seconds  json.RawMessage `json:"create_time"`
	Millis   string          `json:"create_time_ms"`
	Pair     string          `json:"currency_pair"`
	Side     string          `json:"side"`
	Amount   string          `json:"amount"`
	Price    string          `json:"price"`
	Sequence string          `json:"sequence_id,omitempty"`
	Range    string          `json:"range,omitempty"`
}

func spell(symbol string, t *stall.Trade, quoted bool) trade {
	id, sec := strconv.FormatInt(t.ID, 10), strconv.FormatInt(t.At.Unix(), 10)
	out := trade{
		ID: json.RawMessage(id), Seconds: json.RawMessage(sec), Pair: symbol, Side: t.Side(), Amount: t.Qty, Price: t.Price,
		Millis: strconv.FormatInt(t.At.UnixMilli(), 10) + "." + strconv.Itoa(1000000 + t.At.Nanosecond()%1000000)[1:],
	}
	if quoted {
		out.ID, out.Seconds, out.Sequence = json.RawMessage(`"`+id+`"`), json.RawMessage(`"`+sec+`"`), id
	} else {
		out.Range = id + "-" + id
	}
	return out
}

func (s *Server) trades(r *http.Request) (any, error) {
	p, err := s.pair(r.URL.Query().Get("currency_pair"))
	if err != nil {
		return nil, err
	}
	n, err := limit(r, 100, maxTrades)
	if err != nil {
		return nil, err
	}
	trades, err := s.market.Trades(p.Symbol, n)
	if err != nil {
		return nil, err
	}
	out := make([]trade, len(trades))
	for i := range trades { // newest first
		out[len(trades)-1-i] = spell(p.Symbol, &trades[i], true)
	}
	return out, nil
}

func (s *Server) tickers(r *http.Request) (any, error) {
	list := s.market.Symbols()
	if id := r.URL.Query().Get("currency_pair"); id != "" {
		p, err := s.pair(id)
		if err != nil {
			return nil, err
		}
		list = []stall.Symbol{p}
	}
	out := []any{}
	for _, p := range list {
		d, err := stall.Today(r.Context(), s.market, p.Symbol)
		if err != nil {
			return nil, err
		}
		// Of the running day of UTC, where the exchange tells of the last 24 hours.
		out = append(out, map[string]string{
			"currency_pair": p.Symbol, "last": d.Close, "lowest_ask": d.Ask[0], "lowest_size": d.Ask[1], "highest_bid": d.Bid[0],
			"highest_size": d.Bid[1], "change_percentage": "0", "base_volume": d.Volume, "quote_volume": d.QuoteVolume,
			"high_24h": d.High, "low_24h": d.Low,
		})
	}
	return out, nil
}

// intervals by the exchange's names, but for ten seconds, which Binance does not have.
var intervals = map[string]string{
	"1s": "1s", "1m": "1m", "5m": "5m", "15m": "15m", "30m": "30m", "1h": "1h", "4h": "4h", "8h": "8h", "1d": "1d", "7d": "1w",
}

func interval(name string) (span.Span, bool) {
	if name == "10s" {
		return span.Seconds(10), true
	}
	return span.Binance(intervals[name])
}

func (s *Server) candlesticks(r *http.Request) (any, error) {
	q := r.URL.Query()
	p, err := s.pair(q.Get("currency_pair"))
	if err != nil {
		return nil, err
	}
	kind := q.Get("interval")
	if kind == "" {
		kind = "30m"
	}
	in, ok := interval(kind)
	if !ok {
		return nil, invalid("interval")
	}
	if q.Has("limit") && (q.Has("from") || q.Has("to")) {
		return nil, no(http.StatusBadRequest, "INVALID_PARAM_VALUE", "limit conflicts with from and to")
	}
	n, err := limit(r, 100, maxCandles)
	if err != nil {
		return nil, err
	}
	now := s.market.Now()
	if q.Has("from") {
		n = maxCandles + 1 // one too many says that the range is
	}
	w, ok := stall.Newest(in, now, q.Get("from"), q.Get("to"), n)
	if !ok {
		return nil, invalid("from")
	}
	candles, err := s.market.Candles(p.Symbol, in, w)
	if err != nil {
		return nil, err
	}
	if len(candles) > maxCandles {
		return nil, no(http.StatusBadRequest, "INVALID_PARAM_VALUE", "Candlestick range too broad. Maximum 1000 data points are allowed per request")
	}
	rows := make([][]string, len(candles))
	for i := range candles {
		c := &candles[i]
		rows[i] = []string{
			strconv.FormatInt(c.Start.Unix(), 10), c.QuoteVolume, c.Close, c.High, c.Low, c.Open, c.Volume,
			strconv.FormatBool(!c.Next.After(now)),
		}
	}
	return rows, nil
}
