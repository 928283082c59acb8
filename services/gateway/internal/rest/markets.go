package rest

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/pkg/market"
)

type info struct {
	Assets     []string          `json:"assets"`
	Pairs      []market.Symbol   `json:"pairs"`
	Exchanges  []market.Exchange `json:"exchanges"`
	Intervals  []bus.Interval    `json:"intervals"`
	Market     string            `json:"market"`
	Version    string            `json:"version"`
	ServerTime time.Time         `json:"server_time"`
}

// GetInfo tells what can be traded where.
func (s *server) GetInfo(ctx context.Context, _ GetInfoRequestObject) (GetInfoResponseObject, error) {
	assets, pairs := map[string]bool{}, map[market.Symbol]bool{}
	for _, list := range s.Catalog.Listings(ctx) {
		for _, in := range list.Instruments {
			assets[in.Base], assets[in.Quote], pairs[in.Symbol] = true, true, true
		}
	}
	return GetInfo200JSONResponse{
		Assets: sortedKeys(assets), Pairs: sortedKeys(pairs), Exchanges: s.Catalog.Exchanges(), Intervals: bus.Intervals,
		Market: s.Kind, Version: s.Version, ServerTime: time.Now().UTC(),
	}, nil
}

// sortedKeys returns the keys, [] and not null if there are none.
func sortedKeys[K ~string](set map[K]bool) []K {
	return slices.AppendSeq(make([]K, 0, len(set)), slices.Values(slices.Sorted(maps.Keys(set))))
}

type exchangeList struct {
	Exchanges []any `json:"exchanges"` // names or exchangeDetail
}

type exchangeDetail struct {
	Name          market.Exchange `json:"name"`
	Status        market.State    `json:"status"`
	Reason        string          `json:"reason,omitempty"`
	Market        string          `json:"market"`
	Pairs         *int            `json:"pairs"`
	LagMS         *int64          `json:"lag_ms"`
	LastMessageAt *time.Time      `json:"last_message_at"`
}

// ListExchanges tells the exchanges and how the connections to them are doing.
func (s *server) ListExchanges(ctx context.Context, req ListExchangesRequestObject) (ListExchangesResponseObject, error) {
	answer := ListExchanges200JSONResponse{Exchanges: []any{}}
	detail := req.Params.Detail != nil && *req.Params.Detail
	pairs := map[market.Exchange]int{}
	if detail {
		for _, list := range s.Catalog.Listings(ctx) {
			pairs[list.Exchange] = len(list.Instruments)
		}
	}
	for _, e := range s.Catalog.Exchanges() {
		if !detail {
			answer.Exchanges = append(answer.Exchanges, e)
			continue
		}
		status, known := s.Statuses.Of(e, time.Now())
		d := exchangeDetail{Name: e, Status: status.State, Reason: status.Reason, Market: s.Kind}
		if n, answers := pairs[e]; answers {
			d.Pairs = &n
		}
		if known && !status.LastMessageAt.IsZero() {
			d.LagMS, d.LastMessageAt = &status.LagMS, &status.LastMessageAt
		}
		answer.Exchanges = append(answer.Exchanges, d)
	}
	return answer, nil
}

type pairList struct {
	Exchange market.Exchange `json:"exchange"`
	Pairs    []any           `json:"pairs"` // symbols or market.Instrument
}

// ListPairs tells what an exchange lists.
func (s *server) ListPairs(ctx context.Context, req ListPairsRequestObject) (ListPairsResponseObject, error) {
	e, err := s.Catalog.Exchange(req.Exchange)
	if err != nil {
		return nil, err
	}
	list, err := s.Catalog.Listing(ctx, e)
	if err != nil {
		return nil, err
	}
	answer := ListPairs200JSONResponse{Exchange: e, Pairs: make([]any, len(list.Instruments))}
	for i, in := range list.Instruments {
		answer.Pairs[i] = in.Symbol
		if req.Params.Detail != nil && *req.Params.Detail {
			answer.Pairs[i] = in
		}
	}
	return answer, nil
}

