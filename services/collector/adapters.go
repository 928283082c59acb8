package collector

import (
	"maps"
	"slices"

	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange/binance"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange/kraken"
)

// adapter is an exchange that can be collected, and where it really is.
type adapter struct {
	rest, ws string
	make     func(Config) exchange.Exchange
}

// adapters are all of them. A new exchange is a folder under internal/exchange and a line here.
var adapters = map[market.Exchange]adapter{
	"binance": {binance.REST, binance.WS, func(Config) exchange.Exchange { return binance.Exchange{} }},
	"kraken":  {kraken.REST, kraken.WS, func(c Config) exchange.Exchange { return kraken.Exchange{Depth: c.KrakenDepth} }},
}

var krakenDepths = kraken.Depths

func adapterNames() []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(adapters)) {
		names = append(names, string(name))
	}
	return names
}
