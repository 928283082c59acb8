package auth

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// revoked are the sessions and API keys that have been ended lately. Ids are ours and unique, so the two share a set.
type revoked struct {
	// life is how long a revocation is remembered: longer than a token may be found good without a look into a bucket.
	life time.Duration

	mu    sync.Mutex // guards what follows
	until map[string]time.Time
	tell  func(session string)
}

func (r *revoked) add(session string, now time.Time) {
	r.mu.Lock()
	_, known := r.until[session]
	r.until[session] = now.Add(r.life)
	tell := r.tell
	r.mu.Unlock()
	if !known && tell != nil {
		tell(session)
	}
}

func (r *revoked) has(session string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, known := r.until[session]
	return known
}

// forget drops what no token can need any more. It runs with the sweep, so the set holds what an hour ended.
func (r *revoked) forget(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for session, until := range r.until {
		if now.After(until) {
			delete(r.until, session)
		}
	}
}

// OnRevoke has call told of each session and API key that ends, whichever gateway ended it. It is set once, before Run.
func (s *Service) OnRevoke(call func(session string)) {
	s.revoked.mu.Lock()
	defer s.revoked.mu.Unlock()
	s.revoked.tell = call
}

// Revoked reports whether a session or API key was ended.
func (s *Service) Revoked(session string) bool { return s.revoked.has(session) }

// Logout ends a session: its refresh token, its access tokens, and the connections that were opened with them.
func (s *Service) Logout(ctx context.Context, id Identity) error {
	if err := s.sessions.Delete(ctx, string(id.Account)+"."+id.Session); err != nil {
		return store("end the session", err)
	}
	s.revoked.add(id.Session, s.now())
	return nil
}

// ChangePassword changes the password of the user whose account an identity speaks for, and ends all the user's other
// sessions. It fails with ErrCredentials if the name or the password before is wrong.
func (s *Service) ChangePassword(ctx context.Context, id Identity, username, before, after string) error {
	u, err := s.check(ctx, username, before)
	if err != nil {
		return err
	}
	if u.Account != id.Account {
		return ErrCredentials // the caller knows two passwords, and may change each as its own user
	}
	if err := s.setPassword(ctx, u, after); err != nil {
		return err
	}
	entries, err := list(ctx, s.sessions, id.Account)
	if err != nil {
		return store("list the sessions", err)
	}
	for _, e := range entries {
		_, family, _ := strings.Cut(e.Key(), ".")
		if family == id.Session {
			continue
		}
		if err := s.Logout(ctx, Identity{Account: id.Account, Session: family}); err != nil {
			return err
		}
	}
	return nil
}

// FollowSessions notes each session that is ended, by whichever gateway, until ctx ends.
func (s *Service) FollowSessions(ctx context.Context) error { return s.follow(ctx, s.sessions) }

// FollowKeys does the same for API keys.
func (s *Service) FollowKeys(ctx context.Context) error { return s.follow(ctx, s.apiKeys) }

// follow notes what is deleted from a bucket. Deletions of the last minutes are found at the start, so a gateway that was
// restarted knows of them too.
func (s *Service) follow(ctx context.Context, b Bucket) (err error) {
	all, err := b.WatchAll(ctx, jetstream.MetaOnly())
	if err != nil {
		return fmt.Errorf("follow what is revoked: %w", err)
	}
	defer func() {
		if stopped := all.Stop(); ctx.Err() == nil { // else the context has stopped it before
			err = errors.Join(err, stopped)
		}
	}()
	for {
		select {
		case <-ctx.Done():
			return nil
		case e, more := <-all.Updates():
			switch {
			case !more && ctx.Err() == nil:
				return errors.New("what is revoked can no longer be followed")
			case !more:
				return nil
			case e == nil || e.Operation() == jetstream.KeyValuePut || s.now().Sub(e.Created()) > s.revoked.life:
				continue
			}
			if _, session, _ := strings.Cut(e.Key(), "."); !strings.HasPrefix(session, ticketMark) {
				s.revoked.add(session, s.now())
			}
		}
	}
}

// Scope is what a token may be used for.
type Scope string

// The scopes. Who may trade may not thereby read: a key names all that it may do.
const (
	Read  Scope = "read"
	Trade Scope = "trade"
	// Manage is the user's own: sessions, the password, and API keys, so that a key cannot make another.
	Manage Scope = "manage"
)
