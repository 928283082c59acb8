// Package datadir is the folder in which a platform in one process keeps its state: where things lie in it, and the lock
// that keeps a second process off.
//
// Its functions may be called by any number of goroutines and processes. It reads and writes nothing but the lock.
package datadir

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// ErrInUse says that another process works on the same data folder.
var ErrInUse = errors.New("another process uses this data folder")

// NATS is where the streams and buckets of a data folder lie.
func NATS(dir string) string { return filepath.Join(dir, "nats") }

// Keys is where a data folder keeps the keys that tokens are signed with.
func Keys(dir string) string { return filepath.Join(dir, "keys") }

// NATSKeys is where a data folder keeps the services' keys to NATS, made by bus.MakeKeys.
func NATSKeys(dir string) string { return filepath.Join(dir, "nats-keys") }

// Lock makes the folder if it is not there and keeps a second process off it for as long as this one lives, however it
// ends. It fails with ErrInUse.
func Lock(dir string) (unlock func(), err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the data folder: %w", err)
	}
	name := filepath.Join(filepath.Clean(dir), "lock")
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the data folder: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("%w: %s (%w)", ErrInUse, dir, err), f.Close())
	}
	return func() { _ = f.Close() }, nil
}
