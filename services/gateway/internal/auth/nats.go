package auth

import (
	"net/netip"
	"time"
)

// NewNATSToken returns a token that opens connections to NATS until end: for as long as an access token lives, or until
// what it was asked with ends, and from where that may be used. It opens nothing else, and an access token does not open NATS.
func (s *Service) NewNATSToken(id Identity) (token string, end time.Time, err error) {
	end = s.now().Add(s.accessLife).Truncate(time.Second)
	if id.ExpiresAt.Before(end) {
		end = id.ExpiresAt
	}
	token, err = s.signAs(natsKind, id, string(Read), end)
	return token, end, err
}

// VerifyNATS returns whom such a token speaks for at an address. It fails with ErrExpired, ErrToken or ErrAddress.
func (s *Service) VerifyNATS(token string, from netip.Addr) (Identity, error) {
	if len(token) > maxToken {
		return Identity{}, ErrToken
	}
	id, err := s.parse(natsKind, token)
	switch {
	case err != nil:
		return Identity{}, err
	case s.revoked.has(id.Session):
		return Identity{}, ErrToken
	case !id.Networks.Allow(from):
		return Identity{}, ErrAddress
	}
	return id, nil
}
