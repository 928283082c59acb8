package bus

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/synadia-io/orbit.go/jetstreamext"

	"github.com/hourglass-trading/hourglass/pkg/order"
	"github.com/hourglass-trading/hourglass/pkg/tracing"
)

// Snapshot is an account's state as of one of its events, kept in the bucket of snapshots. It saves time and is never the
// truth: who reads one holds it against the event that it names, and does without where it does not fit.
type Snapshot struct {
	Account order.AccountID             `json:"account"`
	Format  string                      `json:"format"` // of the state as a whole; an executor that knows another ignores it
	Form    int                         `json:"form"`   // of the part that is an order.Snapshot; 0: it has none
	Version uint64                      `json:"v"`      // of the event
	Seq     uint64                      `json:"seq"`    // its place in the event log
	Prev    string                      `json:"prev"`   // its hash, which the next event names as its predecessor's
	State   []byte                      `json:"state"`  // JSON, gzipped
	Sum     string                      `json:"sum"`    // SHA-256 of the JSON, in hex
	Origins map[order.ID]tracing.Origin `json:"origins,omitempty"`
}

// maxState bounds what a snapshot may unfold to: far more than the largest that fits a message.
const maxState = 256 << 20

// ErrSnapshot says that a snapshot cannot be used: it is damaged, of another form, or not of the account's events.
var ErrSnapshot = errors.New("snapshot does not fit")

// Unpack returns the JSON of the state. It fails with ErrSnapshot where it is damaged, or of more than 256 MiB.
func (s *Snapshot) Unpack() ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(s.State))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSnapshot, err)
	}
	state, err := io.ReadAll(io.LimitReader(r, maxState))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSnapshot, err)
	}
	if sum := sha256.Sum256(state); hex.EncodeToString(sum[:]) != s.Sum {
		return nil, fmt.Errorf("%w: its sum is another", ErrSnapshot)
	}
	return state, nil
}

// View returns the part of the state that is for others than the account's owner, with the errors of Unpack, or ErrSnapshot if
// it is of another form than order.SnapshotForm, or of other things than the snapshot says. That it fits the events is
// yet to be shown: Shows tells whether an event is the one that it names.
func (s *Snapshot) View() (*order.Snapshot, error) {
	if s.Form != order.SnapshotForm {
		return nil, fmt.Errorf("%w: form %d", ErrSnapshot, s.Form)
	}
	state, err := s.Unpack()
	if err != nil {
		return nil, err
	}
	out := new(order.Snapshot)
	if err := json.Unmarshal(state, out); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSnapshot, err)
	}
	if err := s.Agrees(out.Account, out.Version, out.Hash); err != nil {
		return nil, err
	}
	return out, nil
}

// Agrees fails with ErrSnapshot if the snapshot says other things than its state: whose it is, and the version and hash of its
// last event.
func (s *Snapshot) Agrees(a order.AccountID, version uint64, hash string) error {
	if a != s.Account || version != s.Version || hash != s.Prev || s.Seq == 0 {
		return fmt.Errorf("%w: it says other things than its state", ErrSnapshot)
	}
	return nil
}

// Shows reports whether a stored event is the one that the snapshot was made after.
func (s *Snapshot) Shows(m *Stored) bool {
	return m.Account == s.Account && m.Seq == s.Seq && order.Hash(m.Data) == s.Prev
}

// SnapshotKey is the key of an account's snapshot.
func SnapshotKey(a order.AccountID) string { return fmt.Sprintf("%02d.%s", a.Partition(), a) }

// KeepSnapshot stores a snapshot unless there is one of a later event. One that is larger than a message may be is an
// error: the account is then read from all its events.
func (c *Conn) KeepSnapshot(ctx context.Context, s *Snapshot) error {
	ctx, cancel := context.WithTimeout(ctx, appendTimeout)
	defer cancel()
	body, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("encode snapshot of %s: %w", s.Account, err)
	}
	kv, err := c.Bucket(ctx, SnapshotBucket)
	if err != nil {
		return err
	}
	var revision uint64
	entry, err := kv.Get(ctx, SnapshotKey(s.Account))
	if err == nil {
		revision = entry.Revision()
		var there Snapshot
		if json.Unmarshal(entry.Value(), &there) == nil && there.Format == s.Format && there.Seq >= s.Seq {
			return nil
		}
	} else if !errors.Is(err, jetstream.ErrKeyNotFound) {
		return fmt.Errorf("look at the snapshot of %s: %w", s.Account, err)
	}
	if revision == 0 {
		_, err = kv.Create(ctx, SnapshotKey(s.Account), body)
	} else {
		_, err = kv.Update(ctx, SnapshotKey(s.Account), body, revision)
	}
	if err != nil && !LostRace(err) { // who was faster has one too
		return fmt.Errorf("keep the snapshot of %s: %w", s.Account, err)
	}
	return nil
}

