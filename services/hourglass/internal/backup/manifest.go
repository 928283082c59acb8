package backup

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"
)

const (
	manifestName = "manifest.json"
	// format is of the folder as a whole. Another one is refused, never guessed at.
	format = 1
	// maxManifest bounds what is read of a manifest: a hundred times what seven streams need.
	maxManifest = 1 << 20
)

// manifest says what a backup holds.
type manifest struct {
	Format  int       `json:"format"`
	MadeAt  time.Time `json:"made_at"`
	Version string    `json:"version"` // of the program that made it
	Streams []saved   `json:"streams"` // in the order in which they were taken
	Audit   audited   `json:"audit"`
}

// saved is a stream in a file of its own: what NATS needs to take it back, and what the file must be.
type saved struct {
	Name   string          `json:"name"`
	File   string          `json:"file"`
	Bytes  int64           `json:"bytes"`
	SHA256 string          `json:"sha256"`
	Config json.RawMessage `json:"config"`
	State  json.RawMessage `json:"state"`
}

// audited is what the audit of what was written has found.
type audited struct {
	Accounts   int    `json:"accounts"`
	Events     uint64 `json:"events"`
	Violations uint64 `json:"violations"`
}

// write puts the manifest beside the files, when all of them are there.
func (m *manifest) write(dir string) error {
	body, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the manifest: %w", err)
	}
	return create(filepath.Join(dir, manifestName), func(w io.Writer) error {
		_, err := w.Write(append(body, '\n'))
		return err
	})
}

// readManifest reads a backup's manifest and checks every file that it names.
func readManifest(dir string) (*manifest, error) {
	f, err := os.Open(filepath.Join(dir, manifestName))
	if err != nil {
		return nil, fmt.Errorf("%w: no manifest: %w", ErrDamaged, err)
	}
	defer f.Close()
	var m manifest
	if err := json.NewDecoder(io.LimitReader(f, maxManifest)).Decode(&m); err != nil {
		return nil, fmt.Errorf("%w: read the manifest: %w", ErrDamaged, err)
	}
	if m.Format != format {
		return nil, fmt.Errorf("%w: it has format %d, this program reads %d", ErrDamaged, m.Format, format)
	}
	var names []string
	for i := range m.Streams {
		s := &m.Streams[i]
		if s.File != s.Name+".snapshot" || !slices.Contains(taken, s.Name) {
			return nil, fmt.Errorf("%w: the manifest names stream %.40q in file %.40q", ErrDamaged, s.Name, s.File)
		}
		if err := s.check(dir); err != nil {
			return nil, err
		}
		names = append(names, s.Name)
	}
	if !slices.Equal(names, taken) {
		return nil, fmt.Errorf("%w: it holds the streams %v, not %v", ErrDamaged, names, taken)
	}
	return &m, nil
}

// check compares a file with what the manifest says of it.
func (s *saved) check(dir string) error {
	f, err := os.Open(filepath.Join(dir, s.File))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	defer f.Close()
	sum := sha256.New()
	n, err := io.Copy(sum, f)
	if err != nil {
		return fmt.Errorf("%w: read %s: %w", ErrDamaged, s.File, err)
	}
	if n != s.Bytes || hex.EncodeToString(sum.Sum(nil)) != s.SHA256 {
		return fmt.Errorf("%w: %s is not the file that was written (%d bytes of %d)", ErrDamaged, s.File, n, s.Bytes)
	}
	return nil
}

// create writes a file that must not be there yet, readable by its owner alone, and has it on disk when it returns.
func create(name string, fill func(io.Writer) error) (err error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("write the backup: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := fill(f); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("write the backup: %w", err)
	}
	return nil
}
