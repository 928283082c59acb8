package account_test

import (
	"fmt"
	"slices"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/pkg/order"
	"github.com/hourglass-trading/hourglass/services/executor/internal/account"
	"github.com/hourglass-trading/hourglass/services/executor/internal/twap"
)

// dice is where a scenario gets its chances from: rapid, or the bytes of a fuzz tape.
type dice interface {
	roll(n int) int // 0…n-1
}

// happening is an input and its time.
type happening struct {
	at time.Time
	in account.Input
}

// scenario is a small world made at random: exchanges, an account, and all that happens.
type scenario struct {
	cfg         *account.Config
	instruments []market.Instrument
	tape        []happening
	end         time.Time
}

const pair market.Symbol = "BTC-USDT"

func pick[T any](d dice, of ...T) T { return of[d.roll(len(of))] }

// newScenario makes a world in which so many things happen.
func newScenario(d dice, happenings int) *scenario {
	s := &scenario{cfg: &account.Config{Market: "sim"}}
	profile := account.StandardProfile()
	profile.LatencyMS = pick(d, int64(0), 50, 700, 4000)
	profile.StaleAfterMS = pick(d, int64(3000), 60_000)
	profile.LiquidityMemoryMS = pick(d, int64(0), 5000, 30_000)
	profile.MemoryScope = pick(d, "account", "order")
	profile.VisibleShare = pick(d, decimal.One, decimal.MustParse("0.37"))
	profile.TakerFeeBps, profile.LatencyMSBy = map[market.Exchange]decimal.Decimal{}, map[market.Exchange]int64{}
	profile.MakerFeeBps = map[market.Exchange]decimal.Decimal{}
	for _, e := range []market.Exchange{"binance", "kraken", "okx"}[:1+d.roll(3)] {
		profile.TakerFeeBps[e] = pick(d, decimal.Decimal{}, decimal.MustParse("10"), decimal.MustParse("25.5"))
		if d.roll(2) == 0 {
			profile.MakerFeeBps[e] = pick(d, decimal.Decimal{}, decimal.MustParse("4"), decimal.MustParse("30"))
		}
		if d.roll(3) == 0 {
			profile.LatencyMSBy[e] = int64(d.roll(2000))
		}
		s.instruments = append(s.instruments, market.Instrument{
			Exchange: e, Symbol: pair, Status: market.Trading, PriceTick: pick(d, decimal.MustParse("0.01"), decimal.MustParse("0.05")),
			QuantityStep: pick(d, decimal.MustParse("0.01"), decimal.MustParse("0.1"), decimal.MustParse("0.025")),
			MinQuantity:  decimal.MustParse("0.1"), MinNotional: pick(d, decimal.MustParse("5"), decimal.MustParse("40")),
		})
	}
	s.cfg.Profile = profile
	s.cfg.Opening = []order.Amount{
		{Asset: "BTC", Amount: decimal.New(int64(20+d.roll(200)), 0)}, {Asset: "USDT", Amount: decimal.New(int64(500+d.roll(40_000)), 0)},
	}
	s.write(d, happenings)
	return s
}

