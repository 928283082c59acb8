package kraken

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

// Bounds of the exchange's answers.
const (
	maxOHLC   = 720
	maxLevels = 500
	maxTrades = 1000
)

// refusal is an error in the exchange's words; it comes with HTTP 200.
type refusal string

func (r refusal) Error() string { return string(r) }

const (
	errPair      = refusal("EQuery:Unknown asset pair")
	errArguments = refusal("EGeneral:Invalid arguments")
	errBusy      = refusal("EService:Unavailable")
)

// Server answers Kraken's paths.
type Server struct {
	market Market
	door   *wire.Door
	log    *slog.Logger
	pairs  []Pair
	bySym  map[string]Pair // by the name on the streams
	byName map[string]Pair // by any name a REST request may use
}

// New returns a server that lets its WebSocket clients in through the door.
func New(m Market, door *wire.Door, log *slog.Logger) *Server {
	s := &Server{market: m, door: door, log: log, bySym: map[string]Pair{}, byName: map[string]Pair{}}
	for _, p := range m.Pairs() {
		s.pairs = append(s.pairs, p)
		s.bySym[p.Symbol] = p
		for _, name := range []string{p.Symbol, p.Key, p.Alt, p.Old, p.Base + p.Quote} {
			s.byName[name] = p
		}
	}
	return s
}

// Handler routes the exchange's paths; the end of ctx ends the WebSocket sessions.
func (s *Server) Handler(ctx context.Context) http.Handler {
	mux := http.NewServeMux()
	rest := func(name string, answer func(*http.Request) (any, error)) {
		mux.HandleFunc("/0/public/"+name, func(w http.ResponseWriter, r *http.Request) { s.reply(w, r, answer) })
	}
	rest("Time", func(*http.Request) (any, error) {
		now := s.market.Now().UTC()
		return map[string]any{"unixtime": now.Unix(), "rfc1123": now.Format("Mon, 02 Jan 06 15:04:05 -0700")}, nil
	})
	rest("SystemStatus", func(*http.Request) (any, error) {
		return map[string]any{"status": "online", "timestamp": s.market.Now().UTC().Format("2006-01-02T15:04:05Z")}, nil
	})
	rest("Assets", s.assets)
	rest("AssetPairs", s.assetPairs)
	rest("OHLC", s.ohlc)
	rest("Depth", s.depth)
	rest("Trades", s.trades)
	mux.HandleFunc("/0/public/", func(w http.ResponseWriter, r *http.Request) {
		s.reply(w, r, func(*http.Request) (any, error) { return nil, refusal("EGeneral:Unknown method") })
	})
	mux.HandleFunc("/v2", func(w http.ResponseWriter, r *http.Request) {
		s.door.Serve(ctx, w, r, newSession(s), s.market.Changed)
	})
	return mux
}

func (s *Server) reply(w http.ResponseWriter, r *http.Request, answer func(*http.Request) (any, error)) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	out := struct {
		Error  []string `json:"error"`
		Result any      `json:"result,omitempty"`
	}{Error: []string{}}
	result, err := answer(r)
	var no refusal
	switch {
	case err == nil:
		out.Result = result
	case errors.As(err, &no):
		out.Error = append(out.Error, string(no))
	case errors.Is(err, errNoBook):
		out.Error = append(out.Error, string(errBusy))
	default:
		s.log.Error("answer a request", "path", r.URL.Path, "error", err)
		out.Error = append(out.Error, "EGeneral:Internal error")
	}
	body, err := json.Marshal(out)
	if err != nil {
		s.log.Error("encode an answer", "path", r.URL.Path, "error", err)
		return
	}
	w.Write(body) //nolint:errcheck // the client has left
}

// pair reads the mandatory parameter in any of its spellings.
func (s *Server) pair(r *http.Request) (Pair, error) {
	name := r.FormValue("pair")
	if name == "" {
		return Pair{}, errArguments
	}
	p, ok := s.byName[strings.ToUpper(name)]
	if !ok {
		return Pair{}, errPair
	}
	return p, nil
}

