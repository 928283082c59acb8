package daemon

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestUnsetVariablesMeanDefaults(t *testing.T) {
	l := NewLookup(environ(map[string]string{"EMPTY": "  "}))
	checks := map[string]bool{
		"string":   l.String("EMPTY", "a") == "a",
		"int":      l.Int("X", 5, 1, 9) == 5,
		"duration": l.Duration("X", time.Second, 0, time.Minute) == time.Second,
		"bool":     l.Bool("X", true),
		"list":     slices.Equal(l.List("X", "a", "b"), []string{"a", "b"}),
		"addr":     l.Addr("X", ":8000") == ":8000",
		"url":      l.URL("X", "nats://a:4222", "nats") == "nats://a:4222",
		"urls":     slices.Equal(l.URLs("X", []string{"nats://a:4222"}, "nats"), []string{"nats://a:4222"}),
		"secret":   l.SecretFile("X").IsZero(),
	}
	for name, ok := range checks {
		if !ok {
			t.Errorf("%s is not its default", name)
		}
	}
	if err := l.Err(); err != nil {
		t.Error(err)
	}
}

func TestSetVariablesAreRead(t *testing.T) {
	l := NewLookup(environ(map[string]string{
		"INT": "7", "DURATION": "1m30s", "BOOL": "false", "LIST": " binance, ,kraken,", "ADDR": "0.0.0.0:8000",
		"URL": "wss://stream.example:9443/", "URLS": "nats://a:4222, tls://b:4222/", "WORD": "sim",
	}))
	checks := map[string]bool{
		"int":      l.Int("INT", 5, 1, 9) == 7,
		"duration": l.Duration("DURATION", 0, 0, time.Hour) == 90*time.Second,
		"bool":     !l.Bool("BOOL", true),
		"list":     slices.Equal(l.List("LIST"), []string{"binance", "kraken"}),
		"addr":     l.Addr("ADDR", "") == "0.0.0.0:8000",
		"url":      l.URL("URL", "", "ws", "wss") == "wss://stream.example:9443",
		"urls":     slices.Equal(l.URLs("URLS", nil, "nats", "tls"), []string{"nats://a:4222", "tls://b:4222"}),
		"one of":   l.OneOf("WORD", "live", "sim", "live") == "sim",
	}
	for name, ok := range checks {
		if !ok {
			t.Errorf("%s is not what was set", name)
		}
	}
	if err := l.Err(); err != nil {
		t.Error(err)
	}
}

func TestAllFaultsAreToldTogether(t *testing.T) {
	l := NewLookup(environ(map[string]string{
		"INT": "seven", "RANGE": "70", "DURATION": "5", "LONG": "2h", "BOOL": "perhaps", "ADDR": "8000", "PORT": "a:http",
		"URL": "https://user:hunter2@host", "URLS": "nats://a,https://user:hunter2@b", "WORD": "test", "KEY_FILE": "/nowhere/key",
	}))
	l.Int("INT", 0, 0, 9)
	l.Int("RANGE", 0, 0, 9)
	l.Duration("DURATION", 0, 0, time.Hour)
	l.Duration("LONG", 0, 0, time.Hour)
	l.Bool("BOOL", false)
	l.Addr("ADDR", "")
	l.Addr("PORT", "")
	l.URL("URL", "", "nats")
	l.URLs("URLS", nil, "nats")
	l.OneOf("WORD", "sim", "sim", "live")
	l.SecretFile("KEY")
	err := l.Err()
	if !errors.Is(err, ErrConfig) {
		t.Fatalf("error %v", err)
	}
	for _, key := range []string{"INT", "RANGE", "DURATION", "LONG", "BOOL", "ADDR", "PORT", "URL", "URLS", "WORD", "KEY_FILE"} {
		if !strings.Contains(err.Error(), ErrConfig.Error()+": "+key+": ") {
			t.Errorf("no fault of %s in: %v", key, err)
		}
	}
	if strings.Contains(err.Error(), "hunter2") {
		t.Errorf("a password is told: %v", err)
	}
}

func TestSecretFileIsReadAndNeverPrinted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(path, []byte("hunter2\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	l := NewLookup(environ(map[string]string{"KEY_FILE": path}))
	secret := l.SecretFile("KEY")
	if err := l.Err(); err != nil || string(secret.Bytes()) != "hunter2" {
		t.Fatalf("secret of %d bytes, %v", len(secret.Bytes()), err)
	}
	text, err := json.Marshal(map[string]Secret{"key": secret})
	if err != nil {
		t.Fatal(err)
	}
	var logs strings.Builder
	slog.New(slog.NewTextHandler(&logs, nil)).Info("read", "secret", secret, "config", struct{ Key Secret }{secret})
	type hidden struct{ key Secret }
	shown := fmt.Sprintf("%v %+v %#v %s %q %x %d %v %s", secret, struct{ Key Secret }{secret}, secret, secret, secret, secret,
		secret, hidden{secret}, hidden{secret})
	if all := shown + string(text) + logs.String(); strings.Contains(all, "hunter2") || strings.Contains(all, "104 117") || strings.Contains(all, "68756e") {
		t.Errorf("printed: %s", all)
	}
}

func TestSecretFileHasBounds(t *testing.T) {
	for name, content := range map[string]string{"empty": "\n", "too long": strings.Repeat("a", maxSecret+1)} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "key")
			if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			l := NewLookup(environ(map[string]string{"KEY_FILE": path}))
			if s := l.SecretFile("KEY"); !s.IsZero() || !errors.Is(l.Err(), ErrConfig) {
				t.Errorf("secret %v, error %v", s, l.Err())
			}
		})
	}
}
