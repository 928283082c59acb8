package integration

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hourglass-trading/hourglass/services/hourglass/internal/audit"
)

// damageCases is how many damaged stores are audited: HOURGLASS_DAMAGE_CASES, or a few.
func damageCases(t *testing.T) int {
	t.Helper()
	text := os.Getenv("HOURGLASS_DAMAGE_CASES")
	if text == "" {
		return 6
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("HOURGLASS_DAMAGE_CASES is %q, not a number from 1", text)
	}
	return n
}

// TestADamagedStoreIsNamedOrServedWhole flips bytes in the files of the events and cuts pieces out of them. The audit must
// name what is wrong, or find the same events as before; the auditor must not fall silent or panic.
func TestADamagedStoreIsNamedOrServedWhole(t *testing.T) {
	t.Parallel()
	data := history(t)
	want, err := audit.Data(t.Context(), data, slog.New(slog.DiscardHandler))
	if err != nil || want.Count != 0 || want.Events < 10 {
		t.Fatalf("before any damage: %+v, %v", want, err)
	}
	detected, whole := 0, 0
	for seed := range uint64(damageCases(t)) {
		dir := t.TempDir()
		if err := os.CopyFS(dir, os.DirFS(data)); err != nil {
			t.Fatal(err)
		}
		what := damage(t, rand.New(rand.NewPCG(seed, 1)), filepath.Join(dir, "nats", "jetstream", "CORE", "streams", "EVT"))
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		got, err := audit.Data(ctx, dir, slog.New(slog.DiscardHandler))
		cancel()
		switch {
		case err != nil || got.Count > 0:
			detected++
		case got.Events == want.Events && maps.Equal(got.Heads, want.Heads):
			whole++
		default:
			t.Errorf("seed %d, %s: %d events instead of %d, and nobody says so", seed, what, got.Events, want.Events)
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d damaged stores named, %d served whole", detected, whole)
}

// history is the data folder of a platform that has worked an order and was stopped.
func history(t *testing.T) string {
	t.Helper()
	data := t.TempDir()
	p := up(t, "--data", data)
	u := p.signUp("ann")
	u.place("first", "BTC-USDT", "buy", "0.5", 5, 1, nil)
	p.await("end of the order", 30*time.Second, func() bool { return u.order("first").Status.Ended() })
	if _, err := p.terminate(); err != nil {
		t.Fatal(err)
	}
	return data
}

// damage flips a byte of one file under dir, or cuts the file short, and says what it did.
func damage(t *testing.T, rng *rand.Rand, dir string) string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() && !strings.Contains(path, "obs"+string(filepath.Separator)) {
			files = append(files, path)
		}
		return err
	})
	if err != nil || len(files) == 0 {
		t.Fatalf("no files of the events in %s: %v", dir, err)
	}
	path := files[rng.IntN(len(files))]
	body, err := os.ReadFile(path)
	if err != nil || len(body) == 0 {
		t.Fatalf("read %s: %v", path, err)
	}
	at, what := rng.IntN(len(body)), "cut at"
	if rng.IntN(2) == 0 {
		body[at] ^= 1 << rng.IntN(8)
		what = "flipped at"
	} else {
		body = body[:at]
	}
	if err := os.WriteFile(path, body, 0o600); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%s %s %d", filepath.Base(path), what, at)
}
