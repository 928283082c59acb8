// Package kucoin speaks KuCoin's public spot protocol, REST and WebSocket, over a stall.Market.
//
// A Server may serve any number of connections at once. It knows no accounts, so it takes any key for the one that the whole
// book asks for, and any token for one that it gave.
package kucoin

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/hourglass-trading/hourglass/services/simulator/internal/floor"
	"github.com/hourglass-trading/hourglass/services/simulator/internal/market"
	"github.com/hourglass-trading/hourglass/services/simulator/internal/span"
	"github.com/hourglass-trading/hourglass/services/simulator/internal/wire"
	"github.com/hourglass-trading/hourglass/services/simulator/internal/wire/stall"
)

const (
	name = "kucoin"
	// maxCandles and maxTrades are the most the exchange answers with.
	maxCandles = 1500
	maxTrades  = 100
)

// NewSim returns the market on the synthetic floor.
func NewSim(f *floor.Floor) *stall.Sim {
	return stall.NewSim(f, stall.Words{
		Exchange: name, Symbol: func(base, quote string) string { return base + "-" + quote }, Encoder: encoder,
	})
}

// NewReplay returns an empty market of recordings.
func NewReplay() *stall.Replay { return stall.NewReplay(topic) }

// Server answers KuCoin's paths.
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
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			stall.Reply(w, r, s.log, down, broken, func(r *http.Request) (any, error) {
				data, err := do(r)
				return envelope{"200000", data}, err
			})
		})
	}
	rest("POST /api/v1/bullet-public", bullet)
	rest("GET /api/v1/timestamp", func(*http.Request) (any, error) { return s.market.Now().UnixMilli(), nil })
	rest("GET /api/v1/status", func(*http.Request) (any, error) { return map[string]string{"status": "open", "msg": ""}, nil })
	rest("GET /api/v1/symbols", s.listings)
	rest("GET /api/v2/symbols", s.listings)
	rest("GET /api/v2/symbols/{symbol}", s.listing)
	rest("GET /api/v1/currencies", s.currencies)
	rest("GET /api/v3/currencies", s.currencies)
	rest("GET /api/v1/market/allTickers", s.allTickers)
	rest("GET /api/v1/market/stats", s.stats)
	rest("GET /api/v1/market/orderbook/level1", s.touch)
	rest("GET /api/v1/market/orderbook/level2_20", func(r *http.Request) (any, error) { return s.book(r, 20) })
	rest("GET /api/v1/market/orderbook/level2_100", func(r *http.Request) (any, error) { return s.book(r, 100) })
	rest("GET /api/v3/market/orderbook/level2", func(r *http.Request) (any, error) {
		if r.Header.Get("KC-API-KEY") == "" {
			return nil, no(http.StatusUnauthorized, "400001", "Please check the header of your request for KC-API-KEY, KC-API-SIGN, "+
				"KC-API-TIMESTAMP, KC-API-PASSPHRASE")
		}
		return s.book(r, 0)
	})
	rest("GET /api/v1/market/histories", s.histories)
	rest("GET /api/v1/market/candles", s.candles)
	mux.HandleFunc("GET /endpoint", func(w http.ResponseWriter, r *http.Request) {
		s.door.Serve(ctx, w, r, newSession(s, r), s.market.Changed)
	})
	return mux
}

// envelope is what every answer comes in.
type envelope struct {
	Code string `json:"code"`
	Data any    `json:"data"`
}

func no(status int, code, msg string) *stall.Fault {
	return &stall.Fault{Status: status, Body: map[string]string{"code": code, "msg": msg}, Text: msg}
}

var (
	down      = no(http.StatusServiceUnavailable, "230005", "The system is busy, please try again later.")
	broken    = no(http.StatusInternalServerError, "500000", "Internal Server Error")
	errSymbol = no(http.StatusOK, "900001", "symbol not exists")
)

// bullet tells where the WebSocket is, as the client calls us: our own name for the address may be of no use to it.
func bullet(r *http.Request) (any, error) {
	return map[string]any{
		"token": rand.Text() + rand.Text(),
		"instanceServers": []map[string]any{{
			"endpoint": "ws://" + r.Host + "/" + name + "/endpoint", "encrypt": false, "protocol": "websocket",
			"pingInterval": 18000, "pingTimeout": 10000,
		}},
	}, nil
}

