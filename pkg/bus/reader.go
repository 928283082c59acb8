package bus

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/hourglass-trading/hourglass/pkg/order"
)

// readAgain is the pause before a reader that broke is made anew.
const readAgain = 200 * time.Millisecond

// errBroken says that a reader can read no more.
var errBroken = errors.New("the reader is broken")

// reader reads a stream in order, from a sequence on.
type reader struct {
	*Conn
	js       jetstream.JetStream
	stream   string
	subjects []string
	next     uint64 // sequence to go on at
	handle   func(Stored) (more bool, err error)
}

// follow reads a stream while handle says so. A reader that breaks, as when the server is away, is made anew behind the last
// message until ctx ends; the first one must succeed. It ends within some ten seconds of ctx, which is how long the library waits
// for a server that does not answer, and at once as a rule.
func (c *Conn) follow(ctx context.Context, js jetstream.JetStream, stream string, subjects []string, from uint64, handle func(Stored) (more bool, err error)) error {
	r := &reader{Conn: c, js: js, stream: stream, subjects: subjects, next: max(from, 1), handle: handle}
	for first := true; ; first = false {
		consumer, err := r.open(ctx)
		if err == nil {
			err = r.read(ctx, consumer)
		} else if !first {
			err = fmt.Errorf("%w: %w", errBroken, err)
		}
		switch {
		case !errors.Is(err, errBroken) || c.orders.IsClosed():
			return err
		case ctx.Err() != nil:
			return fmt.Errorf("read %s: %w", stream, ctx.Err())
		}
		c.log.Debug("reader made anew", "stream", stream, "next", r.next, "error", err)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(readAgain):
		}
	}
}

// open makes a consumer. It heals itself after a restart of the server if that works at once: more would be tried without end,
// at pauses of up to ten seconds, and whatever becomes of ctx.
func (r *reader) open(ctx context.Context) (jetstream.Consumer, error) {
	consumer, err := r.js.OrderedConsumer(ctx, r.stream, jetstream.OrderedConsumerConfig{
		FilterSubjects:   r.subjects,
		DeliverPolicy:    jetstream.DeliverByStartSequencePolicy,
		OptStartSeq:      r.next,
		MaxResetAttempts: 1,
		// Should this process die while it reads; the default of five minutes would let a crash loop pile them up.
		InactiveThreshold: 30 * time.Second,
	})
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", r.stream, err)
	}
	return consumer, nil
}

// read hands on what a consumer brings. A silence is noticed within a second, because the server owes it a heartbeat.
func (r *reader) read(ctx context.Context, consumer jetstream.Consumer) error {
	defer r.release(ctx, r.js, r.stream, consumer)
	messages, err := consumer.Messages(jetstream.PullExpiry(2*time.Second), jetstream.PullHeartbeat(500*time.Millisecond))
	if err != nil {
		return fmt.Errorf("read %s: %w: %w", r.stream, errBroken, err)
	}
	defer messages.Stop()
	for {
		msg, err := messages.Next(jetstream.NextContext(ctx))
		if errors.Is(err, jetstream.ErrNoHeartbeat) {
			continue // the consumer is being made anew
		}
		if err != nil {
			return fmt.Errorf("read %s: %w: %w", r.stream, errBroken, err)
		}
		stored, err := storedFrom(msg)
		if err != nil {
			return err
		}
		r.next = stored.Seq + 1
		if more, err := r.handle(stored); err != nil || !more {
			return err
		}
	}
}

// release deletes a consumer that has been read from. A server takes a thousand of them on a stream and refuses more, so
// they must not be left to expire.
func (c *Conn) release(ctx context.Context, js jetstream.JetStream, stream string, consumer jetstream.Consumer) {
	info := consumer.CachedInfo()
	if info == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if err := js.DeleteConsumer(ctx, stream, info.Name); err != nil && !errors.Is(err, jetstream.ErrConsumerNotFound) {
		c.log.Debug("consumer left to expire", "stream", stream, "error", err)
	}
}

func storedFrom(msg jetstream.Msg) (Stored, error) {
	meta, err := msg.Metadata()
	if err != nil {
		return Stored{}, fmt.Errorf("message on %s: %w", msg.Subject(), err)
	}
	// A subject that names no account of ours was written by a stranger: the message is handed on without one.
	account, err := order.ParseAccountID(msg.Subject()[strings.LastIndexByte(msg.Subject(), '.')+1:])
	if err != nil || (EventSubject(account) != msg.Subject() && CommandSubject(account) != msg.Subject()) {
		account = ""
	}
	return Stored{Seq: meta.Sequence.Stream, Account: account, Data: msg.Data(), At: meta.Timestamp, Origin: originOf(msg.Headers()), behind: meta.NumPending}, nil
}
