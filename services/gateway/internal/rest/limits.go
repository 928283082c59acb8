package rest

import (
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"github.com/labstack/echo/v4"
	"golang.org/x/time/rate"
)

// Limits are how many requests are taken.
type Limits struct {
	Off          bool // for load tests on this machine
	IPRate       rate.Limit
	IPBurst      int // of requests without a token, per address
	AccountRate  rate.Limit
	AccountBurst int // of requests with a token, per account
	AccessRate   rate.Limit
	AccessBurst  int // of register, login and token, per address
}

// DefaultLimits are generous for people and bots and small enough that nobody takes the whole machine.
func DefaultLimits() Limits {
	return Limits{IPRate: 20, IPBurst: 40, AccountRate: 50, AccountBurst: 100, AccessRate: 2, AccessBurst: 60}
}

// maxBuckets bounds what a limiter remembers. Beyond it full buckets are forgotten, which changes nothing for them, and if
// that is not enough any are: then an attacker with that many addresses gains a burst.
const maxBuckets = 20_000

// limiter holds a token bucket for each key.
type limiter struct {
	rate  rate.Limit
	burst int

	mu      sync.Mutex // guards buckets
	buckets map[string]*rate.Limiter
}

func newLimiter(r rate.Limit, burst int) *limiter {
	return &limiter{rate: r, burst: burst, buckets: map[string]*rate.Limiter{}}
}

// take takes a token of key's bucket. It returns how many are left, and how long to wait if there was none.
func (l *limiter) take(key string, now time.Time) (left int, wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.buckets[key]
	if b == nil {
		if len(l.buckets) >= maxBuckets {
			l.prune(now)
		}
		b = rate.NewLimiter(l.rate, l.burst)
		l.buckets[key] = b
	}
	if b.AllowN(now, 1) {
		return int(b.TokensAt(now)), 0
	}
	r := b.ReserveN(now, 1)
	wait = r.DelayFrom(now)
	r.CancelAt(now)
	return 0, max(wait, time.Millisecond)
}

func (l *limiter) prune(now time.Time) {
	for key, b := range l.buckets {
		if int(b.TokensAt(now)) >= l.burst {
			delete(l.buckets, key)
		}
	}
	for key := range l.buckets {
		if len(l.buckets) < maxBuckets*9/10 {
			return
		}
		delete(l.buckets, key)
	}
}

// limit takes a token for a request and tells the client how it stands, or answers 429.
func (l *limiter) limit(ctx echo.Context, key string) error {
	left, wait := l.take(key, time.Now())
	h := ctx.Response().Header()
	h.Set("RateLimit-Limit", strconv.Itoa(l.burst))
	h.Set("RateLimit-Remaining", strconv.Itoa(left))
	h.Set("RateLimit-Reset", strconv.Itoa(seconds(wait)))
	if wait > 0 {
		return tooMany("rate_limited", "too many requests", wait)
	}
	return nil
}

func tooMany(code, detail string, wait time.Duration) *problem {
	p := newProblem(http.StatusTooManyRequests, code, detail)
	p.retryAfter = wait
	return p
}

// clientAddress finds out where a request comes from: the address of the connection, or behind a proxy of ours what that
// one says. Echo's default believes X-Forwarded-For from anybody, and the limits per address would be worth nothing.
func clientAddress(proxies []netip.Prefix) echo.IPExtractor {
	if len(proxies) == 0 {
		return echo.ExtractIPDirect()
	}
	trust := []echo.TrustOption{echo.TrustLoopback(false), echo.TrustLinkLocal(false), echo.TrustPrivateNet(false)}
	for _, p := range proxies {
		trust = append(trust, echo.TrustIPRange(&net.IPNet{
			IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen()),
		}))
	}
	return echo.ExtractIPFromXFFHeader(trust...)
}

// addressKey is what requests without a token are counted by: the address, of IPv6 the network of one customer (/64).
func addressKey(ip string) string {
	parsed := net.ParseIP(ip)
	if parsed == nil || parsed.To4() != nil {
		return ip
	}
	return parsed.Mask(net.CIDRMask(64, 128)).String()
}

// guard slows down guessing a password: after a few failures for a name, each further one doubles the time until the next
// try is taken, up to a minute. There is no lock that an attacker could close for the owner.
type guard struct {
	mu    sync.Mutex // guards tries
	tries map[string]tried
}

type tried struct {
	failures int
	until    time.Time
}

const (
	freeFailures = 5
	maxDelay     = time.Minute
	forgetAfter  = time.Hour
)

// wait returns how long a name must wait for its next try.
func (g *guard) wait(name string, now time.Time) time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	return max(0, g.tries[name].until.Sub(now))
}

// failed counts a failure; succeeded forgets them.
func (g *guard) failed(name string, now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.tries) >= maxBuckets {
		for other, t := range g.tries {
			if now.Sub(t.until) > forgetAfter || len(g.tries) >= maxBuckets {
				delete(g.tries, other)
			}
		}
	}
	t := g.tries[name]
	t.failures++
	t.until = now
	if over := t.failures - freeFailures; over >= 0 {
		t.until = now.Add(min(maxDelay, time.Second<<min(over, 10)))
	}
	g.tries[name] = t
}

func (g *guard) succeeded(name string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.tries, name)
}
