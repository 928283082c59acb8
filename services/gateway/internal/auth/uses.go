package auth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// noteUseEvery is how seldom the use of a key is written down: each write goes to the disk, and nobody asks for the second.
const noteUseEvery = time.Minute

// maxUses bounds the uses that wait to be written, one after the other; a further one is not, and the key's next use a
// minute later is.
const maxUses = 256

// use says that an API key was used, of which the bucket's key is known.
type use struct {
	key string
	at  time.Time
}

func (s *Service) used(key string, at time.Time) {
	select {
	case s.uses <- use{key, at.UTC()}:
	default: // see maxUses
	}
}

// NoteUses writes down when API keys are used, until ctx ends. No request waits for it.
func (s *Service) NoteUses(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case u := <-s.uses:
			if err := s.note(ctx, u); err != nil && ctx.Err() == nil {
				s.log.Warn("use of an API key not noted", "key", u.key, "error", err)
			}
		}
	}
}

// note writes a use down, unless another gateway has done so within a minute. What was deleted meanwhile stays deleted, as
// the revision is another one then.
func (s *Service) note(ctx context.Context, u use) error {
	k, revision, err := load[storedKey](ctx, s.apiKeys, u.key, "API key")
	if err != nil || revision == 0 {
		return err
	}
	if u.at.Sub(k.LastUsedAt) < noteUseEvery {
		return nil
	}
	k.LastUsedAt = u.at
	body, err := json.Marshal(k)
	if err != nil {
		return fmt.Errorf("encode API key: %w", err)
	}
	if _, err := s.apiKeys.Update(ctx, u.key, body, revision); err != nil && !errors.Is(err, jetstream.ErrKeyRevisionMismatch) {
		return store("note the use of the API key", err)
	}
	return nil
}
