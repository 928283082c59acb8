package embedded_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/services/hourglass/internal/embedded"
)

// refusals is what each identity tries and must not be able to do: publish (or ask) and subscribe.
var refusals = map[string]struct{ publish, subscribe []string }{
	bus.Collector: {
		publish: []string{
			"evt.07.ann", "cmd.07.ann", "usr.ann", "executor.preview", "$KV.interest.binance.BTC-USDT",
			"$KV.LEASE.07", "$KV.SNAP.07.ann", "$KV.USERS.ann", "$JS.API.STREAM.CREATE.X", "$JS.API.STREAM.DELETE.KV_interest",
			"$JS.API.STREAM.UPDATE.KV_LEASE", "$JS.API.STREAM.PURGE.KV_LEASE", "$JS.API.INFO", "$JS.API.STREAM.LIST",
			"$JS.API.CONSUMER.CREATE.KV_LEASE.x.$KV.LEASE.>", "$JS.API.CONSUMER.DURABLE.CREATE.KV_interest.x",
			"$SYS.REQ.SERVER.PING", "$SYS.REQ.USER.AUTH", "_INBOX_gateway.x", "MD.API.STREAM.LIST", "CORE.API.STREAM.INFO.EVT",
		},
		subscribe: []string{">", "md.>", "usr.>", "evt.>", "cmd.>", "$KV.>", "_INBOX_gateway.>", "_INBOX.>", "$SYS.>", "$JS.API.>", "executor.*"},
	},
	bus.Executor: {
		publish: []string{
			"md.book.binance.BTC-USDT", "cmd.07.ann", "usr.ann", "$KV.USERS.ann", "collector.binance.book",
			"$JS.API.STREAM.CREATE.X", "$JS.API.STREAM.DELETE.EVT", "$JS.API.STREAM.UPDATE.EVT", "$JS.API.STREAM.PURGE.EVT",
			"$JS.API.STREAM.MSG.DELETE.EVT", "$JS.API.STREAM.RESTORE.EVT", "$JS.API.STREAM.SNAPSHOT.EVT", "$JS.API.STREAM.PURGE.CMD",
			"$JS.API.STREAM.DELETE.KV_SNAP", "$JS.API.CONSUMER.DURABLE.CREATE.EVT.x", "$JS.API.CONSUMER.CREATE.EVT",
			"MD.API.STREAM.LIST", "EDGE.API.STREAM.LIST", "$SYS.REQ.SERVER.PING", "_INBOX_gateway.x",
		},
		subscribe: []string{">", "evt.>", "cmd.>", "usr.>", "_INBOX_gateway.>", "_INBOX.>", "_INBOX_admin.>", "$SYS.>", "$KV.>", "$JS.API.>"},
	},
	bus.Gateway: {
		publish: []string{
			"evt.07.ann", "usr.ann", "md.book.binance.BTC-USDT", "md.touch.binance.BTC-USDT", "$KV.LEASE.07", "$KV.SNAP.07.ann",
			"$JS.API.STREAM.CREATE.X", "$JS.API.STREAM.DELETE.KV_USERS", "$JS.API.STREAM.UPDATE.KV_USERS", "$JS.API.STREAM.LIST",
			"CORE.API.STREAM.DELETE.EVT", "CORE.API.STREAM.UPDATE.EVT", "CORE.API.STREAM.PURGE.EVT", "CORE.API.STREAM.MSG.DELETE.EVT",
			"CORE.API.STREAM.INFO.CMD", "CORE.API.DIRECT.GET.CMD.cmd.07.ann", "CORE.API.DIRECT.GET.KV_LEASE.$KV.LEASE.07",
			"CORE.API.STREAM.DELETE.KV_SNAP", "CORE.API.STREAM.PURGE.KV_SNAP", "CORE.API.CONSUMER.CREATE.KV_SNAP.x.$KV.SNAP.>",
			"CORE.API.CONSUMER.CREATE.CMD.x.cmd.>", "CORE.API.CONSUMER.DURABLE.CREATE.EVT.x", "CORE.API.CONSUMER.DELETE.CMD.x",
			"MD.API.STREAM.LIST", "$SYS.REQ.SERVER.PING", "$SYS.REQ.ACCOUNT.CORE.CONNZ", "_INBOX_executor.x",
		},
		subscribe: []string{">", "evt.>", "cmd.>", "collector.*.*", "executor.*", "_INBOX_executor.>", "_INBOX.>", "$SYS.>", "$KV.>", "$JS.API.>"},
	},
	bus.Admin: {
		publish: []string{
			"evt.07.ann", "cmd.07.ann", "usr.ann", "md.book.binance.BTC-USDT", "executor.preview", "$SYS.REQ.SERVER.PING",
			"$KV.SNAP.07.ann", "$KV.LEASE.07", "_INBOX_executor.x",
		},
		subscribe: []string{">", "_INBOX_executor.>", "_INBOX.>", "$SYS.>", "$JS.API.>", "executor.*"},
	},
}

