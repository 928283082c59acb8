package bybit

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math/big"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/hourglass-trading/hourglass/services/simulator/internal/span"
	"github.com/hourglass-trading/hourglass/services/simulator/internal/wire"
	"github.com/hourglass-trading/hourglass/services/simulator/internal/wire/venue"
)

// Server answers Bybit's paths.
type Server struct {
	market  venue.Market
	words   Words
	door    *wire.Door
	log     *slog.Logger
	list    []venue.Instrument
	symbols map[string]venue.Instrument
	meter   *wire.Meter
	conns   atomic.Uint32
}

// New returns a server that lets its WebSocket clients in through the door.
func New(m venue.Market, door *wire.Door, log *slog.Logger) *Server {
	s := &Server{
		market: m, door: door, log: log, list: m.Instruments(), symbols: map[string]venue.Instrument{}, meter: wire.NewMeter(600, 5*time.Second),
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
		mux.HandleFunc("GET /v5/market/"+path, func(w http.ResponseWriter, r *http.Request) { s.reply(w, r, answer) })
	}
	rest("time", func(*http.Request) (any, error) {
		now := s.market.Now()
		return map[string]string{"timeSecond": strconv.FormatInt(now.Unix(), 10), "timeNano": strconv.FormatInt(now.UnixNano(), 10)}, nil
	})
	rest("instruments-info", s.instruments)
	rest("kline", s.kline)
	rest("orderbook", s.orderbook)
	rest("recent-trade", s.trades)
	rest("tickers", s.tickers)
	mux.HandleFunc("GET /v5/public/spot", func(w http.ResponseWriter, r *http.Request) {
		s.door.Serve(ctx, w, r, newSession(s), s.market.Changed)
	})
	return mux
}

// envelope is the form of all answers.
type envelope struct {
	RetCode    int      `json:"retCode"`
	RetMsg     string   `json:"retMsg"`
	Result     any      `json:"result"`
	RetExtInfo struct{} `json:"retExtInfo"`
	Time       int64    `json:"time"`
}

// refusal is an answer of the exchange that says no.
type refusal struct {
	status, code int
	msg          string
}

func (r refusal) Error() string { return r.msg }

var (
	errSymbol  = refusal{http.StatusOK, 10001, "Not supported symbols"}
	errTooFast = refusal{http.StatusForbidden, 10006, "Too many visits. Exceeded the API Rate Limit."}
	errBusy    = refusal{http.StatusOK, 10016, "Server error."}
)

func wrong(parameter string) error {
	return refusal{http.StatusOK, 10001, "params error: " + parameter + " invalid"}
}

