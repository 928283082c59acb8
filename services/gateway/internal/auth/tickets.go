package auth

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"regexp"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// ticket is kept among the sessions, which are swept alike: the members of session that it lacks are zero, and EndsAt ends it.
type ticket struct {
	session
	For Identity `json:"for"`
}

// ticketLife is how long a ticket waits to be used.
const ticketLife = 30 * time.Second

// ticketMark begins the name of a ticket; those of sessions begin with a digit.
const ticketMark = "t"

// A ticket is hgt_<account>.<id>.<secret>.
var ticketText = regexp.MustCompile(`^hgt_([a-z0-9]{1,32}\.t[a-z0-9]{26})\.([A-Za-z0-9_-]{43})$`)

// NewTicket returns a text that opens one connection for an identity within 30 seconds, for clients that cannot send a
// header. The connection lives as long as the token that the ticket was made with, and may be opened from where that may
// be used.
func (s *Service) NewTicket(ctx context.Context, id Identity) (text string, life time.Duration, err error) {
	secret, hash := newSecret()
	now := s.now().UTC()
	body, err := json.Marshal(ticket{session{Hash: hash, UsedAt: now, EndsAt: now.Add(ticketLife)}, id})
	if err != nil {
		return "", 0, fmt.Errorf("encode ticket: %w", err)
	}
	key := string(id.Account) + "." + ticketMark + newID()
	if _, err := s.sessions.Create(ctx, key, body); err != nil {
		return "", 0, store("keep the ticket", err)
	}
	return "hgt_" + key + "." + secret, ticketLife, nil
}

// Redeem returns whom a ticket speaks for at an address and uses it up. Of two at once one succeeds: the bucket deletes a
// revision once.
func (s *Service) Redeem(ctx context.Context, text string, from netip.Addr) (Identity, error) {
	parts := ticketText.FindStringSubmatch(text)
	if parts == nil {
		return Identity{}, ErrToken
	}
	t, revision, err := load[ticket](ctx, s.sessions, parts[1], "ticket")
	if err != nil {
		return Identity{}, err
	}
	if revision == 0 || !equal(secretHash(parts[2]), t.Hash) {
		return Identity{}, ErrToken
	}
	if err := s.sessions.Delete(ctx, parts[1], jetstream.LastRevision(revision)); err != nil {
		return Identity{}, ErrToken // used by another at this moment
	}
	now := s.now()
	if now.After(t.EndsAt) || s.revoked.has(t.For.Session) {
		return Identity{}, ErrToken
	}
	if now.After(t.For.ExpiresAt) {
		return Identity{}, ErrExpired
	}
	if !t.For.Networks.Allow(from) {
		return Identity{}, ErrAddress
	}
	return t.For, nil
}
