package market

// venue is an exchange whose pairs follow from Binance's: the same coins, in books of another size.
type venue struct {
	exchange, quote string
	// share is the size of its books and orders beside Binance's.
	share float64
	// lag is in steps, gap and wander in basis points, as in shape.
	lag         int64
	gap, wander float64
}

// listed is a pair as its exchange lists it.
type listed struct {
	base             string
	price, qty       int // decimals
	minQty, minValue string
}

// pairs makes the venue's pairs, with fewer levels and changes the smaller its share is.
func (v venue) pairs(rows ...listed) []Spec {
	out := make([]Spec, 0, len(rows))
	for _, r := range rows {
		sh := leading[r.base]
		sh.touch, sh.depth = sh.touch*v.share, sh.depth*v.share
		sh.orders, sh.changes, sh.dense = sh.orders*v.share, sh.changes*(0.2+v.share/2), sh.dense*(0.3+v.share/2)
		sh.thin, sh.thick = sh.thin*1.3, sh.thick*1.3
		sh.wide = 0.05
		sh.lag, sh.gap, sh.wander = v.lag, v.gap, v.wander
		out = append(out, Spec{v.exchange, r.base, v.quote, r.price, r.qty, r.minQty, r.minValue, sh})
	}
	return out
}

// further are the pairs of the venues whose books start from an answer over REST, and of Gate.io.
func further() []Spec {
	kucoin := venue{"kucoin", "USDT", 0.35, 1, 0.2, 0.6}.pairs(
		listed{"BTC", 1, 8, "0.00001", "0.1"}, listed{"ETH", 2, 7, "0.0001", "0.1"}, listed{"SOL", 3, 4, "0.01", "0.1"},
		listed{"XRP", 5, 4, "0.1", "0.1"}, listed{"DOGE", 5, 4, "1", "0.1"})
	gateio := venue{"gateio", "USDT", 0.3, 2, -0.2, 0.8}.pairs(
		listed{"BTC", 1, 6, "0.00001", "3"}, listed{"ETH", 2, 5, "0.0001", "3"}, listed{"SOL", 2, 3, "0.001", "3"},
		listed{"XRP", 4, 1, "1", "3"}, listed{"DOGE", 5, 2, "1", "3"})
	bitstamp := venue{"bitstamp", "USD", 0.12, 3, -8.2, 1.2}.pairs(
		listed{"BTC", 2, 8, "0.00001", "10"}, listed{"ETH", 2, 8, "0.0001", "10"}, listed{"SOL", 3, 8, "0.001", "10"},
		listed{"XRP", 5, 8, "0.1", "10"}, listed{"DOGE", 5, 8, "1", "10"})
	us := venue{"binance_us", "USDT", 0.1, 3, 0.5, 1.5}.pairs(
		listed{"BTC", 2, 5, "0.00001", "1"}, listed{"ETH", 2, 4, "0.0001", "1"}, listed{"SOL", 2, 3, "0.001", "1"},
		listed{"XRP", 4, 1, "0.1", "1"}, listed{"DOGE", 5, 0, "1", "1"})
	usDollar := venue{"binance_us", "USD", 0.06, 3, -8, 1.5}.pairs(
		listed{"BTC", 2, 5, "0.00001", "1"}, listed{"ETH", 2, 4, "0.0001", "1"})
	tr := venue{"binance_tr", "USDT", 0.08, 2, 0.4, 1.5}.pairs(
		listed{"BTC", 2, 5, "0.00001", "5"}, listed{"ETH", 2, 4, "0.0001", "5"}, listed{"SOL", 2, 3, "0.001", "5"},
		listed{"XRP", 4, 1, "0.1", "5"}, listed{"DOGE", 5, 0, "1", "5"})
	lira := venue{"binance_tr", "TRY", 0.08, 3, 12, 3}.pairs(
		listed{"BTC", 0, 5, "0.00001", "100"}, listed{"ETH", 0, 4, "0.0001", "100"}, listed{"XRP", 2, 1, "0.1", "100"})
	var out []Spec
	for _, specs := range [][]Spec{kucoin, gateio, bitstamp, us, usDollar, tr, lira} {
		out = append(out, specs...)
	}
	return out
}
