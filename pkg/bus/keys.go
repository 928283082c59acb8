package bus

import (
	"bytes"
	_ "embed" // the tables of permissions
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/nats-io/nkeys"
)

// The identities of accounts.conf. Each has a folder of MakeKeys to itself, so that a container is given its own and no other.
const (
	Collector = "collector"
	Executor  = "executor"
	Gateway   = "gateway"
	Admin     = "admin"
)

// The files of a folder of keys.
const (
	SeedFile     = "nats.nk"       // in each identity's folder: the seed of its nkey
	IssuerFile   = "issuer.nk"     // in the gateway's: signs what direct subscribers may do
	OperatorFile = "operator.nk"   // in the admin's: the key to the server's own account
	AccountsFile = "accounts.conf" // in the server's: who may do what; AccountsDir holds it
	CalloutFile  = "callout.conf"  // beside it: includes direct subscribers, for servers that let them in
	AccountsDir  = "nats"
)

// CoreAPI is where the gateway's account reaches the event log.
const CoreAPI = "CORE.API"

var (
	//go:embed accounts.conf
	accountsConf []byte
	//go:embed callout.conf
	calloutConf []byte
)

// identities says whose key stands in which file, and by which name the tables know its public half.
var identities = []struct {
	name, folder, file string
	make               func() (nkeys.KeyPair, error)
}{
	{"COLLECTOR", Collector, SeedFile, nkeys.CreateUser},
	{"EXECUTOR", Executor, SeedFile, nkeys.CreateUser},
	{"GATEWAY", Gateway, SeedFile, nkeys.CreateUser},
	{"ISSUER", Gateway, IssuerFile, nkeys.CreateAccount},
	{"ADMIN", Admin, SeedFile, nkeys.CreateUser},
	{"OPERATOR", Admin, OperatorFile, nkeys.CreateUser},
}

// MakeKeys makes the keys that are not in dir yet, each readable by its owner alone, and writes the server's files: the
// public halves and the tables of this version. A key that is deleted is made anew; the server and its owner must then be
// restarted. It must not run twice at the same time.
func MakeKeys(dir string) error {
	var public, issuer bytes.Buffer
	for _, id := range identities {
		key, err := ensureKey(filepath.Join(dir, id.folder, id.file), id.make)
		if err != nil {
			return fmt.Errorf("key of %s: %w", id.name, err)
		}
		if id.file == IssuerFile { // a name that nothing uses is a fault of the server's file
			fmt.Fprintf(&issuer, "KEY_%s: %s\n", id.name, key)
		} else {
			fmt.Fprintf(&public, "KEY_%s: %s\n", id.name, key)
		}
	}
	server := filepath.Join(dir, AccountsDir)
	if err := os.MkdirAll(server, 0o755); err != nil { //nolint:gosec // nothing in it is secret
		return fmt.Errorf("make the server's folder: %w", err)
	}
	for name, text := range map[string][]byte{
		"keys.conf": public.Bytes(), AccountsFile: accountsConf, CalloutFile: append(issuer.Bytes(), calloutConf...),
	} {
		if err := os.WriteFile(filepath.Join(server, name), text, 0o644); err != nil { //nolint:gosec // public halves
			return fmt.Errorf("write %s: %w", name, err)
		}
	}
	return nil
}

// ensureKey returns the public half of the key in a file, which it makes if it is not there.
func ensureKey(path string, create func() (nkeys.KeyPair, error)) (string, error) {
	seed, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		seed, err = createKey(path, create)
	}
	if err != nil {
		return "", err
	}
	pair, err := nkeys.FromSeed(bytes.TrimSpace(seed))
	if err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	return pair.PublicKey()
}

// createKey writes a new seed: first beside its place, so that a crash leaves no half of one.
func createKey(path string, create func() (nkeys.KeyPair, error)) ([]byte, error) {
	pair, err := create()
	if err != nil {
		return nil, err
	}
	seed, err := pair.Seed()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	if err := os.WriteFile(path+".new", seed, 0o600); err != nil {
		return nil, err
	}
	return seed, os.Rename(path+".new", path)
}

// accountOf says which account holds each stream and bucket on a server with accounts.
var accountOf = map[string]string{
	UserBucket: "EDGE", SessionBucket: "EDGE", APIKeyBucket: "EDGE",
	EventStream: "CORE", CommandStream: "CORE", SnapshotBucket: "CORE", LeaseBucket: "CORE", // and one of MD's own
	InterestBucket: "MD",
}

// plain is the account of a server without accounts.
const plain = "$G"

// MoveStreams gives the streams of a store that was kept without accounts to the accounts that hold them. The server must
// not run. It does nothing where there is no such store, and an account's own stream is never replaced.
func MoveStreams(store string) error {
	return moveStreams(store, func(account string) (from, to string) { return plain, account })
}

// GatherStreams is the way back, for a look at a store that needs no keys. What collectors lease stays where it is.
func GatherStreams(store string) error {
	return moveStreams(store, func(account string) (from, to string) { return account, plain })
}

func moveStreams(store string, way func(account string) (from, to string)) error {
	for name, account := range accountOf {
		a, b := way(account)
		for _, stream := range []string{name, "KV_" + name} {
			from := filepath.Join(store, "jetstream", a, "streams", stream)
			to := filepath.Join(store, "jetstream", b, "streams", stream)
			if _, err := os.Stat(from); err != nil {
				continue
			}
			if _, err := os.Stat(to); err == nil {
				continue
			}
			if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
				return fmt.Errorf("move stream %s: %w", stream, err)
			}
			if err := os.Rename(from, to); err != nil {
				return fmt.Errorf("move stream %s: %w", stream, err)
			}
		}
	}
	return nil
}
