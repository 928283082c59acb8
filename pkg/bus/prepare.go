package bus

import (
	"context"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"
)

// Prepare makes every account's streams and buckets on a server with accounts; the connection must be the admin's. Doing
// it again changes nothing.
func (c *Conn) Prepare(ctx context.Context) error {
	accounts := map[string]jetstream.JetStream{"CORE": c.js}
	for _, account := range []string{"MD", "EDGE"} {
		js, err := jetstream.NewWithAPIPrefix(c.orders, account+".API")
		if err != nil {
			return fmt.Errorf("open jetstream of %s: %w", account, err)
		}
		accounts[account] = js
	}
	for _, cfg := range Streams(c.replicas) {
		if _, err := accounts[accountOf[cfg.Name]].CreateOrUpdateStream(ctx, cfg); err != nil {
			return fmt.Errorf("create stream %s: %w", cfg.Name, err)
		}
	}
	for _, cfg := range Buckets(c.replicas) {
		holders := []string{accountOf[cfg.Bucket]}
		if cfg.Bucket == LeaseBucket { // collectors lease something else than executors, in a bucket of their own
			holders = append(holders, "MD")
		}
		for _, account := range holders {
			if _, err := accounts[account].CreateOrUpdateKeyValue(ctx, cfg); err != nil {
				return fmt.Errorf("create bucket %s of %s: %w", cfg.Bucket, account, err)
			}
		}
	}
	return nil
}
