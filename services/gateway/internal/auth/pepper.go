package auth

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
)

// The bounds of a file of peppers.
const (
	minPepper      = 32 // bytes of a line: `openssl rand -base64 32` has 44
	maxPepperFile  = 16 << 10
	maxPeppers     = 8
	pepperIDLength = 8 // characters
)

// errPepper says that a password was hashed under a pepper that the file no longer has.
var errPepper = errors.New("the password was hashed under a pepper that is not configured")

// Peppers are secrets that passwords are mixed with (HMAC-SHA-256) before they are hashed, so that the stored hashes alone do
// not help to guess them. New hashes are made under the first; those made under the others, or under none, are still
// verified, and made anew at the next login. No peppers mix nothing in.
type Peppers []pepper

type pepper struct {
	id  string // stands in the hashes; tells nothing of the secret
	key []byte
}

// LoadPeppers reads peppers from a file, one a line, the current one first: 32 bytes or more each, 8 at most. Without a
// path there are none.
func LoadPeppers(path string) (Peppers, error) {
	if path == "" {
		return nil, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read the pepper: %w", err)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxPepperFile+1))
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("read the pepper: %w", err)
	}
	if len(text) > maxPepperFile {
		return nil, fmt.Errorf("read the pepper: %s has more than %d bytes", path, maxPepperFile)
	}
	peppers := Peppers{}
	for line := range bytes.Lines(text) {
		key := bytes.TrimSpace(line)
		switch {
		case len(key) == 0:
			continue
		case len(key) < minPepper:
			return nil, fmt.Errorf("read the pepper: %s has a line of fewer than %d bytes", path, minPepper)
		}
		peppers = append(peppers, newPepper(key))
	}
	if len(peppers) == 0 || len(peppers) > maxPeppers {
		return nil, fmt.Errorf("read the pepper: %s has %d lines; it may have 1 to %d", path, len(peppers), maxPeppers)
	}
	return peppers, nil
}

func newPepper(key []byte) pepper {
	p := pepper{key: key}
	p.id = base64.RawStdEncoding.EncodeToString(p.mix('i', ""))[:pepperIDLength]
	return p
}

// mix keys a text for one use; those for another have nothing to do with it.
func (p pepper) mix(use byte, text string) []byte {
	mac := hmac.New(sha256.New, p.key)
	mac.Write([]byte{use})
	mac.Write([]byte(text))
	return mac.Sum(nil)
}

// current names the pepper of new hashes, "" if there is none.
func (p Peppers) current() string {
	if len(p) == 0 {
		return ""
	}
	return p[0].id
}

// season returns what is hashed for a password under the pepper of a name.
func (p Peppers) season(id, password string) ([]byte, error) {
	if id == "" {
		return []byte(password), nil
	}
	for _, known := range p {
		if known.id == id {
			return known.mix('p', password), nil
		}
	}
	return nil, errPepper
}
