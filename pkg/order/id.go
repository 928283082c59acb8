package order

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// ID is the server's id of an order: a function of the account and the client's token_id, so that a repeated request
// names the same order, and a safe subject token.
type ID string

// AccountID is the server's id of an account, a safe subject token. Nothing that a user typed is in it.
type AccountID string

var (
	tokenID   = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
	serverID  = regexp.MustCompile(`^[a-z0-9]{1,32}$`)
	plainText = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)
)

// ValidTokenID reports whether s may be a client's id for an order: 1–64 of A–Z a–z 0–9 _ -.
func ValidTokenID(s string) bool { return tokenID.MatchString(s) }

// ParseAccountID checks an account id that comes from outside this process.
func ParseAccountID(s string) (AccountID, error) {
	if !serverID.MatchString(s) {
		return "", fmt.Errorf("account id %.40q: not 1–32 lower-case letters and digits", s)
	}
	return AccountID(s), nil
}

// derive hashes parts to 26 characters (130 bits). The lengths are hashed too, so that no two lists of parts agree.
func derive(parts ...string) string {
	h := sha256.New()
	var n [8]byte
	for _, p := range parts {
		binary.BigEndian.PutUint64(n[:], uint64(len(p)))
		h.Write(n[:])
		h.Write([]byte(p))
	}
	return plainText.EncodeToString(h.Sum(nil))[:26]
}

// NewID returns the id of the order that account names tokenID.
func NewID(account AccountID, tokenID string) ID {
	return ID("o" + derive("order", string(account), tokenID))
}

// CommandID returns the id of a command: the same key for the same verb of the same account is the same command.
func CommandID(account AccountID, verb CommandType, key string) string {
	return "c" + derive("command", string(account), string(verb), key)
}

// DefaultSeed returns the seed of an order that names none: the first 8 bytes of SHA-256(order id).
func DefaultSeed(id ID) Seed {
	sum := sha256.Sum256([]byte(id))
	return Seed(binary.BigEndian.Uint64(sum[:8]))
}

// Partitions is the number of partitions that accounts are spread over. It never changes.
const Partitions = 64

// Partition returns the partition of an account, 0…63.
func (a AccountID) Partition() int {
	sum := sha256.Sum256([]byte(a))
	return int(binary.BigEndian.Uint64(sum[:8]) % Partitions)
}

func (s Seed) String() string { return strconv.FormatUint(uint64(s), 10) }

// UnmarshalJSON reads a string of digits or a number.
func (s *Seed) UnmarshalJSON(b []byte) error {
	var text json.Number
	if err := json.Unmarshal(b, &text); err != nil {
		text = json.Number(strings.Trim(string(b), `"`))
	}
	v, err := strconv.ParseUint(string(text), 10, 64)
	if err != nil {
		return fmt.Errorf("seed: not a whole number of 64 bits: %w", err)
	}
	*s = Seed(v)
	return nil
}
