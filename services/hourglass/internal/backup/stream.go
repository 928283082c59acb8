package backup

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/hourglass-trading/hourglass/pkg/bus"
)

// The bounds of a transfer.
const (
	chunkBytes = 256 << 10
	// answerWithin bounds each answer of the server. A snapshot of a stream first checks all its messages, which is disk
	// speed: a minute for tens of gigabytes would be too little, so a large store is told by its silence only late.
	answerWithin = 5 * time.Minute
)

// apiError is how JetStream's interface says that something went wrong.
type apiError struct {
	Code        int    `json:"err_code"`
	Description string `json:"description"`
}

// save has the server send a stream as one snapshot, consistent in itself, and writes it into dir.
func save(ctx context.Context, conn *bus.Conn, stream, dir string) (saved, error) {
	s := saved{Name: stream, File: stream + ".snapshot"}
	nc := conn.Orders()
	inbox := nc.NewInbox()
	chunks, err := nc.SubscribeSync(inbox)
	if err != nil {
		return s, fmt.Errorf("save %s: %w", stream, err)
	}
	defer func() { _ = chunks.Unsubscribe() }()
	var told struct {
		Error  *apiError       `json:"error"`
		Config json.RawMessage `json:"config"`
		State  json.RawMessage `json:"state"`
	}
	err = ask(ctx, nc, conn.API(stream)+".STREAM.SNAPSHOT."+stream, map[string]any{
		"deliver_subject": inbox, "no_consumers": true, "chunk_size": chunkBytes, "jsck": true,
	}, &told)
	if err == nil && told.Error != nil {
		err = fmt.Errorf("%w: %s (%d)", ErrDamaged, told.Error.Description, told.Error.Code)
	}
	if err != nil {
		return s, fmt.Errorf("save %s: %w", stream, err)
	}
	s.Config, s.State = told.Config, told.State
	sum := sha256.New()
	err = create(filepath.Join(dir, s.File), func(w io.Writer) error {
		s.Bytes, err = receive(ctx, chunks, io.MultiWriter(w, sum))
		return err
	})
	s.SHA256 = hex.EncodeToString(sum.Sum(nil))
	return s, err
}

// receive writes the chunks of a snapshot as they come, and acknowledges each, which keeps the server from sending more
// than fits.
func receive(ctx context.Context, chunks *nats.Subscription, w io.Writer) (n int64, err error) {
	for {
		within, cancel := context.WithTimeout(ctx, answerWithin)
		m, err := chunks.NextMsgWithContext(within)
		cancel()
		if err != nil {
			return n, fmt.Errorf("receive a snapshot after %d bytes: %w", n, err)
		}
		if len(m.Data) == 0 { // the end, which says how it came about
			if status := m.Header.Get("Status"); status != "" && status != "204" {
				return n, fmt.Errorf("receive a snapshot: %w: %s %s", ErrDamaged, status, m.Header.Get("Description"))
			}
			return n, nil
		}
		written, err := w.Write(m.Data)
		n += int64(written)
		if err != nil {
			return n, fmt.Errorf("write a snapshot: %w", err)
		}
		if m.Reply != "" {
			if err := m.Respond(nil); err != nil {
				return n, fmt.Errorf("receive a snapshot: %w", err)
			}
		}
	}
}

// load gives a stream back to a server that has none of its name.
func load(ctx context.Context, conn *bus.Conn, dir string, s *saved) error {
	f, err := os.Open(filepath.Join(dir, s.File))
	if err != nil {
		return fmt.Errorf("restore %s: %w", s.Name, err)
	}
	defer f.Close()
	nc := conn.Orders()
	var told struct {
		Error   *apiError `json:"error"`
		Deliver string    `json:"deliver_subject"`
	}
	err = ask(ctx, nc, conn.API(s.Name)+".STREAM.RESTORE."+s.Name, map[string]any{"config": s.Config, "state": s.State}, &told)
	if err == nil && told.Error != nil {
		err = fmt.Errorf("%s (%d)", told.Error.Description, told.Error.Code)
	}
	if err != nil {
		return fmt.Errorf("restore %s: %w", s.Name, err)
	}
	if err := send(ctx, nc, told.Deliver, f); err != nil {
		return fmt.Errorf("restore %s: %w", s.Name, err)
	}
	return nil
}

// send sends a snapshot chunk by chunk, each one answered before the next, and an empty one as its end.
func send(ctx context.Context, nc *nats.Conn, subject string, r io.Reader) error {
	chunk := make([]byte, chunkBytes)
	for {
		n, err := io.ReadFull(r, chunk)
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return fmt.Errorf("read the snapshot: %w", err)
		}
		within, cancel := context.WithTimeout(ctx, answerWithin)
		answer, err := nc.RequestWithContext(within, subject, chunk[:n])
		cancel()
		if err != nil {
			return fmt.Errorf("send the snapshot: %w", err)
		}
		var told struct {
			Error *apiError `json:"error"`
		}
		if len(answer.Data) > 0 {
			if err := json.Unmarshal(answer.Data, &told); err != nil {
				return fmt.Errorf("send the snapshot: %w", err)
			}
		}
		if told.Error != nil {
			return fmt.Errorf("%w: the server does not take the snapshot: %s (%d)", ErrDamaged, told.Error.Description, told.Error.Code)
		}
		if n == 0 {
			return nil
		}
	}
}

func ask(ctx context.Context, nc *nats.Conn, subject string, request, reply any) error {
	body, err := json.Marshal(request)
	if err != nil {
		return fmt.Errorf("encode the request: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	m, err := nc.RequestWithContext(ctx, subject, body)
	if err != nil {
		return fmt.Errorf("ask the server: %w", err)
	}
	if err := json.Unmarshal(m.Data, reply); err != nil {
		return fmt.Errorf("read the server's answer: %w", err)
	}
	return nil
}
