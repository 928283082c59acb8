package gateio

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/services/collector/internal/book"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange/scan"
)

// Sizes in books have more decimals than an order may have, ten at most that were seen; what goes beyond is cut.
const (
	finerSizes = 4
	maxSizes   = 10
)

// snapshotLevels is the most that Gate.io documents.
const snapshotLevels = 100

// intervals are those whose candles open at whole multiples of them since 1970, as ours do; longer ones do not.
var intervals = []struct {
	length time.Duration
	name   string
}{
	{10 * time.Second, "10s"}, {time.Minute, "1m"}, {5 * time.Minute, "5m"}, {15 * time.Minute, "15m"},
	{30 * time.Minute, "30m"}, {time.Hour, "1h"}, {4 * time.Hour, "4h"}, {8 * time.Hour, "8h"}, {24 * time.Hour, "1d"},
}

// refusal returns what an answer says that is an error, nil for all others.
func refusal(body []byte) error {
	var e struct {
		Label   string `json:"label"`
		Message string `json:"message"`
	}
	if err := json.Unmarshal(body, &e); err != nil {
		return nil //nolint:nilerr // what is no such object is for others to read
	}
	switch {
	case e.Label == "":
		return nil
	case strings.HasPrefix(e.Label, "TOO_"): // TOO_MANY_REQUESTS, TOO_FAST, TOO_BUSY
		return fmt.Errorf("%w: %.40s: %.200s", exchange.ErrBusy, e.Label, e.Message)
	}
	return fmt.Errorf("%w: %.40s: %.200s", exchange.ErrRefused, e.Label, e.Message)
}

// Listings asks for all instruments.
func (Exchange) Listings() exchange.Call {
	return exchange.Call{Path: "/api/v4/spot/currency_pairs", Weight: 1}
}

type pair struct {
	ID              string           `json:"id"`
	Base            string           `json:"base"`
	Quote           string           `json:"quote"`
	Precision       int              `json:"precision"`
	AmountPrecision int              `json:"amount_precision"`
	MinBaseAmount   *decimal.Decimal `json:"min_base_amount"`
	MinQuoteAmount  *decimal.Decimal `json:"min_quote_amount"`
	TradeStatus     string           `json:"trade_status"`
}

// ParseListings reads the currency pairs.
func (e Exchange) ParseListings(body []byte) ([]exchange.Listing, int, error) {
	if err := refusal(body); err != nil {
		return nil, 0, fmt.Errorf("read currency pairs: %w", err)
	}
	var pairs []json.RawMessage
	if err := json.Unmarshal(body, &pairs); err != nil {
		return nil, 0, fmt.Errorf("read currency pairs: %w", err)
	}
	listings := make([]exchange.Listing, 0, len(pairs))
	skipped := 0
	for _, raw := range pairs {
		l, err := parseListing(raw)
		if err != nil { // one odd pair must not take the others with it
			skipped++
			continue
		}
		l.Exchange = e.Name()
		listings = append(listings, l)
	}
	return listings, skipped, nil
}

func parseListing(raw []byte) (exchange.Listing, error) {
	var p pair
	if err := json.Unmarshal(raw, &p); err != nil {
		return exchange.Listing{}, err
	}
	if min(p.Precision, p.AmountPrecision) < 0 || max(p.Precision, p.AmountPrecision) > book.MaxDecimals {
		return exchange.Listing{}, fmt.Errorf("%w: %d and %d decimals", exchange.ErrInstrument, p.Precision, p.AmountPrecision)
	}
	l := exchange.Listing{Wire: p.ID, Code: p.ID}
	l.Native, l.Base, l.Quote, l.Status = p.ID, p.Base, p.Quote, market.Halted
	if p.TradeStatus == "tradable" { // others: untradable, buyable, sellable
		l.Status = market.Trading
	}
	l.PriceTick, l.QuantityStep = decimal.New(1, p.Precision), decimal.New(1, p.AmountPrecision)
	if p.MinBaseAmount != nil {
		l.MinQuantity = *p.MinBaseAmount
	}
	if p.MinQuoteAmount != nil {
		l.MinNotional = *p.MinQuoteAmount
	}
	if !isCode(p.ID) {
		return l, fmt.Errorf("%w: id %.40q", exchange.ErrInstrument, p.ID) // it goes into addresses and requests as it is
	}
	l.Finer()
	l.Scale.Size = uint8(max(p.AmountPrecision, min(p.AmountPrecision+finerSizes, maxSizes)))
	err := l.Complete()
	return l, err
}

