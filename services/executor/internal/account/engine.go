package account

import (
	"fmt"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/pkg/order"
	"github.com/hourglass-trading/hourglass/services/executor/internal/twap"
)

// Engine is an account and its market in one, carrying out what it decides at once: for simulations, backtests and tests.
// It calls the code that live trading calls. It has one owner.
type Engine struct {
	State  *State
	Market *twap.Market

	buf []byte // of the event that is carried out
}

// Input is one thing that happens: exactly one of its fields is set.
type Input struct {
	Book      *market.Book
	Trade     *market.Trade
	Heartbeat market.Exchange
	Command   *order.Command
	Seq       uint64 // of Command
}

// NewEngine returns an engine for an account of which nothing has happened yet.
func NewEngine(id order.AccountID, cfg *Config) *Engine {
	return &Engine{State: New(id, cfg), Market: twap.NewMarket()}
}

// Step takes one input, stamped by the caller, and returns the events that follow from it, carried out. The input is nil
// when only time has passed. What was due before the instant is done first, each at its own time; what is due at the
// instant itself waits for a Step without an input, so that all that happens at one instant comes before it; an
// order at rest is met by a book or a trade at once. An error
// would mean that the account refuses its own decision, after which the engine is of no use.
func (e *Engine) Step(at time.Time, in *Input) ([]order.Event, error) {
	var out []order.Event
	for {
		due, ok := e.State.Wake()
		if !ok || due.After(at) || in != nil && due.Equal(at) {
			break
		}
		ev, ok := e.State.Due(due, e.Market)
		if !ok {
			continue // a first look after a restart: what is due next lies ahead
		}
		if err := e.carryOut(&ev); err != nil {
			return out, err
		}
		out = append(out, ev)
	}
	out, err := e.meet(at, out) // orders that have just come to rest are met from now on
	if in == nil || err != nil {
		return out, err
	}
	switch {
	case in.Book != nil:
		e.Market.Book(at, in.Book)
	case in.Trade != nil:
		e.Market.Trade(at, in.Trade)
	case in.Heartbeat != "":
		e.Market.Heartbeat(at, in.Heartbeat)
	case in.Command != nil:
		ev, ok := e.State.Command(in.Command, in.Seq, at, e.Market)
		if !ok {
			break
		}
		if err := e.carryOut(&ev); err != nil {
			return out, err
		}
		out = append(out, ev)
	}
	return e.meet(at, out)
}

// meet carries out what has met the orders at rest.
func (e *Engine) meet(at time.Time, out []order.Event) ([]order.Event, error) {
	for {
		ev, ok := e.State.Match(at, e.Market)
		if !ok {
			return out, nil
		}
		if err := e.carryOut(&ev); err != nil {
			return out, err
		}
		out = append(out, ev)
	}
}

// Wake is when to call Step again although nothing has happened; false if never.
func (e *Engine) Wake() (time.Time, bool) { return e.State.Wake() }

func (e *Engine) carryOut(ev *order.Event) error {
	b, err := order.AppendEvent(e.buf[:0], ev)
	if err != nil {
		return err
	}
	e.buf = b
	if err := e.State.Apply(ev, order.Hash(b)); err != nil {
		return fmt.Errorf("carry out %s: %w", ev.Type, err)
	}
	return nil
}
