package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/hourglass-trading/hourglass/pkg/order"
	"github.com/hourglass-trading/hourglass/pkg/tracing"
)

// Stored is a message as a stream keeps it. Data must not be changed.
type Stored struct {
	Seq     uint64          // place in the stream
	Account order.AccountID // empty if the subject is not that of an account
	Data    []byte
	At      time.Time      // when it was stored, by the server's clock
	Origin  tracing.Origin // what led to it, where that is known

	behind uint64 // messages for the same reader that were stored after it
}

// ErrOutcomeUnknown says that an append may or may not have been stored. The one way on is to read the account's events
// after the last known sequence, apply what is there, and decide again; never to send the same bytes again.
var ErrOutcomeUnknown = errors.New("the outcome of the append is unknown")

// ErrFull says that the server has no space left for what should be stored: the limit of its store, or of the stream. Nothing
// was stored. It works again once there is space.
var ErrFull = errors.New("the store is full")

// full are the codes by which the server says so: of its store as a whole (10023, 10047), of memory, and whatever a
// stream's own files refuse: its limit or the disk.
var full = []jetstream.ErrorCode{10023, 10028, 10047, 10077}

// refusal marks an error of an append as ErrFull if that is what the server says.
func refusal(err error) error {
	var told *jetstream.APIError
	if errors.As(err, &told) && slices.Contains(full, told.ErrorCode) {
		return fmt.Errorf("%w: %w", ErrFull, err)
	}
	return err
}

// appendTimeout bounds an append: the server answers after its fsync, a few milliseconds as a rule.
const appendTimeout = 5 * time.Second

// AppendEvent appends an account's event on the condition that the account's last event has the stream sequence last (0:
// there is none). It returns the event's own sequence. Any error wraps ErrOutcomeUnknown: the server's refusal of a stale
// writer and a lost answer call for the same remedy.
func (c *Conn) AppendEvent(ctx context.Context, a order.AccountID, id string, body []byte, last uint64) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, appendTimeout)
	defer cancel()
	msg := &nats.Msg{Subject: EventSubject(a), Header: headerOf(ctx), Data: body}
	ack, err := c.js.PublishMsg(ctx, msg,
		jetstream.WithExpectLastSequencePerSubject(last),
		jetstream.WithMsgID(string(a)+"-"+id),
		jetstream.WithRetryAttempts(0)) // a blind repetition could land twice
	switch {
	case err != nil:
		return 0, fmt.Errorf("append event %s: %w: %w", id, ErrOutcomeUnknown, err)
	case ack.Duplicate:
		return 0, fmt.Errorf("append event %s: %w: the server has seen this id", id, ErrOutcomeUnknown)
	}
	return ack.Sequence, nil
}

// AppendCommand appends a user's command and returns its place in the log. A repetition within two minutes is stored once;
// a later one is recognised by the executor. An error means that the command may or may not be there.
func (c *Conn) AppendCommand(ctx context.Context, cmd *order.Command) (uint64, error) {
	body, err := json.Marshal(cmd)
	if err != nil {
		return 0, fmt.Errorf("encode command: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, appendTimeout)
	defer cancel()
	msg := &nats.Msg{Subject: CommandSubject(cmd.Account), Header: headerOf(ctx), Data: body}
	ack, err := c.js.PublishMsg(ctx, msg, jetstream.WithMsgID(cmd.ID), jetstream.WithRetryAttempts(0))
	if err != nil {
		return 0, fmt.Errorf("append command: %w", refusal(err))
	}
	return ack.Sequence, nil
}

// ReadEvents calls handle with the stored events of all accounts, or of one if account is not empty, from the stream
// sequence from on, in order, and returns when it has handled the last one that was there when it began.
func (c *Conn) ReadEvents(ctx context.Context, account order.AccountID, from uint64, handle func(Stored) error) error {
	subject := AllEvents
	if account != "" {
		subject = EventSubject(account)
	}
	return c.readEvents(ctx, []string{subject}, from, handle)
}

// ReadPartitions is ReadEvents for all accounts of some partitions.
func (c *Conn) ReadPartitions(ctx context.Context, partitions []int, from uint64, handle func(Stored) error) error {
	return c.readEvents(ctx, partitionSubjects("evt", partitions), from, handle)
}

func (c *Conn) readEvents(ctx context.Context, subjects []string, from uint64, handle func(Stored) error) error {
	stream, err := c.events.Stream(ctx, EventStream)
	if err != nil {
		return fmt.Errorf("read events: %w", err)
	}
	last := uint64(0)
	for _, subject := range subjects {
		tail, err := stream.GetLastMsgForSubject(ctx, subject)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue
		}
		if err != nil {
			return fmt.Errorf("read the last event: %w", err)
		}
		last = max(last, tail.Sequence)
	}
	if last == 0 || last < from {
		return nil
	}
	return c.follow(ctx, c.events, EventStream, subjects, from, func(m Stored) (bool, error) {
		err := handle(m)
		return m.Seq < last, err
	})
}

// LastEvent returns the sequence that the event log reaches; 0 if it is empty.
func (c *Conn) LastEvent(ctx context.Context) (uint64, error) {
	stream, err := c.js.Stream(ctx, EventStream)
	if err != nil {
		return 0, fmt.Errorf("look at the events: %w", err)
	}
	return stream.CachedInfo().State.LastSeq, nil
}

// FollowEvents calls handle with the stored events of all accounts from the stream sequence from on, in order, as they
// come, until ctx ends or handle fails.
func (c *Conn) FollowEvents(ctx context.Context, from uint64, handle func(Stored) error) error {
	return c.follow(ctx, c.events, EventStream, []string{AllEvents}, from, func(m Stored) (bool, error) { return true, handle(m) })
}

// FollowCommands calls handle with the stored commands of all accounts from the stream sequence from on, in order, as
// they come, until ctx ends or handle fails.
func (c *Conn) FollowCommands(ctx context.Context, from uint64, handle func(Stored) error) error {
	return c.followCommands(ctx, []string{AllCommands}, from, handle)
}

// FollowPartitions is FollowCommands for the accounts of some partitions.
func (c *Conn) FollowPartitions(ctx context.Context, partitions []int, from uint64, handle func(Stored) error) error {
	return c.followCommands(ctx, partitionSubjects("cmd", partitions), from, handle)
}

func (c *Conn) followCommands(ctx context.Context, subjects []string, from uint64, handle func(Stored) error) error {
	return c.follow(ctx, c.js, CommandStream, subjects, from, func(m Stored) (bool, error) {
		c.commandsPending.Store(int64(m.behind))
		return true, handle(m)
	})
}

// FirstCommand returns the sequence of the first command to an account of a partition at or after from; where there is
// none, the one that the next command will have at least.
func (c *Conn) FirstCommand(ctx context.Context, partition int, from uint64) (uint64, error) {
	stream, err := c.js.Stream(ctx, CommandStream)
	if err != nil {
		return 0, fmt.Errorf("look for commands: %w", err)
	}
	next := max(from, stream.CachedInfo().State.LastSeq+1) // asked for before the look, so that none falls between
	msg, err := stream.GetMsg(ctx, max(from, 1), jetstream.WithGetMsgSubject(partitionSubjects("cmd", []int{partition})[0]))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return next, nil
	}
	if err != nil {
		return 0, fmt.Errorf("look for commands: %w", err)
	}
	return msg.Sequence, nil
}

// LostRace reports whether a key of a bucket was not written because another wrote it first.
func LostRace(err error) bool {
	return errors.Is(err, jetstream.ErrKeyExists) || errors.Is(err, jetstream.ErrKeyRevisionMismatch)
}
