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
		if left, wait := l.take("a", now); left != want || wait != 0 {
			t.Errorf("left %d, wait %v; want %d", left, wait, want)
		}
	}
	if _, wait := l.take("a", now); wait != 500*time.Millisecond {
		t.Errorf("empty: wait %v", wait)
	}
	if _, wait := l.take("b", now); wait != 0 {
		t.Errorf("another key waits %v", wait)
	}
	if _, wait := l.take("a", now.Add(500*time.Millisecond)); wait != 0 {
		t.Errorf("refilled: wait %v", wait)
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

func TestGuessingAPasswordGetsSlower(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	g := guard{tries: map[string]tried{}}
	var waits []time.Duration
	for range 14 {
		g.failed("alice", now)
		waits = append(waits, g.wait("alice", now)/time.Second)
	}
	want := []time.Duration{0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60, 60}
	for i := range want {
		if waits[i] != want[i] {
			t.Fatalf("waits %v, want %v", waits, want)
		}
	}
	if g.wait("alice", now.Add(maxDelay)) != 0 || g.wait("bob", now) != 0 {
		t.Error("a name is locked")
	}
	g.succeeded("alice")
	if g.wait("alice", now) != 0 {
		t.Error("a right password changes nothing")
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
