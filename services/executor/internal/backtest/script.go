// Package backtest is the engine over records: it runs a market, an order and the commands to it that somebody has written
// down, and says what came of them.
//
// Parse reads such a script and names each fault by its field; Run plays it on a clock of its own, by the code that live
// trading runs, so the same script has the same outcome everywhere. The package is pure: it reads no file and no clock, and
// starts nothing. A Script is not changed by running it.
package backtest

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/pkg/order"
	"github.com/hourglass-trading/hourglass/services/executor/internal/account"
	"github.com/hourglass-trading/hourglass/services/executor/internal/twap"
)

// Script is a market, an order, and what its owner and the server do. Times are milliseconds on a clock of its own.
type Script struct {
	Name        string
	Symbol      market.Symbol
	Instruments []market.Instrument // by exchange
	Base, Quote decimal.Decimal     // what the account has before the order
	Profile     order.Profile
	Params      order.Params
	AcceptMS    int64
	Market      []Event   // by time
	Commands    []Command // by time
}

// Event is something that an exchange says.
type Event struct {
	T          int64
	Exchange   market.Exchange
	Type       string
	Bids, Asks []market.Level // best first; of a delta a quantity of 0 removes the level
	Price, Qty decimal.Decimal
}

// Command is something that the order's owner does, or that happens to the server.
type Command struct {
	T      int64
	Type   string
	Amend  *order.Amendment
	EndsMS *int64 // of an amendment
}

// What an exchange can say, and what can be done.
const (
	snapshot   = "snapshot"
	delta      = "delta"
	trade      = "trade"
	heartbeat  = "heartbeat"
	gap        = "gap"
	disconnect = "disconnect"

	serverDown = "server_down"
	serverUp   = "server_up"
)

const (
	// maxMS bounds every time: some thirty years, far from where a time.Duration ends.
	maxMS = int64(1_000_000_000_000)
	// maxLatencyMS and maxMemoryMS are those that the server's own configuration has.
	maxLatencyMS = 60_000
	maxMemoryMS  = 86_400_000
)

// epoch is the zero of the scripts' clocks, so that an instant of one is a time of the engine.
var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func instant(ms int64) time.Time { return epoch.Add(time.Duration(ms) * time.Millisecond) }

func since(t time.Time) int64 { return t.Sub(epoch).Milliseconds() }

// Parse reads a script. An error is of type Faults and names the fields.
func Parse(text []byte) (*Script, error) {
	r := &reader{}
	root := r.decode(text)
	if root == nil {
		return nil, r.faults
	}
	s := &Script{Name: root.text("name", "")}
	s.readInstrument(root.child("instrument"))
	account := root.child("account")
	s.Base, s.Quote = account.amount("base", decimal.Decimal{}), account.amount("quote", decimal.Decimal{})
	account.closed()
	s.readSim(root.child("sim"))
	s.readOrder(root.child("order"))
	for i, v := range root.list("market") {
		s.Market = append(s.Market, s.readEvent(r.object(element("market", i), v)))
	}
	for i, v := range root.list("commands") {
		s.Commands = append(s.Commands, readCommand(r.object(element("commands", i), v)))
	}
	slices.SortStableFunc(s.Market, func(a, b Event) int { return cmp.Compare(a.T, b.T) })
	slices.SortStableFunc(s.Commands, func(a, b Command) int { return cmp.Compare(a.T, b.T) })
	if len(r.faults) > 0 {
		return nil, r.faults
	}
	return s, nil
}

func element(name string, i int) string { return name + "[" + strconv.Itoa(i) + "]" }

func (s *Script) readInstrument(o *object) {
	symbol, err := market.ParseSymbol(o.text("symbol", ""))
	if err != nil && o.members != nil {
		o.r.add(o.at("symbol"), "must be BASE-QUOTE, such as BTC-USDT")
	}
	s.Symbol = symbol
	s.Profile.TakerFeeBps, s.Profile.LatencyMSBy = map[market.Exchange]decimal.Decimal{}, map[market.Exchange]int64{}
	exchanges := o.child("exchanges")
	for _, name := range slices.Sorted(maps.Keys(exchanges.members)) {
		e, err := market.ParseExchange(name)
		if err != nil {
			o.r.add(exchanges.at(name), "is not the name of an exchange")
		}
		in := exchanges.child(name)
		s.Instruments = append(s.Instruments, market.Instrument{
			Exchange: e, Symbol: symbol, Status: market.Trading,
			QuantityStep: in.positive("quantity_step"), PriceTick: in.positive("price_tick"),
			MinQuantity: in.amount("min_quantity", decimal.Decimal{}), MinNotional: in.amount("min_notional", decimal.Decimal{}),
		})
		s.Profile.TakerFeeBps[e] = in.amount("taker_fee_bps", decimal.Decimal{})
		if in.get("latency_ms") != nil {
			s.Profile.LatencyMSBy[e] = in.whole("latency_ms", 0, 0, maxLatencyMS)
		}
		in.closed()
	}
	if len(s.Instruments) == 0 && exchanges.members != nil {
		o.r.add(exchanges.path, "names no exchange")
	}
	o.closed()
}

