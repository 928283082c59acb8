package executor

import (
	"strings"
	"testing"

	"github.com/hourglass-trading/hourglass/pkg/decimal"
)

func parse(env map[string]string) (Config, error) {
	return ParseConfig(func(key string) string { return env[key] })
}

func TestEveryExchangeThatCanBeTradedHasAFee(t *testing.T) {
	cfg, err := parse(map[string]string{
		"HOURGLASS_EXCHANGES": "binance,bitstamp,bybit,coinbase,gateio,gemini,kraken,kucoin,okx", "HOURGLASS_TAKER_FEES_BPS": "kraken=26.5",
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range cfg.Exchanges {
		if cfg.Profile.TakerFeeBps[e].Sign() <= 0 {
			t.Errorf("%s takes no fee", e)
		}
	}
	if got := cfg.Profile.TakerFeeBps["kraken"]; got != decimal.MustParse("26.5") {
		t.Errorf("the fee that was named is %s", got)
	}
	for e, maker := range cfg.Profile.MakerFeeBps {
		if cfg.Profile.TakerFeeBps[e].Less(maker) {
			t.Errorf("%s takes %s of an order at rest, and %s of one that takes", e, maker, cfg.Profile.TakerFeeBps[e])
		}
	}
	cfg, err = parse(map[string]string{"HOURGLASS_TAKER_FEES_BPS": "kraken=20", "HOURGLASS_MAKER_FEES_BPS": "binance=7"})
	if m := cfg.Profile.MakerFeeBps; err != nil || m["kraken"] != decimal.New(20, 0) || m["binance"] != decimal.New(7, 0) {
		t.Errorf("maker fees %v, %v", cfg.Profile.MakerFeeBps, err)
	}
	if _, err := parse(map[string]string{"HOURGLASS_EXCHANGES": "nowhere"}); err == nil || !strings.Contains(err.Error(), "add nowhere=BPS") {
		t.Errorf("an exchange without a fee: %v", err)
	}
}

func TestFaultsAreNamed(t *testing.T) {
	for key, tt := range map[string]struct{ value, want string }{
		"HOURGLASS_MEMORY_SCOPE":   {"global", "cannot be global"},
		"HOURGLASS_VISIBLE_SHARE":  {"1.5", "at most 1"},
		"HOURGLASS_TAKER_FEES_BPS": {"binance", "NAME=NUMBER"},
		"HOURGLASS_MAKER_FEES_BPS": {"binance", "NAME=NUMBER"},
		"HOURGLASS_OPENING_FUNDS":  {"USD=-1", "number from 0"},
		"HOURGLASS_NATS":           {"nats.example:4222", "nats|tls://host"},
	} {
		if _, err := parse(map[string]string{key: tt.value}); err == nil || !strings.Contains(err.Error(), key) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s=%s: %v, want %q", key, tt.value, err, tt.want)
		}
	}
}
