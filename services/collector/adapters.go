package collector

import (
	"maps"
	"slices"

	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange/binance"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange/bitstamp"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange/bybit"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange/coinbase"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange/gateio"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange/gemini"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange/kraken"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange/kucoin"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange/okx"
)

// adapter is an exchange that can be collected, and where it really is.
type adapter struct {
	rest, ws string
	make     func(Config) exchange.Exchange
}

// adapters are all of them, by their names. A new exchange is a folder under internal/exchange and a line here.
var adapters = map[market.Exchange]adapter{
	"binance":    {binance.REST, binance.WS, always(binance.Exchange{})},
	"binance_tr": {binance.RESTTR, binance.WSTR, always(binance.TR())},
	"binance_us": {binance.RESTUS, binance.WSUS, always(binance.US())},
	"bitstamp":   {bitstamp.REST, bitstamp.WS, always(bitstamp.Exchange{})},
	"bybit":      {bybit.REST, bybit.WS, always(bybit.Exchange{})},
	"coinbase":   {coinbase.REST, coinbase.WS, always(coinbase.Exchange{})},
	"gateio":     {gateio.REST, gateio.WS, always(gateio.Exchange{})},
	"gemini":     {gemini.REST, gemini.WS, always(gemini.Exchange{})},
	"kraken":     {kraken.REST, kraken.WS, func(c Config) exchange.Exchange { return kraken.Exchange{Depth: c.KrakenDepth} }},
	"kucoin":     {kucoin.REST, kucoin.WS, always(kucoin.Exchange{})},
	"okx":        {okx.REST, okx.WS, always(okx.Exchange{})},
}

var krakenDepths = kraken.Depths

func always(ex exchange.Exchange) func(Config) exchange.Exchange {
	return func(Config) exchange.Exchange { return ex }
}

func adapterNames() []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(adapters)) {
		names = append(names, string(name))
	}
	return names
}
