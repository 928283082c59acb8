package coinbase

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange"
)

// intervals are all that there are.
var intervals = []time.Duration{
	time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour, 6 * time.Hour, 24 * time.Hour,
}

// open returns the rows of an answer, which is a bare list; an error is an object that bears a message.
func open(body []byte) ([]json.RawMessage, error) {
	if bytes.HasPrefix(bytes.TrimSpace(body), []byte("{")) {
		var e struct {
			Message string `json:"message"`
		}
		if err := json.Unmarshal(body, &e); err != nil {
			return nil, err
		}
		if strings.Contains(e.Message, "rate limit") {
			return nil, fmt.Errorf("%w: %.200s", exchange.ErrBusy, e.Message)
		}
		return nil, fmt.Errorf("%w: %.200s", exchange.ErrRefused, e.Message)
	}
	var rows []json.RawMessage
	err := json.Unmarshal(body, &rows)
	return rows, err
}

// Listings asks for all products.
func (Exchange) Listings() exchange.Call { return exchange.Call{Path: "/products", Weight: 1} }

type product struct {
	ID              string          `json:"id"`
	BaseCurrency    string          `json:"base_currency"`
	QuoteCurrency   string          `json:"quote_currency"`
	QuoteIncrement  decimal.Decimal `json:"quote_increment"`
	BaseIncrement   decimal.Decimal `json:"base_increment"`
	BaseMinSize     decimal.Decimal `json:"base_min_size"` // gone since 2022
	MinMarketFunds  decimal.Decimal `json:"min_market_funds"`
	Status          string          `json:"status"`
	TradingDisabled bool            `json:"trading_disabled"`
	CancelOnly      bool            `json:"cancel_only"`
	PostOnly        bool            `json:"post_only"`
	AuctionMode     bool            `json:"auction_mode"`
}

// takes reports whether an order that takes from the book would be accepted.
func (p product) takes() bool {
	return p.Status == "online" && !p.TradingDisabled && !p.CancelOnly && !p.PostOnly && !p.AuctionMode
}

// ParseListings reads products.
func (e Exchange) ParseListings(body []byte) ([]exchange.Listing, int, error) {
	rows, err := open(body)
	if err != nil {
		return nil, 0, fmt.Errorf("read products: %w", err)
	}
	listings := make([]exchange.Listing, 0, len(rows))
	skipped := 0
	for _, raw := range rows {
		l, err := parseListing(raw)
		if err != nil { // one odd product must not take the others with it
			skipped++
			continue
		}
		l.Exchange = e.Name()
		listings = append(listings, l)
	}
	return listings, skipped, nil
}

func parseListing(raw []byte) (exchange.Listing, error) {
	var p product
	if err := json.Unmarshal(raw, &p); err != nil {
		return exchange.Listing{}, err
	}
	l := exchange.Listing{Wire: p.ID, Code: p.ID}
	l.Native, l.Base, l.Quote, l.Status = p.ID, p.BaseCurrency, p.QuoteCurrency, market.Halted
	if p.takes() {
		l.Status = market.Trading
	}
	l.PriceTick, l.QuantityStep, l.MinQuantity, l.MinNotional = p.QuoteIncrement, p.BaseIncrement, p.BaseMinSize, p.MinMarketFunds
	if l.Native != l.Base+"-"+l.Quote {
		return l, fmt.Errorf("%w: %.40q", exchange.ErrInstrument, l.Native) // it would go into addresses as it is
	}
	l.Finer()
	err := l.Complete()
	return l, err
}

// Intervals returns the candle intervals.
func (Exchange) Intervals() []time.Duration { return slices.Clone(intervals) }

// Candles asks for candles. Where neither end is given the answer may come from a cache, five minutes old; one end alone
// Coinbase takes for none, so the other is always made from it. Minutes without trades have no row.
func (Exchange) Candles(l *exchange.Listing, interval time.Duration, start, end time.Time, limit int) exchange.Call {
	query := "granularity=" + strconv.FormatInt(int64(interval/time.Second), 10)
	if start, end = exchange.Window(start, end, interval, limit); !end.IsZero() {
		stamp := func(t time.Time) string { return url.QueryEscape(t.UTC().Format(time.RFC3339)) }
		query = "end=" + stamp(end.Add(-time.Second)) + "&" + query + "&start=" + stamp(start) // their end is included, ours is not
	}
	return exchange.Call{Path: "/products/" + l.Code + "/candles", Query: query, Weight: 1}
}

// ParseCandles reads candles, which come newest first and with low and high before open and close.
func (Exchange) ParseCandles(body []byte, interval time.Duration, now time.Time) ([]market.Candle, error) {
	rows, err := open(body)
	if err != nil {
		return nil, fmt.Errorf("read candles: %w", err)
	}
	candles, err := exchange.ParseRows(rows, exchange.Columns{Open: 3, High: 2, Low: 1, Close: 4, Volume: 5}, time.Second, interval, now)
	if err != nil {
		return nil, fmt.Errorf("read candles: %w", err)
	}
	return candles, nil
}
