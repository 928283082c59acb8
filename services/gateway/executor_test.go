package gateway_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/pkg/order"
)

// executor answers commands by the rules of a few lines: enough to see the gateway relay them.
type executor struct {
	conn *bus.Conn
	mu   sync.Mutex // guards what follows
	acc  map[order.AccountID]*ledger
	mute bool // take commands, answer none
	held []*order.Command
}

type ledger struct {
	version, seq uint64
	prev         string
	done         map[string]bool
	usdt         decimal.Decimal
	orders       map[order.ID]*order.Order
}

func newExecutor(conn *bus.Conn) *executor {
	return &executor{conn: conn, acc: map[order.AccountID]*ledger{}}
}

func (x *executor) run(ctx context.Context) error {
	service, err := x.questions()
	if err != nil {
		return err
	}
	defer func() { _ = service.Stop() }()
	err = x.conn.FollowCommands(ctx, 0, func(m bus.Stored) error {
		var cmd order.Command
		if err := json.Unmarshal(m.Data, &cmd); err != nil {
			return err
		}
		x.mu.Lock()
		defer x.mu.Unlock()
		if x.mute {
			x.held = append(x.held, &cmd)
			return nil
		}
		return x.answer(ctx, &cmd)
	})
	if errors.Is(err, context.Canceled) {
		err = nil
	}
	return err
}

// speak answers what was held back and all that follows.
func (x *executor) speak(ctx context.Context, on bool) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.mute = !on
	if !on {
		return nil
	}
	held := x.held
	x.held = nil
	for _, cmd := range held {
		if err := x.answer(ctx, cmd); err != nil {
			return err
		}
	}
	return nil
}

func (x *executor) of(a order.AccountID) *ledger {
	if x.acc[a] == nil {
		x.acc[a] = &ledger{done: map[string]bool{}, orders: map[order.ID]*order.Order{}, usdt: dec("1000000")}
	}
	return x.acc[a]
}

func (x *executor) answer(ctx context.Context, cmd *order.Command) error {
	l := x.of(cmd.Account)
	if l.done[cmd.ID] {
		return nil
	}
	l.done[cmd.ID] = true
	e := order.Event{ID: cmd.ID, CommandID: cmd.ID, OrderID: cmd.OrderID}
	switch cmd.Type {
	case order.OpenAccount:
		e.Type, e.Balances = order.AccountOpened, l.balances()
	case order.Deposit:
		sum, err := l.usdt.Add(cmd.Deposit.Amount)
		if err != nil || cmd.Deposit.Asset != "USDT" {
			e.Type, e.Rejection = order.CommandRejected, &order.Rejection{Kind: order.Invalid, Code: "validation_failed", Detail: "no such asset"}
			break
		}
		l.usdt = sum
		e.Type, e.Deposit, e.Balances = order.Deposited, cmd.Deposit, l.balances()
	case order.CreateTWAP:
		l.create(*cmd.TWAP, order.TWAP, "", cmd, &e)
	case order.CreatePlain:
		l.create(cmd.Plain.Params(), cmd.Plain.Type, cmd.Plain.TimeInForce, cmd, &e)
	case order.Cancel, order.Pause, order.Resume, order.Amend:
		l.change(cmd, &e)
	default:
		return errors.New("unknown command " + string(cmd.Type))
	}
	if e.Rejection != nil && cmd.TWAP != nil {
		e.TokenID = cmd.TWAP.TokenID
	}
	return x.record(ctx, cmd.Account, &e)
}

func (l *ledger) balances() []order.Balance {
	return []order.Balance{{Asset: "USDT", Total: l.usdt, Available: l.usdt}}
}

func (l *ledger) change(cmd *order.Command, e *order.Event) {
	o := l.orders[cmd.OrderID]
	refuse := func(kind order.RejectionKind, code string) {
		e.Type, e.Rejection = order.CommandRejected, &order.Rejection{Kind: kind, Code: code, Detail: "not now"}
	}
	switch {
	case o.Status.Ended():
		refuse(order.Conflict, "order_ended")
		return
	case cmd.Type == order.Cancel:
		o.Status, o.Reason, e.Type = order.Canceled, order.EndUser, order.OrderEnded
	case cmd.Type == order.Pause && o.Status == order.Paused:
		refuse(order.Conflict, "already_paused")
		return
	case cmd.Type == order.Pause:
		o.Status, e.Type = order.Paused, order.OrderPaused
	case cmd.Type == order.Resume:
		o.Status, e.Type = order.Active, order.OrderResumed
	case cmd.Amend.IfVersion != 0 && cmd.Amend.IfVersion != o.Version:
		refuse(order.Changed, "version_mismatch")
		return
	default:
		if q := cmd.Amend.Quantity; q != nil {
			o.Quantity = *q
		}
		e.Type, e.Amend = order.OrderAmended, cmd.Amend
		e.Schedule = []order.Planned{{K: 2, DueAt: o.EndsAt, Quantity: o.Quantity}}
	}
	o.Version++
	e.Order = ptr(*o)
}

