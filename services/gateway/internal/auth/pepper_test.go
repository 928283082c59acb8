package auth

import (
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const (
	salty = "0123456789abcdef0123456789abcdef" // two secrets
	hot   = "fedcba9876543210fedcba9876543210"
)

func peppersOf(t *testing.T, lines string) (Peppers, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "pepper")
	if err := os.WriteFile(file, []byte(lines), 0o600); err != nil {
		t.Fatal(err)
	}
	return LoadPeppers(file)
}

// under returns a service over the users of another, with the peppers of a file.
func (s *Service) under(t *testing.T, lines string) *Service {
	t.Helper()
	peppers, err := peppersOf(t, lines)
	if err != nil {
		t.Fatal(err)
	}
	return New(s.users, s.sessions, s.apiKeys, s.keys, Options{Peppers: peppers}, slog.New(slog.DiscardHandler))
}

func (s *Service) storedHash(t *testing.T, username string) string {
	t.Helper()
	entry, err := s.users.Get(t.Context(), userKey(username))
	if err != nil {
		t.Fatal(err)
	}
	var u user
	if err := json.Unmarshal(entry.Value(), &u); err != nil {
		t.Fatal(err)
	}
	return u.Password
}

func TestAPepperIsIntroducedChangedAndNeeded(t *testing.T) {
	plain := newService(t)
	login := func(s *Service, password string, want error) {
		t.Helper()
		if _, err := s.Login(t.Context(), "alice", password, home); !errors.Is(err, want) {
			t.Errorf("login: %v, want %v", err, want)
		}
	}
	if _, err := plain.Register(t.Context(), "alice", "correct horse"); err != nil {
		t.Fatal(err)
	}
	if hash := plain.storedHash(t, "alice"); strings.Contains(hash, "keyid") {
		t.Errorf("without a pepper: %s", hash)
	}
	first := plain.under(t, salty+"\n")
	login(first, "wrong horse", ErrCredentials)
	login(first, "correct horse", nil)
	one := plain.storedHash(t, "alice")
	if !strings.Contains(one, ",keyid="+first.hasher.peppers.current()+"$") || strings.Contains(one, salty) {
		t.Errorf("not made anew under the pepper: %s", one)
	}
	login(first, "correct horse", nil)
	if again := plain.storedHash(t, "alice"); again != one {
		t.Errorf("made anew without need: %s", again)
	}
	login(first, "wrong horse", ErrCredentials)
	login(plain, "correct horse", errPepper)
	login(plain.under(t, hot), "correct horse", errPepper)
	login(plain.under(t, hot+"\r\n\r\n"+salty+"\r\n"), "correct horse", nil) // the file of another system
	if two := plain.storedHash(t, "alice"); two == one || !strings.Contains(two, "keyid=") {
		t.Errorf("not made anew under the new pepper: %s", two)
	}
	login(first, "correct horse", errPepper)
	login(plain.under(t, hot), "correct horse", nil)
}

// What is hashed must depend on the secret, not on its name alone.
func TestAPepperIsMixedIn(t *testing.T) {
	s := newService(t).under(t, salty)
	if _, err := s.Register(t.Context(), "alice", "correct horse"); err != nil {
		t.Fatal(err)
	}
	other := newService(t).under(t, hot)
	other.users = s.users
	other.hasher.peppers[0].id = s.hasher.peppers[0].id
	if _, err := other.Login(t.Context(), "alice", "correct horse", home); !errors.Is(err, ErrCredentials) {
		t.Errorf("under another secret of the same name: %v", err)
	}
}

func TestAFileOfPeppersIsReadStrictly(t *testing.T) {
	for name, lines := range map[string]string{
		"nothing": "", "blank lines": "\n\n", "a short line": salty + "\nshort\n", "nine lines": strings.Repeat(salty+"\n", 9), "a large file": strings.Repeat("x", maxPepperFile+1),
	} {
		if p, err := peppersOf(t, lines); err == nil {
			t.Errorf("%s was taken: %d", name, len(p))
		}
	}
	if _, err := LoadPeppers(filepath.Join(t.TempDir(), "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	if p, err := LoadPeppers(""); len(p) > 0 || err != nil {
		t.Errorf("no path: %v, %v", p, err)
	}
	for _, broken := range []string{"$argon2id$v=19$m=64,t=1,p=1,keyid=$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAAAAAAA", "$argon2id$v=19$m=64,t=1,keyid=x,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAAAAAAA"} {
		if _, err := parsePHC(broken); err == nil {
			t.Errorf("parsePHC(%q) was taken", broken)
		}
	}
}
