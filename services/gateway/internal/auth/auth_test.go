package auth

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/crypto/argon2"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newService(t *testing.T) *Service {
	t.Helper()
	keys, err := LoadKeys(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return New(newBucket(), newBucket(), newBucket(), keys, DefaultAccessLife, slog.New(slog.DiscardHandler))
}

func part(v any) string {
	text, ok := v.(string)
	if !ok {
		b, err := json.Marshal(v)
		if err != nil {
			panic(err)
		}
		text = string(b)
	}
	return base64.RawURLEncoding.EncodeToString([]byte(text))
}

func TestForgedTokensAreRefused(t *testing.T) {
	s := newService(t)
	other := newService(t)
	now := time.Now()
	type m = map[string]any
	header := func(change m) m {
		h := m{"alg": "EdDSA", "typ": accessType, "kid": s.keys.set.current}
		for k, v := range change {
			if v == nil {
				delete(h, k)
			} else {
				h[k] = v
			}
		}
		return h
	}
	payload := func(change m) m {
		c := m{"iss": issuer, "aud": audience, "sub": "alice", "sid": "s1", "iat": now.Unix(), "exp": now.Add(time.Minute).Unix()}
		for k, v := range change {
			if v == nil {
				delete(c, k)
			} else {
				c[k] = v
			}
		}
		return c
	}
	signed := func(key ed25519.PrivateKey, h, c any) string {
		text := part(h) + "." + part(c)
		return text + "." + base64.RawURLEncoding.EncodeToString(ed25519.Sign(key, []byte(text)))
	}
	ours := func(h, c any) string { return signed(s.keys.set.private, h, c) }
	hs256 := func(secret []byte, h m) string {
		h["alg"] = "HS256"
		text := part(h) + "." + part(payload(nil))
		mac := hmac.New(sha256.New, secret)
		mac.Write([]byte(text))
		return text + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
	}
	public := s.keys.set.public[s.keys.set.current]
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	good := ours(header(nil), payload(nil))
	if id, err := s.Verify(t.Context(), good); err != nil || id.Account != "alice" || id.Session != "s1" {
		t.Fatalf("a good token: %+v, %v", id, err)
	}
	head, body, _ := strings.Cut(good, ".")
	body, signature, _ := strings.Cut(body, ".")
	last := signature[len(signature)-1]
	lax := signature[:len(signature)-1] + string(rune(last+1)) // the same bytes in a strict reader's eyes are not
	for name, token := range map[string]string{
		"nothing":                        "",
		"no dots":                        "abc",
		"only dots":                      strings.Repeat(".", 3_000),
		"a million dots":                 strings.Repeat(".", 1_000_000),
		"alg none":                       part(header(m{"alg": "none"})) + "." + part(payload(nil)) + ".",
		"alg None":                       part(header(m{"alg": "None"})) + "." + part(payload(nil)) + ".",
		"no signature":                   head + "." + body + ".",
		"HS256 with the public key":      hs256(public, header(nil)),
		"HS256 with its DER":             hs256(der, header(nil)),
		"HS256 with its PEM":             hs256(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), header(nil)),
		"HS256 with nothing":             hs256(nil, header(nil)),
		"another key under our kid":      signed(other.keys.set.private, header(nil), payload(nil)),
		"another key under its kid":      signed(other.keys.set.private, header(m{"kid": other.keys.set.current}), payload(nil)),
		"no kid":                         ours(header(m{"kid": nil}), payload(nil)),
		"a kid of a path":                ours(header(m{"kid": "../../dev/null"}), payload(nil)),
		"a kid of a number":              ours(header(m{"kid": 7}), payload(nil)),
		"typ JWT":                        ours(header(m{"typ": "JWT"}), payload(nil)),
		"no typ":                         ours(header(m{"typ": nil}), payload(nil)),
		"a refresh token's typ":          ours(header(m{"typ": "rt+jwt"}), payload(nil)),
		"crit":                           ours(header(m{"crit": []string{"exp"}}), payload(nil)),
		"jku":                            ours(header(m{"jku": "https://evil.example/keys"}), payload(nil)),
		"jwk":                            ours(header(m{"jwk": m{"kty": "OKP"}}), payload(nil)),
		"another issuer":                 ours(header(nil), payload(m{"iss": "other"})),
		"no issuer":                      ours(header(nil), payload(m{"iss": nil})),
		"another audience":               ours(header(nil), payload(m{"aud": "other"})),
		"no audience":                    ours(header(nil), payload(m{"aud": nil})),
		"no end":                         ours(header(nil), payload(m{"exp": nil})),
		"an end that is past":            ours(header(nil), payload(m{"exp": now.Add(-time.Minute).Unix()})),
		"an end of a text":               ours(header(nil), payload(m{"exp": "tomorrow"})),
		"issued tomorrow":                ours(header(nil), payload(m{"iat": now.Add(24 * time.Hour).Unix()})),
		"a subject of an object":         ours(header(nil), payload(m{"sub": m{"x": 1}})),
		"a subject of a wildcard":        ours(header(nil), payload(m{"sub": ">"})),
		"no subject":                     ours(header(nil), payload(m{"sub": nil})),
		"no session":                     ours(header(nil), payload(m{"sid": nil})),
		"another payload":                head + "." + part(payload(m{"sub": "bob"})) + "." + signature,
		"a subject twice, the last ours": head + "." + part(`{"sub":"bob","sub":"alice"}`) + "." + signature,
		"a fourth part":                  good + ".x",
		"padding":                        good + "=",
		"signature bits that are spare":  head + "." + body + "." + lax,
		"a space in front":               " " + good,
		"larger than 4 KiB":              ours(header(nil), payload(m{"x": strings.Repeat("x", 4_000)})),
		"not JSON":                       ours("{", payload(nil)),
		"a list for claims":              ours(header(nil), []string{"alice"}),
	} {
		if id, err := s.Verify(t.Context(), token); !errors.Is(err, ErrToken) && !errors.Is(err, ErrExpired) {
			t.Errorf("%s: accepted as %+v, %v", name, id, err)
		}
	}
}