func (l *ledger) create(p order.Params, kind order.Type, tif order.TimeInForce, cmd *order.Command, e *order.Event) {
	if l.orders[cmd.OrderID] != nil {
		e.Type, e.Rejection = order.CommandRejected, &order.Rejection{Kind: order.Conflict, Code: "token_id_exists", Detail: "taken"}
		return
	}
	if l.usdt.Less(p.Quantity) {
		e.Type, e.Rejection = order.CommandRejected, &order.Rejection{
			Kind: order.Invalid, Code: "insufficient_funds", Detail: "not enough",
			Errors: []order.FieldError{{Field: "quantity", Detail: "not enough funds"}},
		}
		e.Refused = &order.Order{
			ID: cmd.OrderID, TokenID: p.TokenID, Type: kind, TimeInForce: tif, Symbol: p.Symbol, Exchanges: []market.Exchange{}, Side: p.Side,
			Status: order.Rejected, Reason: "insufficient_funds", Quantity: p.Quantity, RemainingQuantity: p.Quantity, Params: p, Market: "sim",
		}
		return
	}
	if p.Seed == nil {
		p.Seed = ptr(order.DefaultSeed(cmd.OrderID))
	}
	now := time.Now().UTC()
	o := order.Order{
		ID: cmd.OrderID, TokenID: p.TokenID, Type: kind, TimeInForce: tif, Symbol: p.Symbol, Exchanges: []market.Exchange{"binance", "kraken"}, Side: p.Side,
		Status: order.Active, Quantity: p.Quantity, RemainingQuantity: p.Quantity, CreatedAt: now, StartsAt: now,
		EndsAt: now.Add(time.Duration(p.DurationSeconds) * time.Second), SlicesTotal: 2, Version: 1, Params: p, Market: "sim",
	}
	l.orders[o.ID] = &o
	e.Type, e.Order, e.TokenID = order.OrderAccepted, ptr(o), o.TokenID
	e.Accepted = &order.Acceptance{
		Schedule: []order.Planned{{K: 1, DueAt: now, Quantity: p.Quantity}, {K: 2, DueAt: now.Add(time.Second), Quantity: decimal.Decimal{}}},
		Instruments: []market.Instrument{
			{Exchange: "binance", Symbol: p.Symbol, Native: "BTCUSDT"}, {Exchange: "kraken", Symbol: p.Symbol, Native: "BTC/USDT"},
		},
		Reservation: order.Amount{Asset: "USDT"},
	}
}

// record stores an event of an account.
func (x *executor) record(ctx context.Context, a order.AccountID, e *order.Event) error {
	l := x.of(a)
	e.Account, e.Version, e.Prev, e.At = a, l.version+1, l.prev, time.Now().UTC()
	body, err := order.Encode(e)
	if err != nil {
		return err
	}
	seq, err := x.conn.AppendEvent(ctx, a, e.ID, body, l.seq)
	if err != nil {
		return err
	}
	l.version, l.seq, l.prev = e.Version, seq, order.Hash(body)
	return nil
}

// fill records n slices of an order with a fill each.
func (x *executor) fill(ctx context.Context, a order.AccountID, tokenID string, n int) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	l, id := x.of(a), order.NewID(a, tokenID)
	o := l.orders[id]
	for range n {
		o.SlicesDone++
		o.Version++
		k := o.SlicesDone
		f := order.Fill{
			ID: fmt.Sprintf("%s-%d-binance-1", id, k), OrderID: id, Slice: k, Exchange: "binance", At: time.Now().UTC(), Side: o.Side,
			Price: dec("65000"), Quantity: dec("0.001"), Fee: dec("0.065"), BookSequence: 7, Displayed: dec("0.5"),
		}
		err := x.record(ctx, a, &order.Event{
			ID: fmt.Sprintf("%s-%d-arrived", id, k), Type: order.SliceArrived, OrderID: id, TokenID: tokenID, Order: ptr(*o), Fills: []order.Fill{f},
			Slice: &order.Slice{K: k, DueAt: time.Now().UTC(), Planned: dec("0.001"), Wanted: dec("0.001"), Status: order.SliceFilled, Filled: dec("0.001"), Fills: []order.Fill{f}},
		})
		if err != nil {
			return err
		}
	}
	return nil
}
