package rest

import (
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
