package auth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/hourglass-trading/hourglass/pkg/order"
)

// MaxAPIKeys bounds the keys of an account.
const MaxAPIKeys = 20

// ErrTooManyKeys says that an account has as many keys as it may.
var ErrTooManyKeys = errors.New("the account has as many API keys as it may have")

// ErrNoKey says that an account has no such key.
var ErrNoKey = errors.New("the account has no such API key")

// never is the end of a key that has none.
var never = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)

// APIKey is a key of an account as its owner sees it, without its secret.
type APIKey struct {
	ID         string    `json:"id"`
	Name       string    `json:"name"`
	Scopes     []Scope   `json:"scopes"`
	Networks   Networks  `json:"allowed_networks,omitempty"`
	CreatedAt  time.Time `json:"created_at"`
	ExpiresAt  time.Time `json:"expires_at,omitzero"`   // zero: never
	LastUsedAt time.Time `json:"last_used_at,omitzero"` // zero: never; up to noteUseEvery early
}

// NewAPIKey is what an account wants of a new key.
type NewAPIKey struct {
	Name      string
	Scopes    []Scope
	Networks  Networks
	ExpiresAt time.Time // zero: never
}

// storedKey is a key as the bucket keeps it, under <account>.<id>. The secret is 256 random bits, so a fast hash is enough.
type storedKey struct {
	APIKey
	Hash string `json:"hash"`
}

// An API key is hgk_<account>.<id>.<secret>.
var apiKeyText = regexp.MustCompile(`^hgk_([a-z0-9]{1,32})\.([a-z0-9]{26})\.([A-Za-z0-9_-]{43})$`)

// CreateAPIKey makes a key and returns it with its text, which nobody can find out again.
func (s *Service) CreateAPIKey(ctx context.Context, account order.AccountID, want NewAPIKey) (APIKey, string, error) {
	keys, err := s.APIKeys(ctx, account)
	if err != nil {
		return APIKey{}, "", err
	}
	if len(keys) >= MaxAPIKeys {
		return APIKey{}, "", ErrTooManyKeys
	}
	secret, hash := newSecret()
	k := storedKey{APIKey: APIKey{
		ID: newID(), Name: want.Name, Scopes: want.Scopes, Networks: want.Networks, CreatedAt: s.now().UTC(), ExpiresAt: want.ExpiresAt,
	}, Hash: hash}
	body, err := json.Marshal(k)
	if err != nil {
		return APIKey{}, "", fmt.Errorf("encode API key: %w", err)
	}
	at := string(account) + "." + k.ID
	if _, err := s.apiKeys.Create(ctx, at, body); err != nil {
		return APIKey{}, "", store("keep the API key", err)
	}
	return k.APIKey, "hgk_" + at + "." + secret, nil
}

// APIKeys returns the keys of an account, the oldest first.
func (s *Service) APIKeys(ctx context.Context, account order.AccountID) ([]APIKey, error) {
	entries, err := list(ctx, s.apiKeys, account)
	if err != nil {
		return nil, store("list the API keys", err)
	}
	keys := []APIKey{}
	for _, e := range entries {
		var k storedKey
		if err := json.Unmarshal(e.Value(), &k); err != nil {
			return nil, fmt.Errorf("decode API key: %w", err)
		}
		keys = append(keys, k.APIKey)
	}
	slices.SortFunc(keys, func(a, b APIKey) int { return strings.Compare(a.ID, b.ID) }) // ids sort by time
	return keys, nil
}

// DeleteAPIKey ends a key; connections that were opened with it are closed within a second.
func (s *Service) DeleteAPIKey(ctx context.Context, account order.AccountID, id string) error {
	key := string(account) + "." + id
	if _, err := s.apiKeys.Get(ctx, key); errors.Is(err, jetstream.ErrKeyNotFound) {
		return ErrNoKey
	} else if err != nil {
		return store("look for the API key", err)
	}
	if err := s.apiKeys.Delete(ctx, key); err != nil {
		return store("delete the API key", err)
	}
	s.revoked.add(id, s.now())
	return nil
}

// recheckKey is how long a key that was found good is taken without another look into the bucket. It is shorter than a
// revocation is remembered, so that a look under way while a key is deleted cannot bring it back.
const recheckKey = 5 * time.Minute

// verifyKey returns whom an API key speaks for at an address. It fails with ErrAddress, too.
func (s *Service) verifyKey(ctx context.Context, text string, from netip.Addr) (Identity, error) {
	now := s.now()
	known, ok := s.verified.get(text)
	if !ok || now.After(known.recheckAt) {
		var err error
		if known, err = s.lookUpKey(ctx, text, now); err != nil {
			return Identity{}, err
		}
		s.verified.put(text, known)
	}
	switch {
	case now.After(known.ExpiresAt):
		return Identity{}, ErrExpired
	case !known.Networks.Allow(from):
		return Identity{}, ErrAddress
	}
	if now.Sub(known.usedAt) >= noteUseEvery {
		known.usedAt = now
		s.verified.put(text, known)
		s.used(string(known.Account)+"."+known.Session, now)
	}
	return known, nil
}

func (s *Service) lookUpKey(ctx context.Context, text string, now time.Time) (Identity, error) {
	parts := apiKeyText.FindStringSubmatch(text)
	if parts == nil {
		return Identity{}, ErrToken
	}
	k, revision, err := load[storedKey](ctx, s.apiKeys, parts[1]+"."+parts[2], "API key")
	if err != nil {
		return Identity{}, err
	}
	if revision == 0 || !equal(secretHash(parts[3]), k.Hash) {
		return Identity{}, ErrToken
	}
	known := Identity{
		Account: order.AccountID(parts[1]), Session: k.ID, Scopes: k.Scopes, ExpiresAt: k.ExpiresAt, Networks: k.Networks,
		recheckAt: now.Add(recheckKey), usedAt: k.LastUsedAt,
	}
	if known.ExpiresAt.IsZero() {
		known.ExpiresAt = never
	}
	return known, nil
}

// list returns what a bucket holds for an account.
func list(ctx context.Context, b Bucket, account order.AccountID) (found []jetstream.KeyValueEntry, err error) {
	all, err := b.Watch(ctx, string(account)+".*", jetstream.IgnoreDeletes())
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, all.Stop()) }()
	for {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case e := <-all.Updates():
			if e == nil { // all that there are
				return found, nil
			}
			found = append(found, e)
		}
	}
}
