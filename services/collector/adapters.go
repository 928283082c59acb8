package collector

import (
	"maps"
	"slices"

	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange/binance"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange/bybit"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange/coinbase"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange/gemini"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange/kraken"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange/okx"
)

// adapter is an exchange that can be collected, and where it really is.
type adapter struct {
	rest, ws string
	make     func(Config) exchange.Exchange
}

// adapters are all of them. A new exchange is a folder under internal/exchange and a line here.
var adapters = map[market.Exchange]adapter{
	"binance":  {binance.REST, binance.WS, func(Config) exchange.Exchange { return binance.Exchange{} }},
	"bybit":    {bybit.REST, bybit.WS, func(Config) exchange.Exchange { return bybit.Exchange{} }},
	"coinbase": {coinbase.REST, coinbase.WS, func(Config) exchange.Exchange { return coinbase.Exchange{} }},
	"gemini":   {gemini.REST, gemini.WS, func(Config) exchange.Exchange { return gemini.Exchange{} }},
	"kraken":   {kraken.REST, kraken.WS, func(c Config) exchange.Exchange { return kraken.Exchange{Depth: c.KrakenDepth} }},
	"okx":      {okx.REST, okx.WS, func(Config) exchange.Exchange { return okx.Exchange{} }},
}

var krakenDepths = kraken.Depths

func adapterNames() []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(adapters)) {
		names = append(names, string(name))
	}
	return names
}
