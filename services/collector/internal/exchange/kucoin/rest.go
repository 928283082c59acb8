package kucoin

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/services/collector/internal/book"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange/scan"
)

// The weights are those of KuCoin's documentation of 2025.
const (
	locateWeight   = 10
	listingsWeight = 4
	snapshotWeight = 4
	candlesWeight  = 3
)

// Sizes in books have more decimals than an order may have: seen were three and four more, and eleven at most. Eleven leave
// room for ninety million of a coin at one price; what goes beyond either is cut.
const (
	finerSizes = 4
	maxSizes   = 11
)

// intervals are those whose candles open at whole multiples of them since 1970, as ours do; weeks and months do not.
var intervals = []struct {
	length time.Duration
	name   string
}{
	{time.Minute, "1min"}, {3 * time.Minute, "3min"}, {5 * time.Minute, "5min"}, {15 * time.Minute, "15min"},
	{30 * time.Minute, "30min"}, {time.Hour, "1hour"}, {2 * time.Hour, "2hour"}, {4 * time.Hour, "4hour"},
	{6 * time.Hour, "6hour"}, {8 * time.Hour, "8hour"}, {12 * time.Hour, "12hour"}, {24 * time.Hour, "1day"},
}

// open reads the envelope that every answer comes in. Errors may come with HTTP status 200.
func open(body []byte, data any) error {
	var e struct {
		Code string          `json:"code"`
		Msg  string          `json:"msg"`
		Data json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal(body, &e); err != nil {
		return err
	}
	if err := check(e.Code, e.Msg); err != nil {
		return err
	}
	return json.Unmarshal(e.Data, data)
}

// check says what a code means. All that begin with 429 are about asking too often, as is 200002.
func check(code, msg string) error {
	switch {
	case code == "200000":
		return nil
	case strings.HasPrefix(code, "429"), code == "200002":
		return fmt.Errorf("%w: %.20s: %.200s", exchange.ErrBusy, code, msg)
	}
	return fmt.Errorf("%w: %.20s: %.200s", exchange.ErrRefused, code, msg)
}

// Locate asks for the address of a socket, and a token for it.
func (Exchange) Locate() exchange.Call {
	return exchange.Call{Post: true, Path: "/api/v1/bullet-public", Weight: locateWeight}
}

// ParseLocation reads where to connect. The answer came over a connection that proves KuCoin, so the host it names is
// taken as it is; what must be a WebSocket address, without a query of its own, is checked.
func (Exchange) ParseLocation(body []byte) (string, error) {
	var data struct {
		Token   string `json:"token"`
		Servers []struct {
			Endpoint string `json:"endpoint"`
			Protocol string `json:"protocol"`
		} `json:"instanceServers"`
	}
	if err := open(body, &data); err != nil {
		return "", fmt.Errorf("read bullet-public: %w", err)
	}
	for _, s := range data.Servers {
		if s.Protocol != "" && s.Protocol != "websocket" {
			continue
		}
		at, err := url.Parse(s.Endpoint)
		if err != nil {
			return "", fmt.Errorf("read bullet-public: %w", err)
		}
		if at.Scheme != "wss" && at.Scheme != "ws" || at.Host == "" || at.RawQuery != "" || at.Fragment != "" || data.Token == "" {
			return "", fmt.Errorf("read bullet-public: %w: endpoint %.80q", exchange.ErrRefused, s.Endpoint)
		}
		// The connection's own name may be any that no other has; the token is new each time, so its sum is such a name.
		sum := fnv.New128a()
		_, _ = sum.Write([]byte(data.Token)) // it never fails
		at.RawQuery = "token=" + url.QueryEscape(data.Token) + "&connectId=" + hex.EncodeToString(sum.Sum(nil))
		return at.String(), nil
	}
	return "", fmt.Errorf("read bullet-public: %w: no server", exchange.ErrRefused)
}

// Listings asks for all instruments.
func (Exchange) Listings() exchange.Call {
	return exchange.Call{Path: "/api/v2/symbols", Weight: listingsWeight}
}

type instrument struct {
	Symbol         string           `json:"symbol"` // stays; "name" changes with the coin's
	BaseCurrency   string           `json:"baseCurrency"`
	QuoteCurrency  string           `json:"quoteCurrency"`
	PriceIncrement decimal.Decimal  `json:"priceIncrement"`
	BaseIncrement  decimal.Decimal  `json:"baseIncrement"`
	BaseMinSize    decimal.Decimal  `json:"baseMinSize"`
	QuoteMinSize   decimal.Decimal  `json:"quoteMinSize"`
	MinFunds       *decimal.Decimal `json:"minFunds"`
	EnableTrading  bool             `json:"enableTrading"`
}

// ParseListings reads the symbols, of the first version of the call as well.
func (e Exchange) ParseListings(body []byte) ([]exchange.Listing, int, error) {
	var symbols []json.RawMessage
	if err := open(body, &symbols); err != nil {
		return nil, 0, fmt.Errorf("read symbols: %w", err)
	}
	listings := make([]exchange.Listing, 0, len(symbols))
	skipped := 0
	for _, raw := range symbols {
		l, err := parseListing(raw)
		if err != nil { // one odd symbol must not take the others with it
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
	l.Native, l.Base, l.Quote, l.Status = in.Symbol, in.BaseCurrency, in.QuoteCurrency, market.Halted
	if in.EnableTrading {
		l.Status = market.Trading
	}
	l.PriceTick, l.QuantityStep = in.PriceIncrement, in.BaseIncrement
	l.MinQuantity, l.MinNotional = in.BaseMinSize, in.QuoteMinSize
	if in.MinFunds != nil { // not in the first version
		l.MinNotional = *in.MinFunds
	}
	if !isCode(in.Symbol) {
		return l, fmt.Errorf("%w: symbol %.40q", exchange.ErrInstrument, in.Symbol) // it goes into addresses and topics as it is
	}
	l.Finer()
	if step := l.QuantityStep.Scale(); step <= book.MaxDecimals {
		l.Scale.Size = uint8(max(step, min(step+finerSizes, maxSizes)))
	}
	err := l.Complete()
	return l, err
}

func isCode(s string) bool {
	return s != "" && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

// Snapshot asks for the best hundred levels a side. The whole book has wanted a key since 2021.
func (Exchange) Snapshot(l *exchange.Listing) exchange.Call {
	return exchange.Call{Path: "/api/v1/market/orderbook/level2_100", Query: "symbol=" + l.Code, Weight: snapshotWeight}
}

// ParseSnapshot reads a book. Here the sequence is a string, in the stream it is a number.
func (Exchange) ParseSnapshot(body []byte, l *exchange.Listing, u *book.Update) error {
	var code, msg string
	var data []byte
	c := scan.New(body)
	c.Enter('{')
	for c.More('}') {
		switch key := c.Key(); string(key) {
		case "code":
			code = string(c.Text())
		case "msg":
			msg = string(c.Text())
		case "data":
			data = c.Raw()
		default:
			c.Skip()
		}
	}
	c.End()
	err := c.Err()
	if err == nil {
		err = check(code, msg)
	}
	if err == nil {
		err = readBook(data, l, u)
	}
	if err != nil {
		return fmt.Errorf("read level 2 of %s: %w", l.Code, err)
	}
	return nil
}

func readBook(data []byte, l *exchange.Listing, u *book.Update) error {
	var out exchange.Batch
	*u = book.Update{Kind: book.Snapshot}
	seen := 0
	c := scan.New(data)
	c.Enter('{')
	for c.More('}') {
		switch key := c.Key(); string(key) {
		case "sequence":
			u.Last = book.Seq(c.Uint())
			seen++
		case "time":
			u.Time = exchange.Millis(c.Int())
		case "bids":
			u.Bids = visible(out.PairLevelsCut(&c, l.Scale))
			seen++
		case "asks":
			u.Asks = visible(out.PairLevelsCut(&c, l.Scale))
			seen++
		default:
			c.Skip()
		}
	}
	if err := c.Err(); err != nil {
		return err
	}
	if seen != 3 || u.Last == 0 {
		return fmt.Errorf("%w: incomplete", scan.ErrSyntax)
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

// Candles asks for candles. The call knows no limit and answers with the newest first, so both ends are always given.
func (Exchange) Candles(l *exchange.Listing, interval time.Duration, start, end time.Time, limit int) exchange.Call {
	start, end = exchange.Window(start, end, interval, limit)
	query := ""
	if !end.IsZero() {
		query += "endAt=" + strconv.FormatInt(end.Unix()-1, 10) + "&" // whether their end is included or not, ours is not
	}
	if !start.IsZero() {
		query += "startAt=" + strconv.FormatInt(start.Unix(), 10) + "&"
	}
	query += "symbol=" + l.Code
	for _, iv := range intervals {
		if iv.length == interval {
			query += "&type=" + iv.name
		}
	}
	return exchange.Call{Path: "/api/v1/market/candles", Query: query, Weight: candlesWeight}
}

// ParseCandles reads candles. Their close comes before high and low.
func (Exchange) ParseCandles(body []byte, interval time.Duration, now time.Time) ([]market.Candle, error) {
	var rows []json.RawMessage
	if err := open(body, &rows); err != nil {
		return nil, fmt.Errorf("read candles: %w", err)
	}
	columns := exchange.Columns{Open: 1, Close: 2, High: 3, Low: 4, Volume: 5}
	candles, err := exchange.ParseRows(rows, columns, time.Second, interval, now)
	if err != nil {
		return nil, fmt.Errorf("read candles: %w", err)
	}
	return candles, nil
}