// write writes the tape: happenings up to some seconds apart.
func (s *scenario) write(d dice, happenings int) {
	at := epoch
	add := func(in account.Input) {
		in.Seq = uint64(len(s.tape) + 1)
		s.tape = append(s.tape, happening{at, in})
	}
	command := func(c order.Command) {
		c.ID, c.Account = fmt.Sprintf("c%d", len(s.tape)), owner
		add(account.Input{Command: &c})
	}
	command(order.Command{Type: order.OpenAccount})
	for i := range s.instruments {
		add(account.Input{Book: s.book(d, i, market.Live)})
	}
	command(s.create(d, 0))
	placed := 1
	for range happenings {
		at = at.Add(time.Duration(d.roll(4)*d.roll(900)) * time.Millisecond)
		i := d.roll(len(s.instruments))
		switch d.roll(12) {
		case 0, 1, 2, 3, 4:
			add(account.Input{Book: s.book(d, i, market.Live)})
		case 5:
			add(account.Input{Book: s.book(d, i, pick(d, market.Gapped, market.Down, market.Stale))})
		case 6, 7:
			add(account.Input{Trade: &market.Trade{
				Exchange: s.instruments[i].Exchange, Symbol: pair, Price: decimal.New(int64(9900+d.roll(200)), 2), Quantity: decimal.New(int64(1+d.roll(900)), 2),
				ID: fmt.Sprintf("print%d", len(s.tape)), TakerSide: pick(d, market.Buy, market.Sell, ""),
			}})
		case 8:
			add(account.Input{Heartbeat: s.instruments[i].Exchange})
		case 9:
			if placed < 3 {
				command(s.create(d, placed))
				placed++
			} else if placed < 8 {
				command(createPlain(d, placed))
				placed++
			}
		default:
			command(s.change(d, placed, at))
		}
	}
	s.end = at.Add(48 * time.Hour)
	at = at.Add(time.Hour)
	for n := range placed { // what still rests would for a quarter, far longer than commands are remembered
		command(order.Command{Type: order.Cancel, OrderID: order.NewID(owner, fmt.Sprintf("t%d", n))})
	}
}

// book makes a book around 100 with up to six levels a side; some are crossed or have an empty side.
func (s *scenario) book(d dice, i int, state market.State) *market.Book {
	in := &s.instruments[i]
	b := &market.Book{Exchange: in.Exchange, Symbol: pair, State: state, Seq: uint64(len(s.tape) + 1)}
	tick := in.PriceTick
	mid, _ := decimal.New(int64(98+d.roll(5)), 0).FloorSteps(tick)
	bid, ask := mid-int64(d.roll(3)), mid+1+int64(d.roll(5))
	for range d.roll(7) {
		p, _ := decimal.FromSteps(bid, tick)
		b.Bids = append(b.Bids, market.Level{Price: p, Quantity: decimal.New(int64(1+d.roll(800)), 2)})
		bid -= int64(1 + d.roll(60))
	}
	for range d.roll(7) {
		p, _ := decimal.FromSteps(ask, tick)
		b.Asks = append(b.Asks, market.Level{Price: p, Quantity: decimal.New(int64(1+d.roll(800)), 2)})
		ask += int64(1 + d.roll(60))
	}
	return b
}

func (s *scenario) create(d dice, n int) order.Command {
	p := order.Defaults()
	p.TokenID, p.Symbol, p.Side = fmt.Sprintf("t%d", n), pair, pick(d, market.Buy, market.Sell)
	p.Quantity = decimal.New(int64(1+d.roll(300)), 1)
	p.DurationSeconds = 5 + d.roll(60)
	if d.roll(2) == 0 {
		p.Slices = 1 + d.roll(12)
	} else {
		p.IntervalSeconds = 1 + d.roll(15)
	}
	if d.roll(3) == 0 {
		p.LimitPrice = ptr(decimal.New(int64(97+d.roll(7)), 0))
	}
	p.MaxSlippageBps = pick(d, nil, ptr(decimal.New(20, 0)), ptr(decimal.New(300, 0)))
	if d.roll(3) == 0 {
		p.ParticipationCap = ptr(pick(d, decimal.MustParse("0.1"), decimal.MustParse("0.333"), decimal.One))
	}
	p.CatchUp = pick(d, order.CatchUpNone, order.CatchUpNext, order.CatchUpSpread)
	p.CatchUpMaxMultiple = pick(d, decimal.One, decimal.MustParse("1.7"), decimal.MustParse("3"))
	p.EndPolicy = pick(d, order.EndExpire, order.EndSweep)
	p.Routing = pick(d, order.RouteAllIn, order.RoutePrice)
	p.RandomizeSizeBps, p.RandomizeTimeBps = pick(d, 0, 2500), pick(d, 0, 9000)
	return order.Command{Type: order.CreateTWAP, TWAP: &p}
}