// count reads how many are wanted.
func count(r *http.Request, most int) (int, error) {
	v := r.FormValue("count")
	if v == "" {
		return min(most, 100), nil
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 1 {
		return 0, refusal("EGeneral:Invalid arguments:count")
	}
	return min(n, most), nil
}

func (s *Server) assets(*http.Request) (any, error) {
	out := map[string]any{}
	for _, p := range s.pairs {
		for _, a := range [][2]string{{p.Base, p.BaseKey}, {p.Quote, p.QuoteKey}} {
			alt := a[0]
			if old, ok := oldNames[a[0]]; ok {
				alt = old.alt
			}
			out[a[1]] = map[string]any{"aclass": "currency", "altname": alt, "decimals": 10, "display_decimals": 5, "status": "enabled"}
		}
	}
	return out, nil
}

func (s *Server) assetPairs(r *http.Request) (any, error) {
	out := map[string]json.RawMessage{}
	if names := r.FormValue("pair"); names != "" {
		for name := range strings.SplitSeq(names, ",") {
			p, ok := s.byName[strings.ToUpper(name)]
			if !ok {
				return nil, errPair
			}
			out[p.Key] = p.entry()
		}
		return out, nil
	}
	for _, p := range s.pairs {
		out[p.Key] = p.entry()
	}
	return out, nil
}

func (s *Server) ohlc(r *http.Request) (any, error) {
	p, err := s.pair(r)
	if err != nil {
		return nil, err
	}
	minutes := r.FormValue("interval")
	if minutes == "" {
		minutes = "1"
	}
	interval, ok := span.Kraken(minutes)
	if !ok {
		return nil, refusal("EGeneral:Invalid arguments:interval")
	}
	candles, err := s.market.Candles(p.Symbol, interval, span.Window{Limit: maxOHLC})
	if err != nil {
		return nil, err
	}
	var since int64 = -1
	if v := r.FormValue("since"); v != "" {
		if since, err = strconv.ParseInt(v, 10, 64); err != nil {
			return nil, refusal("EGeneral:Invalid arguments:since")
		}
	}
	rows, last := [][]any{}, since
	for i, c := range candles {
		at := c.Start.Unix()
		// The running candle is always sent, and never the one that "last" names.
		if i < len(candles)-1 {
			last = max(last, at)
			if at <= since {
				continue
			}
		}
		rows = append(rows, []any{at, c.Open, c.High, c.Low, c.Close, c.VWAP, c.Volume, c.Trades})
	}
	return map[string]any{p.Key: rows, "last": max(last, 0)}, nil
}

func (s *Server) depth(r *http.Request) (any, error) {
	p, err := s.pair(r)
	if err != nil {
		return nil, err
	}
	n, err := count(r, maxLevels)
	if err != nil {
		return nil, err
	}
	b, err := s.market.Depth(p.Symbol, n)
	if err != nil {
		return nil, err
	}
	now := s.market.Now().Unix()
	rows := func(side []Level) [][]any {
		out := make([][]any, len(side))
		for i, l := range side {
			out[i] = []any{l.Price, l.Qty, now}
		}
		return out
	}
	return map[string]any{p.Key: map[string]any{"asks": rows(b.Asks), "bids": rows(b.Bids)}}, nil
}

func (s *Server) trades(r *http.Request) (any, error) {
	p, err := s.pair(r)
	if err != nil {
		return nil, err
	}
	n := maxTrades
	if r.FormValue("count") != "" {
		if n, err = count(r, maxTrades); err != nil {
			return nil, err
		}
	}
	trades, err := s.market.Trades(p.Symbol, n)
	if err != nil {
		return nil, err
	}
	var since int64
	if v := r.FormValue("since"); v != "" {
		if since, err = strconv.ParseInt(v, 10, 64); err != nil {
			return nil, refusal("EGeneral:Invalid arguments:since")
		}
		if since < 1e12 { // seconds rather than nanoseconds
			since *= int64(time.Second)
		}
	}
	rows, last := [][]any{}, since
	for _, t := range trades {
		ns := t.At.UnixNano()
		if ns <= since {
			continue
		}
		side, kind := "b", "m"
		if t.Sell {
			side = "s"
		}
		if t.OrdType == "limit" {
			kind = "l"
		}
		at := json.Number(strconv.FormatFloat(float64(ns/1e3)/1e6, 'f', 6, 64))
		rows, last = append(rows, []any{t.Price, t.Qty, at, side, kind, "", t.ID}), ns
	}
	return map[string]any{p.Key: rows, "last": strconv.FormatInt(last, 10)}, nil
}
