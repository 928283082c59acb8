package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nats.go/micro"

	"github.com/hourglass-trading/hourglass/pkg/order"
)

// Config says how to reach the bus.
type Config struct {
	URL       string                     // nats://host:port, several separated by commas
	Name      string                     // of this process, shown by the server
	InProcess nats.InProcessConnProvider // a server in this process instead of URL
	Replicas  int                        // of the streams; 0 means 1

	// SeedFile holds the seed of this process's nkey, where the server has accounts (see accounts.conf). The streams are then
	// the admin's to make. Empty: a server that lets everybody in, where whoever comes first makes them.
	SeedFile string
	// EventAPI is the prefix below which the event log's account is reached, where it is not the process's own.
	EventAPI string
}

// Conn is a process's connection to the bus: two connections in fact, so that a flood of market data never stands before
// an order.
type Conn struct {
	market   *nats.Conn
	orders   *nats.Conn
	js       jetstream.JetStream
	events   jetstream.JetStream // js, or another account's
	replicas int
	guest    bool // of a server with accounts: what others make is not ours to make
	log      *slog.Logger
	once     sync.Once
	closed   chan struct{}

	marketQueues, orderQueues queues
	commandsPending           atomic.Int64
}

// Bounds of a connection. A message that finds the queue of its subscription full is dropped, which only market data is.
const (
	reconnectWait  = 50 * time.Millisecond
	pingInterval   = 2 * time.Second
	requestTimeout = 5 * time.Second
	queueMessages  = 65_536
	queueBytes     = 64 << 20
)

// Connect connects to the bus, trying again until ctx ends. It reconnects by itself for ever after.
func Connect(ctx context.Context, cfg Config, log *slog.Logger) (*Conn, error) {
	c := &Conn{replicas: max(cfg.Replicas, 1), guest: cfg.SeedFile != "", log: log, closed: make(chan struct{})}
	var err error
	if c.market, err = dial(ctx, cfg, "market", log, c.lost); err != nil {
		return nil, err
	}
	if c.orders, err = dial(ctx, cfg, "orders", log, c.lost); err != nil {
		c.market.Close()
		return nil, err
	}
	if err = c.openStreams(cfg.EventAPI); err != nil {
		c.market.Close()
		c.orders.Close()
		return nil, fmt.Errorf("open jetstream: %w", err)
	}
	return c, nil
}

func (c *Conn) openStreams(eventAPI string) (err error) {
	if c.js, err = jetstream.New(c.orders); err != nil {
		return err
	}
	c.events = c.js
	if eventAPI != "" {
		c.events, err = jetstream.NewWithAPIPrefix(c.orders, eventAPI)
	}
	return err
}

func (c *Conn) lost() { c.once.Do(func() { close(c.closed) }) }

func dial(ctx context.Context, cfg Config, purpose string, log *slog.Logger, lost func()) (*nats.Conn, error) {
	log = log.With("connection", purpose)
	opts := []nats.Option{
		nats.Name(cfg.Name + " " + purpose),
		nats.MaxReconnects(-1), nats.ReconnectWait(reconnectWait), nats.ReconnectJitter(reconnectWait, reconnectWait),
		nats.ReconnectBufSize(-1), // a publish while disconnected fails at once: the caller knows what it may repeat
		nats.PingInterval(pingInterval), nats.MaxPingsOutstanding(2), nats.DrainTimeout(2 * time.Second),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil { // else we are closing it
				log.Warn("bus disconnected", "error", err)
			}
		}),
		nats.ReconnectHandler(func(nc *nats.Conn) { log.Info("bus reconnected", "server", nc.ConnectedUrlRedacted()) }),
		nats.ClosedHandler(func(*nats.Conn) { lost() }),
		nats.ErrorHandler(func(_ *nats.Conn, sub *nats.Subscription, err error) {
			subject := ""
			if sub != nil {
				subject = sub.Subject
			}
			log.Warn("bus error", "error", err, "subject", subject)
		}),
	}
	if cfg.InProcess != nil {
		opts = append(opts, nats.InProcessServer(cfg.InProcess))
	}
	if cfg.SeedFile != "" {
		key, err := nats.NkeyOptionFromSeed(cfg.SeedFile)
		if err != nil {
			return nil, fmt.Errorf("read the key to the bus: %w", err)
		}
		// Answers come to an inbox that no other service may listen to.
		opts = append(opts, key, nats.CustomInboxPrefix("_INBOX_"+cfg.Name))
	}
	for {
		nc, err := nats.Connect(cfg.URL, opts...)
		if err == nil {
			return nc, nil
		}
		log.Warn("bus not reached yet", "error", err)
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("connect to the bus: %w", errors.Join(err, ctx.Err()))
		case <-time.After(time.Second):
		}
	}
}

// Closed is closed when the connection is lost for good; the process should then end and be started anew.
func (c *Conn) Closed() <-chan struct{} { return c.closed }

// Close ends the connection after what was published has been sent and what was received has been handled.
func (c *Conn) Close() {
	for _, nc := range []*nats.Conn{c.market, c.orders} {
		if err := nc.FlushTimeout(time.Second); err != nil && !errors.Is(err, nats.ErrConnectionClosed) {
			c.log.Warn("bus not flushed", "error", err)
		}
		nc.Close()
	}
}