func (s *Server) reply(w http.ResponseWriter, r *http.Request, answer func(*http.Request) (any, error)) {
	out := envelope{RetMsg: "OK", Time: s.market.Now().UnixMilli()}
	status := http.StatusOK
	var err error = errTooFast
	if s.meter.Allow(r) {
		out.Result, err = answer(r)
	}
	var no refusal
	switch {
	case err == nil:
	case errors.As(err, &no):
	case errors.Is(err, venue.ErrNoBook):
		no = errBusy
	default:
		s.log.Error("answer a request", "path", r.URL.Path, "error", err)
		no = errBusy
	}
	if err != nil {
		status, out.RetCode, out.RetMsg, out.Result = no.status, no.code, no.msg, struct{}{}
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

// spot says whether spot is asked for. The other categories exist and are empty here.
func spot(r *http.Request) (bool, error) {
	switch r.URL.Query().Get("category") {
	case "spot":
		return true, nil
	case "linear", "inverse", "option":
		return false, nil
	}
	return false, refusal{http.StatusOK, 10001, "Illegal category"}
}

// symbol reads the mandatory parameter. Without a category it would be one of linear, as at the exchange.
func (s *Server) symbol(r *http.Request) (venue.Instrument, error) {
	q := r.URL.Query()
	if c := q.Get("category"); c != "spot" {
		if c == "" {
			return venue.Instrument{}, errSymbol
		}
		if _, err := spot(r); err != nil {
			return venue.Instrument{}, err
		}
	}
	i, ok := s.symbols[q.Get("symbol")]
	if !ok || q.Get("category") != "spot" {
		return i, errSymbol
	}
	return i, nil
}

// limit reads a count; more than most is cut to it.
func limit(r *http.Request, def, most int) (int, error) {
	v := r.URL.Query().Get("limit")
	if v == "" {
		return def, nil
	}
	n, err := strconv.Atoi(v)
	if err != nil || n <= 0 {
		return 0, wrong("limit")
	}
	return min(n, most), nil
}

func (s *Server) instruments(r *http.Request) (any, error) {
	is, err := spot(r)
	if err != nil {
		return nil, err
	}
	list := []json.RawMessage{}
	if is {
		for _, i := range s.list {
			if name := r.URL.Query().Get("symbol"); name == "" || name == i.Symbol {
				list = append(list, entry(i))
			}
		}
	}
	return map[string]any{"category": r.URL.Query().Get("category"), "list": list, "nextPageCursor": ""}, nil
}

// entry spells an instrument's description.
func entry(i venue.Instrument) json.RawMessage {
	if i.Entry != nil {
		return i.Entry
	}
	raw, err := json.Marshal(map[string]any{
		"symbol": i.Symbol, "baseCoin": i.Base, "quoteCoin": i.Quote, "innovation": "0", "status": "Trading", "marginTrading": "utaOnly",
		"stTag": "0",
		"lotSizeFilter": map[string]string{
			"basePrecision": i.Step, "quotePrecision": "0.0000001", "minOrderQty": i.MinQty, "maxOrderQty": "100000000", "minOrderAmt": i.MinValue,
			"maxOrderAmt": "4000000", "maxLimitOrderQty": "100000000", "maxMarketOrderQty": "50000000", "postOnlyMaxLimitOrderSize": "100000000",
		},
		"priceFilter":    map[string]string{"tickSize": i.Tick},
		"riskParameters": map[string]string{"priceLimitRatioX": "0.01", "priceLimitRatioY": "0.02"},
	})
	if err != nil {
		return nil // cannot happen: plain values only
	}
	return raw
}

// kline answers newest first: the oldest of a time of which only the start is given, else the newest.
func (s *Server) kline(r *http.Request) (any, error) {
	i, err := s.symbol(r)
	if err != nil {
		return nil, err
	}
	q := r.URL.Query()
	interval, ok := intervals[q.Get("interval")]
	if !ok {
		return nil, refusal{http.StatusOK, 10001, "Invalid period!"}
	}
	var w span.Window
	if w.Limit, err = limit(r, 200, 1000); err != nil {
		return nil, err
	}
	for name, at := range map[string]*time.Time{"start": &w.From, "end": &w.To} {
		if v := q.Get(name); v != "" {
			ms, err := strconv.ParseUint(v, 10, 43)
			if err != nil {
				return nil, wrong(name)
			}
			*at = time.UnixMilli(int64(ms)).UTC()
		}
	}
	from := w.From
	if !w.To.IsZero() {
		w.From = time.Time{} // so that the newest are left over
	}
	candles, err := s.market.Candles(i.Symbol, interval, w)
	if err != nil {
		return nil, err
	}
	rows := [][]string{}
	for n := len(candles) - 1; n >= 0 && !candles[n].Start.Before(from); n-- {
		rows = append(rows, row(&candles[n]))
	}
	return map[string]any{"symbol": i.Symbol, "category": "spot", "list": rows}, nil
}

func (s *Server) orderbook(r *http.Request) (any, error) {
	i, err := s.symbol(r)
	if err != nil {
		return nil, err
	}
	n, err := limit(r, 1, 1000)
	if err != nil {
		return nil, err
	}
	b, err := s.market.Book(i.Symbol, n)
	if err != nil {
		return nil, err
	}
	rows := func(side []venue.Level) [][2]string {
		out := make([][2]string, len(side))
		for i, l := range side {
			out[i] = [2]string{l.Price, l.Qty}
		}
		return out
	}
	ms := b.At.UnixMilli()
	return map[string]any{"s": i.Symbol, "b": rows(b.Bids), "a": rows(b.Asks), "ts": ms, "u": b.Seq, "seq": b.Seq, "cts": ms}, nil
}

func (s *Server) trades(r *http.Request) (any, error) {
	i, err := s.symbol(r)
	if err != nil {
		return nil, err
	}
	n, err := limit(r, 60, 60)
	if err != nil {
		return nil, err
	}
	trades, err := s.market.Trades(i.Symbol, n)
	if err != nil {
		return nil, err
	}
	list := make([]map[string]any, 0, len(trades))
	for n := len(trades) - 1; n >= 0; n-- {
		t := trades[n]
		list = append(list, map[string]any{
			"execId": strconv.FormatInt(t.ID, 10), "symbol": i.Symbol, "price": t.Price, "size": t.Qty, "side": side(t.Sell),
			"time": strconv.FormatInt(t.At.UnixMilli(), 10), "isBlockTrade": false, "isRPITrade": false, "seq": strconv.FormatInt(t.Seq, 10),
		})
	}
	return map[string]any{"category": "spot", "list": list}, nil
}

func (s *Server) tickers(r *http.Request) (any, error) {
	is, err := spot(r)
	if err != nil {
		return nil, err
	}
	list := []map[string]string{}
	name := r.URL.Query().Get("symbol")
	if _, known := s.symbols[name]; is && name != "" && !known {
		return nil, errSymbol
	}
	for _, i := range s.list {
		if !is || name != "" && name != i.Symbol {
			continue
		}
		row, err := s.ticker(i)
		if errors.Is(err, venue.ErrNoBook) {
			continue
		}
		if err != nil {
			return nil, err
		}
		list = append(list, row)
	}
	return map[string]any{"category": r.URL.Query().Get("category"), "list": list}, nil
}

func (s *Server) ticker(i venue.Instrument) (map[string]string, error) {
	b, err := s.market.Book(i.Symbol, 1)
	if err != nil {
		return nil, err
	}
	day, _, err := venue.Day(s.market, i.Symbol)
	if err != nil {
		return nil, err
	}
	out := map[string]string{
		"symbol": i.Symbol, "lastPrice": day.Close, "prevPrice24h": day.Open, "highPrice24h": day.High, "lowPrice24h": day.Low,
		"turnover24h": day.Quote, "volume24h": day.Base, "price24hPcnt": change(day.Open, day.Close), "usdIndexPrice": "",
		"bid1Price": "", "bid1Size": "", "ask1Price": "", "ask1Size": "",
	}
	if len(b.Bids) > 0 {
		out["bid1Price"], out["bid1Size"] = b.Bids[0].Price, b.Bids[0].Qty
	}
	if len(b.Asks) > 0 {
		out["ask1Price"], out["ask1Size"] = b.Asks[0].Price, b.Asks[0].Qty
	}
	return out, nil
}

// change is the part by which a price has risen, with four decimals.
func change(from, to string) string {
	a, ok := new(big.Rat).SetString(from)
	b, ok2 := new(big.Rat).SetString(to)
	if !ok || !ok2 || a.Sign() == 0 {
		return "0"
	}
	return new(big.Rat).Sub(new(big.Rat).Quo(b, a), big.NewRat(1, 1)).FloatString(4)
}
