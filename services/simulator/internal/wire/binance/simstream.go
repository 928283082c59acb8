package binance

import (
	"strconv"
	"strings"
	"time"

	"github.com/hourglass-trading/hourglass/services/simulator/internal/market"
	"github.com/hourglass-trading/hourglass/services/simulator/internal/span"
	"github.com/hourglass-trading/hourglass/services/simulator/internal/tape"
)

// keepFrames is how many messages of a stream are kept for slow clients: the busiest, some 150 a second, for half a minute.
const keepFrames = 4096

// simStream is one followed stream. It belongs to the floor's lock.
type simStream struct {
	ring      *tape.Ring
	encode    encoder
	followers int
	seq       int64

	// firstID and changed gather the updates of a stream that speaks once a second.
	firstID int64
	changed []market.Change
	index   map[market.Change]int // by side and price, with no quantity

	interval string
	running  *market.Running
	history  func() *market.History
	told     time.Time
}

// encoder puts what an update means for a stream on its tape.
type encoder func(x *simStream, s *simPair, u *market.Update, aggregates []int)

// kindOf knows the streams there are; nil for others.
func kindOf(kind string) encoder {
	switch kind {
	case "depth@100ms":
		return (*simStream).difference
	case "depth", "depth@1000ms":
		return (*simStream).differenceOfASecond
	case "trade":
		return (*simStream).trade
	case "aggTrade":
		return (*simStream).aggTrade
	case "bookTicker":
		return (*simStream).bookTicker
	case "depth5", "depth10", "depth20", "depth5@100ms", "depth10@100ms", "depth20@100ms":
		return partial(kind)
	}
	if interval, ok := strings.CutPrefix(kind, "kline_"); ok {
		if _, ok := span.Binance(interval); ok {
			return (*simStream).kline
		}
	}
	return nil
}

func newSimStream(m *market.Market, s *simPair, kind string, encode encoder) *simStream {
	x := &simStream{ring: tape.NewRing(keepFrames), encode: encode, firstID: s.pair.LastID() + 1, index: map[market.Change]int{}}
	if interval, ok := strings.CutPrefix(kind, "kline_"); ok {
		in, _ := span.Binance(interval)
		x.interval = interval
		x.history = func() *market.History { return m.Recent(s.pair) }
		x.running = market.NewRunning(x.history(), in)
	}
	return x
}

func (x *simStream) append(data []byte) {
	x.seq++
	x.ring.Append(tape.Frame{Due: time.Now(), Seq: x.seq, Data: data})
}

func (x *simStream) difference(s *simPair, u *market.Update, _ []int) {
	if len(u.Changes) > 0 {
		x.append(s.difference(u.At, u.FirstID, u.LastID, u.Changes))
	}
}

func (x *simStream) differenceOfASecond(s *simPair, u *market.Update, _ []int) {
	for _, c := range u.Changes {
		key := market.Change{Bid: c.Bid, Level: market.Level{Price: c.Price}}
		if i, ok := x.index[key]; ok {
			x.changed[i] = c
			continue
		}
		x.index[key] = len(x.changed)
		x.changed = append(x.changed, c)
	}
	if u.At.Nanosecond() != 0 || len(x.changed) == 0 {
		return
	}
	x.append(s.difference(u.At, x.firstID, u.LastID, x.changed))
	x.firstID, x.changed = u.LastID+1, x.changed[:0]
	clear(x.index)
}

// partial shows the best levels whether or not they have changed.
func partial(kind string) encoder {
	number, rate, _ := strings.Cut(strings.TrimPrefix(kind, "depth"), "@")
	n, err := strconv.Atoi(number)
	if err != nil {
		return nil
	}
	return func(x *simStream, s *simPair, u *market.Update, _ []int) {
		if rate == "" && u.At.Nanosecond() != 0 {
			return
		}
		x.append(s.digits.picture(nil, u.LastID, s.pair.Bids(nil, n), s.pair.Asks(nil, n)))
	}
}

func (x *simStream) trade(s *simPair, u *market.Update, _ []int) {
	for i := range u.Trades {
		t := &u.Trades[i]
		b := s.head("trade", t.At)
		b = append(b, `,"t":`...)
		b = strconv.AppendInt(b, t.ID, 10)
		x.append(s.print(b, t, t.Qty))
	}
}

func (x *simStream) aggTrade(s *simPair, u *market.Update, aggregates []int) {
	start := 0
	for i, end := range aggregates {
		group := u.Trades[start:end]
		start = end
		qty := int64(0)
		for _, t := range group {
			qty += t.Qty
		}
		b := s.head("aggTrade", group[0].At)
		b = append(b, `,"a":`...)
		b = strconv.AppendInt(b, s.aggID+int64(i), 10)
		b = append(b, `,"f":`...)
		b = strconv.AppendInt(b, group[0].ID, 10)
		b = append(b, `,"l":`...)
		b = strconv.AppendInt(b, group[len(group)-1].ID, 10)
		x.append(s.print(b, &group[0], qty))
	}
}

func (x *simStream) bookTicker(s *simPair, u *market.Update, _ []int) {
	d := s.digits
	for _, t := range u.Touches {
		b := append(make([]byte, 0, 160), `{"u":`...)
		b = strconv.AppendInt(b, t.ID, 10)
		b = append(b, `,"s":"`...)
		b = append(b, s.symbol...)
		b = d.appendPrice(append(b, `","b":"`...), t.Bid.Price)
		b = d.appendQty(append(b, `","B":"`...), t.Bid.Qty)
		b = d.appendPrice(append(b, `","a":"`...), t.Ask.Price)
		b = d.appendQty(append(b, `","A":"`...), t.Ask.Qty)
		x.append(append(b, `"}`...))
	}
}

// kline speaks every two seconds, every second for the shortest interval, and once when a candle has ended.
func (x *simStream) kline(s *simPair, u *market.Update, _ []int) {
	every := 2 * time.Second
	if x.interval == "1s" {
		every = time.Second
	}
	due := !u.At.Before(x.told.Add(every))
	if !due && u.At.Nanosecond() != 0 {
		return // candles end at whole seconds only
	}
	now, ended := x.running.Look(x.history())
	if ended != nil && ended.Trades > 0 {
		x.candle(s, ended, u.At, true)
	}
	if due && now.Trades > 0 {
		x.told = u.At
		x.candle(s, &now, u.At, false)
	}
}

func (x *simStream) candle(s *simPair, b *market.Bar, at time.Time, closed bool) {
	if data, err := s.digits.candle(b).event(s.symbol, x.interval, at, closed); err == nil {
		x.append(data) // it cannot fail: plain values only
	}
}
