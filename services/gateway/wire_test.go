package gateway_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// wire is a client's end of a stream.
type wire struct {
	t    *testing.T
	conn *websocket.Conn
}

// dial opens a stream, with a token in the header if there is one.
func (h *house) dial(token string) *wire {
	h.t.Helper()
	authorization := ""
	if token != "" {
		authorization = "Bearer " + token
	}
	return h.dialAt("/v1/ws", authorization)
}

func (h *house) dialAt(path, authorization string) *wire {
	h.t.Helper()
	opts := &websocket.DialOptions{HTTPHeader: http.Header{}}
	if authorization != "" {
		opts.HTTPHeader.Set("Authorization", authorization)
	}
	conn, _, err := websocket.Dial(h.t.Context(), strings.Replace(h.url, "http", "ws", 1)+path, opts)
	if err != nil {
		h.t.Fatal(err)
	}
	conn.SetReadLimit(1 << 20)
	h.t.Cleanup(func() { _ = conn.CloseNow() })
	return &wire{t: h.t, conn: conn}
}

type frame map[string]any

func (w *wire) send(format string, args ...any) {
	w.t.Helper()
	if err := w.conn.Write(w.t.Context(), websocket.MessageText, fmt.Appendf(nil, format, args...)); err != nil {
		w.t.Fatal(err)
	}
}

func (w *wire) read() (frame, error) {
	ctx, cancel := context.WithTimeout(w.t.Context(), 10*time.Second)
	defer cancel()
	_, data, err := w.conn.Read(ctx)
	if err != nil {
		return nil, err
	}
	var f frame
	if err := json.Unmarshal(data, &f); err != nil {
		return nil, err
	}
	kind, _ := f["type"].(string)
	if err := documented("frame_"+kind, data); err != nil {
		w.t.Errorf("frame is not as documented: %v\n%s", err, data)
	}
	return f, nil
}

// next returns the next frame of a type; others are passed over.
func (w *wire) next(kind string) frame {
	w.t.Helper()
	for {
		f, err := w.read()
		if err != nil {
			w.t.Fatalf("waiting for %s: %v", kind, err)
		}
		if f["type"] == kind {
			return f
		}
	}
}

// closed returns the code and the reason that the server closes with; frames before it are passed over.
func (w *wire) closed() (websocket.StatusCode, string) {
	w.t.Helper()
	for {
		if _, err := w.read(); err != nil {
			var closing websocket.CloseError
			if !errors.As(err, &closing) {
				w.t.Fatalf("not closed but broken: %v", err)
			}
			return closing.Code, closing.Reason
		}
	}
}

func (w *wire) hello() frame {
	w.t.Helper()
	f, err := w.read()
	if err != nil || f["type"] != "hello" || f["status"] != "ok" {
		w.t.Fatalf("first frame: %v %v", f, err)
	}
	return f
}
