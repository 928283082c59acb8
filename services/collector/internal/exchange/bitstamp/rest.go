package bitstamp

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/services/collector/internal/book"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange/scan"
)

// intervals are those whose candles open at whole multiples of them since 1970, as ours do.
var intervals = []time.Duration{
	time.Minute, 3 * time.Minute, 5 * time.Minute, 15 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour,
	4 * time.Hour, 6 * time.Hour, 12 * time.Hour, 24 * time.Hour,
}

// refusal returns what an answer says that is an error, with whatever HTTP status; nil for all others.
func refusal(body []byte) error {
	var e struct {
		Status string          `json:"status"`
		Code   json.RawMessage `json:"code"`
		Reason json.RawMessage `json:"reason"`
		Error  json.RawMessage `json:"error"`
	}
	if err := json.Unmarshal(body, &e); err != nil {
		return nil //nolint:nilerr // what is no such object is for others to read
	}
	if e.Status != "error" && e.Reason == nil && e.Error == nil {
		return nil
	}
	text := strings.TrimSpace(fmt.Sprintf("%s %s %s", e.Code, e.Reason, e.Error))
	if strings.Contains(text, "rate limit") || strings.Contains(text, "400.002") {
		return fmt.Errorf("%w: %.200s", exchange.ErrBusy, text)
	}
	return fmt.Errorf("%w: %.200s", exchange.ErrRefused, text)
}

// Listings asks for all markets. It took the place of trading-pairs-info, which ParseListings reads as well.
func (Exchange) Listings() exchange.Call {
	return exchange.Call{Path: "/api/v2/markets/", Weight: 1}
}

type pair struct {
	Name            string          `json:"name"` // BTC/USD
	MarketSymbol    string          `json:"market_symbol"`
	URLSymbol       string          `json:"url_symbol"` // the former's old name
	MarketType      string          `json:"market_type"`
	BaseDecimals    int             `json:"base_decimals"`
	CounterDecimals int             `json:"counter_decimals"`
	MinimumValue    decimal.Decimal `json:"minimum_order_value"`
	MinimumAmount   decimal.Decimal `json:"minimum_order_amount"`
	MinimumOrder    string          `json:"minimum_order"` // once for both: 20.0 USD
	Trading         string          `json:"trading"`
}

