package rest

import (
	"net/http/httptest"
	"net/netip"
	"strconv"
	"testing"
	"time"
)

func TestABucketIsRefilled(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	l := newLimiter(2, 4)
	for want := 3; want >= 0; want-- {
		if a := l.take("a", now); a != (allowance{limit: 4, left: want, whole: time.Duration(4-want) * 500 * time.Millisecond}) {
			t.Errorf("%+v; want %d left", a, want)
		}
	}
	for name, is := range map[string]struct {
		key   string
		after time.Duration
		want  time.Duration
	}{"empty": {"a", 0, 500 * time.Millisecond}, "another key": {"b", 0, 0}, "refilled": {"a", 500 * time.Millisecond, 0}} {
		if a := l.take(is.key, now.Add(is.after)); a.wait != is.want {
			t.Errorf("%s: wait %v", name, a.wait)
		}
	}
	for range 4 {
		l.take("c", now)
	}
	if a := l.take("c", now); a != (allowance{limit: 4, wait: 500 * time.Millisecond, whole: 2 * time.Second}) {
		t.Errorf("empty: %+v", a)
	}
}

func TestALimiterForgetsFullBucketsFirst(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	l := newLimiter(1, 1)
	for i := range maxBuckets {
		l.take(strconv.Itoa(i), now)
	}
	l.take("later", now.Add(time.Minute)) // all the others are full again
	if n := len(l.buckets); n != 1 {
		t.Errorf("%d buckets", n)
	}
	for i := range 2 * maxBuckets {
		l.take(strconv.Itoa(i), now.Add(time.Minute))
	}
	if n := len(l.buckets); n > maxBuckets {
		t.Errorf("%d buckets", n)
	}
}

func TestAddressesNearbyMayHaveMore(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	l := nearLimiter(1, 3, 40)
	for address, want := range map[string]int{
		"127.0.0.1": 120, "::1": 120, "10.9.8.7": 120, "172.17.0.1": 120, "192.168.1.1": 120, "fd00:1:2:3::": 120, "169.254.1.1": 120,
		"8.8.8.8": 3, "172.32.0.1": 3, "2001:db8::": 3, "?": 3,
	} {
		if a := l.take(address, now); a.limit != want {
			t.Errorf("%s: %+v", address, a)
		}
	}
}

func TestGuessingAPasswordGetsSlower(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	g := newGuard(6 * time.Minute)
	var waits []time.Duration
	for range 14 {
		g.failed("alice", "1.1.1.1", now)
		waits = append(waits, g.wait("alice", "1.1.1.1", now)/time.Second)
	}
	want := []time.Duration{0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 360}
	for i := range want {
		if waits[i] != want[i] {
			t.Fatalf("waits %v, want %v", waits, want)
		}
	}
	if wait := g.wait("alice", "2.2.2.2", now); wait == 0 || wait > time.Minute {
		t.Errorf("the owner, elsewhere, waits %v", wait)
	}
	for name, wait := range map[string]time.Duration{
		"the owner after a minute":    g.wait("alice", "2.2.2.2", now.Add(time.Minute)),
		"the guesser after its delay": g.wait("alice", "1.1.1.1", now.Add(6*time.Minute)),
		"another name":                g.wait("bob", "1.1.1.1", now),
	} {
		if wait != 0 {
			t.Errorf("%s is locked out for %v", name, wait)
		}
	}
	g.succeeded("alice", "2.2.2.2")
	if g.wait("alice", "2.2.2.2", now) != 0 || g.wait("alice", "1.1.1.1", now) == 0 {
		t.Error("a right password frees its own address alone")
	}
}

func TestManyAddressesGuessSlowlyTogether(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	g := newGuard(6 * time.Minute)
	for i := range 30 {
		g.failed("alice", strconv.Itoa(i), now)
	}
	if wait := g.wait("alice", "new", now); wait != time.Minute {
		t.Errorf("the next address waits %v", wait)
	}
}

func TestAGuardForgetsAnHourAndIsBounded(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	g := newGuard(6 * time.Minute)
	for range 20 {
		g.failed("alice", "1.1.1.1", now)
	}
	later := now.Add(2 * time.Hour)
	g.failed("alice", "1.1.1.1", later)
	if wait := g.wait("alice", "1.1.1.1", later); wait != 0 {
		t.Errorf("failures of two hours ago still count: %v", wait)
	}
	for i := range 2 * maxBuckets {
		g.failed(strconv.Itoa(i), "1.1.1.1", later)
	}
	if len(g.tries) > maxBuckets+1 {
		t.Errorf("%d tries are kept", len(g.tries))
	}
}

func TestAddressesOfOneCustomerAreOne(t *testing.T) {
	for address, want := range map[string]string{"192.0.2.7": "192.0.2.7", "2001:db8:1:2:3:4:5:6": "2001:db8:1:2::", "2001:db8:1:2::9": "2001:db8:1:2::", "?": "?"} {
		if got := addressKey(address); got != want {
			t.Errorf("addressKey(%s) = %s", address, got)
		}
	}
}

func TestOnlyAProxyOfOursSaysWhereARequestComesFrom(t *testing.T) {
	proxies := []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("fd00::/8")}
	for name, is := range map[string]struct {
		proxies []netip.Prefix
		from    string
		says    []string
		want    string
	}{
		"nobody is believed by default":       {nil, "127.0.0.1:1", []string{"9.9.9.9"}, "127.0.0.1"},
		"a stranger is not believed":          {proxies, "8.8.8.8:1", []string{"9.9.9.9"}, "8.8.8.8"},
		"a neighbour is not believed":         {proxies, "10.2.0.1:1", []string{"9.9.9.9"}, "10.2.0.1"},
		"loopback is not believed by itself":  {proxies, "127.0.0.1:1", []string{"9.9.9.9"}, "127.0.0.1"},
		"our proxy is":                        {proxies, "10.1.2.3:1", []string{"9.9.9.9"}, "9.9.9.9"},
		"our proxy over IPv6 is":              {proxies, "[fd00::1]:1", []string{"9.9.9.9"}, "9.9.9.9"},
		"what a client told the proxy is not": {proxies, "10.1.2.3:1", []string{"1.1.1.1, 9.9.9.9"}, "9.9.9.9"},
		"nor in a header of its own":          {proxies, "10.1.2.3:1", []string{"1.1.1.1", "9.9.9.9"}, "9.9.9.9"},
		"two proxies in a row":                {proxies, "10.1.2.3:1", []string{"9.9.9.9, 10.1.9.9"}, "9.9.9.9"},
		"nonsense is the proxy's own":         {proxies, "10.1.2.3:1", []string{"nonsense"}, "10.1.2.3"},
		"without a word it is the proxy's":    {proxies, "10.1.2.3:1", nil, "10.1.2.3"},
	} {
		req := httptest.NewRequestWithContext(t.Context(), "GET", "/", nil)
		req.RemoteAddr = is.from
		for _, text := range is.says {
			req.Header.Add("X-Forwarded-For", text)
		}
		if got := clientAddress(is.proxies)(req); got != is.want {
			t.Errorf("%s: %s, want %s", name, got, is.want)
		}
	}
}