func TestAVerifiedTokenExpiresAllTheSame(t *testing.T) {
	s := newService(t)
	token, err := s.sign("alice", "s1")
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time from memory
		if _, err := s.Verify(t.Context(), token); err != nil {
			t.Fatal(err)
		}
	}
	s.now = func() time.Time { return time.Now().Add(DefaultAccessLife + leeway + time.Second) }
	if _, err := s.Verify(t.Context(), token); !errors.Is(err, ErrExpired) {
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
	tokens, err := s.Login(ctx, "ALICE", "correct horse")
	if err != nil {
		t.Fatal(err)
	}
	if who, err := s.Verify(t.Context(), tokens.Access); err != nil || who.Account != id {
		t.Errorf("token speaks for %+v, %v", who, err)
	}
	for name, login := range map[string][2]string{"wrong password": {"alice", "wrong"}, "unknown": {"bob", "correct horse"}, "empty": {"", ""}} {
		if _, err := s.Login(ctx, login[0], login[1]); !errors.Is(err, ErrCredentials) {
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
	if _, err := s.Login(ctx, "alice", "password"); err != nil {
		t.Fatal(err)
	}
	if text := string(users.entries[key].value); !strings.Contains(text, fmt.Sprintf("m=%d,t=%d", hashMemoryKiB, hashPasses)) {
		t.Errorf("still %s", text)
	}
	if _, err := s.Login(ctx, "alice", "password"); err != nil {
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
	first, err := s.open(ctx, "alice")
	if err != nil {
		t.Fatal(err)
	}
	second, err := s.Refresh(ctx, first.Refresh)
	if err != nil {
		t.Fatal(err)
	}
	lost, err := s.Refresh(ctx, first.Refresh) // within the grace: the answer may have been lost
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Verify(t.Context(), lost.Access); err != nil {
		t.Error(err)
	}
	now = now.Add(sessionGrace + time.Second)
	if _, err := s.Refresh(ctx, first.Refresh); !errors.Is(err, ErrToken) {
		t.Errorf("an old token: %v", err)
	}
	for name, token := range map[string]string{"the stolen family": lost.Refresh, "its other branch": second.Refresh, "nonsense": "hgr_x"} {
		if _, err := s.Refresh(ctx, token); !errors.Is(err, ErrToken) {
			t.Errorf("%s: %v", name, err)
		}
	}
	idle, err := s.open(ctx, "alice")
	if err != nil {
		t.Fatal(err)
	}
	now = now.Add(sessionIdle + time.Second)
	if _, err := s.Refresh(ctx, idle.Refresh); !errors.Is(err, ErrToken) {
		t.Errorf("an idle session: %v", err)
	}
}

func TestHashingIsBounded(t *testing.T) {
	h := newHasher()
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
	old, err := s.open(ctx, "alice")
	if err != nil {
		t.Fatal(err)
	}
	s.now = func() time.Time { return time.Now().Add(sessionIdle + time.Minute) }
	fresh, err := s.open(ctx, "alice")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.sweep(ctx); err != nil {
		t.Fatal(err)
	}
	if n := len(s.sessions.(*bucket).entries); n != 1 {
		t.Errorf("%d sessions are left", n)
	}
	if _, err := s.Refresh(ctx, fresh.Refresh); err != nil {
		t.Errorf("the fresh one: %v", err)
	}
	if _, err := s.Refresh(ctx, old.Refresh); !errors.Is(err, ErrToken) {
		t.Errorf("the old one: %v", err)
	}
}
