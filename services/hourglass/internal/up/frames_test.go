package up_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// TestFramesOfAnyKind sends good, mutated and meaningless frames over WebSockets. Each answer must be a frame of a kind that
// there is, no connection may break without a code, and no goroutine may be left. HOURGLASS_FUZZ_FRAMES says how many.
func TestFramesOfAnyKind(t *testing.T) {
	if testing.Short() {
		t.Skip("it runs the whole platform")
	}
	n, seed := number(t, framesEnv, 5_000), number(t, seedEnv, int(time.Now().UnixNano()%1_000_000))
	f := &fuzzer{t: t, url: start(t)}
	token := f.signIn("framer", true)
	s := &sender{t: t, url: strings.Replace(f.url, "http", "ws", 1) + "/v1/ws", token: token, codes: map[websocket.StatusCode]int{}, kinds: map[string]int{}}
	began := time.Now()
	const workers = 4
	var working sync.WaitGroup
	for i := range workers {
		working.Go(func() {
			r := rand.New(rand.NewPCG(uint64(seed), uint64(i)))
			for left := n / workers; left > 0 && !t.Failed(); {
				left -= s.connect(r, left)
			}
		})
	}
	working.Wait()
	t.Logf("seed %d: %d frames in %v; closed by code %v; answers by type %v", seed, s.sent.Load(), time.Since(began).Round(time.Second), s.codes, s.kinds)
	if answers := s.kinds["ack"] + s.kinds["error"] + s.kinds["pong"]; answers < n*9/10 {
		t.Errorf("%d answers to %d frames", answers, n)
	}
	if s.kinds["ack"] == 0 || s.kinds["error"] == 0 {
		t.Errorf("the frames say nothing that works, or nothing that does not: %v", s.kinds)
	}
}

type sender struct {
	t          *testing.T
	url, token string
	sent       atomic.Int64

	mu    sync.Mutex // guards what follows
	codes map[websocket.StatusCode]int
	kinds map[string]int
}

const (
	// perConnection bounds the frames of a connection, so that many are opened and left.
	perConnection = 500
	// unanswered is how many frames wait for their answers: of more the server would say that nobody reads them.
	unanswered = 32
)

// connect sends frames over a connection until it is closed or has carried its share, and returns how many.
func (s *sender) connect(r *rand.Rand, most int) (sent int) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	conn, _, err := websocket.Dial(ctx, s.url, &websocket.DialOptions{HTTPHeader: http.Header{"Authorization": {"Bearer " + s.token}}})
	if err != nil {
		s.t.Errorf("connect: %v", err)
		return most
	}
	conn.SetReadLimit(1 << 20)
	window, over := make(chan struct{}, unanswered), make(chan struct{})
	var reading sync.WaitGroup
	reading.Go(func() {
		defer close(over)
		s.read(ctx, conn, window)
	})
	open := func() bool {
		select {
		case window <- struct{}{}:
			return true
		case <-over:
			return false
		}
	}
	for sent < min(most, perConnection) && open() {
		kind, frame := s.frame(r)
		if conn.Write(ctx, kind, frame) != nil {
			break // the server has closed; the reader knows why
		}
		sent++
		s.sent.Add(1)
	}
	for range unanswered { // until all is answered
		if !open() {
			break
		}
	}
	if r.IntN(2) == 0 { // half of them leave without a word
		_ = conn.CloseNow()
	} else {
		_ = conn.Close(websocket.StatusNormalClosure, "")
	}
	reading.Wait()
	return max(sent, 1)
}

// kindsOfFrames are all types of the server's frames.
var kindsOfFrames = []string{"hello", "ack", "error", "pong", "warning", "shutdown", "book", "best_touch", "trades", "klines", "ewma", "orders"}