// ParseListings reads markets or trading pairs. Markets other than spot are left out.
func (e Exchange) ParseListings(body []byte) ([]exchange.Listing, int, error) {
	if err := refusal(body); err != nil {
		return nil, 0, fmt.Errorf("read markets: %w", err)
	}
	var pairs []json.RawMessage
	if err := json.Unmarshal(body, &pairs); err != nil {
		return nil, 0, fmt.Errorf("read markets: %w", err)
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
	if p.MarketSymbol == "" {
		p.MarketSymbol = p.URLSymbol
	}
	if p.MarketType != "" && !strings.EqualFold(p.MarketType, "spot") {
		return exchange.Listing{}, fmt.Errorf("%w: market type %.20q", exchange.ErrInstrument, p.MarketType)
	}
	if min(p.BaseDecimals, p.CounterDecimals) < 0 || max(p.BaseDecimals, p.CounterDecimals) > book.MaxDecimals {
		return exchange.Listing{}, fmt.Errorf("%w: %d and %d decimals", exchange.ErrInstrument, p.BaseDecimals, p.CounterDecimals)
	}
	base, quote, _ := strings.Cut(p.Name, "/")
	l := exchange.Listing{Wire: p.MarketSymbol, Code: p.MarketSymbol}
	l.Native, l.Base, l.Quote, l.Status = p.Name, base, quote, market.Halted
	if p.Trading == "Enabled" {
		l.Status = market.Trading
	}
	l.PriceTick, l.QuantityStep = decimal.New(1, p.CounterDecimals), decimal.New(1, p.BaseDecimals)
	l.MinQuantity, l.MinNotional = p.MinimumAmount, p.MinimumValue
	if text, _, ok := strings.Cut(p.MinimumOrder, " "); ok {
		value, err := decimal.Parse(text)
		if err != nil {
			return l, fmt.Errorf("%w: minimum order: %w", exchange.ErrInstrument, err)
		}
		l.MinNotional = value
	}
	if !isCode(p.MarketSymbol) {
		return l, fmt.Errorf("%w: symbol %.40q", exchange.ErrInstrument, p.MarketSymbol) // it goes into addresses as it is
	}
	l.Finer()
	err := l.Complete()
	return l, err
}

func isCode(s string) bool {
	return s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789") == ""
}

// Snapshot asks for the whole book. Its grouping is the one that the changes are of.
func (Exchange) Snapshot(l *exchange.Listing) exchange.Call {
	return exchange.Call{Path: "/api/v2/order_book/" + l.Code + "/", Query: "group=1", Weight: 1}
}

// ParseSnapshot reads a book.
func (Exchange) ParseSnapshot(body []byte, l *exchange.Listing, u *book.Update) error {
	var out exchange.Batch
	*u = book.Update{Kind: book.Snapshot}
	seen := 0
	stamp := uint64(0)
	c := scan.New(body)
	c.Enter('{')
	for c.More('}') {
		switch key := c.Key(); string(key) {
		case "microtimestamp":
			stamp = c.Uint()
		case "bids":
			u.Bids = priced(out.PairLevels(&c, l.Scale))
			seen++
		case "asks":
			u.Asks = priced(out.PairLevels(&c, l.Scale))
			seen++
		default:
			c.Skip()
		}
	}
	c.End()
	err := c.Err()
	if err == nil && (seen != 2 || stamp == 0 || stamp > math.MaxInt64) {
		if err = refusal(body); err == nil {
			err = fmt.Errorf("%w: %d sides at %d", scan.ErrSyntax, seen, stamp)
		}
	}
	if err != nil {
		return fmt.Errorf("read order book of %s: %w", l.Code, err)
	}
	u.First, u.Last, u.Time = book.Seq(stamp), book.Seq(stamp), micros(stamp)
	return nil
}

// Intervals returns the candle intervals.
func (Exchange) Intervals() []time.Duration { return slices.Clone(intervals) }

// Candles asks for OHLC. Of a start and an end it heeds only the end, so the start is given as a number of candles before it;
// where some are missing, older ones come in their place.
func (Exchange) Candles(l *exchange.Listing, interval time.Duration, start, end time.Time, limit int) exchange.Call {
	start, end = exchange.Window(start, end, interval, limit)
	query := ""
	if !end.IsZero() {
		query = "end=" + strconv.FormatInt(end.Unix()-1, 10) + "&" // their end is included, ours is not
		limit = max(1, min(limit, int((end.Sub(start)+interval-1)/interval)))
	}
	query += "limit=" + strconv.Itoa(limit) + "&step=" + strconv.FormatInt(int64(interval/time.Second), 10)
	return exchange.Call{Path: "/api/v2/ohlc/" + l.Code + "/", Query: query, Weight: 1}
}

// ParseCandles reads OHLC. A day has been seen twice, with different values: the later counts.
func (Exchange) ParseCandles(body []byte, interval time.Duration, now time.Time) ([]market.Candle, error) {
	var answer struct {
		Data *struct {
			OHLC []struct {
				Timestamp, Open, High, Low, Close, Volume json.RawMessage
			}
		}
	}
	if err := refusal(body); err != nil {
		return nil, fmt.Errorf("read ohlc: %w", err)
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, fmt.Errorf("read ohlc: %w", err)
	}
	if answer.Data == nil {
		return nil, fmt.Errorf("read ohlc: %w: no data", exchange.ErrRefused)
	}
	rows := make([]json.RawMessage, len(answer.Data.OHLC))
	for i, o := range answer.Data.OHLC {
		row := bytes.Join([][]byte{o.Timestamp, o.Open, o.High, o.Low, o.Close, o.Volume}, []byte(","))
		rows[i] = slices.Concat([]byte("["), row, []byte("]"))
	}
	columns := exchange.Columns{Open: 1, High: 2, Low: 3, Close: 4, Volume: 5}
	candles, err := exchange.ParseRows(rows, columns, time.Second, interval, now)
	if err != nil {
		return nil, fmt.Errorf("read ohlc: %w", err)
	}
	return candles, nil
}
