package auth

import (
	"context"
	"errors"
	"strings"
	"sync"

	"github.com/nats-io/nats.go/jetstream"
)

// bucket is a key-value bucket in a map.
type bucket struct {
	mu      sync.Mutex
	entries map[string]entry
	last    uint64
}

type entry struct {
	jetstream.KeyValueEntry
	key      string
	value    []byte
	revision uint64
}

func (e entry) Value() []byte    { return e.value }
func (e entry) Revision() uint64 { return e.revision }
func (e entry) Key() string      { return e.key }

func (e entry) Operation() jetstream.KeyValueOp { return jetstream.KeyValuePut }

func newBucket() *bucket { return &bucket{entries: map[string]entry{}} }

func (b *bucket) Get(_ context.Context, key string) (jetstream.KeyValueEntry, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if e, ok := b.entries[key]; ok {
		return e, nil
	}
	return nil, jetstream.ErrKeyNotFound
}

func (b *bucket) Create(_ context.Context, key string, value []byte, _ ...jetstream.KVCreateOpt) (uint64, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, ok := b.entries[key]; ok {
		return 0, jetstream.ErrKeyExists
	}
	b.last++
	b.entries[key] = entry{key: key, value: value, revision: b.last}
	return b.last, nil
}

func (b *bucket) Update(_ context.Context, key string, value []byte, revision uint64) (uint64, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.entries[key].revision != revision {
		return 0, errors.New("wrong last sequence")
	}
	b.last++
	b.entries[key] = entry{key: key, value: value, revision: b.last}
	return b.last, nil
}

// WatchAll tells all there is, and a nil behind it.
func (b *bucket) WatchAll(ctx context.Context, opts ...jetstream.WatchOpt) (jetstream.KeyWatcher, error) {
	return b.Watch(ctx, "*", opts...)
}

// Watch does the same for keys of the form <account>.*.
func (b *bucket) Watch(_ context.Context, keys string, _ ...jetstream.WatchOpt) (jetstream.KeyWatcher, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	w := watcher{updates: make(chan jetstream.KeyValueEntry, len(b.entries)+1)}
	for _, e := range b.entries {
		if strings.HasPrefix(e.key, strings.TrimSuffix(keys, "*")) {
			w.updates <- e
		}
	}
	w.updates <- nil
	return w, nil
}

type watcher struct {
	jetstream.KeyWatcher
	updates chan jetstream.KeyValueEntry
}

func (w watcher) Updates() <-chan jetstream.KeyValueEntry { return w.updates }
func (w watcher) Stop() error                             { return nil }

func (b *bucket) PurgeDeletes(context.Context, ...jetstream.KVPurgeOpt) error { return nil }

func (b *bucket) Delete(_ context.Context, key string, _ ...jetstream.KVDeleteOpt) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.entries, key)
	return nil
}
