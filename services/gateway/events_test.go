package gateway_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// writePatience is how long the gateway waits for a client whose socket is full.
const writePatience = 30 * time.Second

// TestNoEventIsLostToAnyReader lets an account's events come as fast as they can be stored, HOURGLASS_EVENTS of them, while some
// clients read and some do not: those that read see each event once and in order, closed and resumed or not.
func TestNoEventIsLostToAnyReader(t *testing.T) {
	t.Parallel()
	events, readers := 300, 3
	if text := os.Getenv("HOURGLASS_EVENTS"); text != "" {
		var err error
		readers = 10
		if events, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	const stalled = 2
	h := newHouse(t, nil)
	token := h.user("alice")
	if a := h.post("/v1/orders/twap", token, twap("one", "")); a.Status != http.StatusCreated {
		t.Fatalf("create: %d %s", a.Status, a.Body)
	}
	for range stalled {
		w := h.dial(token)
		w.hello()
		w.send(`{"action":"subscribe","stream":"orders","from_seq":1}`)
	}
	var reading sync.WaitGroup
	resumed := make([]int, readers)
	for i := range readers {
		reading.Go(func() {
			var err error
			if resumed[i], err = h.readEvents(t.Context(), token, events); err != nil {
				t.Errorf("reader %d: %v", i, err)
			}
		})
	}
	account := h.account(t, "one")
	for stored := 0; stored < events; {
		n := min(500, events-stored)
		if err := h.executor.fill(t.Context(), account, "one", n); err != nil {
			t.Fatal(err)
		}
		stored += n
	}
	reading.Wait()
	t.Logf("%d readers of %d events; closed for being too slow and resumed: %v times", readers, events, resumed)
	h.stop()
	select {
	case <-h.stopped:
	case <-time.After(writePatience):
		t.Error("clients that do not read hold up the end")
	}
}

// readEvents reads an account's events up to one, resuming where it is told to, and fails at the first that is missing or
// comes twice.
func (h *house) readEvents(ctx context.Context, token string, until int) (resumed int, err error) {
	for last := 0; ; resumed++ {
		last, err = h.readSome(ctx, token, last, until)
		var closing websocket.CloseError
		switch {
		case err == nil:
			return resumed, nil
		case !errors.As(err, &closing) || closing.Code != 4408:
			return resumed, err
		case closing.Reason != fmt.Sprintf("too slow; resume with from_seq %d", last+1):
			return resumed, fmt.Errorf("told %q after event %d", closing.Reason, last)
		}
	}
}

func (h *house) readSome(ctx context.Context, token string, last, until int) (int, error) {
	conn, _, err := websocket.Dial(ctx, strings.Replace(h.url, "http", "ws", 1)+"/v1/ws",
		&websocket.DialOptions{HTTPHeader: http.Header{"Authorization": {"Bearer " + token}}})
	if err != nil {
		return last, err
	}
	defer func() { _ = conn.CloseNow() }()
	conn.SetReadLimit(1 << 20)
	if err := conn.Write(ctx, websocket.MessageText, fmt.Appendf(nil, `{"action":"subscribe","stream":"orders","from_seq":%d}`, last+1)); err != nil {
		return last, err
	}
	for last < until {
		_, data, err := conn.Read(ctx)
		if err != nil {
			return last, err
		}
		var f struct {
			Type string
			Seq  int
		}
		if err := json.Unmarshal(data, &f); err != nil {
			return last, err
		}
		if f.Type != "orders" {
			continue
		}
		if f.Seq != last+1 {
			return last, fmt.Errorf("event %d after %d", f.Seq, last)
		}
		last = f.Seq
	}
	return last, nil
}