func (s *Server) symbol(r *http.Request) (stall.Symbol, error) {
	symbol, ok := s.symbols[r.URL.Query().Get("symbol")]
	if !ok {
		return symbol, errSymbol
	}
	return symbol, nil
}

func entry(s stall.Symbol) any {
	if s.Entry != nil {
		return s.Entry
	}
	tick, step := market.Step(s.PriceDecimals), market.Step(s.QtyDecimals)
	group := "USDS"
	if s.Quote == "BTC" || s.Quote == "ETH" {
		group = s.Quote
	}
	return map[string]any{
		"symbol": s.Symbol, "name": s.Symbol, "baseCurrency": s.Base, "quoteCurrency": s.Quote, "feeCurrency": s.Quote, "market": group,
		"baseMinSize": s.MinQty, "quoteMinSize": s.MinValue, "baseMaxSize": "10000000000", "quoteMaxSize": "99999999",
		"baseIncrement": step, "quoteIncrement": "0.000001", "priceIncrement": tick, "priceLimitRate": "0.1", "minFunds": s.MinValue,
		"isMarginEnabled": false, "enableTrading": true, "feeCategory": 1, "makerFeeCoefficient": "1.00", "takerFeeCoefficient": "1.00",
		"st": false,
	}
}

func (s *Server) listings(*http.Request) (any, error) {
	out := make([]any, 0, len(s.symbols))
	for _, symbol := range s.market.Symbols() {
		out = append(out, entry(symbol))
	}
	return out, nil
}

func (s *Server) listing(r *http.Request) (any, error) {
	symbol, ok := s.symbols[r.PathValue("symbol")]
	if !ok {
		return nil, errSymbol
	}
	return entry(symbol), nil
}

func (s *Server) currencies(*http.Request) (any, error) {
	out, seen := []any{}, map[string]bool{}
	for _, symbol := range s.market.Symbols() {
		for _, coin := range []string{symbol.Base, symbol.Quote} {
			if seen[coin] {
				continue
			}
			seen[coin] = true
			out = append(out, map[string]any{
				"currency": coin, "name": coin, "fullName": coin, "precision": 8, "confirms": nil, "contractAddress": nil,
				"isMarginEnabled": false, "isDebitEnabled": false, "chains": []any{},
			})
		}
	}
	return out, nil
}

// intervals by the exchange's names.
var intervals = map[string]string{
	"1min": "1m", "3min": "3m", "5min": "5m", "15min": "15m", "30min": "30m", "1hour": "1h", "2hour": "2h", "4hour": "4h",
	"6hour": "6h", "8hour": "8h", "12hour": "12h", "1day": "1d", "1week": "1w", "1month": "1M",
}

func interval(kind string) (span.Span, bool) { return span.Binance(intervals[kind]) }

func (s *Server) candles(r *http.Request) (any, error) {
	symbol, err := s.symbol(r)
	if err != nil {
		return nil, err
	}
	q := r.URL.Query()
	in, ok := interval(q.Get("type"))
	if !ok {
		return nil, no(http.StatusBadRequest, "400100", "Unsupported type.")
	}
	now := s.market.Now()
	from, to := q.Get("startAt"), q.Get("endAt")
	if to == "0" { // as some clients say "until now"
		to = ""
	}
	w, ok := stall.Newest(in, now, from, to, maxCandles)
	if !ok {
		return nil, no(http.StatusBadRequest, "400100", "Parameter error: startAt, endAt")
	}
	candles, err := s.market.Candles(symbol.Symbol, in, w)
	if err != nil {
		return nil, err
	}
	rows := make([][]string, len(candles))
	for i := range candles { // newest first
		rows[len(candles)-1-i] = row(&candles[i])
	}
	return rows, nil
}

// row spells a candle: its close comes before high and low.
func row(c *stall.Candle) []string {
	return []string{strconv.FormatInt(c.Start.Unix(), 10), c.Open, c.Close, c.High, c.Low, c.Volume, c.QuoteVolume}
}

