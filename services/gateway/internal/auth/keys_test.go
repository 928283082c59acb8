package auth

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestKeysAreMadeOnceAndRotated(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	first, err := LoadKeys(dir)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(dir, currentFile))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("key file: %v %v", info.Mode(), err)
	}
	if again, err := LoadKeys(dir); err != nil || again.set.current != first.set.current {
		t.Errorf("second start: %v", err)
	}
	old := newService(t)
	old.keys = first
	token, err := old.sign("alice", "s1")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(dir, currentFile), filepath.Join(dir, previousFile)); err != nil {
		t.Fatal(err)
	}
	second, err := LoadKeys(dir)
	if err != nil || second.set.current == first.set.current {
		t.Fatalf("after the rename: %v", err)
	}
	renewed := newService(t)
	renewed.keys = second
	if _, err := renewed.Verify(t.Context(), token, nowhere); err != nil {
		t.Errorf("a token under the previous key: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, currentFile), []byte("not a key"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadKeys(dir); err == nil {
		t.Error("a broken key file was taken")
	}
}

func TestKeysAreChangedWithoutARestart(t *testing.T) {
	s, other := newService(t), newService(t)
	dir := s.keys.dir
	file := func(name string) string { return filepath.Join(dir, name) }
	old, err := s.sign("alice", "s1")
	if err != nil {
		t.Fatal(err)
	}
	rotate := func() {
		if err := os.Rename(file(currentFile), file(previousFile)); err != nil {
			t.Fatal(err)
		}
	}
	rotate()
	s.rereadKeys(0)
	renewed, err := s.sign("alice", "s1")
	if err != nil {
		t.Fatal(err)
	}
	for name, token := range map[string]string{"under the key before": old, "under the new key": renewed} {
		if _, err := s.Verify(t.Context(), token, nowhere); err != nil {
			t.Errorf("a token %s: %v", name, err)
		}
	}
	if keys := s.PublicKeys(); len(keys) != 2 || keys[0].ID != s.keys.set.current {
		t.Errorf("published: %+v", keys)
	}
	rotate()
	s.rereadKeys(0)
	if _, err := s.Verify(t.Context(), old, nowhere); !errors.Is(err, ErrToken) {
		t.Errorf("a token two keys ago: %v", err)
	}
	if err := os.WriteFile(file(currentFile), []byte("half a k"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.rereadKeys(0)
	if _, err := s.Verify(t.Context(), renewed, nowhere); err != nil {
		t.Errorf("a broken file ended the keys in use: %v", err)
	}
	// Another gateway that reads the same folder signs under a key that we have not seen yet.
	if err := os.Remove(file(currentFile)); err != nil {
		t.Fatal(err)
	}
	if other.keys, err = LoadKeys(dir); err != nil {
		t.Fatal(err)
	}
	theirs, err := other.sign("alice", "s1")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Verify(t.Context(), theirs, nowhere); !errors.Is(err, ErrToken) {
		t.Errorf("looked again within a second: %v", err)
	}
	s.keys.readAt = time.Now().Add(-rereadSoonest)
	if _, err := s.Verify(t.Context(), theirs, nowhere); err != nil {
		t.Errorf("a key that another gateway made: %v", err)
	}
}