func (s *sender) read(ctx context.Context, conn *websocket.Conn, window <-chan struct{}) {
	for {
		_, data, err := conn.Read(ctx)
		if err != nil {
			s.ended(err)
			return
		}
		var f struct{ Type, Code string }
		if err := json.Unmarshal(data, &f); err != nil || !slices.Contains(kindsOfFrames, f.Type) || (f.Type == "error") != (f.Code != "") && f.Type != "warning" || f.Code == "internal" {
			s.t.Errorf("answered %.300s: %v", data, err)
		}
		s.mu.Lock()
		s.kinds[f.Type]++
		s.mu.Unlock()
		if slices.Contains([]string{"ack", "error", "pong"}, f.Type) { // each frame has one of these for an answer
			select {
			case <-window:
			default:
				s.t.Errorf("an answer to nothing: %.300s", data)
			}
		}
	}
}

// ended judges how a connection ended: with a code of the interface's, or by ourselves.
func (s *sender) ended(err error) {
	var closing websocket.CloseError
	if !errors.As(err, &closing) {
		return // we left, and what was on its way is gone
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.codes[closing.Code]++
	if !slices.Contains([]websocket.StatusCode{1000, 1009, 4401, 4408, 4429}, closing.Code) {
		s.t.Errorf("closed with %d %s", closing.Code, closing.Reason)
	}
}

// words are what the members of a frame are made of.
var words = map[string][]string{
	"action": {`"subscribe"`, `"subscribe"`, `"unsubscribe"`, `"ping"`, `"dance"`, `"auth"`}, "stream": {`"book"`, `"best_touch"`, `"trades"`, `"klines"`, `"ewma"`, `"orders"`, `"gossip"`},
	"symbol": {`"BTC-USDT"`, `"ETH-USDT"`, `"BTCUSDT"`, `">"`, `"NONE-NONE"`, `""`}, "exchange": {`"all"`, `"binance"`, `"kraken"`, `"nyse"`, `"*"`}, "interval": {`"1s"`, `"1m"`, `"7m"`, `""`},
	"depth": {"1", "10", "50", "51", "-1", "1.5"}, "interval_ms": {"100", "1000", "60000", "99", "1e9"}, "half_life": {"1", "60", "0", "1e99"}, "token_id": {`"a"`, `"a b"`, `">"`}, "from_seq": {"0", "1", "99", "-1", "18446744073709551615"},
	"id": {"1", `"x"`, "{}", "null", "-1e5"}, "token": {`"nonsense"`, `"hgt_x"`, "7"}, "other": {"1"},
}

// frame makes a frame: most are requests of some sense, one in three is mutated, one in a hundred is binary.
func (s *sender) frame(r *rand.Rand) (websocket.MessageType, []byte) {
	chosen := []string{`"action":` + one(r, words["action"][:4])}
	for _, name := range []string{"stream", "symbol", "exchange"} {
		if r.IntN(10) > 0 {
			chosen = append(chosen, fmt.Sprintf("%q:%s", name, one(r, words[name])))
		}
	}
	for _, name := range []string{"id", "depth", "interval", "interval_ms", "half_life", "token_id", "from_seq"} {
		if r.IntN(3) == 0 {
			chosen = append(chosen, fmt.Sprintf("%q:%s", name, one(r, words[name])))
		}
	}
	if r.IntN(200) == 0 { // which mostly ends the connection
		chosen[0] = `"action":` + one(r, words["action"][4:]) + `,"token":` + one(r, words["token"])
	}
	frame := []byte("{" + strings.Join(chosen, ",") + "}")
	for r.IntN(3) == 0 {
		at := r.IntN(len(frame))
		switch r.IntN(4) {
		case 0:
			frame[at] ^= byte(1 << r.IntN(8))
		case 1:
			frame = append(frame[:at:at], frame[r.IntN(len(frame)):]...)
		case 2:
			frame = slices.Insert(frame, at, []byte(one(r, []string{`"`, "{", "}", "[", ",", ":", "\x00", "\xff", `\u0000`, "1e999"}))...)
		case 3:
			frame = frame[:at+1]
		}
		if len(frame) == 0 {
			frame = []byte{'{'}
		}
	}
	switch r.IntN(1_000) {
	case 0:
		return websocket.MessageText, []byte(strings.Repeat("[", 17<<10))
	case 1, 2, 3, 4, 5, 6, 7, 8, 9, 10:
		return websocket.MessageBinary, frame
	}
	return websocket.MessageText, frame
}

func one(r *rand.Rand, from []string) string { return from[r.IntN(len(from))] }
