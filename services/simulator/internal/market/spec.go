package market

import (
	"slices"
	"strconv"
	"strings"
)

// Spec describes one pair on one exchange. Quantities of its shape are in base coins, distances in basis points of the price.
type Spec struct {
	Exchange, Base, Quote string
	// PriceDecimals and QtyDecimals make the tick and the step: 10^-decimals.
	PriceDecimals, QtyDecimals int
	// MinQty and MinValue are the smallest order, as the exchange spells them.
	MinQty, MinValue string

	shape
}

// shape is what the market of a pair looks like on average.
type shape struct {
	touch       float64 // median size of the best level
	thin, thick float64 // deviation of its logarithm below and above the median
	depth       float64 // coins within each basis point from the touch, to 25 of them
	dense       float64 // levels within each basis point
	changes     float64 // median of the changes in 100 ms, besides those that follow a move
	orders      float64 // taker orders a second
	order       float64 // median size of a taker order
	sticky      float64 // how far the fair price moves before the quotes follow
	wide        float64 // share of the quotes that leave more than a tick between bid and ask
	lag         int64   // steps behind the leading exchange
	gap         float64 // mean distance from the common price
	wander      float64 // deviation of that distance
}

// Canonical is the project's name of the pair: BTC-USDT.
func (s *Spec) Canonical() string { return s.Base + "-" + s.Quote }

// Price spells a price with the exchange's digits, Qty a quantity.
func (s *Spec) Price(ticks int64) string { return Decimal(ticks, s.PriceDecimals) }

// Qty spells a quantity.
func (s *Spec) Qty(steps int64) string { return Decimal(steps, s.QtyDecimals) }

// Decimal spells v / 10^decimals with all decimals; v is not negative.
func Decimal(v int64, decimals int) string { return string(AppendDecimal(nil, v, decimals)) }

// AppendDecimal appends what Decimal spells.
func AppendDecimal(dst []byte, v int64, decimals int) []byte {
	var buf [40]byte
	digits := strconv.AppendInt(buf[:0], v, 10)
	if decimals == 0 {
		return append(dst, digits...)
	}
	if n := len(digits) - decimals; n > 0 {
		dst = append(dst, digits[:n]...)
		digits = digits[n:]
	} else {
		dst = append(dst, '0')
	}
	dst = append(dst, '.')
	for range decimals - len(digits) {
		dst = append(dst, '0')
	}
	return append(dst, digits...)
}

// asset is what a coin's price does, in US dollars.
type asset struct {
	price float64 // around which it moves
	beta  float64 // share of the common movement
	own   float64 // deviation of its own movement, in parts of the common one
}

var assets = withCrowd(map[string]asset{
	"BTC": {62000, 1, 0.25}, "ETH": {2600, 1.05, 0.45}, "SOL": {150, 1.2, 0.9}, "XRP": {0.6, 0.9, 0.8}, "DOGE": {0.11, 1.2, 0.9},
	"PEPE": {0.0000085, 1.4, 1.4}, "USD": {1, 0, 0}, "USDT": {1, 0, 0}, "USDC": {1, 0, 0}, "TRY": {0.025, 0, 0},
})

// commonSigma is the deviation of the common logarithmic price over a step of 100 ms: 0.37 bps, about 66 % a year.
const commonSigma = 0.37e-4

// leading are the shapes of the leading markets, those of Binance against USDT.
var leading = map[string]shape{
	"BTC":  {touch: 1.9, thin: 1.7, thick: 0.62, depth: 3.9, dense: 36, changes: 27, orders: 13, order: 0.003, sticky: 0.9},
	"ETH":  {touch: 8.8, thin: 1.4, thick: 0.72, depth: 60, dense: 36, changes: 11, orders: 7.6, order: 0.045, sticky: 0.62},
	"SOL":  {touch: 260, thin: 1.4, thick: 0.8, depth: 300, dense: 30, changes: 9, orders: 5, order: 0.9, sticky: 0.4},
	"XRP":  {touch: 42000, thin: 1.2, thick: 0.8, depth: 25000, dense: 30, changes: 7, orders: 4, order: 180, sticky: 0.2},
	"DOGE": {touch: 90000, thin: 1.2, thick: 0.8, depth: 80000, dense: 30, changes: 7, orders: 3.5, order: 900, sticky: 0.2},
}

// Pairs are the pairs of the synthetic market. The figures of BTC-USDT are those of a measured night, the others follow from
// them by the value traded.
func Pairs() []Spec {
	out := []Spec{
		{"binance", "BTC", "USDT", 2, 5, "0.00001", "5", leading["BTC"]},
		{"binance", "ETH", "USDT", 2, 4, "0.0001", "5", leading["ETH"]},
		{"binance", "SOL", "USDT", 2, 3, "0.001", "5", leading["SOL"]},
		{"binance", "XRP", "USDT", 4, 1, "0.1", "5", leading["XRP"]},
		{"binance", "DOGE", "USDT", 5, 0, "1", "5", leading["DOGE"]},
		{"binance", "ETH", "BTC", 5, 4, "0.0001", "0.0001", shape{
			touch: 18, thin: 1.2, thick: 0.7, depth: 7, dense: 30, changes: 4, orders: 1.5, order: 0.05, sticky: 0.1}},
		{"binance", "PEPE", "USDT", 8, 0, "1", "1", shape{
			touch: 2.2e9, thin: 1.1, thick: 0.7, depth: 1.5e8, dense: 30, changes: 5, orders: 4, order: 9e6, sticky: 0.1}},
	}
	dollar := func(base string, priceDecimals int, minQty string, sh shape) Spec {
		sh.lag, sh.gap, sh.wander = 2, -8.7, 1
		return Spec{"kraken", base, "USD", priceDecimals, 8, minQty, "0.5", sh}
	}
	tether := func(s Spec) Spec {
		s.Quote, s.gap, s.wander = "USDT", 0, 0.7
		s.touch, s.depth, s.orders, s.dense = s.touch/2, s.depth/2, s.orders/3, s.dense/2
		return s
	}
	btc := dollar("BTC", 1, "0.00005", shape{
		touch: 0.9, thin: 3.2, thick: 1.1, depth: 3.9, dense: 8, changes: 5, orders: 1.6, order: 0.004, sticky: 0.7, wide: 0.07})
	eth := dollar("ETH", 2, "0.001", shape{
		touch: 6, thin: 2.5, thick: 1, depth: 40, dense: 8, changes: 5, orders: 1.1, order: 0.05, sticky: 0.7, wide: 0.1})
	out = append(out, btc, eth,
		dollar("SOL", 2, "0.06", shape{
			touch: 60, thin: 2, thick: 1, depth: 150, dense: 8, changes: 4, orders: 0.8, order: 1.2, sticky: 0.7, wide: 0.1}),
		dollar("XRP", 5, "1.65", shape{
			touch: 4000, thin: 2, thick: 1, depth: 20000, dense: 8, changes: 4, orders: 0.7, order: 250, sticky: 0.7, wide: 0.25}),
		dollar("DOGE", 7, "50", shape{
			touch: 9000, thin: 2, thick: 1, depth: 60000, dense: 6, changes: 3, orders: 0.5, order: 1200, sticky: 0.9, wide: 0.4}),
		tether(btc), tether(eth))
	return slices.Concat(out, further(), inBand(), crowd())
}

// Step spells 10^-decimals.
func Step(decimals int) string {
	if decimals == 0 {
		return "1"
	}
	return "0." + strings.Repeat("0", decimals-1) + "1"
}
