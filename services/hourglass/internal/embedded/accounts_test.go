package embedded_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/services/hourglass/internal/embedded"
)

// patience bounds the wait for something that must come.
const patience = 20 * time.Second

var discard = slog.New(slog.DiscardHandler)

// house is a server with accounts, its streams made, and an identity's connections to it.
type house struct {
	t    *testing.T
	nats *server.Server
	keys string
	all  map[string]*someone
}

// someone is an identity's connection, which notes what the server refused.
type someone struct {
	*nats.Conn
	mu      sync.Mutex // guards refused
	refused []string
	told    chan struct{}
}

func open(t *testing.T) *house {
	t.Helper()
	dir := t.TempDir()
	h := &house{t: t, keys: filepath.Join(dir, "keys"), all: map[string]*someone{}}
	var err error
	if h.nats, err = embedded.Start(embedded.Config{Dir: filepath.Join(dir, "store"), Keys: h.keys}, discard); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { embedded.Stop(h.nats) })
	if err := embedded.Prepare(t.Context(), h.nats, h.keys, discard); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{bus.Collector, bus.Executor, bus.Gateway, bus.Admin} {
		h.all[name] = h.enter(name)
	}
	return h
}

func (h *house) enter(name string) *someone {
	h.t.Helper()
	s := &someone{told: make(chan struct{}, 100)}
	key, err := nats.NkeyOptionFromSeed(filepath.Join(h.keys, name, bus.SeedFile))
	if err != nil {
		h.t.Fatal(err)
	}
	s.Conn, err = nats.Connect("", nats.InProcessServer(h.nats), key, nats.CustomInboxPrefix("_INBOX_"+name),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			s.mu.Lock()
			s.refused = append(s.refused, err.Error())
			s.mu.Unlock()
			s.told <- struct{}{}
		}))
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(s.Close)
	return s
}

// denied waits until the server has refused this connection something about a subject.
func (s *someone) denied(ctx context.Context, subject string) error {
	for {
		s.mu.Lock()
		for _, text := range s.refused {
			if strings.Contains(text, `"`+subject+`"`) {
				s.mu.Unlock()
				return nil
			}
		}
		s.mu.Unlock()
		select {
		case <-s.told:
		case <-ctx.Done():
			return fmt.Errorf("the server did not refuse %s: %w", subject, ctx.Err())
		}
	}
}

