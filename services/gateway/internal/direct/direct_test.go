package direct

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/pkg/order"
	"github.com/hourglass-trading/hourglass/services/gateway/internal/auth"
)

const patience = 20 * time.Second

// tokens is a Verifier that knows a few.
type tokens struct {
	mu  sync.Mutex // guards ids
	ids map[string]auth.Identity
}

func (k *tokens) VerifyNATS(token string, from netip.Addr) (auth.Identity, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	id, ok := k.ids[token]
	if !ok {
		return auth.Identity{}, auth.ErrToken
	}
	if !id.Networks.Allow(from) {
		return auth.Identity{}, auth.ErrAddress
	}
	return id, nil
}

func (k *tokens) forget(token string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.ids, token)
}

// street is a server with accounts and two gateways' doors.
type street struct {
	t     *testing.T
	nats  *server.Server
	keys  string
	known *tokens
	doors []*Door
}

func open(t *testing.T, doors int) *street {
	t.Helper()
	dir := t.TempDir()
	s := &street{t: t, keys: filepath.Join(dir, "keys"), known: &tokens{ids: map[string]auth.Identity{
		"ann": {Account: "ann", Session: "s1", ExpiresAt: time.Now().Add(time.Hour)},
		"bob": {Account: "bob", Session: "s2", ExpiresAt: time.Now().Add(time.Hour)},

		"at home":   {Account: "ann", Session: "s3", ExpiresAt: time.Now().Add(time.Hour), Networks: auth.Networks{netip.MustParsePrefix("127.0.0.1/32")}},
		"elsewhere": {Account: "ann", Session: "s4", ExpiresAt: time.Now().Add(time.Hour), Networks: auth.Networks{netip.MustParsePrefix("203.0.113.0/24")}},
	}}}
	if err := bus.MakeKeys(s.keys); err != nil {
		t.Fatal(err)
	}
	conf := filepath.Join(s.keys, bus.AccountsDir, "test.conf")
	text := "include " + bus.AccountsFile + "\ninclude " + bus.CalloutFile + "\nwebsocket { listen: \"127.0.0.1:-1\", no_tls: true }\n"
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	opts := &server.Options{}
	if err := opts.ProcessConfigFile(conf); err != nil {
		t.Fatal(err)
	}
	opts.Host, opts.Port, opts.NoSigs, opts.NoLog = "127.0.0.1", server.RANDOM_PORT, true, true
	opts.JetStream, opts.StoreDir = true, filepath.Join(dir, "store")
	if doors > 0 { // else a subscriber waits this long for nobody
		opts.AuthTimeout = patience.Seconds()
	}
	var err error
	if s.nats, err = server.NewServer(opts); err != nil {
		t.Fatal(err)
	}
	s.nats.Start()
	if !s.nats.ReadyForConnections(patience) {
		t.Fatal("the server does not start")
	}
	t.Cleanup(func() {
		s.nats.Shutdown()
		s.nats.WaitForShutdown()
	})
	admin, err := bus.Connect(t.Context(), bus.Config{
		URL: s.nats.ClientURL(), Name: bus.Admin, SeedFile: filepath.Join(s.keys, bus.Admin, bus.SeedFile),
	}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	if err := admin.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range doors {
		s.doors = append(s.doors, s.door())
	}
	return s
}

func (s *street) door() *Door {
	s.t.Helper()
	nc := s.service(bus.Gateway)
	d, err := NewDoor(filepath.Join(s.keys, bus.Gateway, bus.IssuerFile), nc, s.known, slog.New(slog.DiscardHandler))
	if err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	s.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			s.t.Error(err)
		}
	})
	for nc.NumSubscriptions() == 0 { // what Run does first
		if err := nc.Flush(); err != nil {
			s.t.Fatal(err)
		}
	}
	if err := nc.Flush(); err != nil {
		s.t.Fatal(err)
	}
	return d
}

// service connects as one of the services.
func (s *street) service(name string) *nats.Conn {
	s.t.Helper()
	key, err := nats.NkeyOptionFromSeed(filepath.Join(s.keys, name, bus.SeedFile))
	if err != nil {
		s.t.Fatal(err)
	}
	nc, err := nats.Connect(s.nats.ClientURL(), key, nats.CustomInboxPrefix("_INBOX_"+name), nats.Timeout(patience))
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(nc.Close)
	return nc
}

