package auth

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/hourglass-trading/hourglass/pkg/order"
)

// What our access tokens say, and the bounds of what we look at.
const (
	issuer = "hourglass"
	// sessionScopes are those of a user who has logged in.
	sessionScopes = string(Read + " " + Trade + " " + Manage)
	leeway        = 5 * time.Second // between the clocks of several gateways
	maxToken      = 4 << 10         // bytes; ours have about 450
)

// kind keeps tokens for one use from being taken for another: it stands in the header and in the audience.
type kind struct{ typ, audience string }

var (
	accessKind = kind{"at+jwt", "hourglass-api"} // RFC 9068
	natsKind   = kind{"nats+jwt", "hourglass-nats"}
)

// claims is typed, so that a subject which is no text is refused.
type claims struct {
	jwt.RegisteredClaims
	Session  string   `json:"sid"`
	Scope    string   `json:"scope"`
	Networks Networks `json:"networks,omitempty"`
}

func (s *Service) sign(account order.AccountID, session string) (string, error) {
	return s.signAs(accessKind, Identity{Account: account, Session: session}, sessionScopes, s.now().Add(s.accessLife))
}

func (s *Service) signAs(k kind, id Identity, scope string, end time.Time) (string, error) {
	keys := s.keys.now()
	token := jwt.NewWithClaims(jwt.SigningMethodEdDSA, claims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer: issuer, Audience: jwt.ClaimStrings{k.audience}, Subject: string(id.Account), ID: newID(),
			IssuedAt: jwt.NewNumericDate(s.now()), ExpiresAt: jwt.NewNumericDate(end),
		},
		Session: id.Session, Scope: scope, Networks: id.Networks,
	})
	token.Header["typ"], token.Header["kid"] = k.typ, keys.current
	signed, err := token.SignedString(keys.private)
	if err != nil {
		return "", fmt.Errorf("sign the token: %w", err)
	}
	return signed, nil
}

// Verify returns whom an access token or an API key speaks for at an address (see ParseAddress). It fails with ErrExpired,
// ErrToken, ErrAddress or ErrStore.
func (s *Service) Verify(ctx context.Context, token string, from netip.Addr) (Identity, error) {
	if len(token) > maxToken {
		return Identity{}, ErrToken
	}
	verify := s.verifyAccess
	if strings.HasPrefix(token, "hgk_") {
		verify = func(token string) (Identity, error) { return s.verifyKey(ctx, token, from) }
	}
	id, err := verify(token)
	if err == nil && s.revoked.has(id.Session) {
		return Identity{}, ErrToken
	}
	return id, err
}

func (s *Service) verifyAccess(token string) (Identity, error) {
	now := s.now()
	if id, ok := s.verified.get(token); ok {
		if now.After(id.ExpiresAt.Add(leeway)) {
			return Identity{}, ErrExpired
		}
		return id, nil
	}
	id, err := s.parse(accessKind, token)
	if err == nil {
		s.verified.put(token, id)
	}
	return id, err
}

// parse checks a token of a kind by itself: it may have been revoked since.
func (s *Service) parse(k kind, token string) (Identity, error) {
	parser := jwt.NewParser(
		jwt.WithValidMethods([]string{jwt.SigningMethodEdDSA.Alg()}),
		jwt.WithIssuer(issuer), jwt.WithAudience(k.audience),
		jwt.WithExpirationRequired(), jwt.WithIssuedAt(), jwt.WithLeeway(leeway),
		jwt.WithStrictDecoding(), jwt.WithTimeFunc(s.now))
	var c claims
	_, err := parser.ParseWithClaims(token, &c, func(t *jwt.Token) (any, error) { return s.key(k, t) })
	switch {
	case errors.Is(err, jwt.ErrTokenExpired) && !errors.Is(err, jwt.ErrTokenSignatureInvalid):
		return Identity{}, ErrExpired
	case err != nil:
		return Identity{}, fmt.Errorf("%w: %w", ErrToken, err)
	}
	account, err := order.ParseAccountID(c.Subject)
	if err != nil || c.Session == "" {
		return Identity{}, ErrToken
	}
	id := Identity{Account: account, Session: c.Session, ExpiresAt: c.ExpiresAt.Time, Networks: c.Networks}
	for scope := range strings.FieldsSeq(c.Scope) {
		id.Scopes = append(id.Scopes, Scope(scope))
	}
	return id, nil
}

// headers are all that a token of ours has. Anything else is refused: crit, because the library passes over it and what
// it demands would not be done (RFC 7515 §4.1.11); jku, jwk and x5u, because keys come from nowhere but our own files.
var headers = []string{"alg", "kid", "typ"}

func (s *Service) key(k kind, t *jwt.Token) (any, error) {
	for name := range t.Header {
		if !slices.Contains(headers, name) {
			return nil, fmt.Errorf("header %.40q is not allowed", name)
		}
	}
	kid, _ := t.Header["kid"].(string)
	public, ok := s.keys.now().public[kid]
	if !ok && kid != "" {
		s.rereadKeys(rereadSoonest)
		public, ok = s.keys.now().public[kid]
	}
	if typ, _ := t.Header["typ"].(string); typ != k.typ || !ok {
		return nil, errors.New("not a token of this kind under a key of ours")
	}
	return public, nil
}

// keyID names a public key.
func keyID(public ed25519.PublicKey) string {
	return secretHash(string(public))[:16]
}

// verified remembers tokens that were found valid: a check costs 58 µs, a look a tenth of one. Expiry is judged at each use.
type verified struct {
	mu  sync.Mutex // guards ids
	ids map[string]Identity
}

// maxVerified bounds the memory at about 10 MB. When it is reached a tenth is forgotten, whichever the map yields first,
// which costs those tokens one check more.
const maxVerified = 10_000

func newVerified() *verified { return &verified{ids: map[string]Identity{}} }

func (v *verified) get(token string) (Identity, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	id, ok := v.ids[token]
	return id, ok
}

func (v *verified) clear() {
	v.mu.Lock()
	defer v.mu.Unlock()
	clear(v.ids)
}

func (v *verified) put(token string, id Identity) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.ids) >= maxVerified {
		n := maxVerified / 10
		for old := range v.ids {
			if n--; n < 0 {
				break
			}
			delete(v.ids, old)
		}
	}
	v.ids[token] = id
}
