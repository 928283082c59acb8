package bus

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/hourglass-trading/hourglass/pkg/market"
)

// The names of the streams and buckets.
const (
	EventStream   = "EVT"
	CommandStream = "CMD"

	LeaseBucket    = "LEASE"
	SnapshotBucket = "SNAP"
	UserBucket     = "USERS"
	SessionBucket  = "SESSIONS"
	APIKeyBucket   = "APIKEYS"
	InterestBucket = "interest"
)

// MarkKey, in the bucket of leases, holds the largest sequence of EVT that an executor has seen stored, in decimal. It is a
// witness in another stream: a damaged block can take the last events with it, and the stream then ends earlier as if it
// had never been longer. It lags by MarkEvery at most, and is never ahead.
const (
	MarkKey   = "mark"
	MarkEvery = time.Second
)

// InterestTTL is how long a wish for a book lives; whoever still wants it renews it at a third of that.
const InterestTTL = 60 * time.Second

// CommandAge is how long commands are kept. An executor remembers the ids of the commands it has carried out for as long,
// so that a repetition within this time is seen to be one.
const CommandAge = 24 * time.Hour

// maxMessage bounds an event or a command. The longest schedule (10,000 slices) fits.
const maxMessage = 4 << 20

// Streams returns the streams with the given number of replicas. Events are never deleted; a full disk refuses new ones.
func Streams(replicas int) []jetstream.StreamConfig {
	return []jetstream.StreamConfig{
		{
			Name: EventStream, Subjects: []string{AllEvents}, Storage: jetstream.FileStorage, Replicas: replicas,
			Retention: jetstream.LimitsPolicy, Discard: jetstream.DiscardNew, MaxMsgSize: maxMessage,
			AllowDirect: true, DenyDelete: true, DenyPurge: true, AllowAtomicPublish: true,
			RePublish: &jetstream.RePublish{Source: AllEvents, Destination: "usr.{{wildcard(2)}}"},
		},
		{
			Name: CommandStream, Subjects: []string{AllCommands}, Storage: jetstream.FileStorage, Replicas: replicas,
			Retention: jetstream.LimitsPolicy, Discard: jetstream.DiscardOld, MaxMsgSize: maxMessage,
			MaxAge: CommandAge, AllowDirect: true,
		},
	}
}

// Buckets returns the key-value buckets with the given number of replicas.
func Buckets(replicas int) []jetstream.KeyValueConfig {
	durable := func(bucket string, history uint8) jetstream.KeyValueConfig {
		return jetstream.KeyValueConfig{Bucket: bucket, History: history, Storage: jetstream.FileStorage, Replicas: replicas}
	}
	return []jetstream.KeyValueConfig{
		durable(LeaseBucket, 1),
		durable(SnapshotBucket, 2),
		durable(UserBucket, 1),
		durable(SessionBucket, 1),
		durable(APIKeyBucket, 1),
		// On disk, though a wish is worth little: a bucket in memory would be gone when the server restarts.
		{Bucket: InterestBucket, History: 1, Storage: jetstream.FileStorage, Replicas: replicas, TTL: InterestTTL},
	}
}

// EnsureStreams creates the streams and buckets that are not there. Whichever service starts first does it; doing it again
// changes nothing. On a server with accounts the admin has made them (see Prepare), and it does nothing.
func (c *Conn) EnsureStreams(ctx context.Context) error {
	if c.guest {
		return nil
	}
	for _, cfg := range Streams(c.replicas) {
		if _, err := c.js.CreateOrUpdateStream(ctx, cfg); err != nil {
			return fmt.Errorf("create stream %s: %w", cfg.Name, err)
		}
	}
	for _, cfg := range Buckets(c.replicas) {
		if _, err := c.js.CreateOrUpdateKeyValue(ctx, cfg); err != nil {
			return fmt.Errorf("create bucket %s: %w", cfg.Bucket, err)
		}
	}
	return nil
}

// Bucket opens a key-value bucket that EnsureStreams has made.
func (c *Conn) Bucket(ctx context.Context, name string) (jetstream.KeyValue, error) {
	kv, err := c.js.KeyValue(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("open bucket %s: %w", name, err)
	}
	return kv, nil
}

// ForgetLease removes a key from the bucket of leases, with the marker that a deleted key leaves.
func (c *Conn) ForgetLease(ctx context.Context, key string) error {
	stream, err := c.js.Stream(ctx, "KV_"+LeaseBucket)
	if err == nil {
		err = stream.Purge(ctx, jetstream.WithPurgeSubject("$KV."+LeaseBucket+"."+key))
	}
	if err != nil {
		return fmt.Errorf("forget the lease %s: %w", key, err)
	}
	return nil
}

// Want makes or renews the wish for a book, for InterestTTL. The bucket may be another account's, so it is not opened.
func (c *Conn) Want(ctx context.Context, e market.Exchange, s market.Symbol) error {
	if _, err := c.js.Publish(ctx, "$KV."+InterestBucket+"."+InterestKey(e, s), nil); err != nil {
		return fmt.Errorf("want %s on %s: %w", s, e, err)
	}
	return nil
}
