package market

import "math"

// coins are those of the crowd, with a price around which each moves, in US dollars. The figures are of no day in particular.
var coins = []struct {
	name  string
	price float64
}{
	{"ADA", 0.62}, {"AVAX", 27}, {"LINK", 14}, {"DOT", 5.8}, {"LTC", 84}, {"BCH", 410}, {"UNI", 8.2}, {"ATOM", 6.1}, {"NEAR", 4.4},
	{"APT", 8.9}, {"ARB", 0.71}, {"OP", 1.6}, {"SUI", 2.1}, {"FIL", 4.9}, {"TRX", 0.16}, {"XLM", 0.105}, {"AAVE", 155}, {"ETC", 22},
}

// crowd are the pairs of the coins that are traded less, on all exchanges: thinner books with wider spreads.
func crowd() []Spec {
	venues := []venue{
		{"binance", "USDT", 1, 0, 0, 0}, {"kraken", "USD", 0.3, 2, -8.7, 1}, {"coinbase", "USD", 0.4, 2, -8.5, 0.9},
		{"okx", "USDT", 0.5, 1, 0.1, 0.5}, {"bybit", "USDT", 0.45, 1, -0.1, 0.5}, {"kucoin", "USDT", 0.35, 1, 0.2, 0.6},
		{"gateio", "USDT", 0.3, 2, -0.2, 0.8}, {"bitstamp", "USD", 0.12, 3, -8.2, 1.2}, {"gemini", "USD", 0.08, 3, -8.3, 1.3},
	}
	var out []Spec
	for _, v := range venues {
		for _, c := range coins {
			// A tick of a tenth to one basis point of the price, a step of a cent to a tenth of a dollar.
			price := max(1, 5-int(math.Ceil(math.Log10(c.price))))
			qty := max(0, 1+int(math.Ceil(math.Log10(c.price))))
			out = append(out, Spec{v.exchange, c.name, v.quote, price, qty, Step(qty), "5", shape{
				touch: 6000 * v.share / c.price, thin: 1.6, thick: 0.9, depth: 3000 * v.share / c.price, dense: 10,
				changes: 1 + 2*v.share, orders: 0.8 * v.share, order: 150 / c.price, sticky: 0.8, wide: 0.2,
				lag: v.lag, gap: v.gap, wander: v.wander,
			}})
		}
	}
	return out
}

// withCrowd adds the crowd's coins to the others: they move more than the market, and by themselves.
func withCrowd(all map[string]asset) map[string]asset {
	for _, c := range coins {
		all[c.name] = asset{c.price, 1.2, 0.9}
	}
	return all
}