func isCode(s string) bool {
	return s != "" && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_") == ""
}

// Snapshot asks for a book, by rule 3.
func (Anchored) Snapshot(l *exchange.Listing) exchange.Call {
	return exchange.Call{
		Path:   "/api/v4/spot/order_book",
		Query:  "limit=" + strconv.Itoa(snapshotLevels) + "&with_id=true&currency_pair=" + l.Code,
		Weight: 1,
	}
}

// ParseSnapshot reads a book.
func (Anchored) ParseSnapshot(body []byte, l *exchange.Listing, u *book.Update) error {
	var out exchange.Batch
	*u = book.Update{Kind: book.Snapshot}
	seen := 0
	c := scan.New(body)
	c.Enter('{')
	for c.More('}') {
		switch key := c.Key(); string(key) {
		case "id":
			u.Last = book.Seq(c.Uint())
			seen++
		case "update":
			u.Time = exchange.Millis(c.Int())
		case "bids":
			u.Bids = out.PairLevelsCut(&c, l.Scale)
			seen++
		case "asks":
			u.Asks = out.PairLevelsCut(&c, l.Scale)
			seen++
		default:
			c.Skip()
		}
	}
	c.End()
	err := c.Err()
	if err == nil && (seen != 3 || u.Last == 0) {
		if err = refusal(body); err == nil {
			err = fmt.Errorf("%w: incomplete", scan.ErrSyntax)
		}
	}
	if err != nil {
		return fmt.Errorf("read order book of %s: %w", l.Code, err)
	}
	return nil
}

// Intervals returns the candle intervals.
func (Exchange) Intervals() []time.Duration {
	list := make([]time.Duration, len(intervals))
	for i, iv := range intervals {
		list[i] = iv.length
	}
	return list
}

// Candles asks for candlesticks: by a range, or by their number. Both at once is refused.
func (Exchange) Candles(l *exchange.Listing, interval time.Duration, start, end time.Time, limit int) exchange.Call {
	start, end = exchange.Window(start, end, interval, limit)
	query := "currency_pair=" + l.Code
	if !start.IsZero() {
		query += "&from=" + strconv.FormatInt(start.Unix(), 10)
	}
	for _, iv := range intervals {
		if iv.length == interval {
			query += "&interval=" + iv.name
		}
	}
	if end.IsZero() {
		query += "&limit=" + strconv.Itoa(limit)
	} else {
		query += "&to=" + strconv.FormatInt(end.Unix()-1, 10) // their end is included, ours is not
	}
	return exchange.Call{Path: "/api/v4/spot/candlesticks", Query: query, Weight: 1}
}

// ParseCandles reads candlesticks. The volume beside the time is in the quote asset; that in the base asset stands last but one.
func (Exchange) ParseCandles(body []byte, interval time.Duration, now time.Time) ([]market.Candle, error) {
	if err := refusal(body); err != nil {
		return nil, fmt.Errorf("read candlesticks: %w", err)
	}
	var rows []json.RawMessage
	if err := json.Unmarshal(body, &rows); err != nil {
		return nil, fmt.Errorf("read candlesticks: %w", err)
	}
	columns := exchange.Columns{Close: 2, High: 3, Low: 4, Open: 5, Volume: 6}
	candles, err := exchange.ParseRows(rows, columns, time.Second, interval, now)
	if err != nil {
		return nil, fmt.Errorf("read candlesticks: %w", err)
	}
	return candles, nil
}
