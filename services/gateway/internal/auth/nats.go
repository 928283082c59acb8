package auth

import (
	"time"
)

// NewNATSToken returns a token that opens connections to NATS until end: for as long as an access token lives, or until
// what it was asked with ends. It opens nothing else, and an access token does not open NATS.
func (s *Service) NewNATSToken(id Identity) (token string, end time.Time, err error) {
	end = s.now().Add(s.accessLife).Truncate(time.Second)
	if id.ExpiresAt.Before(end) {
		end = id.ExpiresAt
	}
	token, err = s.signAs(natsKind, id.Account, id.Session, string(Read), end)
	return token, end, err
}

// VerifyNATS returns whom such a token speaks for. It fails with ErrExpired or ErrToken.
func (s *Service) VerifyNATS(token string) (Identity, error) {
	if len(token) > maxToken {
		return Identity{}, ErrToken
	}
	id, err := s.parse(natsKind, token)
	if err == nil && s.revoked.has(id.Session) {
		return Identity{}, ErrToken
	}
	return id, err
}