// user connects with a token; what the server says to it comes on the channel, io.EOF's place taken by nil at the end.
func (s *street) user(url string, opts ...nats.Option) (*nats.Conn, <-chan error, error) {
	told := make(chan error, 100)
	nc, err := nats.Connect(url, append(opts, nats.NoReconnect(), nats.Timeout(patience),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { told <- err }),
		nats.ClosedHandler(func(*nats.Conn) { close(told) }))...)
	if err == nil {
		s.t.Cleanup(nc.Close)
	}
	return nc, told, err
}

func TestASubscriberReadsTheMarketAndItsOwnEvents(t *testing.T) {
	s := open(t, 2)
	for name, url := range map[string]string{"over TCP": s.nats.ClientURL(), "over WebSocket": s.nats.WebsocketURL()} {
		t.Run(name, func(t *testing.T) {
			nc, _, err := s.user(url, nats.Token("ann"))
			if err != nil {
				t.Fatal(err)
			}
			touch, err := nc.SubscribeSync("md.touch.binance.BTC-USDT")
			if err != nil {
				t.Fatal(err)
			}
			own, err := nc.SubscribeSync("usr.ann")
			if err := errors.Join(err, nc.Flush(), s.service(bus.Collector).Publish(touch.Subject, []byte("told")), s.store("ann", name)); err != nil {
				t.Fatal(err)
			}
			for _, sub := range []*nats.Subscription{touch, own} {
				if m, err := sub.NextMsg(patience); err != nil || string(m.Data) != "told" {
					t.Errorf("%s: %v", sub.Subject, err)
				}
			}
		})
	}
}

