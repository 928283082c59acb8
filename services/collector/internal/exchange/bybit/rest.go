package bybit

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange"
)

// intervals are those whose candles open at whole multiples of them since 1970, as ours do; weeks and months do not.
var intervals = []struct {
	length time.Duration
	name   string
}{
	{time.Minute, "1"}, {3 * time.Minute, "3"}, {5 * time.Minute, "5"}, {15 * time.Minute, "15"}, {30 * time.Minute, "30"},
	{time.Hour, "60"}, {2 * time.Hour, "120"}, {4 * time.Hour, "240"}, {6 * time.Hour, "360"}, {12 * time.Hour, "720"},
	{24 * time.Hour, "D"},
}

// tooFast is the code of an answer that wants us to ask less often.
const tooFast = 10006

// open returns the list of an answer. Errors come with HTTP status 200.
func open(body []byte) ([]json.RawMessage, error) {
	var e struct {
		Code   int    `json:"retCode"`
		Msg    string `json:"retMsg"`
		Result struct {
			List []json.RawMessage `json:"list"`
		} `json:"result"`
	}
	e.Code = -1
	if err := json.Unmarshal(body, &e); err != nil {
		return nil, err
	}
	switch e.Code {
	case 0:
		return e.Result.List, nil
	case tooFast:
		return nil, fmt.Errorf("%w: %.200s", exchange.ErrBusy, e.Msg)
	}
	return nil, fmt.Errorf("%w: %d: %.200s", exchange.ErrRefused, e.Code, e.Msg)
}

// Listings asks for all spot instruments, which come on one page.
func (Exchange) Listings() exchange.Call {
	return exchange.Call{Path: "/v5/market/instruments-info", Query: "category=spot", Weight: 1}
}

type instrument struct {
	Symbol    string `json:"symbol"`
	BaseCoin  string `json:"baseCoin"`
	QuoteCoin string `json:"quoteCoin"`
	Status    string `json:"status"`
	Lot       struct {
		BasePrecision decimal.Decimal `json:"basePrecision"`
		MinOrderQty   decimal.Decimal `json:"minOrderQty"` // deprecated, absent one day
		MinOrderAmt   decimal.Decimal `json:"minOrderAmt"`
	} `json:"lotSizeFilter"`
	Price struct {
		TickSize decimal.Decimal `json:"tickSize"`
	} `json:"priceFilter"`
}

// ParseListings reads instruments-info.
func (e Exchange) ParseListings(body []byte) ([]exchange.Listing, int, error) {
	rows, err := open(body)
	if err != nil {
		return nil, 0, fmt.Errorf("read instruments-info: %w", err)
	}
	listings := make([]exchange.Listing, 0, len(rows))
	skipped := 0
	for _, raw := range rows {
		l, err := parseListing(raw)
		if err != nil { // one odd instrument must not take the others with it
			skipped++
			continue
		}
		l.Exchange = e.Name()
		listings = append(listings, l)
	}
	return listings, skipped, nil
}

func parseListing(raw []byte) (exchange.Listing, error) {
	var in instrument
	if err := json.Unmarshal(raw, &in); err != nil {
		return exchange.Listing{}, err
	}
	l := exchange.Listing{Wire: in.Symbol, Code: in.Symbol}
	l.Native, l.Base, l.Quote, l.Status = in.Symbol, in.BaseCoin, in.QuoteCoin, market.Halted
	if in.Status == "Trading" {
		l.Status = market.Trading
	}
	l.PriceTick, l.QuantityStep = in.Price.TickSize, in.Lot.BasePrecision
	l.MinQuantity, l.MinNotional = in.Lot.MinOrderQty, in.Lot.MinOrderAmt
	if l.Native != l.Base+l.Quote {
		return l, fmt.Errorf("%w: %.40q", exchange.ErrInstrument, l.Native) // it would go into addresses as it is
	}
	l.Finer()
	err := l.Complete()
	return l, err
}

// Intervals returns the candle intervals.
func (Exchange) Intervals() []time.Duration {
	list := make([]time.Duration, len(intervals))
	for i, iv := range intervals {
		list[i] = iv.length
	}
	return list
}

// Candles asks for kline. The category must be said: without it another market answers, and does not say so.
func (Exchange) Candles(l *exchange.Listing, interval time.Duration, start, end time.Time, limit int) exchange.Call {
	query := "category=spot"
	start, end = exchange.Window(start, end, interval, limit)
	if !end.IsZero() {
		query += "&end=" + strconv.FormatInt(end.UnixMilli()-1, 10) // their end is included, ours is not
	}
	for _, iv := range intervals {
		if iv.length == interval {
			query += "&interval=" + iv.name
		}
	}
	query += "&limit=" + strconv.Itoa(limit)
	if !start.IsZero() {
		query += "&start=" + strconv.FormatInt(start.UnixMilli(), 10)
	}
	return exchange.Call{Path: "/v5/market/kline", Query: query + "&symbol=" + l.Code, Weight: 1}
}

// ParseCandles reads kline, which comes newest first.
func (Exchange) ParseCandles(body []byte, interval time.Duration, now time.Time) ([]market.Candle, error) {
	rows, err := open(body)
	if err != nil {
		return nil, fmt.Errorf("read kline: %w", err)
	}
	candles, err := exchange.ParseRows(rows, exchange.Columns{Open: 1, High: 2, Low: 3, Close: 4, Volume: 5}, time.Millisecond, interval, now)
	if err != nil {
		return nil, fmt.Errorf("read kline: %w", err)
	}
	return candles, nil
}
