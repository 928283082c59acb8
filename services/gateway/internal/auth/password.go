package auth

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/crypto/argon2"
)

// The cost of a hash: OWASP's minimum for argon2id, about 28 ms of one core.
const (
	hashMemoryKiB = 19 * 1024
	hashPasses    = 2
	hashLanes     = 1
	hashLength    = 32
	saltLength    = 16
)

// Two hashes at a time take at most 38 MiB; whoever waits longer than a second for a turn is told to come back.
const (
	hashesAtOnce = 2
	hashPatience = time.Second
)

// dummy is verified for users who are not there, so that the time of an answer does not tell which names exist.
const dummy = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

type hasher struct {
	turns   chan struct{}
	peppers Peppers
}

func newHasher(peppers Peppers) hasher {
	return hasher{turns: make(chan struct{}, hashesAtOnce), peppers: peppers}
}

// turn waits for a turn and returns what gives it back.
func (h hasher) turn(ctx context.Context) (func(), error) {
	patience := time.NewTimer(hashPatience)
	defer patience.Stop()
	select {
	case h.turns <- struct{}{}:
		return func() { <-h.turns }, nil
	case <-patience.C:
		return nil, ErrBusy
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// hash returns the PHC string of a password under a new salt.
func (h hasher) hash(ctx context.Context, password string) (string, error) {
	done, err := h.turn(ctx)
	if err != nil {
		return "", err
	}
	defer done()
	secret, err := h.peppers.season(h.peppers.current(), password)
	if err != nil {
		return "", err
	}
	salt := make([]byte, saltLength)
	_, _ = rand.Read(salt) // never fails: the runtime ends the process instead
	sum := argon2.IDKey(secret, salt, hashPasses, hashMemoryKiB, hashLanes, hashLength)
	under := ""
	if id := h.peppers.current(); id != "" {
		under = ",keyid=" + id
	}
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d%s$%s$%s", argon2.Version, hashMemoryKiB, hashPasses, hashLanes, under,
		base64.RawStdEncoding.EncodeToString(salt), base64.RawStdEncoding.EncodeToString(sum)), nil
}

// verify says whether a password belongs to a PHC string, and whether the string was made at another cost than today's or
// under another pepper.
func (h hasher) verify(ctx context.Context, password, phc string) (ok, outdated bool, err error) {
	p, err := parsePHC(phc)
	if err != nil {
		return false, false, err
	}
	secret, err := h.peppers.season(p.pepper, password)
	if err != nil {
		return false, false, err
	}
	done, err := h.turn(ctx)
	if err != nil {
		return false, false, err
	}
	defer done()
	sum := argon2.IDKey(secret, p.salt, p.passes, p.memory, p.lanes, uint32(len(p.sum)))
	outdated = p.memory != hashMemoryKiB || p.passes != hashPasses || p.lanes != hashLanes || p.pepper != h.peppers.current()
	return subtle.ConstantTimeCompare(sum, p.sum) == 1, outdated, nil
}

type phc struct {
	memory, passes uint32
	lanes          uint8
	pepper         string // "" for none
	salt, sum      []byte
}

// parsePHC reads what hash wrote, or wrote in an earlier version at another cost.
func parsePHC(s string) (phc, error) {
	parts := strings.Split(s, "$") // "", argon2id, version, cost, salt, sum
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return phc{}, errors.New("password hash: not an argon2id hash of this version")
	}
	var p phc
	cost, pepper, peppered := strings.Cut(parts[3], ",keyid=")
	if p.pepper = pepper; peppered && pepper == "" {
		return phc{}, errors.New("password hash: a pepper without a name")
	}
	if _, err := fmt.Sscanf(cost, "m=%d,t=%d,p=%d", &p.memory, &p.passes, &p.lanes); err != nil {
		return phc{}, fmt.Errorf("password hash: cost: %w", err)
	}
	var err error
	if p.salt, err = base64.RawStdEncoding.DecodeString(parts[4]); err != nil {
		return phc{}, fmt.Errorf("password hash: salt: %w", err)
	}
	if p.sum, err = base64.RawStdEncoding.DecodeString(parts[5]); err != nil {
		return phc{}, fmt.Errorf("password hash: sum: %w", err)
	}
	if len(p.salt) < 8 || len(p.sum) < 16 || len(p.sum) > 64 || p.memory > 1<<20 || p.passes == 0 || p.passes > 64 || p.lanes == 0 {
		return phc{}, errors.New("password hash: parameters out of bounds")
	}
	return p, nil
}