// store stores an event of an account, which the server repeats to its owner.
func (s *street) store(account order.AccountID, id string) error {
	conn, err := bus.Connect(s.t.Context(), bus.Config{
		URL: s.nats.ClientURL(), Name: bus.Executor, SeedFile: filepath.Join(s.keys, bus.Executor, bus.SeedFile),
	}, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer conn.Close()
	var last uint64
	if err := conn.ReadEvents(s.t.Context(), account, 1, func(m bus.Stored) error { last = m.Seq; return nil }); err != nil {
		return err
	}
	_, err = conn.AppendEvent(s.t.Context(), account, strings.ReplaceAll(id, " ", "-"), []byte("told"), last)
	return err
}

func TestASubscriberMayDoNothingElse(t *testing.T) {
	s := open(t, 1)
	nc, told, err := s.user(s.nats.ClientURL(), nats.UserInfo("whoever", "ann"))
	if err != nil {
		t.Fatal(err)
	}
	refused := func(subject string) error {
		for {
			select {
			case err := <-told:
				if err != nil && strings.Contains(err.Error(), `"`+subject+`"`) {
					return nil
				}
			case <-time.After(patience):
				return errors.New("not refused")
			}
		}
	}
	for _, subject := range []string{
		"md.touch.binance.BTC-USDT", "evt.07.ann", "cmd.07.ann", "usr.ann", "usr.bob", "$KV.USERS.ann", "$KV.interest.binance.BTC-USDT",
		"$JS.API.INFO", "$JS.API.STREAM.LIST", "CORE.API.STREAM.INFO.EVT", "CORE.API.DIRECT.GET.EVT.evt.07.ann", "collector.binance.pairs",
		"executor.preview", "$SYS.REQ.USER.AUTH", "$SYS.REQ.SERVER.x.KICK", "$SYS.REQ.USER.INFO", "_INBOX_gateway.x", "anything",
	} {
		t.Run("publish "+subject, func(t *testing.T) {
			if err := errors.Join(nc.PublishRequest(subject, "usr.ann", nil), refused(subject)); err != nil {
				t.Error(err)
			}
		})
	}
	for _, subject := range []string{
		">", "usr.*", "usr.bob", "evt.>", "cmd.>", "$SYS.>", "$SYS.REQ.USER.AUTH", "_INBOX.>", "_INBOX_gateway.>", "$KV.>",
		"$KV.SESSIONS.>", "$JS.API.>", "collector.*.*", "*.touch.>",
	} {
		t.Run("subscribe "+subject, func(t *testing.T) {
			_, err := nc.SubscribeSync(subject)
			if err := errors.Join(err, refused(subject)); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestWhoIsLetIn(t *testing.T) {
	s := open(t, 1)
	tests := map[string]struct {
		opt nats.Option
		in  bool
	}{
		"a token":                    {nats.Token("ann"), true},
		"a token as the password":    {nats.UserInfo("", "ann"), true},
		"a token for this address":   {nats.Token("at home"), true},
		"a token for another":        {nats.Token("elsewhere"), false},
		"no token":                   {nats.Name("nobody"), false},
		"a wrong token":              {nats.Token("eve"), false},
		"a token as the name":        {nats.UserInfo("ann", ""), false},
		"a very long token":          {nats.Token(strings.Repeat("a", 3_000)), false},
		"a token with line breaks":   {nats.Token("ann\r\nPUB evt.07.ann 0"), false},
		"the name of a service":      {nats.UserInfo("gateway", "gateway"), false},
		"the name of the issuer":     {nats.UserInfo("ISSUER", "x"), false},
		"the public key of nobody's": {nats.Nkey("UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4", func([]byte) ([]byte, error) { return make([]byte, 64), nil }), false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			nc, _, err := s.user(s.nats.ClientURL(), test.opt)
			if (err == nil) != test.in {
				t.Errorf("in: %v, %v", nc != nil, err)
			}
		})
	}
}

func TestASubscriberIsCutOffWhenItsTokenEnds(t *testing.T) {
	s := open(t, 1)
	for life := 2 * time.Second; ; life *= 2 { // long enough to connect on any machine
		s.known.mu.Lock()
		s.known.ids["soon"] = auth.Identity{Account: "ann", Session: "s3", ExpiresAt: time.Now().Add(life)}
		s.known.mu.Unlock()
		_, told, err := s.user(s.nats.ClientURL(), nats.Token("soon"))
		if err == nil {
			closed(t, told, life+patience)
			return
		}
		if life > patience {
			t.Fatal(err)
		}
	}
}

func TestASubscriberIsCutOffWhenItsSessionEnds(t *testing.T) {
	s := open(t, 1)
	_, ann, err := s.user(s.nats.ClientURL(), nats.Token("ann"))
	if err != nil {
		t.Fatal(err)
	}
	bob, _, err := s.user(s.nats.WebsocketURL(), nats.Token("bob"))
	if err != nil {
		t.Fatal(err)
	}
	s.known.forget("ann")
	s.doors[0].Revoke("s1")
	closed(t, ann, patience)
	if err := bob.FlushTimeout(patience); err != nil {
		t.Errorf("another's connection: %v", err)
	}
	if _, _, err := s.user(s.nats.ClientURL(), nats.Token("ann")); err == nil {
		t.Error("let in again")
	}
}

func TestServicesNeedNoGatewayToConnect(t *testing.T) {
	s := open(t, 0)
	for _, name := range []string{bus.Collector, bus.Executor, bus.Gateway, bus.Admin} {
		if err := s.service(name).FlushTimeout(patience); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, _, err := s.user(s.nats.ClientURL(), nats.Token("ann")); err == nil {
		t.Error("a subscriber was let in by nobody")
	}
}

func TestTheDoorRemembersOnlySoMany(t *testing.T) {
	d := &Door{known: map[string][]visitor{}}
	now := time.Now()
	for i := range maxKnown {
		if err := d.remember("s", visitor{"n", uint64(i), now.Add(time.Minute)}, now); err != nil {
			t.Fatal(err)
		}
	}
	if d.remember("s", visitor{}, now) == nil {
		t.Error("one more was remembered")
	}
	if err := d.remember("s", visitor{until: now.Add(time.Hour)}, now.Add(2*time.Minute)); err != nil || d.count != 1 {
		t.Errorf("%d known, %v; those whose time is over are forgotten", d.count, err)
	}
}

func closed(t *testing.T, told <-chan error, within time.Duration) {
	t.Helper()
	end := time.After(within)
	for {
		select {
		case _, open := <-told:
			if !open {
				return
			}
		case <-end:
			t.Fatal("not cut off")
		}
	}
}
