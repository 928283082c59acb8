package okx

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/hourglass-trading/hourglass/services/simulator/internal/span"
	"github.com/hourglass-trading/hourglass/services/simulator/internal/wire"
	"github.com/hourglass-trading/hourglass/services/simulator/internal/wire/venue"
)

// Server answers OKX's paths.
type Server struct {
	market      venue.Market
	words       Words
	door        *wire.Door
	log         *slog.Logger
	list        []venue.Instrument
	instruments map[string]venue.Instrument
	conns       atomic.Uint32
}

// New returns a server that lets its WebSocket clients in through the door.
func New(m venue.Market, door *wire.Door, log *slog.Logger) *Server {
	s := &Server{market: m, door: door, log: log, list: m.Instruments(), instruments: map[string]venue.Instrument{}}
	for _, i := range s.list {
		s.instruments[i.Symbol] = i
	}
	return s
}

// Handler routes the exchange's paths; the end of ctx ends the WebSocket sessions.
func (s *Server) Handler(ctx context.Context) http.Handler {
	mux := http.NewServeMux()
	// Each path has a limit of its own, in requests of 2 seconds.
	rest := func(path string, most int, answer func(*http.Request) (any, error)) {
		meter := wire.NewMeter(most, 2*time.Second)
		mux.HandleFunc("GET /api/v5/"+path, func(w http.ResponseWriter, r *http.Request) { s.reply(w, r, meter, answer) })
	}
	rest("public/time", 20, func(*http.Request) (any, error) {
		return []map[string]string{{"ts": s.stamp(s.market.Now())}}, nil
	})
	rest("public/instruments", 20, s.listed)
	rest("system/status", 20, func(*http.Request) (any, error) { return []any{}, nil })
	rest("market/candles", 40, s.candles(300))
	rest("market/history-candles", 40, s.candles(300))
	rest("market/books", 40, s.books(400))
	rest("market/books-full", 40, s.books(5000))
	rest("market/trades", 100, s.trades(500))
	rest("market/history-trades", 40, s.trades(100))
	rest("market/ticker", 20, s.ticker)
	rest("market/tickers", 20, s.tickers)
	socket := func(business bool) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			s.door.Serve(ctx, w, r, newSession(s, business), s.market.Changed)
		}
	}
	mux.HandleFunc("GET /ws/v5/public", socket(false))
	mux.HandleFunc("GET /ws/v5/business", socket(true))
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		s.send(w, http.StatusNotFound, envelope{Code: "404", Data: []any{}, Msg: "Not Found"})
	})
	return mux
}

// envelope is the form of all answers.
type envelope struct {
	Code string `json:"code"`
	Data any    `json:"data"`
	Msg  string `json:"msg"`
}

// refusal is an answer of the exchange that says no.
type refusal struct {
	status    int
	code, msg string
}

func (r refusal) Error() string { return r.msg }

var (
	errInstrument = refusal{http.StatusOK, "51001", "Instrument ID, Instrument ID code, or Spread ID doesn't exist."}
	errTooFast    = refusal{http.StatusTooManyRequests, "50011", "Too Many Requests"}
	errBusy       = refusal{http.StatusServiceUnavailable, "50013", "Systems are busy. Please try again later."}
)

func wrong(parameter string) error {
	return refusal{http.StatusBadRequest, "51000", "Parameter " + parameter + " error"}
}

func missing(parameter string) error {
	return refusal{http.StatusBadRequest, "50014", "Parameter " + parameter + " can not be empty."}
}

func (s *Server) reply(w http.ResponseWriter, r *http.Request, meter *wire.Meter, answer func(*http.Request) (any, error)) {
	var data any
	var err error = errTooFast
	if meter.Allow(r) {
		data, err = answer(r)
	}
	var no refusal
	switch {
	case err == nil:
		s.send(w, http.StatusOK, envelope{"0", data, ""})
		return
	case errors.As(err, &no):
	case errors.Is(err, venue.ErrNoBook):
		no = errBusy
	default:
		s.log.Error("answer a request", "path", r.URL.Path, "error", err)
		no = refusal{http.StatusInternalServerError, "50026", "System error. Try again later."}
	}
	s.send(w, no.status, envelope{no.code, []any{}, no.msg})
}

