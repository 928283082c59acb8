package collector

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/hourglass-trading/hourglass/pkg/daemon"
	"github.com/hourglass-trading/hourglass/pkg/market"
)

func TestConfigSaysWhereExchangesAre(t *testing.T) {
	tests := map[string]struct {
		env  map[string]string
		want []Endpoint
	}{
		"nothing said: the real ones": {nil, []Endpoint{
			{"binance", "https://api.binance.com", "wss://stream.binance.com:9443"},
			{"kraken", "https://api.kraken.com", "wss://ws.kraken.com"},
		}},
		"a simulator for all": {map[string]string{"HOURGLASS_SIMULATOR": "http://127.0.0.1:8765/"}, []Endpoint{
			{"binance", "http://127.0.0.1:8765/binance", "ws://127.0.0.1:8765/binance"},
			{"kraken", "http://127.0.0.1:8765/kraken", "ws://127.0.0.1:8765/kraken"},
		}},
		"an own address stands above it": {map[string]string{
			"HOURGLASS_SIMULATOR": "https://sim:1", "HOURGLASS_EXCHANGES": "kraken, kraken", "HOURGLASS_KRAKEN_WS": "ws://here:2/x",
		}, []Endpoint{{"kraken", "https://sim:1/kraken", "ws://here:2/x"}}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			cfg, err := ParseConfig(func(key string) string { return tt.env[key] })
			if err != nil || !slices.Equal(cfg.Exchanges, tt.want) {
				t.Errorf("%+v, %v", cfg.Exchanges, err)
			}
		})
	}
}

func TestAllFaultsOfTheConfigAreToldAtOnce(t *testing.T) {
	env := map[string]string{
		"HOURGLASS_EXCHANGES": "binance,nyse", "HOURGLASS_SYMBOLS": "BTC-USDT,btc/usd", "HOURGLASS_KRAKEN_DEPTH": "50",
		"HOURGLASS_BINANCE_WS": "https://x", "HOURGLASS_HEALTH_LISTEN": "nowhere",
	}
	_, err := ParseConfig(func(key string) string { return env[key] })
	if !errors.Is(err, daemon.ErrConfig) {
		t.Fatal(err)
	}
	for key := range env {
		if !strings.Contains(err.Error(), key) {
			t.Errorf("%s is not named in %v", key, err)
		}
	}
}

func TestEveryAdapterBearsTheNameItIsFoundBy(t *testing.T) {
	for name, a := range adapters {
		ex := a.make(Config{KrakenDepth: 100})
		if _, err := market.ParseExchange(string(name)); err != nil || ex.Name() != name {
			t.Errorf("%s is called %s, %v", name, ex.Name(), err)
		}
		traits := ex.Traits()
		if traits.Listings < 1 || traits.Batch < 1 || traits.Answer <= 0 || traits.Stale <= 0 || traits.Silence < traits.Stale ||
			traits.Dials < 1 || traits.DialsPer <= 0 || traits.Weight < 1 || traits.WeightPer <= 0 || traits.CandleRows < 1 {
			t.Errorf("%s: traits %+v", name, traits)
		}
		intervals := ex.Intervals()
		if len(intervals) == 0 || !slices.IsSorted(intervals) {
			t.Errorf("%s: intervals %v", name, intervals)
		}
		if cfg, err := ParseConfig(func(key string) string {
			if key == "HOURGLASS_EXCHANGES" {
				return string(name)
			}
			return ""
		}); err != nil || len(cfg.Exchanges) != 1 || !strings.HasPrefix(cfg.Exchanges[0].WS, "wss://") || !strings.HasPrefix(cfg.Exchanges[0].REST, "https://") {
			t.Errorf("%s: %+v, %v", name, cfg, err)
		}
	}
}