func TestEachServiceDoesItsWork(t *testing.T) {
	h := open(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	// An answer for those who ask, as the services give them.
	for name, subjects := range map[string][]string{
		bus.Collector: {"collector.binance.pairs", "collector.binance.book"}, bus.Executor: {"executor.preview"},
	} {
		for _, subject := range subjects {
			if _, err := h.all[name].Subscribe(subject, func(m *nats.Msg) { _ = m.Respond([]byte("answer")) }); err != nil {
				t.Fatal(err)
			}
		}
		if err := h.all[name].Flush(); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range allowed {
		t.Run(test.who+" "+test.what, func(t *testing.T) {
			if err := test.do(ctx, h); err != nil {
				t.Error(err)
			}
		})
	}
	for name, s := range h.all {
		s.mu.Lock()
		if len(s.refused) > 0 {
			t.Errorf("%s was refused: %q", name, s.refused)
		}
		s.mu.Unlock()
	}
}

// allowed is what must work, in this order: later rows read what earlier ones wrote.
var allowed = []struct {
	who, what string
	do        func(context.Context, *house) error
}{
	{"collector", "publishes books, seen by the executor", published(bus.Collector, bus.Executor, "md.book.binance.BTC-USDT")},
	{"collector", "publishes books, seen by the gateway", published(bus.Collector, bus.Gateway, "md.book.binance.BTC-USDT")},
	{"collector", "takes a lease", key(bus.Collector, bus.LeaseBucket, "collector.binance")},
	{"collector", "watches wishes of the gateway", wished(bus.Gateway)},
	{"collector", "watches wishes of the executor", wished(bus.Executor)},
	{"collector", "answers the executor", asked(bus.Executor, "collector.binance.pairs")},
	{"collector", "answers the gateway", asked(bus.Gateway, "collector.binance.book")},
	{"executor", "answers the gateway", asked(bus.Gateway, "executor.preview")},
	{"executor", "takes a lease", key(bus.Executor, bus.LeaseBucket, "07")},
	{"executor", "keeps a snapshot", key(bus.Executor, bus.SnapshotBucket, "07.ann")},
	{"executor", "watches leases", watched(bus.Executor, bus.LeaseBucket)},
	{"executor", "watches snapshots", watched(bus.Executor, bus.SnapshotBucket)},
	{"executor", "appends an event", appended(bus.Executor, "evt.07.ann")},
	{"executor", "appends a batch of events", batched},
	{"executor", "reads events", read(bus.Executor, "", bus.EventStream, "evt.07.ann")},
	{"gateway", "appends a command", appended(bus.Gateway, "cmd.07.ann")},
	{"executor", "reads commands", read(bus.Executor, "", bus.CommandStream, "cmd.07.ann")},
	{"gateway", "reads events", read(bus.Gateway, bus.CoreAPI, bus.EventStream, "evt.07.ann")},
	{"gateway", "reads a snapshot", looked(bus.Gateway, bus.CoreAPI, "KV_"+bus.SnapshotBucket, "$KV.SNAP.07.ann")},
	{"gateway", "sees an event as it is stored", republished},
	{"gateway", "keeps a user", key(bus.Gateway, bus.UserBucket, "ann")},
	{"gateway", "keeps a session", key(bus.Gateway, bus.SessionBucket, "ann.1")},
	{"gateway", "keeps an API key", key(bus.Gateway, bus.APIKeyBucket, "ann.1")},
	{"gateway", "watches sessions", watched(bus.Gateway, bus.SessionBucket)},
	{"gateway", "forgets what was deleted", forgotten},
	{"admin", "reads events", read(bus.Admin, "", bus.EventStream, "evt.07.ann")},
	{"admin", "makes the streams again, which changes nothing", func(ctx context.Context, h *house) error {
		return embedded.Prepare(ctx, h.nats, h.keys, discard)
	}},
}

func published(from, to, subject string) func(context.Context, *house) error {
	return func(ctx context.Context, h *house) error {
		sub, err := h.all[to].SubscribeSync("md.>")
		if err != nil {
			return err
		}
		defer func() { _ = sub.Unsubscribe() }()
		if err := errors.Join(h.all[to].Flush(), h.all[from].Publish(subject, []byte("{}"))); err != nil {
			return err
		}
		m, err := sub.NextMsgWithContext(ctx)
		if err == nil && m.Subject != subject {
			err = fmt.Errorf("came on %s", m.Subject)
		}
		return err
	}
}

func asked(who, subject string) func(context.Context, *house) error {
	return func(ctx context.Context, h *house) error {
		m, err := h.all[who].RequestWithContext(ctx, subject, nil)
		if err == nil && string(m.Data) != "answer" {
			err = fmt.Errorf("answered %q", m.Data)
		}
		return err
	}
}

func streams(h *house, who, prefix string) jetstream.JetStream {
	js, err := jetstream.New(h.all[who].Conn)
	if prefix != "" {
		js, err = jetstream.NewWithAPIPrefix(h.all[who].Conn, prefix)
	}
	if err != nil {
		h.t.Fatal(err)
	}
	return js
}

func appended(who, subject string) func(context.Context, *house) error {
	return func(ctx context.Context, h *house) error {
		_, err := streams(h, who, "").Publish(ctx, subject, []byte("{}"), jetstream.WithRetryAttempts(0))
		return err
	}
}

func batched(ctx context.Context, h *house) error {
	m := nats.NewMsg("evt.07.ann")
	m.Header.Set("Nats-Batch-Id", "b1")
	m.Header.Set("Nats-Batch-Sequence", "1")
	m.Header.Set("Nats-Batch-Commit", "1")
	_, err := streams(h, bus.Executor, "").PublishMsg(ctx, m, jetstream.WithRetryAttempts(0))
	return err
}

// read reads a stream as bus.Conn does: its info, the last message of a subject, and all with an ordered consumer.
func looked(who, prefix, stream, subject string) func(context.Context, *house) error {
	return func(ctx context.Context, h *house) error {
		s, err := streams(h, who, prefix).Stream(ctx, stream)
		if err != nil {
			return err
		}
		m, err := s.GetLastMsgForSubject(ctx, subject)
		if err == nil && m.Subject != subject {
			err = fmt.Errorf("read %s", m.Subject)
		}
		return err
	}
}

func read(who, prefix, stream, subject string) func(context.Context, *house) error {
	return func(ctx context.Context, h *house) error {
		js := streams(h, who, prefix)
		s, err := js.Stream(ctx, stream)
		if err != nil {
			return err
		}
		if _, err := s.GetLastMsgForSubject(ctx, subject); err != nil {
			return fmt.Errorf("last: %w", err)
		}
		c, err := js.OrderedConsumer(ctx, stream, jetstream.OrderedConsumerConfig{FilterSubjects: []string{subject}})
		if err != nil {
			return fmt.Errorf("consumer: %w", err)
		}
		m, err := c.Next(jetstream.FetchMaxWait(patience))
		if err != nil {
			return fmt.Errorf("next: %w", err)
		}
		if m.Subject() != subject {
			return fmt.Errorf("read %s", m.Subject())
		}
		return js.DeleteConsumer(ctx, stream, c.CachedInfo().Name)
	}
}

func republished(ctx context.Context, h *house) error {
	sub, err := h.all[bus.Gateway].SubscribeSync("usr.ann")
	if err != nil {
		return err
	}
	if err := errors.Join(h.all[bus.Gateway].Flush(), appended(bus.Executor, "evt.07.ann")(ctx, h)); err != nil {
		return err
	}
	_, err = sub.NextMsgWithContext(ctx)
	return err
}

// key makes, reads, updates and deletes a key.
func key(who, bucket, name string) func(context.Context, *house) error {
	return func(ctx context.Context, h *house) error {
		kv, err := streams(h, who, "").KeyValue(ctx, bucket)
		if err != nil {
			return err
		}
		at, err := kv.Create(ctx, name, []byte("one"))
		if err != nil {
			return fmt.Errorf("create: %w", err)
		}
		if _, err := kv.Get(ctx, name); err != nil {
			return fmt.Errorf("get: %w", err)
		}
		if _, err := kv.GetRevision(ctx, name, at); err != nil && who != bus.Gateway {
			return fmt.Errorf("get a revision: %w", err)
		}
		if _, err := kv.Update(ctx, name, []byte("two"), at); err != nil {
			return fmt.Errorf("update: %w", err)
		}
		return kv.Delete(ctx, name)
	}
}

func watched(who, bucket string) func(context.Context, *house) error {
	return func(ctx context.Context, h *house) error {
		kv, err := streams(h, who, "").KeyValue(ctx, bucket)
		if err != nil {
			return err
		}
		w, err := kv.WatchAll(ctx)
		if err != nil {
			return err
		}
		<-w.Updates() // the mark of a deletion, or that there is nothing
		return w.Stop()
	}
}

func wished(who string) func(context.Context, *house) error {
	return func(ctx context.Context, h *house) error {
		conn, err := embedded.Connect(ctx, h.nats, h.keys, who, discard)
		if err != nil {
			return err
		}
		defer conn.Close()
		kv, err := streams(h, bus.Collector, "").KeyValue(ctx, bus.InterestBucket)
		if err != nil {
			return err
		}
		w, err := kv.Watch(ctx, "binance.*", jetstream.UpdatesOnly())
		if err != nil {
			return err
		}
		if err := conn.Want(ctx, "binance", "BTC-USDT"); err != nil {
			return err
		}
		select {
		case e := <-w.Updates():
			if e == nil || e.Key() != "binance.BTC-USDT" {
				return fmt.Errorf("heard %v", e)
			}
		case <-ctx.Done():
			return ctx.Err()
		}
		return w.Stop()
	}
}

func forgotten(ctx context.Context, h *house) error {
	kv, err := streams(h, bus.Gateway, "").KeyValue(ctx, bus.SessionBucket)
	if err != nil {
		return err
	}
	return kv.PurgeDeletes(ctx, jetstream.DeleteMarkersOlderThan(-1))
}
