package auth

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// The files of the keys. To change the key, rename the first to the second: within seconds a new first one is made, and
// tokens under the old one are still taken while the second is there.
const (
	currentFile  = "jwt-current.pem"
	previousFile = "jwt-previous.pem"
)

// Keys are the keys of a directory, which is read again while the process runs, so that a change needs no restart. They
// are safe for concurrent use.
type Keys struct {
	dir string

	mu     sync.Mutex // guards what follows
	set    *keySet
	readAt time.Time
}

// keySet is what one reading found. It is not changed afterwards.
type keySet struct {
	private ed25519.PrivateKey // to sign with
	current string             // its name
	public  map[string]ed25519.PublicKey
}

const (
	// rereadEvery is how long a change of the files goes unseen at most.
	rereadEvery = 10 * time.Second
	// rereadSoonest bounds how often a token under a key that we do not know makes us look: another gateway may have seen
	// a new key before us, but anybody can make up a name.
	rereadSoonest = time.Second
)

// LoadKeys reads the keys from a directory; where there is none it makes the directory and a key, readable by the owner
// alone. Several gateways of one installation must be given the same files.
func LoadKeys(dir string) (*Keys, error) {
	set, err := readKeys(dir)
	if err != nil {
		return nil, err
	}
	return &Keys{dir: dir, set: set, readAt: time.Now()}, nil
}

func (k *Keys) now() *keySet {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.set
}

// reread looks at the files again unless that was done within the time soonest. What cannot be read changes nothing: the
// keys that are known stay in use.
func (k *Keys) reread(soonest time.Duration) (changed bool, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if time.Since(k.readAt) < soonest {
		return false, nil
	}
	k.readAt = time.Now()
	set, err := readKeys(k.dir)
	if err != nil {
		return false, err
	}
	changed = set.current != k.set.current || !maps.EqualFunc(set.public, k.set.public, ed25519KeysEqual)
	k.set = set
	return changed, nil
}

func ed25519KeysEqual(a, b ed25519.PublicKey) bool { return a.Equal(b) }

// FollowKeyFiles reads the key files again every ten seconds until ctx ends.
func (s *Service) FollowKeyFiles(ctx context.Context) error {
	tick := time.NewTicker(rereadEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			s.rereadKeys(0)
		}
	}
}

func (s *Service) rereadKeys(soonest time.Duration) {
	changed, err := s.keys.reread(soonest)
	switch {
	case err != nil:
		s.log.Warn("signing keys not read again", "error", err)
	case changed:
		s.verified.clear() // what was found good under a key that is gone is not any more
		s.log.Info("signing keys have changed", "current", s.keys.now().current)
	}
}

func readKeys(dir string) (*keySet, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the key directory: %w", err)
	}
	path := filepath.Join(dir, currentFile)
	private, err := readKey(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err := createKey(path); err != nil {
			return nil, err
		}
		private, err = readKey(path) // what stands there now may be another process's
	}
	if err != nil {
		return nil, err
	}
	k := &keySet{private: private, public: map[string]ed25519.PublicKey{}}
	k.current = k.accept(private)
	previous, err := readKey(filepath.Join(dir, previousFile))
	switch {
	case err == nil:
		k.accept(previous)
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	return k, nil
}

func (k *keySet) accept(private ed25519.PrivateKey) string {
	public := private.Public().(ed25519.PublicKey)
	id := keyID(public)
	k.public[id] = public
	return id
}

func readKey(path string) (ed25519.PrivateKey, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the signing key: %w", err)
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("read the signing key: %s is not a PEM file", path)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("read the signing key: %s: %w", path, err)
	}
	private, ok := key.(ed25519.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("read the signing key: %s is not an Ed25519 key", path)
	}
	return private, nil
}

// createKey writes a new key. It is linked into place when it is whole, so a second process starting at the same moment
// finds either no file or all of it; the first one wins.
func createKey(path string) error {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return fmt.Errorf("make a signing key: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return fmt.Errorf("make a signing key: %w", err)
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*") // 0600
	if err != nil {
		return fmt.Errorf("make a signing key: %w", err)
	}
	defer func() { _ = os.Remove(f.Name()) }()
	err = pem.Encode(f, &pem.Block{Type: "PRIVATE KEY", Bytes: der})
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write the signing key: %w", err)
	}
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("write the signing key: %w", err)
	}
	return nil
}

// PublicKey is a public key as a JSON Web Key (RFC 8037).
type PublicKey struct {
	Type  string `json:"kty"`
	Curve string `json:"crv"`
	X     string `json:"x"`
	ID    string `json:"kid"`
	Alg   string `json:"alg"`
	Use   string `json:"use"`
}

// PublicKeys returns the keys that tokens are checked with, the current one first.
func (s *Service) PublicKeys() []PublicKey {
	var keys []PublicKey
	set := s.keys.now()
	for id, public := range set.public {
		k := PublicKey{"OKP", "Ed25519", base64.RawURLEncoding.EncodeToString(public), id, "EdDSA", "sig"}
		if id == set.current {
			keys = slices.Insert(keys, 0, k)
		} else {
			keys = append(keys, k)
		}
	}
	return keys
}
