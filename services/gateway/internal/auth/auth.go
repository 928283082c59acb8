// Package auth knows who a caller is: users and their passwords, access tokens and refresh tokens, API keys, and tickets
// for a WebSocket.
//
// A password is kept as an argon2id hash, an access token is a JWT signed with Ed25519 that lives for minutes and is
// checked without asking anybody, a refresh token is a random text of which the bus keeps the hash and which is exchanged
// for a new one at each use. Users, sessions and API keys live in buckets of the bus, so any gateway serves any user; what one
// of them revokes the others see within a second, and with it whoever holds a connection open (OnRevoke).
//
// A Service is safe for concurrent use. It does not limit how often somebody tries (rest does), and it knows nothing of
// orders: what an account may do is the account's owner's business.
package auth

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/hourglass-trading/hourglass/pkg/order"
)

// What can go wrong for a reason of the caller's.
var (
	ErrTaken       = errors.New("the username is taken")
	ErrCredentials = errors.New("wrong username or password")
	ErrToken       = errors.New("the token is not valid")
	ErrExpired     = errors.New("the token has expired")
	ErrBusy        = errors.New("too many logins at once")
	// ErrAddress says that an API key is good, but not for use from where the caller is.
	ErrAddress = errors.New("the API key is not for use from this address")
	// ErrStore says that the bus did not answer; trying again later may help.
	ErrStore = errors.New("the user store does not answer")
)

// Bucket is what the package needs of a key-value bucket.
type Bucket interface {
	Get(ctx context.Context, key string) (jetstream.KeyValueEntry, error)
	Create(ctx context.Context, key string, value []byte, opts ...jetstream.KVCreateOpt) (uint64, error)
	Update(ctx context.Context, key string, value []byte, revision uint64) (uint64, error)
	Delete(ctx context.Context, key string, opts ...jetstream.KVDeleteOpt) error
	Watch(ctx context.Context, keys string, opts ...jetstream.WatchOpt) (jetstream.KeyWatcher, error)
	WatchAll(ctx context.Context, opts ...jetstream.WatchOpt) (jetstream.KeyWatcher, error)
	PurgeDeletes(ctx context.Context, opts ...jetstream.KVPurgeOpt) error
}

// Identity is who a valid token speaks for, and what it may be used for.
type Identity struct {
	Account   order.AccountID `json:"account"`
	Session   string          `json:"session"` // or the API key
	Scopes    []Scope         `json:"scopes"`
	ExpiresAt time.Time       `json:"expires_at"`
	Networks  Networks        `json:"networks,omitempty"` // where it may be used from, and what was made with it as well

	recheckAt time.Time // an API key is looked up again after this
	usedAt    time.Time // when an API key was last noted as used
}

// May reports whether the token may be used for something.
func (id Identity) May(scope Scope) bool { return slices.Contains(id.Scopes, scope) }

// Tokens are the answer to a login.
type Tokens struct {
	Access    string
	ExpiresIn time.Duration
	Refresh   string
	RefreshIn time.Duration // how long Refresh is good, if it is not used before
}

// Client is where a session is used from, as far as it can be told from a request.
type Client struct{ Address, UserAgent string }

// mark tells clients apart. Neither an address nor a browser's name is stored for it.
func (c Client) mark() string { return secretHash(c.Address + "\n" + c.UserAgent) }

// Service registers users and gives and checks tokens.
type Service struct {
	users    Bucket
	sessions Bucket
	apiKeys  Bucket
	keys     *Keys
	hasher   hasher
	verified *verified
	revoked  revoked
	uses     chan use
	log      *slog.Logger

	accessLife time.Duration
	now        func() time.Time // compared with what tokens say, which other machines wrote
}

// DefaultAccessLife is how long an access token lives unless somebody wants it otherwise.
const DefaultAccessLife = 10 * time.Minute

// Options are what a service is told beyond where its users are. The zero Options are good ones.
type Options struct {
	AccessLife time.Duration // of an access token; 0: DefaultAccessLife
	Peppers    Peppers       // for passwords
}

// New returns a service over the three buckets that signs with keys.
func New(users, sessions, apiKeys Bucket, keys *Keys, opts Options, log *slog.Logger) *Service {
	accessLife := cmp.Or(opts.AccessLife, DefaultAccessLife)
	return &Service{
		users: users, sessions: sessions, apiKeys: apiKeys, keys: keys, accessLife: accessLife,
		revoked: revoked{until: map[string]time.Time{}, life: max(accessLife, recheckKey) + time.Minute},
		hasher:  newHasher(opts.Peppers), verified: newVerified(), uses: make(chan use, maxUses), log: log, now: time.Now,
	}
}

// Login checks a password and opens a session. It takes as long for an unknown user as for a wrong password.
func (s *Service) Login(ctx context.Context, username, password string, from Client) (Tokens, error) {
	u, err := s.check(ctx, username, password)
	if err != nil {
		return Tokens{}, err
	}
	return s.open(ctx, u.Account, from)
}

// store marks an error of the bus.
func store(doing string, err error) error {
	return fmt.Errorf("%s: %w: %w", doing, ErrStore, err)
}

// load reads what a bucket keeps under a key, and its revision; 0 where there is nothing. It fails with ErrStore, or where it
// cannot be decoded; what says in the error what it is.
func load[T any](ctx context.Context, from Bucket, key, what string) (v T, revision uint64, err error) {
	entry, err := from.Get(ctx, key)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return v, 0, nil
	}
	if err != nil {
		return v, 0, store("look for the "+what, err)
	}
	if err := json.Unmarshal(entry.Value(), &v); err != nil {
		return v, 0, fmt.Errorf("decode the %s: %w", what, err)
	}
	return v, entry.Revision(), nil
}
