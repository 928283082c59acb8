package auth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/oklog/ulid/v2"

	"github.com/hourglass-trading/hourglass/pkg/order"
)

// user is a user as the bucket keeps it, under the hash of the name in lower case: one atomic check of uniqueness, and
// nothing that somebody typed becomes a key.
type user struct {
	Username  string          `json:"username"`
	Account   order.AccountID `json:"account"`
	Password  string          `json:"password"` // PHC string
	CreatedAt time.Time       `json:"created_at"`
}

func userKey(username string) string {
	sum := sha256.Sum256([]byte(strings.ToLower(username)))
	return hex.EncodeToString(sum[:])
}

// newID returns 26 characters that nobody can guess and that sort by time, safe as a key and as part of a subject.
func newID() string {
	return strings.ToLower(ulid.MustNew(ulid.Now(), rand.Reader).String())
}

// Register creates a user and returns the id of the user's new account. It fails with ErrTaken.
func (s *Service) Register(ctx context.Context, username, password string) (order.AccountID, error) {
	key := userKey(username)
	if _, err := s.users.Get(ctx, key); err == nil {
		return "", ErrTaken // seen before the costly hash
	} else if !errors.Is(err, jetstream.ErrKeyNotFound) {
		return "", store("look for the user", err)
	}
	hash, err := s.hasher.hash(ctx, password)
	if err != nil {
		return "", err
	}
	u := user{Username: username, Account: order.AccountID("a" + newID()), Password: hash, CreatedAt: s.now().UTC()}
	body, err := json.Marshal(u) //nolint:gosec // it is the hash of the password
	if err != nil {
		return "", fmt.Errorf("encode user: %w", err)
	}
	_, err = s.users.Create(ctx, key, body)
	switch {
	case errors.Is(err, jetstream.ErrKeyExists):
		return "", ErrTaken
	case err != nil:
		return "", store("create the user", err)
	}
	return u.Account, nil
}

// check returns the user whose password this is, or ErrCredentials.
func (s *Service) check(ctx context.Context, username, password string) (user, error) {
	key := userKey(username)
	u, revision, err := load[user](ctx, s.users, key, "user")
	if err != nil {
		return user{}, err
	}
	if revision == 0 {
		if _, _, err := s.hasher.verify(ctx, password, dummy); err != nil {
			return user{}, err
		}
		return user{}, ErrCredentials
	}
	ok, outdated, err := s.hasher.verify(ctx, password, u.Password)
	if err != nil {
		return user{}, err
	}
	if !ok {
		return user{}, ErrCredentials
	}
	if outdated {
		s.rehash(ctx, key, u, password, revision)
	}
	return u, nil
}

// rehash stores a password at today's cost. It is worth no failed login: at the next one it is tried again.
func (s *Service) rehash(ctx context.Context, key string, u user, password string, revision uint64) {
	hash, err := s.hasher.hash(ctx, password)
	if err != nil {
		return
	}
	u.Password = hash
	if body, err := json.Marshal(u); err == nil { //nolint:gosec // it is the hash of the password
		_, _ = s.users.Update(ctx, key, body, revision)
	}
}

// setPassword replaces the password of a user, unless it is no longer the one that was checked.
func (s *Service) setPassword(ctx context.Context, checked user, password string) error {
	key := userKey(checked.Username)
	u, revision, err := load[user](ctx, s.users, key, "user")
	if err != nil {
		return err
	}
	if u.Password != checked.Password {
		return store("change the password", errors.New("it was changed at this moment"))
	}
	if u.Password, err = s.hasher.hash(ctx, password); err != nil {
		return err
	}
	body, err := json.Marshal(u) //nolint:gosec // it is the hash of the password
	if err != nil {
		return fmt.Errorf("encode user: %w", err)
	}
	if _, err := s.users.Update(ctx, key, body, revision); err != nil {
		return store("change the password", err)
	}
	return nil
}
