package auth

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/crypto/argon2"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// nowhere is an address that matters to no token but an API key with networks.
var nowhere netip.Addr

// home is where the users of these tests are.
var home = Client{Address: "192.0.2.1", UserAgent: "test"}

func newService(t *testing.T) *Service {
	t.Helper()
	keys, err := LoadKeys(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return New(newBucket(), newBucket(), newBucket(), keys, Options{}, slog.New(slog.DiscardHandler))
}

func TestAVerifiedTokenExpiresAllTheSame(t *testing.T) {
	s := newService(t)
	token, err := s.sign("alice", "s1")
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time from memory
		if _, err := s.Verify(t.Context(), token, nowhere); err != nil {
			t.Fatal(err)
		}
	}
	s.now = func() time.Time { return time.Now().Add(DefaultAccessLife + leeway + time.Second) }
	if _, err := s.Verify(t.Context(), token, nowhere); !errors.Is(err, ErrExpired) {
		t.Errorf("after its end: %v", err)
	}
}

func TestUsersHaveOneNameInAnyCase(t *testing.T) {
	s, ctx := newService(t), t.Context()
	id, err := s.Register(ctx, "Alice", "correct horse")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Register(ctx, "aLICE", "another one"); !errors.Is(err, ErrTaken) {
		t.Errorf("again: %v", err)
	}
	tokens, err := s.Login(ctx, "ALICE", "correct horse", home)
	if err != nil {
		t.Fatal(err)
	}
	if who, err := s.Verify(t.Context(), tokens.Access, nowhere); err != nil || who.Account != id {
		t.Errorf("token speaks for %+v, %v", who, err)
	}
	for name, login := range map[string][2]string{"wrong password": {"alice", "wrong"}, "unknown": {"bob", "correct horse"}, "empty": {"", ""}} {
		if _, err := s.Login(ctx, login[0], login[1], home); !errors.Is(err, ErrCredentials) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAHashMadeAtAnotherCostIsRenewedAtLogin(t *testing.T) {
	s, ctx := newService(t), t.Context()
	if _, err := s.Register(ctx, "alice", "correct horse"); err != nil {
		t.Fatal(err)
	}
	users := s.users.(*bucket)
	key := userKey("alice")
	var u user
	if err := json.Unmarshal(users.entries[key].value, &u); err != nil {
		t.Fatal(err)
	}
	u.Password = "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$" + legacy(t)
	body, err := json.Marshal(u)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := users.Update(ctx, key, body, users.entries[key].revision); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Login(ctx, "alice", "password", home); err != nil {
		t.Fatal(err)
	}
	if text := string(users.entries[key].value); !strings.Contains(text, fmt.Sprintf("m=%d,t=%d", hashMemoryKiB, hashPasses)) {
		t.Errorf("still %s", text)
	}
	if _, err := s.Login(ctx, "alice", "password", home); err != nil {
		t.Errorf("at the new cost: %v", err)
	}
	for _, broken := range []string{"", "$argon2id$", "plain", "$argon2i$v=19$m=64,t=1,p=1$c29tZXNhbHQ$x", "$argon2id$v=19$m=99999999,t=1,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAAAAAAA"} {
		if _, err := parsePHC(broken); err == nil {
			t.Errorf("parsePHC(%q) was taken", broken)
		}
	}
}

func TestRefreshTokensAreUsedOnce(t *testing.T) {
	s, ctx := newService(t), t.Context()
	now := time.Now()
	s.now = func() time.Time { return now }
	first, err := s.open(ctx, "alice", home)
	if err != nil {
		t.Fatal(err)
	}
	second, err := s.Refresh(ctx, first.Refresh, home)
	if err != nil {
		t.Fatal(err)
	}
	lost, err := s.Refresh(ctx, first.Refresh, home) // within the grace: the answer may have been lost
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Verify(t.Context(), lost.Access, nowhere); err != nil {
		t.Error(err)
	}
	now = now.Add(sessionGrace + time.Second)
	if _, err := s.Refresh(ctx, first.Refresh, home); !errors.Is(err, ErrToken) {
		t.Errorf("an old token: %v", err)
	}
	for name, token := range map[string]string{"the stolen family": lost.Refresh, "its other branch": second.Refresh, "nonsense": "hgr_x"} {
		if _, err := s.Refresh(ctx, token, home); !errors.Is(err, ErrToken) {
			t.Errorf("%s: %v", name, err)
		}
	}
	idle, err := s.open(ctx, "alice", home)
	if err != nil {
		t.Fatal(err)
	}
	now = now.Add(sessionIdle + time.Second)
	if _, err := s.Refresh(ctx, idle.Refresh, home); !errors.Is(err, ErrToken) {
		t.Errorf("an idle session: %v", err)
	}
}

func TestHashingIsBounded(t *testing.T) {
	h := newHasher(nil)
	for range hashesAtOnce {
		if _, err := h.turn(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := h.turn(t.Context()); !errors.Is(err, ErrBusy) {
		t.Errorf("one too many: %v", err)
	}
}

// legacy is the hash of "password" at a cost of long ago.
func legacy(t *testing.T) string {
	t.Helper()
	return base64.RawStdEncoding.EncodeToString(argon2.IDKey([]byte("password"), []byte("somesalt"), 1, 64, 1, 32))
}

func TestEndedSessionsAreSwept(t *testing.T) {
	s, ctx := newService(t), t.Context()
	old, err := s.open(ctx, "alice", home)
	if err != nil {
		t.Fatal(err)
	}
	s.now = func() time.Time { return time.Now().Add(sessionIdle + time.Minute) }
	fresh, err := s.open(ctx, "alice", home)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.sweep(ctx); err != nil {
		t.Fatal(err)
	}
	if n := len(s.sessions.(*bucket).entries); n != 1 {
		t.Errorf("%d sessions are left", n)
	}
	if _, err := s.Refresh(ctx, fresh.Refresh, home); err != nil {
		t.Errorf("the fresh one: %v", err)
	}
	if _, err := s.Refresh(ctx, old.Refresh, home); !errors.Is(err, ErrToken) {
		t.Errorf("the old one: %v", err)
	}
}
