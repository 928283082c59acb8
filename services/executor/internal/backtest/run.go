package backtest

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/pkg/order"
	"github.com/hourglass-trading/hourglass/services/executor/internal/account"
)

// owner is the account of a script; there is no other.
const owner order.AccountID = "script"

// Run plays a script from its first event to the final report. An error is a fault of the engine: it contradicts itself.
func Run(s *Script) (*Outcome, error) {
	r := newRun(s)
	cues := r.cues()
	first := s.AcceptMS
	if len(cues) > 0 {
		first = min(first, cues[0].t)
	}
	r.watch(instant(first - 1))
	if err := r.command(instant(first-1), &order.Command{ID: "open", Type: order.OpenAccount}); err != nil {
		return nil, err
	}
	for _, c := range cues {
		if err := c.do(instant(c.t)); err != nil {
			return nil, err
		}
	}
	if r.down { // nobody has brought the server back: what is left is told as if it were, after the end
		end := instant(max(cues[len(cues)-1].t, since(s.Params.StartsAt)+int64(s.Params.DurationSeconds)*1000) + 1)
		if err := r.up(end); err != nil {
			return nil, err
		}
	}
	for {
		next, ok := r.engine.Wake()
		if !ok {
			return r.outcome()
		}
		if err := r.step(next, nil); err != nil {
			return nil, err
		}
	}
}

// run is a script being played.
type run struct {
	script  *Script
	cfg     *account.Config
	engine  *account.Engine
	events  []order.Event
	books   map[market.Exchange]*market.Book
	down    bool
	waiting []*order.Command // sent while the server was down
	seq     uint64
	now     time.Time
	id      order.ID
}

func newRun(s *Script) *run {
	r := &run{
		script: s, books: map[market.Exchange]*market.Book{}, id: order.NewID(owner, tokenID),
		cfg: &account.Config{
			Profile: s.Profile, Market: "replay",
			Opening: []order.Amount{{Asset: s.Symbol.Base(), Amount: s.Base}, {Asset: s.Symbol.Quote(), Amount: s.Quote}},
		},
	}
	r.engine = account.NewEngine(owner, r.cfg)
	r.list()
	return r
}

// list tells the engine what the exchanges list.
func (r *run) list() {
	for _, in := range r.script.Instruments {
		r.engine.Market.SetInstruments(in.Exchange, []market.Instrument{in})
	}
}

// watch lets the market note the mids from the script's first event on.
func (r *run) watch(at time.Time) {
	set := r.script.Params.Exchanges
	if set[0] == market.All {
		set = nil
		for _, in := range r.script.Instruments {
			set = append(set, in.Exchange)
		}
	}
	stale := time.Duration(r.script.Profile.StaleAfterMS) * time.Millisecond
	r.engine.Market.Watch(at, r.script.Symbol, slices.Sorted(slices.Values(set)), stale)
}

// cue is something that happens from outside.
type cue struct {
	t, class int64
	do       func(at time.Time) error
}

// cues returns all that happens from outside, in its order: at one instant the market first, then the acceptance, then
// commands. The engine does what falls due at the instant after them.
func (r *run) cues() []cue {
	cues := make([]cue, 0, len(r.script.Market)+len(r.script.Commands)+1)
	for i := range r.script.Market {
		cues = append(cues, cue{r.script.Market[i].T, 0, func(at time.Time) error { return r.market(at, &r.script.Market[i]) }})
	}
	cues = append(cues, cue{r.script.AcceptMS, 1, func(at time.Time) error {
		p := r.script.Params
		return r.command(at, &order.Command{ID: "create", Type: order.CreateTWAP, TWAP: &p})
	}})
	for i := range r.script.Commands {
		cues = append(cues, cue{r.script.Commands[i].T, 2, func(at time.Time) error { return r.act(at, &r.script.Commands[i]) }})
	}
	slices.SortStableFunc(cues, func(a, b cue) int { return cmp.Or(cmp.Compare(a.t, b.t), cmp.Compare(a.class, b.class)) })
	return cues
}