func (s *Server) histories(r *http.Request) (any, error) {
	symbol, err := s.symbol(r)
	if err != nil {
		return nil, err
	}
	trades, err := s.market.Trades(symbol.Symbol, maxTrades)
	if err != nil {
		return nil, err
	}
	out := make([]any, len(trades))
	for i := range trades {
		t := &trades[len(trades)-1-i] // newest first
		out[i] = map[string]any{
			"sequence": strconv.FormatInt(t.ID, 10), "price": t.Price, "size": t.Qty, "side": t.Side(), "time": t.At.UnixNano(),
		}
	}
	return out, nil
}

func (s *Server) book(r *http.Request, n int) (any, error) {
	symbol, err := s.symbol(r)
	if err != nil {
		return nil, err
	}
	b, err := s.market.Book(r.Context(), symbol.Symbol, n)
	if err != nil {
		return nil, err
	}
	return struct {
		Time     int64         `json:"time"`
		Sequence string        `json:"sequence"`
		Bids     []stall.Level `json:"bids"`
		Asks     []stall.Level `json:"asks"`
	}{millis(b.At), strconv.FormatInt(b.ID, 10), b.Bids, b.Asks}, nil
}

func millis(t time.Time) int64 { return t.UnixMilli() }

func (s *Server) touch(r *http.Request) (any, error) {
	symbol, err := s.symbol(r)
	if err != nil {
		return nil, err
	}
	b, err := s.market.Book(r.Context(), symbol.Symbol, 1)
	if err != nil {
		return nil, err
	}
	t := ticker{Sequence: strconv.FormatInt(b.ID, 10), Time: millis(b.At)}
	if len(b.Bids) > 0 && len(b.Asks) > 0 {
		t.BestBid, t.BestBidSize, t.BestAsk, t.BestAskSize = b.Bids[0][0], b.Bids[0][1], b.Asks[0][0], b.Asks[0][1]
	}
	trades, err := s.market.Trades(symbol.Symbol, 1)
	if err == nil && len(trades) > 0 {
		t.Price, t.Size = trades[0].Price, trades[0].Qty
	}
	return t, err
}

func (s *Server) allTickers(r *http.Request) (any, error) {
	out := []any{}
	for _, symbol := range s.market.Symbols() {
		t, err := s.day(r.Context(), symbol.Symbol)
		if err != nil {
			return nil, err
		}
		out = append(out, t)
	}
	return map[string]any{"time": millis(s.market.Now()), "ticker": out}, nil
}

func (s *Server) stats(r *http.Request) (any, error) {
	symbol, err := s.symbol(r)
	if err != nil {
		return nil, err
	}
	return s.day(r.Context(), symbol.Symbol)
}

// day is a row of the tickers. It tells of the running day of UTC, where the exchange tells of the last 24 hours.
func (s *Server) day(ctx context.Context, symbol string) (any, error) {
	d, err := stall.Today(ctx, s.market, symbol)
	if err != nil {
		return nil, err
	}
	return map[string]any{
		"time": millis(s.market.Now()), "symbol": symbol, "symbolName": symbol, "buy": d.Bid[0], "bestBidSize": d.Bid[1], "sell": d.Ask[0],
		"bestAskSize": d.Ask[1], "changeRate": "0", "changePrice": "0", "high": d.High, "low": d.Low, "vol": d.Volume,
		"volValue": d.QuoteVolume, "last": d.Close, "averagePrice": d.Close, "takerFeeRate": "0.001", "makerFeeRate": "0.001",
		"takerCoefficient": "1", "makerCoefficient": "1",
	}, nil
}

// ticker is the touch and the last trade.
type ticker struct {
	Sequence    string `json:"sequence"`
	BestAsk     string `json:"bestAsk"`
	Size        string `json:"size"`
	BestBidSize string `json:"bestBidSize"`
	Price       string `json:"price"`
	Time        int64  `json:"time"`
	BestAskSize string `json:"bestAskSize"`
	BestBid     string `json:"bestBid"`
}

// message is a message of a topic.
type message struct {
	Type    string `json:"type"`
	Topic   string `json:"topic"`
	Subject string `json:"subject"`
	Data    any    `json:"data"`
}

func encode(topic, subject string, data any) []byte {
	body, err := json.Marshal(message{"message", topic, subject, data})
	if err != nil {
		return []byte(`{}`) // plain values only: cannot happen
	}
	return body
}