func createPlain(d dice, n int) order.Command {
	p := order.Plain{
		TokenID: fmt.Sprintf("t%d", n), Symbol: pair, Side: pick(d, market.Buy, market.Sell), Type: pick(d, order.Market, order.Limit),
		Quantity: decimal.New(int64(1+d.roll(300)), 1), TimeInForce: pick(d, order.IOC, order.FOK, order.GTC, order.GTC, order.GTC),
	}
	if p.TimeInForce == order.GTC {
		p.Type = order.Limit
	}
	if p.Type == order.Limit {
		p.Price = ptr(decimal.New(int64(97+d.roll(7)), 0))
	}
	p.SetDefaults()
	return order.Command{Type: order.CreatePlain, Plain: &p}
}

func (s *scenario) change(d dice, placed int, at time.Time) order.Command {
	c := order.Command{
		OrderID: order.NewID(owner, fmt.Sprintf("t%d", d.roll(placed))),
		Type:    pick(d, order.Cancel, order.Pause, order.Resume, order.Resume, order.Amend, order.Amend, order.Amend, order.Deposit),
	}
	switch c.Type {
	case order.Deposit:
		c.Deposit = &order.Amount{Asset: "USDT", Amount: decimal.New(int64(d.roll(1000)), 1)}
	case order.Amend:
		c.Amend = &order.Amendment{}
		if d.roll(2) == 0 {
			c.Amend.Quantity = ptr(decimal.New(int64(1+d.roll(300)), 1))
		}
		if d.roll(3) == 0 {
			c.Amend.EndsAt = at.Add(time.Duration(d.roll(60_000)) * time.Millisecond)
		}
		if d.roll(3) == 0 {
			c.Amend.LimitPrice = ptr(decimal.New(int64(97+d.roll(7)), 0))
		}
		if d.roll(4) == 0 {
			c.Amend.ParticipationCap = ptr(decimal.MustParse("0.5"))
		}
	}
	return c
}

func ptr[T any](v T) *T { return &v }

// start returns an engine that knows what is listed.
func (s *scenario) start(state *account.State) *account.Engine {
	e := &account.Engine{State: state, Market: twap.NewMarket()}
	for _, in := range s.instruments {
		e.Market.SetInstruments(in.Exchange, []market.Instrument{in})
	}
	return e
}

// play feeds what happens after an instant to an engine, and all commands again: those that are folded in yield nothing.
func (s *scenario) play(t tb, e *account.Engine, after time.Time) []order.Event {
	t.Helper()
	var events []order.Event
	step := func(at time.Time, in *account.Input) {
		got, err := e.Step(at, in)
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, got...)
	}
	for i := range s.tape {
		switch h := &s.tape[i]; {
		case h.at.After(after):
			step(h.at, &h.in)
		case h.in.Command != nil:
			step(after, &h.in)
		}
	}
	step(s.end, nil)
	return events
}

func (s *scenario) run(t tb) ([]order.Event, *account.Engine) {
	t.Helper()
	e := s.start(account.New(owner, s.cfg))
	return s.play(t, e, epoch.Add(-1)), e
}

// restart kills the executor after its first n events and lets another one go on.
func (s *scenario) restart(t tb, events []order.Event, n int) ([]order.Event, *account.Engine) {
	t.Helper()
	known := slices.Clone(events[:n])
	at := epoch
	if n > 0 {
		at = known[n-1].At
	}
	e := s.start(refold(t, known, s.cfg))
	e.State.Resume(at.Add(300 * time.Millisecond))
	return append(known, s.play(t, e, at.Add(300*time.Millisecond))...), e
}

// tb is what *testing.T and *rapid.T have in common.
type tb interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}