func (s *Server) send(w http.ResponseWriter, status int, e envelope) {
	body, err := json.Marshal(e)
	if err != nil {
		s.log.Error("encode an answer", "error", err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write(body) //nolint:errcheck // the client has left
}

func (s *Server) stamp(t time.Time) string { return strconv.FormatInt(t.UnixMilli(), 10) }

func (s *Server) instrument(r *http.Request) (venue.Instrument, error) {
	name := r.URL.Query().Get("instId")
	if name == "" {
		return venue.Instrument{}, missing("instId")
	}
	i, ok := s.instruments[name]
	if !ok {
		return i, errInstrument
	}
	return i, nil
}

// limit reads a count; more than most is cut to it.
func limit(r *http.Request, name string, def, most int) (int, error) {
	v := r.URL.Query().Get(name)
	if v == "" {
		return def, nil
	}
	n, err := strconv.Atoi(v)
	if err != nil || n <= 0 {
		return 0, wrong(name)
	}
	return min(n, most), nil
}

// millis reads a moment; zero where there is none.
func millis(r *http.Request, name string) (time.Time, error) {
	v := r.URL.Query().Get(name)
	if v == "" {
		return time.Time{}, nil
	}
	ms, err := strconv.ParseUint(v, 10, 43)
	if err != nil {
		return time.Time{}, wrong(name)
	}
	return time.UnixMilli(int64(ms)).UTC(), nil
}

func (s *Server) listed(r *http.Request) (any, error) {
	q := r.URL.Query()
	switch q.Get("instType") {
	case "":
		return nil, missing("instType")
	case "SPOT":
	case "MARGIN", "SWAP", "FUTURES", "OPTION", "EVENTS":
		return []any{}, nil
	default:
		return nil, wrong("instType")
	}
	if q.Get("instId") != "" {
		i, err := s.instrument(r)
		if err != nil {
			return nil, err
		}
		return []json.RawMessage{entry(i)}, nil
	}
	out := make([]json.RawMessage, 0, len(s.list))
	for _, i := range s.list {
		out = append(out, entry(i))
	}
	return out, nil
}

// entry spells an instrument's description.
func entry(i venue.Instrument) json.RawMessage {
	if i.Entry != nil {
		return i.Entry
	}
	out := map[string]string{
		"instType": "SPOT", "instId": i.Symbol, "baseCcy": i.Base, "quoteCcy": i.Quote, "state": "live", "tickSz": i.Tick, "lotSz": i.Step,
		"minSz": i.MinQty, "listTime": "1548133413000", "maxLmtSz": "9999999999", "maxMktSz": "1000000", "maxLmtAmt": "20000000",
		"maxMktAmt": "1000000", "maxTwapSz": "9999999999.0000000000000000", "maxIcebergSz": "9999999999.0000000000000000",
		"maxTriggerSz": "9999999999.0000000000000000", "maxStopSz": "1000000", "ruleType": "normal", "lever": "10", "category": "1", "instFamily": "",
	}
	for _, key := range []string{"uly", "settleCcy", "ctVal", "ctMult", "ctValCcy", "optType", "stk", "expTime", "ctType", "alias", "contTdSwTime", "openType"} {
		out[key] = ""
	}
	raw, err := json.Marshal(out)
	if err != nil {
		return nil // cannot happen: plain strings only
	}
	return raw
}

// candles answers newest first; after is older than, before newer than, neither with the moment itself.
func (s *Server) candles(most int) func(*http.Request) (any, error) {
	return func(r *http.Request) (any, error) {
		i, err := s.instrument(r)
		if err != nil {
			return nil, err
		}
		name := r.URL.Query().Get("bar")
		if name == "" {
			name = "1m"
		}
		bar, ok := bars[name]
		if !ok {
			return nil, wrong("bar")
		}
		var w span.Window
		if w.Limit, err = limit(r, "limit", 100, most); err != nil {
			return nil, err
		}
		before, err := millis(r, "before")
		if err != nil {
			return nil, err
		}
		if w.To, err = millis(r, "after"); err != nil {
			return nil, err
		}
		if !w.To.IsZero() {
			w.To = w.To.Add(-time.Millisecond)
		}
		candles, err := s.market.Candles(i.Symbol, bar, w)
		if err != nil {
			return nil, err
		}
		rows, now := [][]string{}, s.market.Now()
		for n := len(candles) - 1; n >= 0 && candles[n].Start.After(before); n-- {
			rows = append(rows, row(&candles[n], !now.Before(candles[n].Next)))
		}
		return rows, nil
	}
}

func (s *Server) books(most int) func(*http.Request) (any, error) {
	return func(r *http.Request) (any, error) {
		i, err := s.instrument(r)
		if err != nil {
			return nil, err
		}
		n, err := limit(r, "sz", 1, most)
		if err != nil {
			return nil, err
		}
		b, err := s.market.Book(i.Symbol, n)
		if err != nil {
			return nil, err
		}
		rows := func(side []venue.Level) [][]string {
			out := make([][]string, len(side))
			for i, l := range side {
				out[i] = []string{l.Price, l.Qty, "0", "1"}
			}
			return out
		}
		return []map[string]any{{"asks": rows(b.Asks), "bids": rows(b.Bids), "ts": s.stamp(b.At), "seqId": b.Seq}}, nil
	}
}

func (s *Server) trades(most int) func(*http.Request) (any, error) {
	return func(r *http.Request) (any, error) {
		i, err := s.instrument(r)
		if err != nil {
			return nil, err
		}
		n, err := limit(r, "limit", 100, most)
		if err != nil {
			return nil, err
		}
		trades, err := s.market.Trades(i.Symbol, n)
		if err != nil {
			return nil, err
		}
		rows := make([]map[string]string, 0, len(trades))
		for n := len(trades) - 1; n >= 0; n-- {
			t := trades[n]
			rows = append(rows, map[string]string{
				"instId": i.Symbol, "tradeId": strconv.FormatInt(t.ID, 10), "px": t.Price, "sz": t.Qty, "side": side(t.Sell),
				"ts": s.stamp(t.At), "source": "0",
			})
		}
		return rows, nil
	}
}

func (s *Server) ticker(r *http.Request) (any, error) {
	i, err := s.instrument(r)
	if err != nil {
		return nil, err
	}
	row, err := s.tick(i)
	return []any{row}, err
}

func (s *Server) tickers(r *http.Request) (any, error) {
	rows := []any{}
	if r.URL.Query().Get("instType") != "SPOT" {
		return rows, nil
	}
	for _, i := range s.list {
		row, err := s.tick(i)
		if errors.Is(err, venue.ErrNoBook) {
			continue
		}
		if err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	return rows, nil
}

func (s *Server) tick(i venue.Instrument) (map[string]string, error) {
	b, err := s.market.Book(i.Symbol, 1)
	if err != nil {
		return nil, err
	}
	day, _, err := venue.Day(s.market, i.Symbol)
	if err != nil {
		return nil, err
	}
	out := map[string]string{
		"instType": "SPOT", "instId": i.Symbol, "last": day.Close, "lastSz": "0", "askPx": "", "askSz": "", "bidPx": "", "bidSz": "",
		"open24h": day.Open, "high24h": day.High, "low24h": day.Low, "volCcy24h": day.Quote, "vol24h": day.Base, "ts": s.stamp(b.At),
		"sodUtc0": day.Open, "sodUtc8": day.Open,
	}
	if len(b.Asks) > 0 {
		out["askPx"], out["askSz"] = b.Asks[0].Price, b.Asks[0].Qty
	}
	if len(b.Bids) > 0 {
		out["bidPx"], out["bidSz"] = b.Bids[0].Price, b.Bids[0].Qty
	}
	return out, nil
}
