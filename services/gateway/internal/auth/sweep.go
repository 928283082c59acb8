package auth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// sweepEvery is how often ended sessions are looked for. Nobody can use them, so they only take room.
const sweepEvery = time.Hour

// Run deletes ended sessions every hour until ctx ends. Several gateways doing so do not disturb each other.
func (s *Service) Run(ctx context.Context) error {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-tick.C:
			s.revoked.forget(now)
			if err := s.sweep(ctx); err != nil && ctx.Err() == nil {
				s.log.Warn("sessions not swept", "error", err)
			}
		}
	}
}

func (s *Service) sweep(ctx context.Context) (err error) {
	all, err := s.sessions.WatchAll(ctx, jetstream.IgnoreDeletes())
	if err != nil {
		return fmt.Errorf("list the sessions: %w", err)
	}
	defer func() { err = errors.Join(err, all.Stop()) }()
	now := s.now().UTC()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case e := <-all.Updates():
			if e == nil { // all that there were
				return s.sessions.PurgeDeletes(ctx)
			}
			var kept session
			if json.Unmarshal(e.Value(), &kept) == nil && !kept.over(now) {
				continue
			}
			// Unless it was renewed meanwhile, which the revision tells.
			if err := s.sessions.Delete(ctx, e.Key(), jetstream.LastRevision(e.Revision())); err != nil {
				return fmt.Errorf("delete a session: %w", err)
			}
		}
	}
}
