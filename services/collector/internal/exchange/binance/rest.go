package binance

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/services/collector/internal/book"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange/scan"
)

// snapshotLevels is how many levels a side we ask for: twenty times what is published, at a fifth of the full book's weight.
const snapshotLevels = 1000

// The wire has eight decimals. A book may hold more of them than today's filters allow: orders from before a filter was
// made coarser stay as they are (seen: one digit, in price and in size). Prices fit 63 bits at eight decimals; sizes of the
// cheapest coins would not, so they get three more than the step.
const (
	wireDecimals = 8
	finerSizes   = 3
)

// intervals are those whose candles open at whole multiples of them since 1970, as ours do; weeks and months do not.
var intervals = []struct {
	length time.Duration
	name   string
}{
	{time.Second, "1s"}, {time.Minute, "1m"}, {3 * time.Minute, "3m"}, {5 * time.Minute, "5m"}, {15 * time.Minute, "15m"},
	{30 * time.Minute, "30m"}, {time.Hour, "1h"}, {2 * time.Hour, "2h"}, {4 * time.Hour, "4h"}, {6 * time.Hour, "6h"},
	{8 * time.Hour, "8h"}, {12 * time.Hour, "12h"}, {24 * time.Hour, "1d"},
}

// Listings asks for all instruments.
func (Exchange) Listings() exchange.Call {
	return exchange.Call{Path: "/api/v3/exchangeInfo", Weight: 20}
}

type instrument struct {
	Symbol     string `json:"symbol"`
	Status     string `json:"status"`
	BaseAsset  string `json:"baseAsset"`
	QuoteAsset string `json:"quoteAsset"`
	Filters    []struct {
		Type        string          `json:"filterType"`
		TickSize    decimal.Decimal `json:"tickSize"`
		StepSize    decimal.Decimal `json:"stepSize"`
		MinQty      decimal.Decimal `json:"minQty"`
		MinNotional decimal.Decimal `json:"minNotional"`
	} `json:"filters"`
}

// ParseListings reads exchangeInfo.
func (e Exchange) ParseListings(body []byte) ([]exchange.Listing, int, error) {
	var info struct {
		Symbols []json.RawMessage `json:"symbols"`
	}
	if err := json.Unmarshal(body, &info); err != nil {
		return nil, 0, fmt.Errorf("read exchangeInfo: %w", err)
	}
	listings := make([]exchange.Listing, 0, len(info.Symbols))
	skipped := 0
	for _, raw := range info.Symbols {
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
	l.Native, l.Base, l.Quote, l.Status = in.Symbol, in.BaseAsset, in.QuoteAsset, market.Halted
	if in.Status == "TRADING" {
		l.Status = market.Trading
	}
	for _, f := range in.Filters {
		switch f.Type {
		case "PRICE_FILTER":
			l.PriceTick = f.TickSize
		case "LOT_SIZE":
			l.QuantityStep, l.MinQuantity = f.StepSize, f.MinQty
		case "NOTIONAL", "MIN_NOTIONAL": // the latter until 2023
			l.MinNotional = f.MinNotional
		}
	}
	if l.Native == "" || l.Native != l.Base+l.Quote {
		return l, fmt.Errorf("%w: %q", exchange.ErrInstrument, l.Native) // it would go into addresses as it is
	}
	l.Scale = book.Scale{Price: wireDecimals, Size: uint8(min(wireDecimals, l.QuantityStep.Scale()+finerSizes))}
	err := l.Complete()
	return l, err
}

// Snapshot asks for a book, by rule 2.
func (Exchange) Snapshot(l *exchange.Listing) exchange.Call {
	return exchange.Call{
		Path: "/api/v3/depth", Query: "limit=" + strconv.Itoa(snapshotLevels) + "&symbol=" + l.Code, Weight: 50,
	}
}

// ParseSnapshot reads a book.
func (Exchange) ParseSnapshot(body []byte, l *exchange.Listing, u *book.Update) error {
	var out exchange.Batch
	*u = book.Update{Kind: book.Snapshot}
	seen := 0
	c := scan.New(body)
	c.Enter('{')
	for c.More('}') {
		switch key := c.Key(); string(key) {
		case "lastUpdateId":
			u.Last = book.Seq(c.Uint())
			seen++
		case "bids":
			u.Bids = out.PairLevels(&c, l.Scale)
			seen++
		case "asks":
			u.Asks = out.PairLevels(&c, l.Scale)
			seen++
		default:
			c.Skip()
		}
	}
	c.End()
	if err := c.Err(); err != nil {
		return fmt.Errorf("read depth of %s: %w", l.Code, err)
	}
	if seen != 3 || u.Last == 0 {
		return fmt.Errorf("read depth of %s: %w: incomplete", l.Code, scan.ErrSyntax)
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

// Candles asks for klines.
func (e Exchange) Candles(l *exchange.Listing, interval time.Duration, start, end time.Time, limit int) exchange.Call {
	query := ""
	if !end.IsZero() {
		query += "endTime=" + strconv.FormatInt(end.UnixMilli()-1, 10) + "&" // their end is included, ours is not
	}
	for _, iv := range intervals {
		if iv.length == interval {
			query += "interval=" + iv.name
		}
	}
	query += "&limit=" + strconv.Itoa(limit)
	if !start.IsZero() {
		query += "&startTime=" + strconv.FormatInt(start.UnixMilli(), 10)
	}
	return exchange.Call{Path: cmp.Or(e.klines, "/api/v3/klines"), Query: query + "&symbol=" + l.Code, Weight: 2}
}

// ParseCandles reads klines.
func (Exchange) ParseCandles(body []byte, interval time.Duration, now time.Time) ([]market.Candle, error) {
	var rows []json.RawMessage
	if err := json.Unmarshal(body, &rows); err != nil {
		return nil, fmt.Errorf("read klines: %w", err)
	}
	candles, err := exchange.ParseRows(rows, exchange.Columns{Open: 1, High: 2, Low: 3, Close: 4, Volume: 5}, time.Millisecond, interval, now)
	if err != nil {
		return nil, fmt.Errorf("read klines: %w", err)
	}
	return candles, nil
}
