package replay

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
)

// maxFiles bounds how many files of a folder are looked at.
const maxFiles = 2000

// Skip is a file that is not played, and why.
type Skip struct{ File, Reason string }

// Folder is what a directory of recordings offers.
type Folder struct {
	Recordings []*Recording
	Skipped    []Skip

	listings []listing
}

// ReadFolder reads all recordings below a directory. A file of a kind or an exchange that is not served is skipped; a
// damaged one is an error, and all such errors are reported together.
func ReadFolder(dir string) (*Folder, error) {
	out := &Folder{}
	var faults []error
	files := 0
	// The walk does not follow links, and the folder named may be one.
	root, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return nil, fmt.Errorf("read recordings: %w", err)
	}
	err = filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if e.IsDir() {
			return nil
		}
		if files++; files > maxFiles {
			return fmt.Errorf("more than %d files: name a folder of recordings", maxFiles)
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		if err := out.read(path, name); err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", name, err))
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read recordings: %w", err)
	}
	if len(faults) > 0 {
		return nil, fmt.Errorf("read recordings in %s: %w", dir, errors.Join(faults...))
	}
	if len(out.Recordings) == 0 {
		return nil, fmt.Errorf("read recordings in %s: no recording (*.cap.gz) of an exchange that is served among %d files", dir, files)
	}
	// The newest first, so that where a symbol stands in several, the first found is the newest.
	slices.SortStableFunc(out.Recordings, func(a, b *Recording) int { return b.Start.Compare(a.Start) })
	return out, nil
}

func (f *Folder) read(path, name string) error {
	skip := func(reason string) { f.Skipped = append(f.Skipped, Skip{name, reason}) }
	switch {
	case strings.HasSuffix(name, ".cap.gz"):
		rec, reason, err := readRecording(path, filepath.ToSlash(name))
		if err != nil {
			return err
		}
		if rec == nil {
			skip(reason)
			return nil
		}
		f.Recordings = append(f.Recordings, rec)
	case strings.HasSuffix(name, ".http.gz"):
		l, reason, err := readListing(path)
		if err != nil {
			return err
		}
		if reason != "" {
			skip(reason)
			return nil
		}
		f.listings = append(f.listings, l)
	case strings.HasSuffix(name, ".gz"):
		skip("not a recorded stream (*.cap.gz)")
	}
	return nil
}

// Instrument describes a symbol of a recording: from the instruments recorded nearest in time that list it, because an
// exchange changes its ticks over the years, else from the recording's own numbers.
func (f *Folder) Instrument(rec *Recording, symbol string) (Instrument, bool, error) {
	var best Instrument
	found, distance := false, int64(0)
	for _, l := range f.listings {
		i, ok := l.symbols[symbol]
		if !ok || l.exchange != rec.Exchange {
			continue
		}
		d := l.at.Unix() - rec.Start.Unix()
		if d = max(d, -d); !found || d < distance {
			best, found, distance = i, true, d
		}
	}
	if found {
		return best, true, nil
	}
	return rec.derive(symbol)
}
