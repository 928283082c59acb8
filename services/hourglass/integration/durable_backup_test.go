package integration

import (
	"net/http"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/pkg/order"
)

// TestABackupIsThePlatformAsItWas takes a backup while an order runs, loses everything, and goes on from the backup.
func TestABackupIsThePlatformAsItWas(t *testing.T) {
	t.Parallel()
	found, saved := filepath.Join(t.TempDir(), "data"), filepath.Join(t.TempDir(), "backup")
	nats := freeAddr(t)
	data := t.TempDir()
	p := up(t, "--data", data, "--nats-listen", nats)
	u := p.signUp("ann")
	u.place("done", "BTC-USDT", "buy", "0.5", 3, 1, nil)
	p.await("end of the order", 30*time.Second, func() bool { return u.order("done").Status.Ended() })
	before := string(u.do("GET", "/v1/orders/done", nil).body)
	u.place("running", "BTC-USDT", "sell", "1", 600, 1, nil)
	p.await("first fill", 30*time.Second, func() bool { return !u.order("running").FilledQuantity.IsZero() })
	filled := u.order("running").FilledQuantity
	seed := filepath.Join(data, "nats-keys", bus.Admin, bus.SeedFile)
	hourglass(t, "audit", "--nats", "nats://"+nats, "--nats-seed", seed)
	hourglass(t, "backup", "--nats", "nats://"+nats, "--nats-seed", seed, saved)
	p.kill()
	hourglass(t, "restore", saved, "--data", found)

	p = up(t, "--data", found)
	u = &user{p: p}
	u.logIn("ann")
	if diff := cmp.Diff(before, string(u.do("GET", "/v1/orders/done", nil).body)); diff != "" {
		t.Errorf("the finished order is another (-before +after):\n%s", diff)
	}
	restored := u.order("running").FilledQuantity
	if restored.Less(filled) {
		t.Errorf("the running order has %s filled, it had %s", restored, filled)
	}
	p.await("another fill", 60*time.Second, func() bool { return restored.Less(u.order("running").FilledQuantity) })
	if a := u.do("DELETE", "/v1/orders/running", nil); a.status != http.StatusOK {
		t.Errorf("cancel: %d %s", a.status, a.body)
	}
	p.await("end of the order", 30*time.Second, func() bool { return u.order("running").Status == order.Canceled })
	if _, err := p.terminate(); err != nil {
		t.Fatal(err)
	}
	hourglass(t, "audit", "--data", found)
}

// hourglass runs a command of the program, which must succeed.
func hourglass(t *testing.T, args ...string) string {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), path, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("hourglass %v: %v\n%s", args, err, out)
	}
	return string(out)
}
