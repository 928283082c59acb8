package collector

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"golang.org/x/time/rate"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/services/collector/internal/candle"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange"
	"github.com/hourglass-trading/hourglass/services/collector/internal/feed"
)

// Bounds of what one question about candles may cost.
const (
	maxLimit     = 1000
	defaultLimit = 100
	maxPages     = 40              // calls to the exchange for one answer; what they do not reach is left out
	answerTime   = 4 * time.Second // who asks waits five
)

// offered are the lengths that are served where the exchange has them or a length that divides them.
var offered = []time.Duration{
	time.Second, 5 * time.Second, 10 * time.Second, 15 * time.Second, 30 * time.Second,
	time.Minute, 3 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 30 * time.Minute,
	time.Hour, 2 * time.Hour, 4 * time.Hour, 6 * time.Hour, 8 * time.Hour, 12 * time.Hour,
	24 * time.Hour, 2 * 24 * time.Hour, 3 * 24 * time.Hour, 7 * 24 * time.Hour,
}

// klines answers questions about candles from the exchange's REST interface.
type klines struct {
	exchange exchange.Exchange
	rest     *feed.REST
	catalog  *catalog
	recent   func(market.Symbol, time.Duration) []market.Candle // built from trades
	log      *slog.Logger
	// budget leaves half of the exchange's weight to the books, however often candles are asked for.
	budget *rate.Limiter
	pages  *pages
}

func newKlines(ex exchange.Exchange, rest *feed.REST, c *catalog, recent func(market.Symbol, time.Duration) []market.Candle, log *slog.Logger) *klines {
	t := ex.Traits()
	half := float64(t.Weight) / t.WeightPer.Seconds() / 2
	return &klines{
		exchange: ex, rest: rest, catalog: c, recent: recent, log: log,
		budget: rate.NewLimiter(rate.Limit(half), max(t.Weight/2, 1)), pages: newPages(),
	}
}

// answer serves a request. It fails with a bus.Failure.
func (k *klines) answer(ctx context.Context, req bus.KlinesRequest) (bus.KlinesReply, error) {
	if req.Limit == 0 {
		req.Limit = defaultLimit
	}
	if req.Limit < 1 || req.Limit > maxLimit {
		return bus.KlinesReply{}, invalid("limit", fmt.Sprintf("must be within 1…%d", maxLimit))
	}
	length := req.Interval.Duration()
	base, ok := k.base(length)
	if !ok && !k.built(length) {
		return bus.KlinesReply{}, invalid("interval", "must be one of "+strings.Join(k.names(), ", "))
	}
	l, err := k.catalog.lookUp(req.Symbol)
	if err != nil {
		return bus.KlinesReply{}, err
	}
	now := time.Now().UTC()
	reply := bus.KlinesReply{Exchange: k.exchange.Name(), Symbol: req.Symbol, Interval: req.Interval, Source: bus.FromExchange}
	window := newWindow(req, length)
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	err = errors.New("not offered by the exchange")
	if ok {
		reply.Klines, err = k.fetch(ctx, l, base, window, now)
	}
	if err != nil {
		reply.Source, reply.Klines = bus.FromTrades, window.cut(k.recent(req.Symbol, length))
		if len(reply.Klines) == 0 && ok { // where the exchange has none of that length, none seen is the whole truth
			return bus.KlinesReply{}, unavailable(fmt.Sprintf("no candles from %s: %s", k.exchange.Name(), feed.Reason(err)))
		}
	}
	return reply, nil
}

// base returns the longest length that the exchange has and that divides the wanted one.
func (k *klines) base(length time.Duration) (time.Duration, bool) {
	if !slices.Contains(offered, length) {
		return 0, false
	}
	for _, have := range slices.Backward(k.exchange.Intervals()) {
		if length%have == 0 {
			return have, true
		}
	}
	return 0, false
}

// built reports whether candles of that length are built from trades.
func (k *klines) built(length time.Duration) bool {
	return slices.ContainsFunc(bus.Intervals, func(i bus.Interval) bool { return i.Duration() == length })
}

// names lists what can be asked for.
func (k *klines) names() []string {
	var names []string
	for _, length := range offered {
		if _, ok := k.base(length); !ok && !k.built(length) {
			continue
		}
		if i, err := bus.NewInterval(length); err == nil {
			names = append(names, i.String())
		}
	}
	return names
}

// window is the span of opening times that a request means, both ends included; a zero end is open.
type window struct {
	length      time.Duration
	first, last time.Time
	limit       int
}

// newWindow: from a start on the first candles, without one the newest before the end. What is newest is up to the
// exchange: its clock is the one that counts, and a recording's stands in another year.
func newWindow(req bus.KlinesRequest, length time.Duration) window {
	w := window{length: length, limit: req.Limit}
	if !req.End.IsZero() {
		w.last = req.End.UTC().Truncate(length)
	}
	if req.Start.IsZero() {
		return w
	}
	w.first = req.Start.UTC().Truncate(length)
	if w.first.Before(req.Start) {
		w.first = w.first.Add(length)
	}
	if most := w.first.Add(time.Duration(req.Limit-1) * length); w.last.IsZero() || most.Before(w.last) {
		w.last = most
	}
	return w
}