// instrument finds the one instrument that a path names.
func (s *server) instrument(ctx context.Context, exchange, symbol string) (market.Instrument, error) {
	e, err := s.Catalog.Exchange(exchange)
	if err != nil {
		return market.Instrument{}, err
	}
	list, err := s.Catalog.Listing(ctx, e)
	if err != nil {
		return market.Instrument{}, err
	}
	return list.Find(symbol)
}

type klineList struct {
	Exchange market.Exchange `json:"exchange"`
	Symbol   market.Symbol   `json:"symbol"`
	Native   string          `json:"native"`
	Interval bus.Interval    `json:"interval"`
	Source   string          `json:"source,omitempty"`
	Klines   []market.Candle `json:"klines"`
}

// GetKlines asks the exchange's collector for candles.
func (s *server) GetKlines(ctx context.Context, req GetKlinesRequestObject) (GetKlinesResponseObject, error) {
	interval, err := served(valueOr(req.Params.Interval, "1m"))
	if err != nil {
		return nil, err
	}
	question := bus.KlinesRequest{Interval: interval, Limit: valueOr(req.Params.Limit, 100)}
	if question.Start, err = when("start", req.Params.Start); err != nil {
		return nil, err
	}
	if question.End, err = when("end", req.Params.End); err != nil {
		return nil, err
	}
	if !question.Start.IsZero() && !question.End.IsZero() && question.End.Before(question.Start) {
		return nil, badRequest("invalid_parameter", "end is before start")
	}
	if market.Exchange(req.Exchange) == market.All {
		return nil, badRequest("invalid_parameter", "candles are those of one exchange: name it")
	}
	in, err := s.instrument(ctx, req.Exchange, req.Symbol)
	if err != nil {
		return nil, err
	}
	question.Symbol = in.Symbol
	var reply bus.KlinesReply
	if err := s.Bus.Ask(ctx, bus.CollectorSubject(in.Exchange, bus.AskKlines), question, &reply); err != nil {
		if refused := (*bus.Failure)(nil); errors.As(err, &refused) && errors.Is(err, bus.ErrInvalid) {
			p := badRequest(refused.Code, refused.Detail)
			p.Errors = refused.Errors
			return nil, p
		}
		return nil, err
	}
	if reply.Klines == nil {
		reply.Klines = []market.Candle{}
	}
	return GetKlines200JSONResponse{
		Exchange: in.Exchange, Symbol: in.Symbol, Native: in.Native, Interval: interval, Source: reply.Source, Klines: reply.Klines,
	}, nil
}

// served returns an interval if it is one of those that are served.
func served(text string) (bus.Interval, error) {
	interval, err := bus.ParseInterval(text)
	if err == nil && slices.Contains(bus.Intervals, interval) {
		return interval, nil
	}
	p := badRequest("unknown_interval", "candles of this length are not served")
	p.Intervals = intervals()
	return bus.Interval{}, p
}

// intervals are those that are served.
func intervals() []string {
	names := make([]string, len(bus.Intervals))
	for i, interval := range bus.Intervals {
		names[i] = interval.String()
	}
	return names
}

// when reads a time of a query: RFC 3339, or milliseconds since 1970; nothing is the zero time.
func when(name string, text *string) (time.Time, error) {
	if text == nil || *text == "" {
		return time.Time{}, nil
	}
	at, err := time.Parse(time.RFC3339, *text)
	if ms, number := strconv.ParseInt(*text, 10, 64); number == nil {
		at, err = time.UnixMilli(ms), nil
	}
	if at = at.UTC(); err != nil || at.Year() < 1970 || at.Year() > 9999 {
		return time.Time{}, badRequest("invalid_parameter", name+" must be a time as in RFC 3339, or milliseconds since 1970")
	}
	return at, nil
}

func valueOr[T any](v *T, def T) T {
	if v == nil {
		return def
	}
	return *v
}

// unavailable is the problem of something that is known but cannot be had right now.
func unavailable(code, detail string) *problem {
	p := newProblem(http.StatusServiceUnavailable, code, detail)
	p.retryAfter = time.Second
	return p
}
