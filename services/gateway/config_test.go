package gateway_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/pkg/daemon"
	"github.com/hourglass-trading/hourglass/services/gateway"
)

func parse(env map[string]string) (gateway.Config, error) {
	return gateway.ParseConfig(func(key string) string { return env[key] })
}

func TestAnEmptyEnvironmentIsAConfiguration(t *testing.T) {
	cfg, err := parse(nil)
	if err != nil || cfg.Listen != gateway.DefaultListen || len(cfg.Exchanges) != 2 || cfg.Limits.Off || cfg.Market != "live" {
		t.Errorf("%+v, %v", cfg, err)
	}
}

func TestAPepperComesFromAFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pepper")
	if err := os.WriteFile(file, []byte("0123456789abcdef0123456789abcdef\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := parse(map[string]string{"HOURGLASS_PASSWORD_PEPPER_FILE": file})
	if err != nil {
		t.Fatal(err)
	}
	h := newHouse(t, func(c *gateway.Config) { c.PepperFile = cfg.PepperFile })
	h.user("alice")
	users, err := h.conn.Bucket(t.Context(), bus.UserBucket)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := users.Keys(t.Context())
	if err != nil || len(keys) != 1 {
		t.Fatalf("%v, %v", keys, err)
	}
	stored, err := users.Get(t.Context(), keys[0])
	if err != nil || !strings.Contains(string(stored.Value()), ",keyid=") {
		t.Errorf("stored without it: %s, %v", stored.Value(), err)
	}
}

func TestTheServersOfAClusterAreListed(t *testing.T) {
	const servers = "nats://nats-0.nats:4222,nats://nats-1.nats:4222,nats://nats-2.nats:4222"
	cfg, err := parse(map[string]string{"HOURGLASS_NATS": servers, "HOURGLASS_NATS_SEED_FILE": "/keys/nats.nk", "HOURGLASS_REPLICAS": "3"})
	if n := cfg.NATS; err != nil || n.URL != servers || n.Name != bus.Gateway || n.SeedFile != "/keys/nats.nk" || n.Replicas != 3 || n.EventAPI != bus.CoreAPI {
		t.Errorf("%+v, %v", n, err)
	}
}

func TestAllFaultsAreToldTogether(t *testing.T) {
	_, err := parse(map[string]string{
		"HOURGLASS_LISTEN": "here", "HOURGLASS_EXCHANGES": "binance,>", "HOURGLASS_MARKET": "moon", "HOURGLASS_NATS": "http://x",
		"HOURGLASS_RATE_IP_PER_SECOND": "-1", "HOURGLASS_TRUSTED_PROXIES": "10.0.0.0/8,10.1",
		"HOURGLASS_CORS_ORIGINS": "https://desk.example,*",
	})
	if !errors.Is(err, daemon.ErrConfig) {
		t.Fatal(err)
	}
	for _, key := range []string{"LISTEN", "EXCHANGES", "MARKET", "NATS", "RATE_IP_PER_SECOND", "TRUSTED_PROXIES", "CORS_ORIGINS"} {
		if !strings.Contains(err.Error(), "HOURGLASS_"+key) {
			t.Errorf("%s is not told: %v", key, err)
		}
	}
}

func TestLimitsAreOffOnLoopbackAlone(t *testing.T) {
	for listen, allowed := range map[string]bool{
		"127.0.0.1:8000": true, "[::1]:8000": true, "localhost:8000": true, "127.8.8.8:1": true,
		":8000": false, "0.0.0.0:8000": false, "192.0.2.7:8000": false, "[::]:8000": false, "gateway:8000": false,
	} {
		if _, err := parse(map[string]string{"HOURGLASS_LISTEN": listen, "HOURGLASS_RATE_LIMITS": "off"}); (err == nil) != allowed {
			t.Errorf("off on %s: %v", listen, err)
		}
	}
}

func TestSitesAreListedByTheirWholeNames(t *testing.T) {
	cfg, err := parse(map[string]string{"HOURGLASS_CORS_ORIGINS": "https://Desk.example, http://localhost:5173"})
	if err != nil || !slices.Equal(cfg.Origins, []string{"https://desk.example", "http://localhost:5173"}) {
		t.Errorf("%q, %v", cfg.Origins, err)
	}
	for _, site := range []string{"*", "https://*.example", "https://desk.example/", "desk.example", "null", "ftp://desk.example", "https://", "https://x@desk.example", "https://desk.example?"} {
		if cfg, err := parse(map[string]string{"HOURGLASS_CORS_ORIGINS": site}); err == nil {
			t.Errorf("%q was taken: %q", site, cfg.Origins)
		}
	}
}
