package gateway_test

import (
	"testing"

	"github.com/hourglass-trading/hourglass/pkg/bus"
)

// A server refuses more than a thousand consumers of a stream, and each look at an account is one.
func TestReadingAnAccountLeavesNothingOnTheServer(t *testing.T) {
	h := newHouse(t, nil)
	token := h.user("alice")
	if a := h.post("/orders/twap", token, twap("one", "")); a.Status != 201 {
		t.Fatalf("create: %d %s", a.Status, a.Body)
	}
	id := h.account(t, "one")
	for range 50 {
		n := 0
		if err := h.conn.ReadEvents(t.Context(), id, 1, func(bus.Stored) error { n++; return nil }); err != nil || n != 2 {
			t.Fatalf("%d events, %v", n, err)
		}
	}
	stream, err := h.conn.JetStream().Stream(t.Context(), bus.EventStream)
	if err != nil {
		t.Fatal(err)
	}
	if n := stream.CachedInfo().State.Consumers; n > 5 {
		t.Errorf("%d consumers are left", n)
	}
}