func TestEachServiceIsRefusedTheRest(t *testing.T) {
	h := open(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for who, forbidden := range refusals {
		for _, subject := range forbidden.publish {
			t.Run(who+" publishes "+subject, func(t *testing.T) {
				if err := errors.Join(h.all[who].Publish(subject, nil), h.all[who].denied(ctx, subject)); err != nil {
					t.Error(err)
				}
			})
		}
		for _, subject := range forbidden.subscribe {
			t.Run(who+" subscribes "+subject, func(t *testing.T) {
				sub, err := h.all[who].SubscribeSync(subject)
				if err == nil {
					defer func() { _ = sub.Unsubscribe() }()
					err = h.all[who].denied(ctx, subject)
				}
				if err != nil {
					t.Error(err)
				}
			})
		}
	}
}

func TestNothingIsPlantedAcrossAccounts(t *testing.T) {
	h := open(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := appended(bus.Executor, "evt.07.ann")(ctx, h); err != nil {
		t.Fatal(err)
	}
	gateway := h.all[bus.Gateway]
	tests := map[string]func() error{
		"the answer to a direct get is sent where an event would stand": func() error {
			return gateway.PublishRequest("CORE.API.DIRECT.GET.EVT.evt.07.ann", "evt.05.zzz", nil)
		},
		"the answer to a command is sent where an event would stand": func() error {
			return gateway.PublishRequest("cmd.05.zzz", "evt.05.zzz", []byte("{}"))
		},
		"the answer of an executor is sent where an event would stand": func() error {
			return gateway.PublishRequest("executor.preview", "evt.05.zzz", []byte("{}"))
		},
		"a consumer pushes events to where another would stand": func() error {
			body, err := json.Marshal(map[string]any{"stream_name": "EVT", "config": map[string]any{
				"name": "planter", "deliver_subject": "evt.05.zzz", "filter_subject": "evt.07.ann", "ack_policy": "none",
			}})
			if err != nil {
				return err
			}
			m, err := gateway.RequestWithContext(ctx, "CORE.API.CONSUMER.CREATE.EVT.planter.evt.07.ann", body)
			if err == nil && !strings.Contains(string(m.Data), `"error"`) {
				err = fmt.Errorf("made: %s", m.Data)
			}
			return err
		},
	}
	for name, plant := range tests {
		t.Run(name, func(t *testing.T) {
			if err := plant(); err != nil {
				t.Fatal(err)
			}
			// The server handles a connection's messages in order: when this answer is here, the plant has been dealt with.
			if err := read(bus.Gateway, bus.CoreAPI, bus.EventStream, "evt.07.ann")(ctx, h); err != nil {
				t.Fatal(err)
			}
			stream, err := streams(h, bus.Executor, "").Stream(ctx, bus.EventStream)
			if err != nil {
				t.Fatal(err)
			}
			if n := stream.CachedInfo().State.NumSubjects; n != 1 {
				t.Errorf("%d accounts have events, want 1", n)
			}
		})
	}
}

func TestNobodyEntersWithoutAKey(t *testing.T) {
	h := open(t)
	tests := map[string]nats.Option{
		"no key":                 nats.Name("nobody"),
		"a token":                nats.Token("hourglass"),
		"a name and a password":  nats.UserInfo("gateway", "gateway"),
		"the issuer's key":       entrance(t, filepath.Join(h.keys, bus.Gateway, bus.IssuerFile)),
		"a key of another house": entrance(t, filepath.Join(open(t).keys, bus.Gateway, bus.SeedFile)),
	}
	for name, opt := range tests {
		t.Run(name, func(t *testing.T) {
			if opt == nil {
				return // not a key that a client can use at all
			}
			t.Parallel() // over a pipe each takes the server ten seconds
			nc, err := nats.Connect("", nats.InProcessServer(h.nats), opt, nats.Timeout(time.Minute))
			if err == nil {
				nc.Close()
				t.Fatal("let in")
			}
		})
	}
}

func entrance(t *testing.T, path string) nats.Option {
	t.Helper()
	opt, err := nats.NkeyOptionFromSeed(path)
	if err != nil && !strings.HasSuffix(path, bus.IssuerFile) {
		t.Fatal(err)
	}
	return opt
}

func TestAStoreWithoutAccountsIsTakenOver(t *testing.T) {
	dir := t.TempDir()
	config := embedded.Config{Dir: filepath.Join(dir, "store")}
	before, err := embedded.Start(config, discard)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := bus.Connect(t.Context(), bus.Config{InProcess: before, Name: "before"}, discard)
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.EnsureStreams(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.AppendEvent(t.Context(), "ann", "1", []byte(`{"kept":true}`), 0); err != nil {
		t.Fatal(err)
	}
	users, err := conn.Bucket(t.Context(), bus.UserBucket)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := users.Create(t.Context(), "ann", []byte("kept")); err != nil {
		t.Fatal(err)
	}
	conn.Close()
	embedded.Stop(before)

	config.Keys = filepath.Join(dir, "keys")
	after, err := embedded.Start(config, discard)
	if err != nil {
		t.Fatal(err)
	}
	defer embedded.Stop(after)
	if err := embedded.Prepare(t.Context(), after, config.Keys, discard); err != nil {
		t.Fatal(err)
	}
	executor, err := embedded.Connect(t.Context(), after, config.Keys, bus.Executor, discard)
	if err != nil {
		t.Fatal(err)
	}
	defer executor.Close()
	var events int
	if err := executor.ReadEvents(t.Context(), "ann", 1, func(bus.Stored) error { events++; return nil }); err != nil || events != 1 {
		t.Errorf("%d events, %v; want the one from before", events, err)
	}
	gateway, err := embedded.Connect(t.Context(), after, config.Keys, bus.Gateway, discard)
	if err != nil {
		t.Fatal(err)
	}
	defer gateway.Close()
	if users, err = gateway.Bucket(t.Context(), bus.UserBucket); err != nil {
		t.Fatal(err)
	}
	if e, err := users.Get(t.Context(), "ann"); err != nil || string(e.Value()) != "kept" {
		t.Errorf("the user from before: %v, %v", e, err)
	}
}
