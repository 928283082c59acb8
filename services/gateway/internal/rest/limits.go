package rest

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/labstack/echo/v4"
	"golang.org/x/time/rate"
)

// Limits are how many requests are taken. Addresses are counted by addressKey.
type Limits struct {
	Off          bool // for load tests on this machine
	IPRate       rate.Limit
	IPBurst      int // of requests without a token, per address
	AccountRate  rate.Limit
	AccountBurst int // of requests with a token, per account
	OrderRate    rate.Limit
	OrderBurst   int // of orders sent, per account, on top of that
	LoginRate    rate.Limit
	LoginBurst   int // of passwords tried, per address
	SignupRate   rate.Limit
	SignupBurst  int // of users registered, per address
	ConnectRate  rate.Limit
	ConnectBurst int // of WebSockets opened, per address
	// NearFactor is how many times as many logins, signups and WebSockets an address of this machine or of a private network
	// may have as one of the internet: behind it may stand a whole office, or a proxy that nobody told us of.
	NearFactor int
	// LongestDelay bounds how long the next try of a password is put off for an address that guessed wrong, for one name.
	LongestDelay time.Duration
}

// maxBuckets bounds what a limiter remembers. Beyond it full buckets are forgotten, which changes nothing for them, and if
// that is not enough any are: then an attacker with that many addresses gains a burst.
const maxBuckets = 20_000

// limiter holds a token bucket for each key.
type limiter struct {
	rate   rate.Limit
	burst  int
	factor func(key string) int // how many times as much a key may have; nil: once

	mu      sync.Mutex // guards buckets
	buckets map[string]*rate.Limiter
}

func newLimiter(r rate.Limit, burst int) *limiter {
	return &limiter{rate: r, burst: burst, buckets: map[string]*rate.Limiter{}}
}

// nearLimiter is a limiter of addresses that gives near ones factor times as much.
func nearLimiter(r rate.Limit, burst, factor int) *limiter {
	l := newLimiter(r, burst)
	l.factor = func(address string) int {
		if ip, err := netip.ParseAddr(address); err == nil && (ip.IsLoopback() || ip.IsPrivate() || ip.IsLinkLocalUnicast()) {
			return max(1, factor)
		}
		return 1
	}
	return l
}

// allowance is how a key stands with its limit.
type allowance struct {
	limit, left int
	wait        time.Duration // 0: the request was counted; else none was left
	whole       time.Duration // until all of the limit is there again
}

// take takes a token of key's bucket.
func (l *limiter) take(key string, now time.Time) allowance {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.buckets[key]
	if b == nil {
		if len(l.buckets) >= maxBuckets {
			l.prune(now)
		}
		factor := 1
		if l.factor != nil {
			factor = l.factor(key)
		}
		b = rate.NewLimiter(l.rate*rate.Limit(factor), l.burst*factor)
		l.buckets[key] = b
	}
	if b.AllowN(now, 1) {
		return allowance{limit: b.Burst(), left: int(b.TokensAt(now)), whole: untilWhole(b, now)}
	}
	r := b.ReserveN(now, 1)
	wait := r.DelayFrom(now)
	r.CancelAt(now)
	return allowance{limit: b.Burst(), wait: max(wait, time.Millisecond), whole: untilWhole(b, now)}
}

func untilWhole(b *rate.Limiter, now time.Time) time.Duration {
	missing := float64(b.Burst()) - b.TokensAt(now)
	return time.Duration(missing / float64(b.Limit()) * float64(time.Second))
}

func (l *limiter) prune(now time.Time) {
	for key, b := range l.buckets {
		if int(b.TokensAt(now)) >= b.Burst() {
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
	a := l.take(key, time.Now())
	a.tell(ctx.Response().Header())
	if a.wait > 0 {
		return tooMany("rate_limited", "too many requests", a.wait)
	}
	return nil
}

// limitAccount takes a token for a request of an account, and one more if it sends an order. Of the two limits the answer
// tells the one that is closer.
func (s *server) limitAccount(ctx echo.Context, op *operation, account string) error {
	now := time.Now()
	a := s.perUser.take(account, now)
	what := "too many requests"
	if a.wait == 0 && op.sendsOrder() {
		if orders := s.orders.take(account, now); orders.wait > 0 || orders.left < a.left {
			a, what = orders, "too many orders"
		}
	}
	a.tell(ctx.Response().Header())
	if a.wait > 0 {
		return tooMany("rate_limited", what, a.wait)
	}
	return nil
}

func (a allowance) tell(h http.Header) {
	h.Set("RateLimit-Limit", strconv.Itoa(a.limit))
	h.Set("RateLimit-Remaining", strconv.Itoa(a.left))
	h.Set("RateLimit-Reset", strconv.Itoa(seconds(a.whole)))
}

func tooMany(code, detail string, wait time.Duration) *problem {
	p := newProblem(http.StatusTooManyRequests, code, detail)
	p.retryAfter = wait
	return p
}

// spend takes a token of a limit beyond the one that every request is counted by. Of those the answer tells the one that
// was reached.
func (s *server) spend(ctx context.Context, l *limiter, what string) error {
	if s.Limits.Off {
		return nil
	}
	a := l.take(client(ctx).Address, time.Now())
	if a.wait == 0 {
		return nil
	}
	p := tooMany("rate_limited", "too many "+what+" from this address", a.wait)
	p.allowance = &a
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

// overTLS reports whether a request came encrypted: to us, or to a proxy of ours, which says so.
func (s *server) overTLS(req *http.Request) bool {
	if req.TLS != nil {
		return true
	}
	remote, err := netip.ParseAddrPort(req.RemoteAddr)
	if err != nil || req.Header.Get("X-Forwarded-Proto") != "https" {
		return false
	}
	return slices.ContainsFunc(s.Proxies, func(p netip.Prefix) bool { return p.Contains(remote.Addr().Unmap()) })
}

// addressKey is what requests without a token are counted by: the address, of IPv6 the network of one customer (/64).
func addressKey(ip string) string {
	parsed := net.ParseIP(ip)
	if parsed == nil || parsed.To4() != nil {
		return ip
	}
	return parsed.Mask(net.CIDRMask(64, 128)).String()
}
