package integration

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/pkg/order"
)

// TestAReaderGoesOnSoonAfterAnOutageAndEndsWithinOne follows the commands over an absence of the server, and is told to end in
// the middle of another that never ends.
func TestAReaderGoesOnSoonAfterAnOutageAndEndsWithinOne(t *testing.T) {
	if testing.Short() {
		t.Skip("needs seconds of real time")
	}
	t.Parallel()
	o := newServer(t)
	conn := o.connect()
	if err := conn.EnsureStreams(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(t.Context())
	defer end()
	got, ended := make(chan uint64, 10), make(chan error, 1)
	o.goes(func(context.Context) {
		ended <- conn.FollowCommands(ctx, 1, func(m bus.Stored) error {
			got <- m.Seq
			return nil
		})
	})
	send := func(id string) {
		t.Helper()
		for until := time.Now().Add(30 * time.Second); ; o.rest(20 * time.Millisecond) {
			_, err := conn.AppendCommand(t.Context(), &order.Command{ID: id, Account: "ann", Type: order.OpenAccount})
			if err == nil {
				return
			}
			if time.Now().After(until) {
				t.Fatal(err)
			}
		}
	}
	await := func(seq uint64, within time.Duration) {
		t.Helper()
		select {
		case n := <-got:
			if n != seq {
				t.Fatalf("command %d came in the place of %d", n, seq)
			}
		case <-time.After(within):
			t.Fatalf("command %d did not come within %s", seq, within)
		}
	}
	send("first")
	await(1, 10*time.Second)
	o.away(2 * time.Second)
	send("second")
	began := time.Now()
	await(2, 5*time.Second)
	t.Logf("followed on %s after the server was back", time.Since(began).Round(time.Millisecond))

	if err := o.server.DisableJetStream(); err != nil { // the connection stands, and nobody answers
		t.Fatal(err)
	}
	o.rest(1500 * time.Millisecond)
	end()
	select {
	case err := <-ended:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("ended with %v", err)
		}
	case <-time.After(15 * time.Second):
		t.Error("the reader does not end while the server is away")
	}
}
