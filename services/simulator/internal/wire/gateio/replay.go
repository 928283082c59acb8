package gateio

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/hourglass-trading/hourglass/services/simulator/internal/tape"
	"github.com/hourglass-trading/hourglass/services/simulator/internal/wire/stall"
)

// Replay is a market of recordings. They hold the older book channel only; the newer one is told from it: the same changes at
// the same moments, behind the picture that the recording's answer over REST gives.
type Replay struct{ *stall.Replay }

// NewReplay returns an empty market of recordings.
func NewReplay() *Replay {
	return &Replay{stall.NewReplay(func(symbol, kind string) string {
		if in, ok := strings.CutPrefix(kind, candlesKind); ok {
			return "spot.candlesticks " + in + "_" + symbol
		}
		return kind + " " + symbol
	})}
}

// Follow implements stall.Market.
func (m *Replay) Follow(symbol, kind string) (stall.Stream, bool) {
	n, err := strconv.Atoi(strings.TrimPrefix(kind, bookKind))
	if err != nil || !strings.HasPrefix(kind, bookKind) {
		return m.Replay.Follow(symbol, kind)
	}
	older, ok := m.Replay.Follow(symbol, updateKind)
	if !ok || older.Tape == nil {
		return stall.Stream{}, ok
	}
	t := &retold{older: older.Tape, stream: stream(symbol, kind)}
	if err := t.begin(m, symbol, n, older.Pos); err != nil {
		return stall.Stream{}, true // a book that cannot be built is never told
	}
	return stall.Stream{Tape: t}, true
}

// retold is a tape of the older channel in the words of the newer one. Its first frame is the picture.
type retold struct {
	older   tape.Tape
	stream  string
	picture tape.Frame
	id      int64 // of the picture
	next    int64 // position on the older tape of the first message behind the picture
}

// begin makes the picture: the recorded answer at its moment for one who comes before that, else the book as played.
func (t *retold) begin(m *Replay, symbol string, n int, pos int64) error {
	p := m.Player(symbol)
	at, ok := p.Anchored(symbol)
	if !ok {
		return stall.ErrNoBook
	}
	d := depth{Full: true, S: t.stream}
	due, _ := p.Due(at)
	if now := time.Now(); now.After(due) {
		b, ok, err := p.Book(symbol, n, now)
		if err != nil || !ok {
			return fmt.Errorf("%w: %w", stall.ErrNoBook, err)
		}
		due, d.Last = now, b.LastID
		for _, l := range b.Bids {
			d.Bids = append(d.Bids, stall.Level{string(l.Price), string(l.Qty)})
		}
		for _, l := range b.Asks {
			d.Asks = append(d.Asks, stall.Level{string(l.Price), string(l.Qty)})
		}
	} else {
		body, _ := p.RecordedDepth(symbol)
		var b struct {
			ID   int64         `json:"id"`
			Bids []stall.Level `json:"bids"`
			Asks []stall.Level `json:"asks"`
		}
		if err := json.Unmarshal(body, &b); err != nil {
			return fmt.Errorf("recorded book: %w", err)
		}
		d.Last, d.Bids, d.Asks = b.ID, b.Bids[:min(n, len(b.Bids))], b.Asks[:min(n, len(b.Asks))]
	}
	t.id, d.T = d.Last, p.Now(due).UnixMilli()
	for t.next = max(0, pos-1); ; t.next++ {
		older, ok, err := t.older.Frame(t.next)
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		m, err := read(older.Data)
		if err != nil {
			return err
		}
		if m.Last > t.id {
			break
		}
		d.T = m.T // of the newest change that the picture holds
	}
	t.picture = tape.Frame{Due: due, Data: update("spot.obu", due, d)}
	return nil
}

func read(data []byte) (depth, error) {
	var m struct {
		Result depth `json:"result"`
	}
	if err := json.Unmarshal(data, &m); err != nil {
		return depth{}, fmt.Errorf("recorded book message: %w", err)
	}
	return m.Result, nil
}

// Frame implements tape.Tape.
func (t *retold) Frame(pos int64) (tape.Frame, bool, error) {
	if pos == 0 {
		return t.picture, true, nil
	}
	f, ok, err := t.older.Frame(t.next + pos - 1)
	if err != nil || !ok {
		return f, ok, err
	}
	d, err := read(f.Data)
	if err != nil {
		return f, false, err
	}
	// Each message begins where the last one ended, as the newer channel promises; the older one may overlap.
	d.U = t.id + 1
	if pos > 1 {
		before, ok, err := t.older.Frame(t.next + pos - 2)
		if err != nil || !ok {
			return f, false, err
		}
		last, err := read(before.Data)
		if err != nil {
			return f, false, err
		}
		d.U = last.Last + 1
	}
	d.S, d.Event, d.E = t.stream, "", 0
	if f.Due.Before(t.picture.Due) {
		f.Due = t.picture.Due
	}
	f.Data = update("spot.obu", f.Due, d)
	return f, true, nil
}
