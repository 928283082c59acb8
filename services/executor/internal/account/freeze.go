package account

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/hourglass-trading/hourglass/pkg/compact"
	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/pkg/order"
	"github.com/hourglass-trading/hourglass/services/executor/internal/ledger"
	"github.com/hourglass-trading/hourglass/services/executor/internal/twap"
)

// listed is how many entries of a long list are encoded in one piece: some 50 µs.
const listed = 128

// How the lists of a State are written.
var (
	takenJSON    = compact.For[[]twap.Taken]()
	worksJSON    = compact.For[[]*twap.Work](compact.Map[market.Exchange, decimal.Decimal]())
	finishedJSON = compact.For[[]order.ID]()
	commandsJSON = compact.For[[]Folded]()
)

// Frozen is an account as it was at one moment. It shares with the account only what never changes, so another goroutine may
// read it while the account goes on.
type Frozen struct {
	state State // all but the orders
	works []*twap.Work
}

// freeze is a Frozen in the making.
type freeze struct {
	out   *Frozen
	left  []*twap.Work              // not taken yet, by acceptance
	early map[*twap.Work]*twap.Work // as they were, of orders that have changed since the freeze began
}

// Freeze takes the account as it is at the first call, n orders a call, and returns it with the one that takes the last;
// until then nil. Events may be applied in between: an order that one changes is copied before. The next call after the last
// begins anew. A call takes about a microsecond an order; the first copies what the orders hold of the funds too.
func (s *State) Freeze(n int) *Frozen {
	f := s.freezing
	if f == nil {
		f = &freeze{left: slices.Clip(s.Works), early: map[*twap.Work]*twap.Work{}, out: &Frozen{state: State{
			ID: s.ID, Version: s.Version, Hash: s.Hash, At: s.At, Opened: s.Opened, CommandSeq: s.CommandSeq,
			Ledger: ledger.Ledger{Assets: maps.Clone(s.Ledger.Assets), Held: maps.Clone(s.Ledger.Held)},
			Memory: twap.Memory{Taken: slices.Clip(s.Memory.Taken)}, Finished: slices.Clip(s.Finished), Commands: slices.Clip(s.Commands),
		}}}
		if s.Works != nil {
			f.out.works = make([]*twap.Work, 0, len(s.Works))
		}
		s.freezing = f
	}
	for _, w := range f.left[:min(n, len(f.left))] {
		c := f.early[w]
		if c == nil {
			c = w.Copy()
		}
		f.out.works = append(f.out.works, c)
	}
	if f.left = f.left[min(n, len(f.left)):]; len(f.left) > 0 {
		return nil
	}
	s.freezing = nil
	return f.out
}

// before keeps an order for a freeze as it is, before it changes. One that was taken already, or came later, is kept for
// nothing until the freeze ends.
func (f *freeze) before(w *twap.Work) {
	if f != nil && f.early[w] == nil {
		f.early[w] = w.Copy()
	}
}

// Account is whose state this is, Version and Hash those of its last event.
func (f *Frozen) Account() order.AccountID { return f.state.ID }

// Version is that of the last event.
func (f *Frozen) Version() uint64 { return f.state.Version }

// Hash is that of the last event's bytes.
func (f *Frozen) Hash() string { return f.state.Hash }

// Orders is how many orders the account had.
func (f *Frozen) Orders() int { return len(f.works) }

// lists is how the JSON of a State without its lists ends.
const lists = `"memory":{"taken":null},"orders":null,"finished":null,"commands":null}`

// errShape says that a State does not encode as Encode takes it to.
var errShape = errors.New("the state has another shape")

// Encode writes the bytes that json.Marshal would have made of the State, in pieces: the account, each order, and the long
// lists some entries at a time. After each piece it calls pause, and ends with its error if there is one.
func (f *Frozen) Encode(out io.Writer, pause func() error) error {
	p := pieces{out: out, pause: pause}
	rest := f.state
	rest.Memory.Taken, rest.Finished, rest.Commands = nil, nil, nil
	head, err := json.Marshal(&rest)
	head, ok := bytes.CutSuffix(head, []byte(lists))
	if err == nil && !ok {
		err = errShape
	}
	p.err = err
	p.write(head)
	p.text(`"memory":{"taken":`)
	list(&p, f.state.Memory.Taken, listed, takenJSON)
	p.text(`},"orders":`)
	list(&p, f.works, 1, worksJSON)
	p.text(`,"finished":`)
	list(&p, f.state.Finished, listed, finishedJSON)
	p.text(`,"commands":`)
	list(&p, f.state.Commands, listed, commandsJSON)
	p.text(`}`)
	if p.err != nil {
		return fmt.Errorf("encode account %s: %w", f.state.ID, p.err)
	}
	return nil
}

// pieces writes JSON piece by piece. After an error it does nothing.
type pieces struct {
	out   io.Writer
	pause func() error
	buf   []byte // of list
	err   error
}

func (p *pieces) text(s string) {
	if p.err == nil {
		_, p.err = io.WriteString(p.out, s)
	}
}

func (p *pieces) write(b []byte) {
	if p.err == nil {
		_, p.err = p.out.Write(b)
	}
	if p.err == nil {
		p.err = p.pause()
	}
}

// list writes a list, n entries in a piece.
func list[T any](p *pieces, all []T, n int, enc compact.Encoder[[]T]) {
	if all == nil {
		p.text("null")
		return
	}
	between := "["
	for part := range slices.Chunk(all, n) {
		p.text(between)
		between = ","
		if p.err != nil {
			return
		}
		p.buf, p.err = enc.Append(p.buf[:0], &part)
		if p.err == nil {
			p.write(p.buf[1 : len(p.buf)-1]) // without its brackets
		}
	}
	if len(all) == 0 {
		p.text("[")
	}
	p.text("]")
}