// end returns when the last candle ends, zero for an open end.
func (w window) end() time.Time {
	if w.last.IsZero() {
		return time.Time{}
	}
	return w.last.Add(w.length)
}

// cut returns the candles within the window, the newest where there are more than wanted.
func (w window) cut(candles []market.Candle) []market.Candle {
	in := []market.Candle{}
	for _, c := range candles {
		if !c.OpenTime.Before(w.first) && (w.last.IsZero() || !c.OpenTime.After(w.last)) {
			in = append(in, c)
		}
	}
	return in[max(len(in)-w.limit, 0):]
}

// fetch reads the window from the exchange, page by page, and joins candles where it only has shorter ones.
func (k *klines) fetch(ctx context.Context, l *exchange.Listing, base time.Duration, w window, now time.Time) ([]market.Candle, error) {
	if !w.last.IsZero() && w.last.Before(w.first) {
		return []market.Candle{}, nil
	}
	var all []market.Candle
	var err error
	if w.first.IsZero() {
		all, err = k.backward(ctx, l, base, w, now)
	} else {
		all, err = k.forward(ctx, l, base, w, now)
	}
	if err != nil {
		return nil, err
	}
	if base == w.length {
		return w.cut(all), nil
	}
	if len(all) >= k.exchange.Traits().CandleRows && !all[0].OpenTime.Equal(all[0].OpenTime.Truncate(w.length)) {
		all = afterFirst(all, w.length) // what the exchange remembers begins within a candle, which would lack its beginning
	}
	joined, err := candle.Aggregate(all, w.length, now)
	if err != nil {
		return nil, fmt.Errorf("join candles: %w", err)
	}
	return w.cut(joined), nil
}

// backward reads the newest rows before the window's end.
func (k *klines) backward(ctx context.Context, l *exchange.Listing, base time.Duration, w window, now time.Time) ([]market.Candle, error) {
	factor := int(w.length / base)
	need := w.limit*factor + factor - 1 // the running candle is begun, so the oldest reaches further back
	var all []market.Candle
	end := w.end()
	for range maxPages {
		limit := k.exchange.Traits().CandleRows
		if !k.exchange.Traits().SparseRows {
			limit = min(limit, need)
		}
		page, err := k.page(ctx, l, base, time.Time{}, end, limit, now)
		if err != nil {
			return nil, err
		}
		page = page[max(len(page)-limit, 0):]
		all = append(page, all...)
		// What is rare has short pages all the way; an empty one is taken as the beginning of all.
		if need -= len(page); need <= 0 || len(page) == 0 || len(page) < limit && !k.exchange.Traits().SparseRows {
			break
		}
		end = page[0].OpenTime
	}
	return all, nil
}

// forward reads rows from the window's start on.
func (k *klines) forward(ctx context.Context, l *exchange.Listing, base time.Duration, w window, now time.Time) ([]market.Candle, error) {
	var all []market.Candle
	at, end := w.first, w.end()
	for range maxPages {
		limit := min(k.exchange.Traits().CandleRows, int((end.Sub(at)+base-1)/base))
		page, err := k.page(ctx, l, base, at, end, limit, now)
		if err != nil {
			return nil, err
		}
		all = append(all, page...)
		switch {
		case k.exchange.Traits().SparseRows:
			at = at.Add(time.Duration(limit) * base)
		case len(page) < limit:
			return all, nil
		default:
			at = page[len(page)-1].OpenTime.Add(base)
		}
		if !at.Before(end) {
			break
		}
	}
	return all, nil
}

// afterFirst leaves out the candles of the first longer interval.
func afterFirst(candles []market.Candle, length time.Duration) []market.Candle {
	next := candles[0].OpenTime.Truncate(length).Add(length)
	i := slices.IndexFunc(candles, func(c market.Candle) bool { return !c.OpenTime.Before(next) })
	if i < 0 {
		return nil
	}
	return candles[i:]
}

// page makes one call and returns the candles that open in [at, end), oldest first; zero times leave that end open.
func (k *klines) page(ctx context.Context, l *exchange.Listing, base time.Duration, at, end time.Time, limit int, now time.Time) ([]market.Candle, error) {
	call := k.exchange.Candles(l, base, at, end, limit)
	page, err := k.pages.get(ctx, call, pageAge(base), func(ctx context.Context) ([]market.Candle, error) {
		return k.call(ctx, call, base, now)
	})
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(page, func(c market.Candle) bool {
		return c.OpenTime.Before(at) || !end.IsZero() && !c.OpenTime.Before(end)
	}), nil
}

func (k *klines) call(ctx context.Context, call exchange.Call, base time.Duration, now time.Time) ([]market.Candle, error) {
	if err := k.budget.WaitN(ctx, min(call.Weight, k.budget.Burst())); err != nil {
		return nil, fmt.Errorf("%w: %w", exchange.ErrBusy, err)
	}
	body, err := k.rest.Get(ctx, call)
	if err != nil {
		return nil, err
	}
	candles, err := k.exchange.ParseCandles(body, base, now)
	if errors.Is(err, exchange.ErrBusy) {
		return nil, k.rest.Pause(busyPause)
	}
	return candles, err
}

// busyPause is for exchanges that complain in the body and name no time.
const busyPause = 10 * time.Second
