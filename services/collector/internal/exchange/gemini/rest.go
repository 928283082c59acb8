package gemini

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange"
)

// intervals are those whose candles open at whole multiples of them since 1970, as ours do. Of 6hr and 1day it is not known
// by which clock they open.
var intervals = []struct {
	length time.Duration
	name   string
}{
	{time.Minute, "1m"}, {5 * time.Minute, "5m"}, {15 * time.Minute, "15m"}, {30 * time.Minute, "30m"}, {time.Hour, "1hr"},
}

// open returns the rows of an answer, which is a bare list; an error is an object.
func open(body []byte) ([]json.RawMessage, error) {
	if bytes.HasPrefix(bytes.TrimSpace(body), []byte("{")) {
		var e struct {
			Reason  string `json:"reason"`
			Message string `json:"message"`
		}
		if err := json.Unmarshal(body, &e); err != nil {
			return nil, err
		}
		if e.Reason == "RateLimit" || e.Reason == "RateLimited" {
			return nil, fmt.Errorf("%w: %.200s", exchange.ErrBusy, e.Message)
		}
		return nil, fmt.Errorf("%w: %.100s: %.200s", exchange.ErrRefused, e.Reason, e.Message)
	}
	var rows []json.RawMessage
	err := json.Unmarshal(body, &rows)
	return rows, err
}

// Listings asks for the details of all symbols at once.
func (Exchange) Listings() exchange.Call {
	return exchange.Call{Path: "/v1/symbols/details/all", Weight: 1}
}

// symbol is an instrument. Its increments are named otherwise than one would think: tick_size is the step of quantities,
// quote_increment is the tick of prices. Both are bare numbers, perhaps with an exponent.
type symbol struct {
	Symbol         string          `json:"symbol"`
	BaseCurrency   string          `json:"base_currency"`
	QuoteCurrency  string          `json:"quote_currency"`
	TickSize       decimal.Decimal `json:"tick_size"`
	QuoteIncrement decimal.Decimal `json:"quote_increment"`
	MinOrderSize   decimal.Decimal `json:"min_order_size"`
	Status         string          `json:"status"`
	ProductType    string          `json:"product_type"` // spot or swap; older answers have none
}

// ParseListings reads the details of all symbols.
func (e Exchange) ParseListings(body []byte) ([]exchange.Listing, int, error) {
	rows, err := open(body)
	if err != nil {
		return nil, 0, fmt.Errorf("read symbols: %w", err)
	}
	listings := make([]exchange.Listing, 0, len(rows))
	skipped := 0
	for _, raw := range rows {
		l, err := parseListing(raw)
		if err != nil { // one odd symbol, or a swap, must not take the others with it
			skipped++
			continue
		}
		l.Exchange = e.Name()
		listings = append(listings, l)
	}
	return listings, skipped, nil
}

func parseListing(raw []byte) (exchange.Listing, error) {
	var in symbol
	if err := json.Unmarshal(raw, &in); err != nil {
		return exchange.Listing{}, err
	}
	name := strings.ToUpper(in.Symbol)
	l := exchange.Listing{Wire: name, Code: strings.ToLower(name)} // upper case in frames, lower case in calls
	l.Native, l.Base, l.Quote, l.Status = name, strings.ToUpper(in.BaseCurrency), strings.ToUpper(in.QuoteCurrency), market.Halted
	if in.Status == "open" || in.Status == "limit_only" {
		l.Status = market.Trading
	}
	l.PriceTick, l.QuantityStep, l.MinQuantity = in.QuoteIncrement, in.TickSize, in.MinOrderSize // there is no minimum notional
	if l.Native != l.Base+l.Quote || in.ProductType != "" && in.ProductType != "spot" {
		return l, fmt.Errorf("%w: %.40q, %.20q", exchange.ErrInstrument, l.Native, in.ProductType) // it would go into addresses as it is
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

// Candles asks for candles. The call knows neither begin nor end nor limit: it always answers with the newest.
func (Exchange) Candles(l *exchange.Listing, interval time.Duration, _, _ time.Time, _ int) exchange.Call {
	path := "/v2/candles/" + l.Code + "/"
	for _, iv := range intervals {
		if iv.length == interval {
			path += iv.name
		}
	}
	return exchange.Call{Path: path, Weight: 1}
}

// ParseCandles reads candles, which come newest first.
func (Exchange) ParseCandles(body []byte, interval time.Duration, now time.Time) ([]market.Candle, error) {
	rows, err := open(body)
	if err != nil {
		return nil, fmt.Errorf("read candles: %w", err)
	}
	candles, err := exchange.ParseRows(rows, exchange.Columns{Open: 1, High: 2, Low: 3, Close: 4, Volume: 5}, time.Millisecond, interval, now)
	if err != nil {
		return nil, fmt.Errorf("read candles: %w", err)
	}
	return candles, nil
}
