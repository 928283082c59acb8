package auth

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// The files of the keys. To change the key, rename the first to the second and restart: tokens under the old one are
// still taken while the second is there.
const (
	currentFile  = "jwt-current.pem"
	previousFile = "jwt-previous.pem"
)

// Keys are the key that tokens are signed with and those that they are checked with, by name.
type Keys struct {
	private ed25519.PrivateKey
	current string
	public  map[string]ed25519.PublicKey
}

// LoadKeys reads the keys from a directory; where there is none it makes the directory and a key, readable by the owner
// alone. Several gateways of one installation must be given the same files.
func LoadKeys(dir string) (*Keys, error) {
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
	k := &Keys{private: private, public: map[string]ed25519.PublicKey{}}
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

func (k *Keys) accept(private ed25519.PrivateKey) string {
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
	for id, public := range s.keys.public {
		k := PublicKey{"OKP", "Ed25519", base64.RawURLEncoding.EncodeToString(public), id, "EdDSA", "sig"}
		if id == s.keys.current {
			keys = slices.Insert(keys, 0, k)
		} else {
			keys = append(keys, k)
		}
	}
	return keys
}