// ReadSnapshots calls handle with the snapshots of a partition's accounts. What is no snapshot of the account that its key
// names is handed over as one of an account without a name.
func (c *Conn) ReadSnapshots(ctx context.Context, partition int, handle func(*Snapshot)) error {
	stream := "KV_" + SnapshotBucket
	return c.lastOf(ctx, c.js, stream, fmt.Sprintf("$KV.%s.%02d.*", SnapshotBucket, partition), func(m *jetstream.RawStreamMsg) {
		handle(snapshotOf(m))
	})
}

// ReadSnapshot returns the snapshot of an account as ReadSnapshots does; false if there is none.
func (c *Conn) ReadSnapshot(ctx context.Context, a order.AccountID) (s *Snapshot, there bool, err error) {
	stream, err := c.events.Stream(ctx, "KV_"+SnapshotBucket)
	if err != nil {
		return nil, false, fmt.Errorf("read the snapshot of %s: %w", a, err)
	}
	m, err := stream.GetLastMsgForSubject(ctx, snapshotSubject(a))
	if errors.Is(err, jetstream.ErrMsgNotFound) || err == nil && m.Header.Get(jetstreamOperation) != "" {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("read the snapshot of %s: %w", a, err)
	}
	return snapshotOf(m), true, nil
}

func snapshotSubject(a order.AccountID) string { return "$KV." + SnapshotBucket + "." + SnapshotKey(a) }

func snapshotOf(m *jetstream.RawStreamMsg) *Snapshot {
	s := new(Snapshot)
	if err := json.Unmarshal(m.Data, s); err != nil || m.Subject != snapshotSubject(s.Account) {
		return &Snapshot{}
	}
	return s
}

// LastEvents calls handle with the last event of each account of a partition. At and Origin are not told. It fails where a
// partition has more accounts than the server tells at once, 1,024.
func (c *Conn) LastEvents(ctx context.Context, partition int, handle func(Stored)) error {
	return c.lastOf(ctx, c.events, EventStream, partitionSubjects("evt", []int{partition})[0], func(m *jetstream.RawStreamMsg) {
		account, err := order.ParseAccountID(m.Subject[strings.LastIndexByte(m.Subject, '.')+1:])
		if err != nil || EventSubject(account) != m.Subject {
			account = ""
		}
		handle(Stored{Seq: m.Sequence, Account: account, Data: m.Data})
	})
}

// lastOf reads the last message of each subject. The answer comes in many messages. That none was dropped on the way, and the
// last of them is the last, is told by the server's count of what is still to come.
func (c *Conn) lastOf(ctx context.Context, js jetstream.JetStream, stream, subjects string, handle func(*jetstream.RawStreamMsg)) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	messages, err := jetstreamext.GetLastMsgsFor(ctx, js, stream, []string{subjects})
	if err != nil {
		return fmt.Errorf("read the last of %s: %w", subjects, err)
	}
	began, pending := false, uint64(0)
	for m, err := range messages {
		if errors.Is(err, jetstreamext.ErrNoMessages) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the last of %s: %w", subjects, err)
		}
		left, err := strconv.ParseUint(m.Header.Get("Nats-Num-Pending"), 10, 64)
		if err != nil || began && left+1 != pending {
			return fmt.Errorf("read the last of %s: %w: %d after %d to come", subjects, errGap, left, pending)
		}
		began, pending = true, left
		if m.Header.Get(jetstreamOperation) == "" { // else a key was deleted
			handle(m)
		}
	}
	if !began || pending != 0 {
		return fmt.Errorf("read the last of %s: %w: %d are still to come", subjects, errGap, pending)
	}
	return nil
}

// errGap says that an answer of many messages has not arrived as a whole.
var errGap = errors.New("the answer is not whole")

// jetstreamOperation is the header of a marker that a bucket puts in a deleted key's place.
const jetstreamOperation = "KV-Operation"