func (s *Script) readSim(o *object) {
	p := account.StandardProfile()
	p.TakerFeeBps, p.LatencyMSBy = s.Profile.TakerFeeBps, s.Profile.LatencyMSBy
	p.Preset = "script"
	p.LatencyMS = o.whole("latency_ms", p.LatencyMS, 0, maxLatencyMS)
	p.StaleAfterMS = o.whole("stale_after_ms", p.StaleAfterMS, 1, maxMS)
	p.LiquidityMemoryMS = o.whole("liquidity_memory_ms", p.LiquidityMemoryMS, 0, maxMemoryMS)
	p.VisibleShare = o.amount("visible_share", p.VisibleShare)
	if p.VisibleShare.Sign() <= 0 || p.VisibleShare.Cmp(decimal.One) > 0 {
		o.r.add(o.at("visible_share"), "must be above 0 and at most 1")
	}
	p.MemoryScope = o.text("memory_scope", p.MemoryScope)
	if p.MemoryScope != twap.ScopeAccount && p.MemoryScope != twap.ScopeOrder {
		o.r.add(o.at("memory_scope"), "must be account or order")
	}
	o.closed()
	s.Profile = p
}

func (s *Script) readEvent(o *object) Event {
	e := Event{Type: o.text("type", "")}
	if o.need("t") {
		e.T = o.whole("t", 0, -maxMS, maxMS)
	}
	e.Exchange = market.Exchange(o.text("exchange", ""))
	if !slices.ContainsFunc(s.Instruments, func(in market.Instrument) bool { return in.Exchange == e.Exchange }) {
		o.r.add(o.at("exchange"), "%.40q is not one of instrument.exchanges", string(e.Exchange))
	}
	switch e.Type {
	case snapshot, delta:
		e.Bids, e.Asks = o.levels("bids", e.Type == delta), o.levels("asks", e.Type == delta)
		slices.SortFunc(e.Bids, func(a, b market.Level) int { return b.Price.Cmp(a.Price) })
		slices.SortFunc(e.Asks, func(a, b market.Level) int { return a.Price.Cmp(b.Price) })
	case trade:
		e.Price, e.Qty = o.positive("price"), o.positive("qty")
	case heartbeat, gap, disconnect:
	default:
		o.r.add(o.at("type"), "must be one of %v", []string{snapshot, delta, trade, heartbeat, gap, disconnect})
	}
	return e
}

// levels returns a side of a book, whose prices must differ. In a snapshot a quantity of 0 is no level.
func (o *object) levels(name string, changes bool) []market.Level {
	var out []market.Level
	seen := map[decimal.Decimal]bool{}
	for i, v := range o.list(name) {
		path := element(o.at(name), i)
		pair, _ := v.([]any)
		if len(pair) != 2 {
			o.r.add(path, `must be ["price", "quantity"]`)
			continue
		}
		price, quantity := o.r.number(path+"[0]", pair[0]), o.r.number(path+"[1]", pair[1])
		if price == nil || quantity == nil {
			continue
		}
		switch {
		case price.Sign() <= 0:
			o.r.add(path+"[0]", "must be above 0")
		case quantity.Sign() < 0:
			o.r.add(path+"[1]", "must not be below 0")
		case seen[*price]:
			o.r.add(path+"[0]", "is there twice")
		case changes || quantity.Sign() > 0:
			out = append(out, market.Level{Price: *price, Quantity: *quantity})
		}
		seen[*price] = true
	}
	return out
}

func readCommand(o *object) Command {
	c := Command{Type: o.text("type", "")}
	if o.need("t") {
		c.T = o.whole("t", 0, -maxMS, maxMS)
	}
	switch c.Type {
	case string(order.Amend):
		c.Amend = &order.Amendment{
			LimitPrice: o.number("limit_price"), Quantity: o.number("quantity"),
			MaxSlippageBps: o.number("max_slippage_bps"), ParticipationCap: o.number("participation_cap"),
		}
		if o.get("ends_ms") != nil {
			ends := o.whole("ends_ms", 0, -maxMS, maxMS)
			c.EndsMS = &ends
		}
	case string(order.Pause), string(order.Resume), string(order.Cancel), serverDown, serverUp:
	default:
		o.r.add(o.at("type"), "must be one of %v", []string{"pause", "resume", "cancel", "amend", serverDown, serverUp})
	}
	o.closed()
	return c
}