// Connected reports whether both connections stand right now.
func (c *Conn) Connected() bool { return c.market.IsConnected() && c.orders.IsConnected() }

// JetStream returns the interface to the streams and buckets of the process's account.
func (c *Conn) JetStream() jetstream.JetStream { return c.js }

// EventLog opens the event log, wherever it is reached.
func (c *Conn) EventLog(ctx context.Context) (jetstream.Stream, error) {
	return c.events.Stream(ctx, EventStream)
}

// API returns the prefix of the subjects on which JetStream is asked about a stream: another account's for some of the
// admin's questions.
func (c *Conn) API(stream string) string {
	account := accountOf[strings.TrimPrefix(stream, "KV_")]
	if !c.guest || account == "CORE" {
		return strings.TrimSuffix(jetstream.DefaultAPIPrefix, ".")
	}
	return account + ".API"
}

// Orders returns the connection that carries commands, events and requests.
func (c *Conn) Orders() *nats.Conn { return c.orders }

// Market returns the connection that carries market data.
func (c *Conn) Market() *nats.Conn { return c.market }

// jsonHeader marks a payload as JSON; it is shared by all messages and never changed.
var jsonHeader = nats.Header{"Content-Type": []string{"application/json"}}

// PublishMarket publishes market data. It does not wait; an error means that the message is gone, as market data may be.
func (c *Conn) PublishMarket(subject string, payload []byte) error {
	return c.market.PublishMsg(&nats.Msg{Subject: subject, Header: jsonHeader, Data: payload})
}

// SubscribeMarket calls handle for each message of market data on a subject, one after the other, until stop is called.
// The payload must not be changed. When handle is slow, new messages are dropped beyond a bound, and the server says so.
func (c *Conn) SubscribeMarket(subject string, handle func(subject string, payload []byte)) (stop func(), err error) {
	return c.subscribe(c.market, subject, handle)
}

// SubscribeOrders is SubscribeMarket on the connection for orders: an account's events and notices between gateways.
func (c *Conn) SubscribeOrders(subject string, handle func(subject string, payload []byte)) (stop func(), err error) {
	return c.subscribe(c.orders, subject, handle)
}

func (c *Conn) subscribe(nc *nats.Conn, subject string, handle func(string, []byte)) (func(), error) {
	return c.subscribeMessages(nc, subject, func(m *nats.Msg) { handle(m.Subject, m.Data) })
}

func (c *Conn) subscribeMessages(nc *nats.Conn, subject string, handle nats.MsgHandler) (func(), error) {
	sub, err := nc.Subscribe(subject, handle)
	if err != nil {
		return nil, fmt.Errorf("subscribe to %s: %w", subject, err)
	}
	if err := sub.SetPendingLimits(queueMessages, queueBytes); err != nil {
		return nil, fmt.Errorf("bound the queue of %s: %w", subject, err)
	}
	q := &c.orderQueues
	if nc == c.market {
		q = &c.marketQueues
	}
	q.add(sub)
	return func() {
		q.remove(sub)
		if err := sub.Unsubscribe(); err != nil && !errors.Is(err, nats.ErrConnectionClosed) {
			c.log.Warn("not unsubscribed", "subject", subject, "error", err)
		}
	}, nil
}

// Ask sends a request and decodes the answer into reply. It fails with a *Failure that the service answered, or with one
// of kind Unavailable when nobody answered in time (5 s at most).
func (c *Conn) Ask(ctx context.Context, subject string, request, reply any) error {
	body, err := json.Marshal(request)
	if err != nil {
		return fmt.Errorf("encode the request to %s: %w", subject, err)
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	msg, err := c.orders.RequestMsgWithContext(ctx, &nats.Msg{Subject: subject, Header: jsonHeader, Data: body})
	if err != nil {
		return &Failure{Kind: order.Unavailable, Code: "unavailable", Detail: fmt.Sprintf("nobody answers on %s: %v", subject, err)}
	}
	if msg.Header.Get(micro.ErrorHeader) != "" {
		var f Failure
		if err := json.Unmarshal(msg.Data, &f); err != nil || f.Kind == "" {
			return &Failure{Kind: order.Unavailable, Code: "unavailable", Detail: msg.Header.Get(micro.ErrorHeader)}
		}
		return &f
	}
	if err := json.Unmarshal(msg.Data, reply); err != nil {
		return fmt.Errorf("decode the answer of %s: %w", subject, err)
	}
	return nil
}

// Answer answers a request with a value, or with the Failure that err is; any other error becomes one of kind Unavailable.
func Answer(r micro.Request, reply any, err error) error {
	if err != nil {
		f := &Failure{Kind: order.Unavailable, Code: "unavailable", Detail: err.Error()}
		errors.As(err, &f)
		body, encodeErr := json.Marshal(f)
		if encodeErr != nil {
			return encodeErr
		}
		return r.Error(string(f.Kind), f.Code, body)
	}
	return r.RespondJSON(reply)
}
