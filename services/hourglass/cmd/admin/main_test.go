package main

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/pkg/daemon"
)

func env(args ...string) daemon.Env {
	return daemon.Env{Args: args, Getenv: func(string) string { return "" }, Log: slog.New(slog.DiscardHandler)}
}

func TestWhatIsNotAskedForRightIsRefused(t *testing.T) {
	for name, args := range map[string][]string{
		"nothing":                   {},
		"keys without a folder":     {"keys"},
		"secrets outside of a pod":  {"secrets", "/nowhere"},
		"something else":            {"everything"},
		"an argument too many":      {"streams", "now"},
		"streams without a key":     {"streams"},
		"the auditor without a key": {"auditor"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := run(t.Context(), env(args...)); !errors.Is(err, daemon.ErrConfig) {
				t.Errorf("ends with %v", err)
			}
		})
	}
}

func TestKeysAreMadeOnce(t *testing.T) {
	dir := t.TempDir()
	seed := filepath.Join(dir, bus.Executor, bus.SeedFile)
	var before string
	for range 2 {
		if err := run(t.Context(), env("keys", dir)); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(seed)
		if err != nil {
			t.Fatal(err)
		}
		if before != "" && before != string(text) {
			t.Error("the key was made anew")
		}
		before = string(text)
	}
}
