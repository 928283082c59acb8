package okx

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange"
)

// intervals are those whose candles open at whole multiples of them since 1970, as ours do: of six hours and more only those
// that open by UTC, not by Hong Kong's time.
var intervals = []struct {
	length time.Duration
	name   string
}{
	{time.Minute, "1m"}, {3 * time.Minute, "3m"}, {5 * time.Minute, "5m"}, {15 * time.Minute, "15m"}, {30 * time.Minute, "30m"},
	{time.Hour, "1H"}, {2 * time.Hour, "2H"}, {4 * time.Hour, "4H"}, {6 * time.Hour, "6Hutc"}, {12 * time.Hour, "12Hutc"},
	{24 * time.Hour, "1Dutc"},
}

// Codes of answers that want us to ask less often.
const (
	tooFast = "50011"
	tooBusy = "50013"
)

// open returns the data of an answer. Errors come with any HTTP status.
func open(body []byte) ([]json.RawMessage, error) {
	var e struct {
		Code string            `json:"code"`
		Msg  string            `json:"msg"`
		Data []json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal(body, &e); err != nil {
		return nil, err
	}
	switch e.Code {
	case "0":
		return e.Data, nil
	case tooFast, tooBusy:
		return nil, fmt.Errorf("%w: %s: %.200s", exchange.ErrBusy, e.Code, e.Msg)
	}
	return nil, fmt.Errorf("%w: %.20s: %.200s", exchange.ErrRefused, e.Code, e.Msg)
}

// Listings asks for all spot instruments.
func (Exchange) Listings() exchange.Call {
	return exchange.Call{Path: "/api/v5/public/instruments", Query: "instType=SPOT", Weight: 2}
}

type instrument struct {
	InstID   string          `json:"instId"`
	BaseCcy  string          `json:"baseCcy"`
	QuoteCcy string          `json:"quoteCcy"`
	State    string          `json:"state"`
	TickSz   decimal.Decimal `json:"tickSz"`
	LotSz    decimal.Decimal `json:"lotSz"`
	MinSz    decimal.Decimal `json:"minSz"`
}

// ParseListings reads instruments.
func (e Exchange) ParseListings(body []byte) ([]exchange.Listing, int, error) {
	rows, err := open(body)
	if err != nil {
		return nil, 0, fmt.Errorf("read instruments: %w", err)
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
	l := exchange.Listing{Wire: in.InstID, Code: in.InstID}
	l.Native, l.Base, l.Quote, l.Status = in.InstID, in.BaseCcy, in.QuoteCcy, market.Halted
	if in.State == "live" {
		l.Status = market.Trading
	}
	l.PriceTick, l.QuantityStep, l.MinQuantity = in.TickSz, in.LotSz, in.MinSz // there is no minimum notional
	if l.Native != l.Base+"-"+l.Quote {
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

// Candles asks for candles: the newest, which end with the running one, or those of a time, of which OKX keeps years under
// another path.
func (Exchange) Candles(l *exchange.Listing, interval time.Duration, start, end time.Time, limit int) exchange.Call {
	path := "/api/v5/market/candles"
	start, end = exchange.Window(start, end, interval, limit)
	query := ""
	if !end.IsZero() {
		path = "/api/v5/market/history-candles"
		// To OKX after means older than, before means newer than, both without the time itself.
		query = "after=" + strconv.FormatInt(end.UnixMilli(), 10) + "&"
	}
	for _, iv := range intervals {
		if iv.length == interval {
			query += "bar=" + iv.name
		}
	}
	if !start.IsZero() {
		query += "&before=" + strconv.FormatInt(start.UnixMilli()-1, 10)
	}
	return exchange.Call{Path: path, Query: query + "&instId=" + l.Code + "&limit=" + strconv.Itoa(limit), Weight: 1}
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
