package simulator_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hourglass-trading/hourglass/pkg/daemon"
	"github.com/hourglass-trading/hourglass/services/simulator"
)

func TestAProcessIsConfiguredByItsEnvironment(t *testing.T) {
	env := map[string]string{
		"HOURGLASS_MARKET": "replay", "HOURGLASS_REPLAY_DIR": "/recordings", "HOURGLASS_SEED": "18446744073709551615",
		"HOURGLASS_SPEED": "2.5", "HOURGLASS_SIM_SYMBOLS": "BTC-USDT, ETH-USDT", "HOURGLASS_LISTEN": "0.0.0.0:9000",
	}
	got, err := simulator.ParseConfig(func(key string) string { return env[key] })
	if err != nil {
		t.Fatal(err)
	}
	want := simulator.Process{
		Config: simulator.Config{
			Market: "replay", ReplayDir: "/recordings", Seed: 1<<64 - 1, Speed: 2.5,
			Exchanges: simulator.Exchanges(), Symbols: []string{"BTC-USDT", "ETH-USDT"},
		},
		Listen: "0.0.0.0:9000", HealthListen: daemon.DefaultHealthListen,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	env = map[string]string{"HOURGLASS_MARKET": "replay=/there"}
	if got, err = simulator.ParseConfig(func(key string) string { return env[key] }); err != nil || got.ReplayDir != "/there" || got.Seed != 1 {
		t.Errorf("%+v, %v", got, err)
	}
	env = map[string]string{"HOURGLASS_MARKET": "live", "HOURGLASS_SEED": "-1", "HOURGLASS_SPEED": "NaN", "HOURGLASS_LISTEN": "here"}
	if _, err = simulator.ParseConfig(func(key string) string { return env[key] }); !errors.Is(err, daemon.ErrConfig) {
		t.Errorf("four faults give %v", err)
	} else {
		t.Log(err)
	}
}
