package kraken

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// bookFrame spells a book message. Numbers are bare and in the pair's full precision.
func bookFrame(kind, symbol string, bids, asks []Level, checksum uint32, at time.Time) []byte {
	b := make([]byte, 0, 160+48*(len(bids)+len(asks)))
	b = append(b, `{"channel":"book","type":"`...)
	b = append(b, kind...)
	b = append(b, `","data":[{"symbol":"`...)
	b = append(b, symbol...)
	b = append(b, `","bids":[`...)
	b = appendLevels(b, bids)
	b = append(b, `],"asks":[`...)
	b = appendLevels(b, asks)
	b = append(b, `],"checksum":`...)
	b = strconv.AppendUint(b, uint64(checksum), 10)
	b = append(b, `,"timestamp":"`...)
	b = at.UTC().AppendFormat(b, stamp)
	return append(b, `"}]}`...)
}

func appendLevels(b []byte, levels []Level) []byte {
	for i, l := range levels {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"price":`...)
		b = append(b, l.Price...)
		b = append(b, `,"qty":`...)
		b = append(b, l.Qty...)
		b = append(b, '}')
	}
	return b
}

// tradeFrame spells a trade message; nil where there is no trade.
func tradeFrame(kind, symbol string, trades []Trade) []byte {
	if len(trades) == 0 {
		return nil
	}
	b := fmt.Appendf(nil, `{"channel":"trade","type":"%s","data":[`, kind)
	for i, t := range trades {
		if i > 0 {
			b = append(b, ',')
		}
		side := "buy"
		if t.Sell {
			side = "sell"
		}
		b = fmt.Appendf(b, `{"symbol":"%s","side":"%s","price":%s,"qty":%s,"ord_type":"%s","trade_id":%d,"timestamp":"%s"}`,
			symbol, side, t.Price, t.Qty, t.OrdType, t.ID, t.At.UTC().Format(stamp))
	}
	return append(b, `]}`...)
}

// ohlcFrame spells a candle message; nil where there is no candle.
func ohlcFrame(kind, symbol string, minutes int, candles []Candle, at time.Time) []byte {
	if len(candles) == 0 {
		return nil
	}
	b := fmt.Appendf(nil, `{"channel":"ohlc","type":"%s","timestamp":"%s","data":[`, kind, at.UTC().Format(stamp))
	for i, c := range candles {
		if i > 0 {
			b = append(b, ',')
		}
		b = fmt.Appendf(b, `{"symbol":"%s","open":%s,"high":%s,"low":%s,"close":%s,"trades":%d,"volume":%s,"vwap":%s,`+
			`"interval_begin":"%s","interval":%d,"timestamp":"%s"}`,
			symbol, c.Open, c.High, c.Low, c.Close, c.Trades, c.Volume, c.VWAP,
			c.Start.UTC().Format("2006-01-02T15:04:05.000000000Z"), minutes, c.Next.UTC().Format(stamp))
	}
	return append(b, `]}`...)
}

// instrumentFrame spells the description of all pairs. Small numbers carry an exponent, as the exchange writes them.
func instrumentFrame(pairs []Pair) []byte {
	var assets []string
	seen := map[string]bool{}
	for _, p := range pairs {
		for _, a := range []string{p.Base, p.Quote} {
			if !seen[a] {
				seen[a] = true
				assets = append(assets, a)
			}
		}
	}
	slices.Sort(assets)
	b := []byte(`{"channel":"instrument","type":"snapshot","data":{"assets":[`)
	for i, a := range assets {
		if i > 0 {
			b = append(b, ',')
		}
		b = fmt.Appendf(b, `{"id":"%s","status":"enabled","precision":10,"precision_display":5,"borrowable":false,"collateral_value":0.0,`+
			`"margin_rate":0.0}`, a)
	}
	b = append(b, `],"pairs":[`...)
	for i, p := range pairs {
		if i > 0 {
			b = append(b, ',')
		}
		b = fmt.Appendf(b, `{"symbol":"%s","base":"%s","quote":"%s","status":"%s","qty_precision":%d,"qty_increment":%s,`+
			`"price_precision":%d,"cost_precision":%d,"marginable":false,"has_index":false,"cost_min":%s,"tick_size":%s,`+
			`"price_increment":%s,"qty_min":%s}`,
			p.Symbol, p.Base, p.Quote, p.Status, p.QtyDecimals, small(step(p.QtyDecimals)), p.PriceDecimals, p.CostDecimals,
			p.MinValue, small(p.Tick), small(p.Tick), p.MinQty)
	}
	return append(b, `]}}`...)
}

// step spells 10^-decimals.
func step(decimals int) string {
	if decimals <= 0 {
		return "1"
	}
	return "0." + strings.Repeat("0", decimals-1) + "1"
}

// small rewrites a power of ten below 0.0001 with an exponent.
func small(s string) string {
	digits, ok := strings.CutPrefix(s, "0.0000")
	if !ok {
		return s
	}
	significant := strings.TrimLeft(digits, "0")
	if len(significant) != 1 {
		return s
	}
	return fmt.Sprintf("%se-%02d", significant, 4+len(digits))
}
