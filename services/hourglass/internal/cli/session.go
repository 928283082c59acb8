package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/client"
)

// errOpen says that others could read the tokens.
var errOpen = errors.New("others can read the file with your session")

// session keeps the tokens of one server in a file of the user's own, shared by all commands: a lock beside it sees to it
// that one at a time renews them.
type session struct {
	file string
	url  string
}

// stored is the file: by server.
type stored struct {
	Sessions map[string]entry `json:"sessions"`
}

type entry struct {
	Username string `json:"username"`
	client.Tokens
}

func (app *App) session() (*session, error) {
	dir, err := os.UserConfigDir()
	if err != nil {
		return nil, fmt.Errorf("find the folder for the session: %w", err)
	}
	return &session{file: filepath.Join(dir, "hourglass", "session.json"), url: app.URL}, nil
}

// Update implements client.Session.
func (s *session) Update(ctx context.Context, change func(client.Tokens) (client.Tokens, error)) error {
	return s.change(ctx, func(e entry) (entry, error) {
		tokens, err := change(e.Tokens)
		e.Tokens = tokens
		return e, err
	})
}

// name says whose session it is.
func (s *session) name(ctx context.Context, username string) error {
	return s.change(ctx, func(e entry) (entry, error) {
		e.Username = username
		return e, nil
	})
}

func (s *session) change(ctx context.Context, change func(entry) (entry, error)) error {
	if err := os.MkdirAll(filepath.Dir(s.file), 0o700); err != nil {
		return fmt.Errorf("make the folder for the session: %w", err)
	}
	unlock, err := s.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	all, err := s.read()
	if err != nil {
		return err
	}
	old := all.Sessions[s.url]
	e, err := change(old)
	if err != nil || e == old {
		return err
	}
	if e.Refresh == "" && e.Access == "" {
		delete(all.Sessions, s.url)
	} else {
		all.Sessions[s.url] = e
	}
	return s.write(all)
}

// lockEvery is the pause between two looks at a lock that another process holds, for as long as its renewal takes.
const lockEvery = 20 * time.Millisecond

func (s *session) lock(ctx context.Context) (unlock func(), err error) {
	f, err := os.OpenFile(s.file+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the session: %w", err)
	}
	tick := time.NewTicker(lockEvery)
	defer tick.Stop()
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { _ = f.Close() }, nil // closing gives it back
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, errors.Join(fmt.Errorf("lock the session: %w", err), f.Close())
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(ctx.Err(), f.Close())
		case <-tick.C:
		}
	}
}

func (s *session) read() (stored, error) {
	all := stored{Sessions: map[string]entry{}}
	info, err := os.Stat(s.file)
	if errors.Is(err, fs.ErrNotExist) {
		return all, nil
	}
	if err != nil {
		return all, fmt.Errorf("read the session: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return all, fmt.Errorf("%w: %s", errOpen, s.file)
	}
	body, err := os.ReadFile(s.file)
	if err != nil {
		return all, fmt.Errorf("read the session: %w", err)
	}
	if err := json.Unmarshal(body, &all); err != nil {
		return all, &usage{fmt.Sprintf("the session in %s is damaged: %s", s.file, err), "remove the file and log in again"}
	}
	if all.Sessions == nil {
		all.Sessions = map[string]entry{}
	}
	return all, nil
}

// write replaces the file as a whole, so that a crash leaves the old one.
func (s *session) write(all stored) error {
	body, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the session: %w", err)
	}
	f, err := os.CreateTemp(filepath.Dir(s.file), "session-*") // 0600
	if err != nil {
		return fmt.Errorf("write the session: %w", err)
	}
	_, err = f.Write(append(body, '\n'))
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), s.file)
	}
	if err != nil {
		return fmt.Errorf("write the session: %w", errors.Join(err, os.Remove(f.Name())))
	}
	return nil
}
