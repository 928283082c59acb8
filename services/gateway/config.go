package gateway

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"time"

	"golang.org/x/time/rate"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/pkg/daemon"
	"github.com/hourglass-trading/hourglass/pkg/market"
)

// Config is what a gateway is told.
type Config struct {
	Listen   string              // host:port to serve on, unless Listener is given
	Listener net.Listener        // to serve on instead; Run closes it
	Ready    func(addr net.Addr) // called once it serves; nil: nobody wants to know

	HealthListen string // internal listener for health checks; empty: none
	KeyDir       string // holds the keys that tokens are signed with; made on the first start

	Market        string            // live, sim or replay: what the books are
	Exchanges     []market.Exchange // that collectors serve
	Version       string
	PublicStreams bool // market data over the WebSocket needs no token

	// TrustedProxies are the networks whose X-Forwarded-For is believed; empty: nobody's.
	TrustedProxies []netip.Prefix

	Limits Limits
	NATS   bus.Config
}

// Limits are how many requests are taken; zero fields have their defaults.
type Limits struct {
	Off              bool // allowed on loopback alone
	IPPerSecond      int  // requests without a token, per address
	AccountPerSecond int  // requests with a token, per account
	AccessPerMinute  int  // register, login and token, per address
}

// The defaults, in one place.
const (
	DefaultListen = "127.0.0.1:8000"
	DefaultKeyDir = "/state/keys" // on the image's volume

	defaultIPPerSecond      = 20
	defaultAccountPerSecond = 50
	defaultAccessPerMinute  = 120 // guessing is slowed down by name besides, and hashing is bounded
)

// ParseConfig reads the configuration from the environment and reports all faults together.
func ParseConfig(getenv func(string) string) (Config, error) {
	env := daemon.NewLookup(getenv)
	cfg := Config{
		Listen:        env.Addr("HOURGLASS_LISTEN", DefaultListen),
		HealthListen:  env.Addr("HOURGLASS_HEALTH_LISTEN", daemon.DefaultHealthListen),
		KeyDir:        env.String("HOURGLASS_KEY_DIR", DefaultKeyDir),
		Market:        env.OneOf("HOURGLASS_MARKET", "live", "live", "sim", "replay"),
		Version:       daemon.Version(),
		PublicStreams: env.Bool("HOURGLASS_PUBLIC_STREAMS", false),
		Limits: Limits{
			Off:              env.OneOf("HOURGLASS_RATE_LIMITS", "on", "on", "off") == "off",
			IPPerSecond:      env.Int("HOURGLASS_RATE_IP_PER_SECOND", defaultIPPerSecond, 1, 100_000),
			AccountPerSecond: env.Int("HOURGLASS_RATE_ACCOUNT_PER_SECOND", defaultAccountPerSecond, 1, 100_000),
			AccessPerMinute:  env.Int("HOURGLASS_RATE_ACCESS_PER_MINUTE", defaultAccessPerMinute, 1, 100_000),
		},
		NATS: bus.Config{
			URL:      env.URL("HOURGLASS_NATS", "nats://127.0.0.1:4222", "nats", "tls"),
			Name:     "gateway",
			Replicas: env.Int("HOURGLASS_REPLICAS", 1, 1, 5),
		},
	}
	for _, name := range env.List("HOURGLASS_EXCHANGES", "binance", "kraken") {
		e, err := market.ParseExchange(name)
		if err != nil {
			env.Fault("HOURGLASS_EXCHANGES", err)
		}
		cfg.Exchanges = append(cfg.Exchanges, e)
	}
	for _, text := range env.List("HOURGLASS_TRUSTED_PROXIES") {
		network, err := netip.ParsePrefix(text)
		if err != nil {
			env.Fault("HOURGLASS_TRUSTED_PROXIES", err)
			continue
		}
		cfg.TrustedProxies = append(cfg.TrustedProxies, network.Masked())
	}
	if err := cfg.checkLimits(cfg.Listen); err != nil {
		env.Fault("HOURGLASS_RATE_LIMITS", err)
	}
	return cfg, env.Err()
}

// checkLimits refuses to serve the world without limits.
func (c *Config) checkLimits(addr string) error {
	if !c.Limits.Off {
		return nil
	}
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("rate limits off: %w", err)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return errors.New("off is allowed on a loopback address alone, not on " + strconv.Quote(addr))
	}
	return nil
}

func (l Limits) withDefaults() Limits {
	or := func(v *int, def int) {
		if *v == 0 {
			*v = def
		}
	}
	or(&l.IPPerSecond, defaultIPPerSecond)
	or(&l.AccountPerSecond, defaultAccountPerSecond)
	or(&l.AccessPerMinute, defaultAccessPerMinute)
	return l
}

// perMinute is a rate of n in a minute.
func perMinute(n int) rate.Limit { return rate.Every(time.Minute / time.Duration(n)) }
