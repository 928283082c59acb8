package gateway

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/time/rate"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/pkg/daemon"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/pkg/tracing"
	"github.com/hourglass-trading/hourglass/services/gateway/internal/auth"
	"github.com/hourglass-trading/hourglass/services/gateway/internal/rest"
	"github.com/hourglass-trading/hourglass/services/gateway/internal/stream"
)

// Config is what a gateway is told.
type Config struct {
	Listen   string              // host:port to serve on, unless Listener is given
	Listener net.Listener        // to serve on instead; Run closes it
	Ready    func(addr net.Addr) // called once it serves; nil: nobody wants to know

	HealthListen string        // internal listener for health checks; empty: none
	KeyDir       string        // holds the keys that tokens are signed with; made on the first start, read again while it runs
	PepperFile   string        // secrets that are mixed into passwords, see auth.LoadPeppers; empty: none
	AccessLife   time.Duration // of an access token; 0: auth.DefaultAccessLife

	Market        string            // live, sim or replay: what the books are
	Exchanges     []market.Exchange // that collectors serve
	Version       string
	PublicStreams bool // market data over the WebSocket needs no token

	// TrustedProxies are the networks whose X-Forwarded-For is believed; empty: nobody's.
	TrustedProxies []netip.Prefix
	// Origins are the other sites (scheme://host[:port], lower case) whose pages may use the interface, with a token of their own.
	Origins []string

	Limits  Limits
	Tracing tracing.Config
	NATS    bus.Config
	Direct  Direct
}

// Direct says how users subscribe to NATS themselves; without an address they do not.
type Direct struct {
	URLs       []string // told to users: nats:// or tls://, ws:// or wss://
	IssuerFile string   // the key that the server believes about them
}

// Limits are how many requests are taken; zero fields have their defaults. An address is an IPv4 address or an IPv6 /64.
type Limits struct {
	Off               bool // but those of Streams; allowed on loopback alone
	IPPerSecond       int  // requests without a token, per address
	AccountPerSecond  int  // requests with a token, per account
	OrdersPerMinute   int  // orders sent, per account, on top of that
	LoginsPerMinute   int  // passwords tried, per address
	FailuresPerHour   int  // wrong passwords for a name from an address, once it has had a few
	SignupsPerHour    int  // users registered, per address
	ConnectsPerSecond int  // WebSockets opened, per address
	ConnectionsPerIP  int  // TCP connections at a time, per address; a further one is closed
	// NearFactor is how many times as many logins, signups and WebSockets an address on loopback or in a private network may
	// have: there many people may stand behind one address.
	NearFactor int
	Streams    stream.Limits
}

// The defaults, in one place. Those of the streams are stream.DefaultLimits.
const (
	DefaultListen = "127.0.0.1:8000"
	DefaultKeyDir = "/state/keys" // on the image's volume

	defaultIPPerSecond       = 20
	defaultAccountPerSecond  = 50
	defaultOrdersPerMinute   = 600
	defaultLoginsPerMinute   = 5
	defaultFailuresPerHour   = 10
	defaultSignupsPerHour    = 3
	defaultConnectsPerSecond = 5
	defaultConnectionsPerIP  = 500
	defaultNearFactor        = 40
)

