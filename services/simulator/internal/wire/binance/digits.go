package binance

import (
	"math/big"
	"strconv"
	"time"

	"github.com/hourglass-trading/hourglass/services/simulator/internal/market"
)

// digits spells a pair's ticks and steps as the exchange does: always with eight decimals.
type digits struct{ priceDecimals, qtyDecimals int }

func appendPadded(b []byte, v int64, decimals int) []byte {
	b = market.AppendDecimal(b, v, decimals)
	if decimals == 0 {
		b = append(b, '.')
	}
	for range 8 - decimals {
		b = append(b, '0')
	}
	return b
}

func (d digits) appendPrice(b []byte, ticks int64) []byte {
	return appendPadded(b, ticks, d.priceDecimals)
}
func (d digits) appendQty(b []byte, steps int64) []byte { return appendPadded(b, steps, d.qtyDecimals) }
func (d digits) price(ticks int64) string               { return string(d.appendPrice(nil, ticks)) }
func (d digits) qty(steps int64) string                 { return string(d.appendQty(nil, steps)) }

// value spells an amount of the quote coin given in ticks times steps, rounded toward zero.
func (d digits) value(v *big.Int) string {
	shift := int64(8 - d.priceDecimals - d.qtyDecimals)
	scale := new(big.Int).Exp(big.NewInt(10), big.NewInt(max(shift, -shift)), nil)
	scaled := new(big.Int)
	if shift >= 0 {
		scaled.Mul(v, scale)
	} else {
		scaled.Quo(v, scale)
	}
	text := scaled.String()
	for len(text) <= 8 {
		text = "0" + text
	}
	return text[:len(text)-8] + "." + text[len(text)-8:]
}

func (d digits) candle(b *market.Bar) Candle {
	return Candle{
		Open: b.Start, Close: b.Next.Add(-time.Millisecond),
		O: d.price(b.Open), H: d.price(b.High), L: d.price(b.Low), C: d.price(b.Close),
		Volume: d.qty(b.Qty), QuoteVolume: d.value(b.Value.Int()), TakerVolume: d.qty(b.TakerQty), TakerQuote: d.value(b.TakerValue.Int()),
		Trades: b.Trades,
		// Which trades made a candle is not remembered; the exchange says -1 where there are none to name.
		FirstID: -1, LastID: -1,
	}
}

// picture spells a book: the answer to a depth request and the message of a partial depth stream.
func (d digits) picture(b []byte, id int64, bids, asks []market.Level) []byte {
	b = append(b, `{"lastUpdateId":`...)
	b = strconv.AppendInt(b, id, 10)
	for _, side := range []struct {
		key    string
		levels []market.Level
	}{{`,"bids":[`, bids}, {`,"asks":[`, asks}} {
		b = append(b, side.key...)
		for i, l := range side.levels {
			b = d.appendLevel(b, i, l)
		}
		b = append(b, ']')
	}
	return append(b, '}')
}

func (d digits) appendLevel(b []byte, i int, l market.Level) []byte {
	if i > 0 {
		b = append(b, ',')
	}
	b = append(b, `["`...)
	b = d.appendPrice(b, l.Price)
	b = append(b, `","`...)
	b = d.appendQty(b, l.Qty)
	return append(b, `"]`...)
}

// head spells what all events of a stream begin with.
func (s *simPair) head(event string, at time.Time) []byte {
	b := append(make([]byte, 0, 256), `{"e":"`...)
	b = append(b, event...)
	b = append(b, `","E":`...)
	b = strconv.AppendInt(b, at.UnixMilli(), 10)
	b = append(b, `,"s":"`...)
	b = append(b, s.symbol...)
	return append(b, '"')
}

// print spells the rest of a trade.
func (s *simPair) print(b []byte, t *market.Trade, qty int64) []byte {
	b = s.digits.appendPrice(append(b, `,"p":"`...), t.Price)
	b = s.digits.appendQty(append(b, `","q":"`...), qty)
	b = strconv.AppendInt(append(b, `","T":`...), t.At.UnixMilli(), 10)
	b = append(b, `,"m":`...)
	b = strconv.AppendBool(b, t.Sell)
	return append(b, `,"M":true}`...)
}

// difference spells a depth message.
func (s *simPair) difference(at time.Time, first, last int64, changes []market.Change) []byte {
	b := s.head("depthUpdate", at)
	b = strconv.AppendInt(append(b, `,"U":`...), first, 10)
	b = strconv.AppendInt(append(b, `,"u":`...), last, 10)
	for _, bid := range []bool{true, false} {
		if bid {
			b = append(b, `,"b":[`...)
		} else {
			b = append(b, `,"a":[`...)
		}
		n := 0
		for _, c := range changes {
			if c.Bid == bid {
				b = s.digits.appendLevel(b, n, c.Level)
				n++
			}
		}
		b = append(b, ']')
	}
	return append(b, '}')
}
