package auth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/order"
)

// How long a session lives: unused, in all, and how long the token before the current one is still taken from the client
// that has exchanged it, because the answer that carried the current one may have been lost.
const (
	sessionIdle  = 7 * 24 * time.Hour
	sessionLife  = 30 * 24 * time.Hour
	sessionGrace = 10 * time.Second
)

// session is a family of refresh tokens that follow one another, kept under <account>.<family>.
type session struct {
	Hash      string    `json:"hash"`               // SHA-256 of the current secret
	Previous  string    `json:"previous,omitempty"` // of the one before
	Client    string    `json:"client,omitempty"`   // mark of the one that has the current token
	RotatedAt time.Time `json:"rotated_at"`
	UsedAt    time.Time `json:"used_at"`
	EndsAt    time.Time `json:"ends_at"`
}

// over reports whether a session has ended by itself at the time now.
func (s session) over(now time.Time) bool {
	return now.After(s.EndsAt) || now.After(s.UsedAt.Add(sessionIdle))
}

// A refresh token is hgr_<account>.<family>.<secret>; the first two are the key of its session.
var refreshToken = regexp.MustCompile(`^hgr_([a-z0-9]{1,32}\.[a-z0-9]{26})\.([A-Za-z0-9_-]{43})$`)

func newSecret() (secret, hash string) {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails: the runtime ends the process instead
	secret = base64.RawURLEncoding.EncodeToString(b)
	return secret, secretHash(secret)
}

func secretHash(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// open starts a session.
func (s *Service) open(ctx context.Context, account order.AccountID, from Client) (Tokens, error) {
	family := newID()
	key := string(account) + "." + family
	secret, hash := newSecret()
	now := s.now().UTC()
	opened := session{Hash: hash, Client: from.mark(), RotatedAt: now, UsedAt: now, EndsAt: now.Add(sessionLife)}
	body, err := json.Marshal(opened)
	if err != nil {
		return Tokens{}, fmt.Errorf("encode session: %w", err)
	}
	if _, err := s.sessions.Create(ctx, key, body); err != nil {
		return Tokens{}, store("open the session", err)
	}
	return s.tokens(key, secret, opened)
}

// Refresh exchanges a refresh token for new tokens. A token that was exchanged before is a sign of theft: it ends the
// session, except within seconds of its exchange and from the same client, when the first answer may have been lost.
func (s *Service) Refresh(ctx context.Context, token string, from Client) (Tokens, error) {
	parts := refreshToken.FindStringSubmatch(token)
	if parts == nil {
		return Tokens{}, ErrToken
	}
	key, given := parts[1], secretHash(parts[2])
	old, revision, err := load[session](ctx, s.sessions, key, "session")
	if err != nil {
		return Tokens{}, err
	}
	if revision == 0 {
		return Tokens{}, ErrToken
	}
	now := s.now().UTC()
	lost := equal(given, old.Previous) && now.Before(old.RotatedAt.Add(sessionGrace)) && equal(from.mark(), old.Client)
	if old.over(now) || (!equal(given, old.Hash) && !lost) {
		account, family, _ := strings.Cut(key, ".")
		if err := s.Logout(ctx, Identity{Account: order.AccountID(account), Session: family}); err != nil {
			return Tokens{}, err
		}
		return Tokens{}, ErrToken
	}
	return s.rotate(ctx, key, session{Previous: given, Client: from.mark(), RotatedAt: now, UsedAt: now, EndsAt: old.EndsAt}, revision)
}

// rotate keeps a session under a new secret.
func (s *Service) rotate(ctx context.Context, key string, renewed session, revision uint64) (Tokens, error) {
	var secret string
	secret, renewed.Hash = newSecret()
	body, err := json.Marshal(renewed)
	if err != nil {
		return Tokens{}, fmt.Errorf("encode session: %w", err)
	}
	if _, err := s.sessions.Update(ctx, key, body, revision); err != nil {
		// Also when another request won the race with the same token: its answer is the one that counts.
		return Tokens{}, store("renew the session", err)
	}
	return s.tokens(key, secret, renewed)
}

func (s *Service) tokens(key, secret string, of session) (Tokens, error) {
	account, family, _ := strings.Cut(key, ".")
	access, err := s.sign(order.AccountID(account), family)
	if err != nil {
		return Tokens{}, err
	}
	return Tokens{
		Access: access, ExpiresIn: s.accessLife,
		Refresh: "hgr_" + key + "." + secret, RefreshIn: min(sessionIdle, of.EndsAt.Sub(s.now())),
	}, nil
}

func equal(a, b string) bool {
	return b != "" && subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1
}
