package collector

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/pkg/daemon"
	"github.com/hourglass-trading/hourglass/pkg/market"
)

// Config is what a collector is told when it starts.
type Config struct {
	Bus          bus.Config
	HealthListen string
	Exchanges    []Endpoint
	Symbols      []market.Symbol // collected always, on every exchange that lists them; others when somebody wants them
	KrakenDepth  int             // levels a side asked from Kraken
	Recorded     bool            // the exchanges are recordings, which end: that nothing more comes says nothing of a book
}

// Endpoint says where an exchange is reached. An address ends where the exchange's own paths begin.
type Endpoint struct {
	Exchange market.Exchange
	REST     string // http://… or https://…
	WS       string // ws://… or wss://…
}

// ParseConfig reads the configuration from the environment and names every fault of it.
func ParseConfig(getenv func(string) string) (Config, error) {
	l := daemon.NewLookup(getenv)
	cfg := Config{
		Bus:          bus.ConfigOf(l, bus.Collector),
		HealthListen: l.Addr("HOURGLASS_HEALTH_LISTEN", daemon.DefaultHealthListen),
		KrakenDepth:  l.Int("HOURGLASS_KRAKEN_DEPTH", 100, 10, 1000),
		Recorded:     getenv("HOURGLASS_MARKET") == "replay",
	}
	if !slices.Contains(krakenDepths, cfg.KrakenDepth) {
		l.Fault("HOURGLASS_KRAKEN_DEPTH", fmt.Errorf("%d is none of %v", cfg.KrakenDepth, krakenDepths))
	}
	simulator := l.URL("HOURGLASS_SIMULATOR", "", "http", "https")
	for _, name := range l.List("HOURGLASS_EXCHANGES", "binance", "kraken") {
		e, ok := parseEndpoint(l, name, simulator)
		if ok && !slices.ContainsFunc(cfg.Exchanges, func(o Endpoint) bool { return o.Exchange == e.Exchange }) {
			cfg.Exchanges = append(cfg.Exchanges, e)
		}
	}
	for _, text := range l.List("HOURGLASS_SYMBOLS", "BTC-USDT", "ETH-USDT", "BTC-USD", "ETH-USD") {
		symbol, err := market.ParseSymbol(text)
		if err != nil {
			l.Fault("HOURGLASS_SYMBOLS", err)
			continue
		}
		cfg.Symbols = append(cfg.Symbols, symbol)
	}
	return cfg, l.Err()
}

// parseEndpoint finds an exchange's addresses: its own setting stands above the simulator's, which stands above the real one.
func parseEndpoint(l *daemon.Lookup, name, simulator string) (Endpoint, bool) {
	known, ok := adapters[market.Exchange(name)]
	if !ok {
		l.Fault("HOURGLASS_EXCHANGES", fmt.Errorf("%.40q is none of %s", name, strings.Join(adapterNames(), ", ")))
		return Endpoint{}, false
	}
	rest, ws := known.rest, known.ws
	if simulator != "" {
		rest = simulator + "/" + name
		ws = "ws" + strings.TrimPrefix(rest, "http") // https becomes wss
	}
	prefix := "HOURGLASS_" + strings.ToUpper(name)
	return Endpoint{
		Exchange: market.Exchange(name),
		REST:     l.URL(prefix+"_REST", rest, "http", "https"),
		WS:       l.URL(prefix+"_WS", ws, "ws", "wss"),
	}, true
}