func (r *run) step(at time.Time, in *account.Input) error {
	events, err := r.engine.Step(at, in)
	r.events = append(r.events, events...)
	r.now = at
	if err != nil {
		return fmt.Errorf("at %d ms: %w", since(at), err)
	}
	return nil
}

// command sends a command. While the server is down it waits, as it does in the command log.
func (r *run) command(at time.Time, c *order.Command) error {
	r.seq++
	c.Account = owner
	if c.ID == "" {
		c.ID = fmt.Sprintf("command-%d", r.seq)
	}
	if r.down {
		r.waiting = append(r.waiting, c)
		return nil
	}
	return r.step(at, &account.Input{Command: c, Seq: r.seq})
}

func (r *run) act(at time.Time, c *Command) error {
	switch c.Type {
	case serverDown:
		if r.down {
			return nil
		}
		r.down = true
		return r.step(at.Add(-1), nil) // what is due at this instant finds nobody
	case serverUp:
		if !r.down {
			return nil
		}
		return r.up(at)
	}
	cmd := &order.Command{Type: order.CommandType(c.Type), OrderID: r.id}
	if c.Amend != nil {
		a := *c.Amend
		if c.EndsMS != nil {
			a.EndsAt = instant(*c.EndsMS)
		}
		cmd.Amend = &a
	}
	return r.command(at, cmd)
}

// up starts the server anew: the account is made from its events alone, and every book needs a new snapshot. The benchmarks
// are a matter of the market, not of the server, so they go on from the last market event that was heard.
func (r *run) up(at time.Time) error {
	r.down = false
	state := account.New(owner, r.cfg)
	for i := range r.events {
		b, err := order.Encode(&r.events[i])
		if err != nil {
			return err
		}
		if err := state.Apply(&r.events[i], order.Hash(b)); err != nil {
			return fmt.Errorf("read the account back: %w", err)
		}
	}
	r.engine.State = state
	r.engine.Market.Lose()
	r.books = map[market.Exchange]*market.Book{}
	state.Resume(at)
	waiting := r.waiting
	r.waiting = nil
	for _, c := range waiting {
		r.seq++
		if err := r.step(at, &account.Input{Command: c, Seq: r.seq}); err != nil {
			return err
		}
	}
	return nil
}

// market takes what an exchange says. While the server is down nobody hears it.
func (r *run) market(at time.Time, e *Event) error {
	if r.down {
		return nil
	}
	old := r.books[e.Exchange]
	if old == nil {
		old = &market.Book{Exchange: e.Exchange, Symbol: r.script.Symbol, State: market.Down}
	}
	next := *old
	next.Seq, next.AliveAt, next.ReceivedAt = old.Seq+1, at, at
	switch e.Type {
	case snapshot:
		next.State, next.Bids, next.Asks = market.Live, e.Bids, e.Asks
	case delta:
		if old.State != market.Live {
			return nil
		}
		next.Bids = change(old.Bids, e.Bids, func(a, b decimal.Decimal) int { return b.Cmp(a) })
		next.Asks = change(old.Asks, e.Asks, decimal.Decimal.Cmp)
	case gap:
		next.State = market.Gapped
	case disconnect:
		next.State = market.Down
	case heartbeat:
		return r.step(at, &account.Input{Heartbeat: e.Exchange})
	case trade:
		return r.step(at, &account.Input{Trade: &market.Trade{
			Exchange: e.Exchange, Symbol: r.script.Symbol, Price: e.Price, Quantity: e.Qty, ReceivedAt: at,
		}})
	}
	r.books[e.Exchange] = &next
	return r.step(at, &account.Input{Book: &next})
}

// change applies absolute sizes to the levels of a side, best first.
func change(levels, deltas []market.Level, order func(a, b decimal.Decimal) int) []market.Level {
	out := slices.Clone(levels)
	for _, d := range deltas {
		i, found := slices.BinarySearchFunc(out, d.Price, func(l market.Level, p decimal.Decimal) int { return order(l.Price, p) })
		switch {
		case found && d.Quantity.IsZero():
			out = slices.Delete(out, i, i+1)
		case found:
			out[i] = d
		case !d.Quantity.IsZero():
			out = slices.Insert(out, i, d)
		}
	}
	return out
}
