package exchange

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
)

// Columns says which elements of a candle's row are what.
type Columns struct{ Open, High, Low, Close, Volume int }

// ParseRows reads rows of candles that start with their opening time in the given unit. The result is oldest first; of rows
// with the same opening time the later one counts. A candle is complete if its interval has ended by now.
func ParseRows(rows []json.RawMessage, cols Columns, unit, interval time.Duration, now time.Time) ([]market.Candle, error) {
	candles := make([]market.Candle, 0, len(rows))
	for i, raw := range rows {
		c, err := parseRow(raw, cols, unit)
		if err != nil {
			return nil, fmt.Errorf("row %d: %w", i, err)
		}
		c.CloseTime = c.OpenTime.Add(interval - time.Millisecond)
		c.Complete = !now.Before(c.OpenTime.Add(interval))
		candles = append(candles, c)
	}
	slices.SortStableFunc(candles, func(a, b market.Candle) int { return a.OpenTime.Compare(b.OpenTime) })
	slices.Reverse(candles) // so that of equal times the later row comes first and is the one kept
	candles = slices.CompactFunc(candles, func(a, b market.Candle) bool { return a.OpenTime.Equal(b.OpenTime) })
	slices.Reverse(candles)
	return candles, nil
}

func parseRow(raw json.RawMessage, cols Columns, unit time.Duration) (market.Candle, error) {
	var row []json.RawMessage
	if err := json.Unmarshal(raw, &row); err != nil {
		return market.Candle{}, err
	}
	if need := max(cols.Open, cols.High, cols.Low, cols.Close, cols.Volume); len(row) <= need {
		return market.Candle{}, fmt.Errorf("%w: %d columns", ErrRefused, len(row))
	}
	var open int64
	if err := json.Unmarshal(bytes.Trim(row[0], `"`), &open); err != nil { // a number, or a string that holds one
		return market.Candle{}, fmt.Errorf("opening time: %w", err)
	}
	if most := int64(1<<62) / int64(unit); cmp.Compare(open, 0) < 0 || open > most {
		return market.Candle{}, fmt.Errorf("%w: opening time %d", ErrRefused, open)
	}
	c := market.Candle{OpenTime: time.Unix(0, 0).Add(time.Duration(open) * unit).UTC()}
	for _, col := range []struct {
		at int
		to *decimal.Decimal
	}{{cols.Open, &c.Open}, {cols.High, &c.High}, {cols.Low, &c.Low}, {cols.Close, &c.Close}, {cols.Volume, &c.Volume}} {
		if err := json.Unmarshal(row[col.at], col.to); err != nil {
			return market.Candle{}, fmt.Errorf("column %d: %w", col.at, err)
		}
	}
	return c, nil
}

// Window bounds what is asked for to limit candles: the oldest of [start, end) where a start is given, so that whoever pages
// onward misses none, else the newest before end. Exchanges that answer with the newest first would choose otherwise.
func Window(start, end time.Time, interval time.Duration, limit int) (from, to time.Time) {
	length := interval * time.Duration(limit)
	switch {
	case start.IsZero() && end.IsZero():
	case start.IsZero():
		start = end.Add(-length)
	case end.IsZero() || end.Sub(start) > length:
		end = start.Add(length)
	}
	return start, end
}
