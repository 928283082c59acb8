package executor

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/pkg/order"
	"github.com/hourglass-trading/hourglass/services/executor/internal/account"
)

// writer is an executor: a loop that is driven by hand, and what its other goroutines would bring it. It is the log as its
// loop sees it.
type writer struct {
	*loop
	world  *world
	skew   time.Duration
	busy   bool // the loop is in a call, which waits for the log
	doomed bool // it was killed meanwhile

	claimed []claim // partitions that are being read
	found   *recovered
	places  map[int]bool // partitions whose commands are brought
	round   uint64
	cursor  uint64 // the command brought last
	began   []byte // the account that is being frozen, when that began
}

// boot starts an executor anew; all partitions are given to it.
func (wr *writer) boot() {
	wr.loop = newLoop(wr.world.cfg, wr, slog.New(slog.DiscardHandler))
	wr.now = func() time.Time { return wr.world.now.Add(wr.skew) }
	wr.pause = func(context.Context, time.Duration) error {
		if wr.world.meanwhile(); wr.doomed {
			return errKilled
		}
		return nil
	}
	wr.doomed, wr.claimed, wr.found, wr.places = false, nil, nil, nil
	wr.market.SetInstruments("binance", []market.Instrument{{
		Exchange: "binance", Symbol: btc, Native: "BTCUSDT", Base: "BTC", Quote: "USDT", Status: market.Trading,
		PriceTick: decimal.New(1, 2), QuantityStep: decimal.New(1, 5), MinQuantity: decimal.New(1, 5), MinNotional: decimal.New(5, 0),
	}})
	wr.lease(func(int) bool { return true })
}

// lease tells an executor which partitions it holds from now on.
func (wr *writer) lease(ours func(p int) bool) { wr.hold(wr.world.holdings(ours)) }

// kill ends an executor, at once or as soon as what it waits for is answered: nothing that it does after is seen.
func (wr *writer) kill() {
	if wr.busy {
		wr.doomed = true
		return
	}
	wr.boot()
}

// act has an executor do the next thing that its loop, its recovery or its reader of commands has to do. It reports whether
// there was one.
func (wr *writer) act() (did bool) {
	if wr.busy || wr.world.fault != nil {
		return false
	}
	wr.busy = true
	did, err := wr.turn()
	wr.busy = false
	switch {
	case wr.doomed:
		wr.boot()
	case errors.Is(err, errNetwork): // it has another try
	case err != nil:
		wr.world.fault = err
	}
	return did
}

// turn is what the executor does next.
func (wr *writer) turn() (did bool, err error) {
	ctx := context.Background()
	if wr.found != nil {
		wr.adopt(wr.found, wr.now())
		wr.found = nil
		return true, nil
	}
	if wr.claimed == nil {
		wr.claimed, wr.unasked = wr.unasked, nil
	}
	if wr.claimed != nil {
		r := recovery{events: wr, meters: &wr.meters, log: wr.log}
		found, err := r.read(ctx, wr.claimed)
		if err != nil {
			return true, err
		}
		wr.found, wr.claimed = found, nil
		return true, nil
	}
	wr.takeMarket(wr.now())
	if m := wr.bring(); m != nil {
		err = wr.command(ctx, m)
		did = true
	} else {
		did = len(wr.hot) > 0 || len(wr.timers) > 0 && !wr.timers[0].at.After(wr.now())
		err = wr.due(ctx)
	}
	wr.meet()
	return did || len(wr.hot) > 0, err
}

// save goes on freezing an account, or begins to, and stores the snapshot of one that is whole; now and then one that is
// damaged, or of another format. However much happened to the account since the freeze began, it must not show.
func (wr *writer) save() {
	w := wr.world
	if f := wr.freezing; f == nil || f.of.broken || f.of.left {
		wr.freezing = nil
		a := wr.accounts[w.accounts[w.rng.IntN(len(w.accounts))]]
		if a == nil || a.broken || a.seq == 0 {
			return
		}
		began, err := json.Marshal(a.state)
		if err != nil {
			w.fault = err
			return
		}
		wr.freezing, wr.began = a.freeze(), began
	}
	f := wr.freezing
	if !f.take(w.rng.IntN(4)) {
		return
	}
	wr.freezing = nil
	s, err := w.packer.pack(f)
	if sum := sha256.Sum256(wr.began); err == nil && hex.EncodeToString(sum[:]) != s.Sum {
		err = fmt.Errorf("the snapshot of %s after event %d is not what it was then", s.Account, s.Version)
	}
	if err != nil {
		w.fault = err
		return
	}
	switch w.rng.IntN(8) {
	case 0:
		s.State[w.rng.IntN(len(s.State))] ^= 1 << w.rng.IntN(8)
	case 1:
		s.Seq += uint64(w.rng.IntN(3)) // it may be the place of another event
	case 2:
		s.Format = "0"
	}
	w.snapshots[s.Account] = s
}

// bring returns the next command of the wanted partitions; nil if there is none.
func (wr *writer) bring() *command {
	if after := wr.wanted.after; after != nil {
		wr.places, wr.round, wr.cursor = map[int]bool{}, wr.wanted.round, uint64(len(wr.world.commands))
		for _, p := range after {
			wr.places[p.partition] = true
			wr.cursor = min(wr.cursor, p.done)
		}
		wr.wanted.after = nil
	}
	for wr.cursor < uint64(len(wr.world.commands)) {
		cmd := &wr.world.commands[wr.cursor]
		wr.cursor++
		if wr.places[cmd.Account.Partition()] {
			return &command{bus.Stored{Seq: wr.cursor, Account: cmd.Account, Data: wr.world.bodies[wr.cursor-1]}, wr.round}
		}
	}
	return nil
}

// idle reports whether nothing will ever be due.
func (wr *writer) idle() bool {
	for _, a := range wr.accounts {
		if _, ok := a.state.Wake(); ok {
			return false
		}
	}
	return true
}

// fold makes an account from its events alone, and counts which commands they answer.
func (w *world) fold(id order.AccountID, answers map[string]int) (*account.State, error) {
	s := account.New(id, &account.Config{})
	fills := map[string]bool{}
	for _, m := range w.log.stored {
		if m.Account != id {
			continue
		}
		e, err := order.Decode(m.Data)
		if err != nil {
			return nil, err
		}
		if err := s.Apply(e, order.Hash(m.Data)); err != nil {
			return nil, err
		}
		answers[e.CommandID]++
		for _, f := range e.Fills {
			if fills[f.ID] {
				return nil, fmt.Errorf("fill %s twice", f.ID)
			}
			fills[f.ID] = true
		}
	}
	return s, nil
}

// agree checks that both executors, however they came to it, hold the state that all events make.
func (w *world) agree(s *account.State) error {
	want, err := json.Marshal(s)
	if err != nil {
		return err
	}
	for i, wr := range w.writers {
		a := wr.accounts[s.ID]
		if a == nil || a.broken {
			return fmt.Errorf("executor %d has no account %s, or a broken one", i, s.ID)
		}
		if err := wr.catchUp(context.Background(), s.ID, a); err != nil {
			return err
		}
		got, err := json.Marshal(a.state)
		if err != nil {
			return err
		}
		if !bytes.Equal(got, want) {
			return fmt.Errorf("executor %d holds another state of %s than its events make", i, s.ID)
		}
	}
	return nil
}

func (w *world) send(cmd order.Command) {
	body, err := json.Marshal(&cmd)
	if err != nil {
		w.fault = err
	}
	w.commands, w.bodies = append(w.commands, cmd), append(w.bodies, body)
}