// ParseConfig reads the configuration from the environment and reports all faults together.
func ParseConfig(getenv func(string) string) (Config, error) {
	env := daemon.NewLookup(getenv)
	cfg := Config{
		Listen:        env.Addr("HOURGLASS_LISTEN", DefaultListen),
		Tracing:       tracing.Config{Endpoint: env.URL("OTEL_EXPORTER_OTLP_ENDPOINT", "", "http", "https")},
		HealthListen:  env.Addr("HOURGLASS_HEALTH_LISTEN", daemon.DefaultHealthListen),
		KeyDir:        env.String("HOURGLASS_KEY_DIR", DefaultKeyDir),
		PepperFile:    env.String("HOURGLASS_PASSWORD_PEPPER_FILE", ""),
		AccessLife:    env.Duration("HOURGLASS_ACCESS_TOKEN_LIFE", auth.DefaultAccessLife, time.Minute, time.Hour),
		Market:        env.OneOf("HOURGLASS_MARKET", "live", "live", "sim", "replay"),
		Version:       daemon.Version(),
		PublicStreams: env.Bool("HOURGLASS_PUBLIC_STREAMS", false),
		Limits:        parseLimits(env),
		NATS:          bus.ConfigOf(env, bus.Gateway),
	}
	cfg.Direct = parseDirect(env)
	if cfg.NATS.SeedFile != "" {
		cfg.NATS.EventAPI = bus.CoreAPI
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
	cfg.Origins = parseOrigins(env)
	if err := cfg.checkLimits(cfg.Listen); err != nil {
		env.Fault("HOURGLASS_RATE_LIMITS", err)
	}
	return cfg, env.Err()
}

// parseOrigins takes each site by name: a wildcard would be everybody.
func parseOrigins(env *daemon.Lookup) (origins []string) {
	const key = "HOURGLASS_CORS_ORIGINS"
	for _, text := range env.List(key) {
		u, err := url.Parse(text)
		if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || text != u.Scheme+"://"+u.Host || strings.ContainsAny(u.Host, `*?[\`) {
			env.Fault(key, fmt.Errorf("%q is not a site of the form https://host", text))
			continue
		}
		origins = append(origins, strings.ToLower(text))
	}
	return origins
}

func parseDirect(env *daemon.Lookup) Direct {
	d := Direct{URLs: env.List("HOURGLASS_NATS_DIRECT"), IssuerFile: env.String("HOURGLASS_NATS_ISSUER_FILE", "")}
	for _, text := range d.URLs {
		u, err := url.Parse(text)
		if err != nil || u.Host == "" || !slices.Contains([]string{"nats", "tls", "ws", "wss"}, u.Scheme) {
			env.Fault("HOURGLASS_NATS_DIRECT", errors.New("not addresses of the form nats|tls|ws|wss://host"))
		}
	}
	if len(d.URLs) > 0 && d.IssuerFile == "" {
		env.Fault("HOURGLASS_NATS_ISSUER_FILE", errors.New("needed with HOURGLASS_NATS_DIRECT"))
	}
	return d
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

func parseLimits(env *daemon.Lookup) Limits {
	const most = 1_000_000
	streams := stream.DefaultLimits()
	return Limits{
		Off:               env.OneOf("HOURGLASS_RATE_LIMITS", "on", "on", "off") == "off",
		IPPerSecond:       env.Int("HOURGLASS_RATE_IP_PER_SECOND", defaultIPPerSecond, 1, most),
		AccountPerSecond:  env.Int("HOURGLASS_RATE_ACCOUNT_PER_SECOND", defaultAccountPerSecond, 1, most),
		OrdersPerMinute:   env.Int("HOURGLASS_RATE_ORDERS_PER_MINUTE", defaultOrdersPerMinute, 1, most),
		LoginsPerMinute:   env.Int("HOURGLASS_RATE_LOGINS_PER_MINUTE", defaultLoginsPerMinute, 1, most),
		FailuresPerHour:   env.Int("HOURGLASS_RATE_FAILURES_PER_HOUR", defaultFailuresPerHour, 1, 3_600),
		SignupsPerHour:    env.Int("HOURGLASS_RATE_SIGNUPS_PER_HOUR", defaultSignupsPerHour, 1, most),
		ConnectsPerSecond: env.Int("HOURGLASS_RATE_CONNECTS_PER_SECOND", defaultConnectsPerSecond, 1, most),
		ConnectionsPerIP:  env.Int("HOURGLASS_CONNECTIONS_PER_IP", defaultConnectionsPerIP, 1, most),
		NearFactor:        env.Int("HOURGLASS_RATE_NEAR_FACTOR", defaultNearFactor, 1, 1_000),
		Streams: stream.Limits{
			Connections:     env.Int("HOURGLASS_SOCKETS", streams.Connections, 1, most),
			PerAccount:      env.Int("HOURGLASS_SOCKETS_PER_ACCOUNT", streams.PerAccount, 1, most),
			Subscriptions:   env.Int("HOURGLASS_SUBSCRIPTIONS_PER_SOCKET", streams.Subscriptions, 1, 1_000),
			FramesPerSecond: env.Int("HOURGLASS_FRAMES_PER_SECOND", streams.FramesPerSecond, 1, most),
		},
	}
}

func (l Limits) withDefaults() Limits {
	l.IPPerSecond = cmp.Or(l.IPPerSecond, defaultIPPerSecond)
	l.AccountPerSecond = cmp.Or(l.AccountPerSecond, defaultAccountPerSecond)
	l.OrdersPerMinute = cmp.Or(l.OrdersPerMinute, defaultOrdersPerMinute)
	l.LoginsPerMinute = cmp.Or(l.LoginsPerMinute, defaultLoginsPerMinute)
	l.FailuresPerHour = cmp.Or(l.FailuresPerHour, defaultFailuresPerHour)
	l.SignupsPerHour = cmp.Or(l.SignupsPerHour, defaultSignupsPerHour)
	l.ConnectsPerSecond = cmp.Or(l.ConnectsPerSecond, defaultConnectsPerSecond)
	l.ConnectionsPerIP = cmp.Or(l.ConnectionsPerIP, defaultConnectionsPerIP)
	l.NearFactor = cmp.Or(l.NearFactor, defaultNearFactor)
	return l
}

// ofRest are the limits as REST counts them: what may come in a second may come twice at once, what may come in a longer
// time may come all at once.
func (l Limits) ofRest() rest.Limits {
	every := func(n int, in time.Duration) rate.Limit { return rate.Every(in / time.Duration(n)) }
	return rest.Limits{
		Off:    l.Off,
		IPRate: rate.Limit(l.IPPerSecond), IPBurst: 2 * l.IPPerSecond,
		AccountRate: rate.Limit(l.AccountPerSecond), AccountBurst: 2 * l.AccountPerSecond,
		OrderRate: every(l.OrdersPerMinute, time.Minute), OrderBurst: l.OrdersPerMinute,
		LoginRate: every(l.LoginsPerMinute, time.Minute), LoginBurst: l.LoginsPerMinute,
		SignupRate: every(l.SignupsPerHour, time.Hour), SignupBurst: l.SignupsPerHour,
		ConnectRate: rate.Limit(l.ConnectsPerSecond), ConnectBurst: 2 * l.ConnectsPerSecond,
		NearFactor: l.NearFactor, LongestDelay: time.Hour / time.Duration(l.FailuresPerHour),
	}
}
