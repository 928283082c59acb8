package market

// inBand are the pairs of the venues whose books begin with a picture on their stream.
func inBand() []Spec {
	okx := venue{"okx", "USDT", 0.5, 1, 0.1, 0.5}.pairs(
		listed{"BTC", 1, 8, "0.00001", "1"}, listed{"ETH", 2, 6, "0.0001", "1"}, listed{"SOL", 2, 6, "0.001", "1"},
		listed{"XRP", 4, 6, "1", "1"}, listed{"DOGE", 5, 6, "10", "1"})
	okxUSDC := venue{"okx", "USDC", 0.1, 2, 0.3, 0.8}.pairs(
		listed{"BTC", 1, 8, "0.00001", "1"}, listed{"ETH", 2, 6, "0.0001", "1"})
	bybit := venue{"bybit", "USDT", 0.45, 1, -0.1, 0.5}.pairs(
		listed{"BTC", 2, 6, "0.000011", "5"}, listed{"ETH", 2, 5, "0.00007", "5"}, listed{"SOL", 2, 3, "0.001", "5"},
		listed{"XRP", 4, 2, "0.01", "5"}, listed{"DOGE", 5, 1, "0.1", "5"})
	bybitUSDC := venue{"bybit", "USDC", 0.1, 2, 0.2, 0.8}.pairs(
		listed{"BTC", 2, 6, "0.000011", "5"}, listed{"ETH", 2, 5, "0.00007", "5"})
	coinbase := venue{"coinbase", "USD", 0.4, 2, -8.5, 0.9}.pairs(
		listed{"BTC", 2, 8, "0.00000001", "1"}, listed{"ETH", 2, 8, "0.00000001", "1"}, listed{"SOL", 2, 8, "0.00000001", "1"},
		listed{"XRP", 4, 6, "0.000001", "1"}, listed{"DOGE", 5, 1, "0.1", "1"})
	coinbaseTether := venue{"coinbase", "USDT", 0.08, 2, 0.1, 0.9}.pairs(
		listed{"BTC", 2, 8, "0.00000001", "1"}, listed{"ETH", 2, 8, "0.00000001", "1"})
	gemini := venue{"gemini", "USD", 0.08, 3, -8.3, 1.3}.pairs(
		listed{"BTC", 2, 8, "0.00001", "0"}, listed{"ETH", 2, 6, "0.001", "0"}, listed{"SOL", 3, 6, "0.001", "0"},
		listed{"XRP", 5, 6, "0.1", "0"}, listed{"DOGE", 5, 6, "0.1", "0"})
	var out []Spec
	for _, specs := range [][]Spec{okx, okxUSDC, bybit, bybitUSDC, coinbase, coinbaseTether, gemini} {
		out = append(out, specs...)
	}
	return out
}
