package kraken

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/services/collector/internal/book"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange"
)

// intervals are those whose candles open at whole multiples of them since 1970, as ours do; longer ones do not.
var intervals = []time.Duration{
	time.Minute, 5 * time.Minute, 15 * time.Minute, 30 * time.Minute, time.Hour, 4 * time.Hour, 24 * time.Hour,
}

// renamed are the two assets that REST and version 1 call otherwise than version 2 and the rest of the world.
var renamed = map[string]string{"XBT": "BTC", "XDG": "DOGE"}

// envelope is what every answer comes in. Errors come with HTTP status 200.
type envelope struct {
	Error  []string                   `json:"error"`
	Result map[string]json.RawMessage `json:"result"`
}

func open(body []byte) (map[string]json.RawMessage, error) {
	var e envelope
	if err := json.Unmarshal(body, &e); err != nil {
		return nil, err
	}
	if len(e.Error) == 0 {
		return e.Result, nil
	}
	text := strings.Join(e.Error, ", ")
	if strings.Contains(text, "Rate limit") || strings.Contains(text, "Too many requests") {
		return nil, fmt.Errorf("%w: %.200s", exchange.ErrBusy, text)
	}
	return nil, fmt.Errorf("%w: %.200s", exchange.ErrRefused, text)
}

// Listings asks for all instruments.
func (Exchange) Listings() exchange.Call {
	return exchange.Call{Path: "/0/public/AssetPairs", Weight: 1}
}

type pair struct {
	Altname       string          `json:"altname"`
	Wsname        string          `json:"wsname"`
	PriceDecimals int             `json:"pair_decimals"`
	SizeDecimals  int             `json:"lot_decimals"`
	OrderMin      decimal.Decimal `json:"ordermin"`
	CostMin       decimal.Decimal `json:"costmin"`
	TickSize      decimal.Decimal `json:"tick_size"`
	Status        *string         `json:"status"`
}

// ParseListings reads AssetPairs. Names are mapped through wsname: the prefixes of old assets cannot be stripped by rule.
func (e Exchange) ParseListings(body []byte) ([]exchange.Listing, int, error) {
	result, err := open(body)
	if err != nil {
		return nil, 0, fmt.Errorf("read AssetPairs: %w", err)
	}
	listings := make([]exchange.Listing, 0, len(result))
	skipped := 0
	for _, key := range slices.Sorted(maps.Keys(result)) {
		l, err := parseListing(result[key])
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
	if p.PriceDecimals < 0 || p.PriceDecimals > book.MaxDecimals || p.SizeDecimals < 0 || p.SizeDecimals > book.MaxDecimals {
		return exchange.Listing{}, fmt.Errorf("%w: %d and %d decimals", exchange.ErrInstrument, p.PriceDecimals, p.SizeDecimals)
	}
	base, quote, _ := strings.Cut(p.Wsname, "/")
	l := exchange.Listing{Code: p.Altname}
	l.Native, l.Base, l.Quote, l.Status = p.Wsname, rename(base), rename(quote), market.Halted
	l.Wire = l.Base + "/" + l.Quote
	if p.Status == nil || *p.Status == "online" { // 2021 recordings have no status
		l.Status = market.Trading
	}
	l.PriceTick, l.QuantityStep = p.TickSize, decimal.New(1, p.SizeDecimals)
	if l.PriceTick.IsZero() {
		l.PriceTick = decimal.New(1, p.PriceDecimals)
	}
	l.MinQuantity, l.MinNotional = p.OrderMin, p.CostMin
	// The checksum wants the pair's precision, which may be finer than its tick.
	l.Scale = book.Scale{Price: uint8(p.PriceDecimals), Size: uint8(p.SizeDecimals)}
	if !isCode(p.Altname) {
		return l, fmt.Errorf("%w: altname %.40q", exchange.ErrInstrument, p.Altname) // it goes into addresses as it is
	}
	err := l.Complete()
	return l, err
}

func rename(asset string) string {
	if name, ok := renamed[asset]; ok {
		return name
	}
	return asset
}

func isCode(s string) bool {
	return s != "" && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") == ""
}

// Intervals returns the candle intervals.
func (Exchange) Intervals() []time.Duration { return slices.Clone(intervals) }

// Candles asks for OHLC. It knows no end and always answers with the newest 720 rows at most.
func (Exchange) Candles(l *exchange.Listing, interval time.Duration, start, _ time.Time, _ int) exchange.Call {
	query := "interval=" + strconv.FormatInt(int64(interval/time.Minute), 10) + "&pair=" + l.Code
	if !start.IsZero() {
		query += "&since=" + strconv.FormatInt(start.Unix()-1, 10) // the row at since itself is left out
	}
	return exchange.Call{Path: "/0/public/OHLC", Query: query, Weight: 1}
}

// ParseCandles reads OHLC.
func (Exchange) ParseCandles(body []byte, interval time.Duration, now time.Time) ([]market.Candle, error) {
	result, err := open(body)
	if err != nil {
		return nil, fmt.Errorf("read OHLC: %w", err)
	}
	for key, raw := range result { // the pair's rows under a name of the exchange's choice, and "last"
		if key == "last" {
			continue
		}
		var rows []json.RawMessage
		if err := json.Unmarshal(raw, &rows); err != nil {
			return nil, fmt.Errorf("read OHLC: %w", err)
		}
		columns := exchange.Columns{Open: 1, High: 2, Low: 3, Close: 4, Volume: 6}
		candles, err := exchange.ParseRows(rows, columns, time.Second, interval, now)
		if err != nil {
			return nil, fmt.Errorf("read OHLC: %w", err)
		}
		return candles, nil
	}
	return nil, fmt.Errorf("read OHLC: %w: no rows", exchange.ErrRefused)
}
