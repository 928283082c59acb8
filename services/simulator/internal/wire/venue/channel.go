package venue

import (
	"slices"
	"time"

	"github.com/hourglass-trading/hourglass/services/simulator/internal/market"
	"github.com/hourglass-trading/hourglass/services/simulator/internal/tape"
)

// keepFrames is how many messages of a channel are kept for slow clients: more than half a minute.
const keepFrames = 1024

// channel is one followed topic.
type channel struct {
	Channel
	topic     Topic
	ring      *tape.Ring
	followers int
	seq       int64 // of its frames

	bids, asks  []market.Level // the book as its followers have it, where the depth is bounded
	last, count int64          // id of the last change told, number of the last message
	waited      int            // steps since the last message

	running *market.Running
	history func() *market.History

	total  market.Bar // of the last 24 hours, as they were when it was summed
	summed time.Time
	hours  map[time.Time]market.Bar
}

func newChannel(t Topic, kind Channel, s *simPair, fm *market.Market) *channel {
	c := &channel{Channel: kind, topic: t, ring: tape.NewRing(keepFrames)}
	switch kind.Kind {
	case Books, Pictures:
		// An id of the pair begins the count, so that one who comes back finds it grown.
		c.last, c.count = s.pair.LastID(), s.pair.LastID()
		if kind.Depth > 0 {
			c.bids, c.asks = s.pair.Bids(nil, kind.Depth), s.pair.Asks(nil, kind.Depth)
		}
	case Candles:
		c.history = func() *market.History { return fm.Recent(s.pair) }
		c.running = market.NewRunning(c.history(), kind.Span)
	case Tickers:
		c.history, c.hours = func() *market.History { return fm.Recent(s.pair) }, map[time.Time]market.Bar{}
	case Trades, Others:
	}
	return c
}

func (c *channel) append(frames ...[]byte) {
	for _, data := range frames {
		c.seq++
		c.ring.Append(tape.Frame{Due: time.Now(), Seq: c.seq, Data: data})
	}
}

// picture is the book as the followers have it.
func (c *channel) picture(s *simPair, at time.Time) *BookMessage {
	bids, asks := c.bids, c.asks
	if c.Depth == 0 {
		bids, asks = s.pair.Bids(nil, 0), s.pair.Asks(nil, 0)
	}
	m := &BookMessage{
		Topic: c.topic, Picture: true, Bids: s.levels(bids), Asks: s.levels(asks), Seq: c.last, Prev: -1, Count: c.count, At: at,
	}
	m.BestBids, m.BestAsks = m.Bids[:min(c.Best, len(m.Bids))], m.Asks[:min(c.Best, len(m.Asks))]
	if c.WithTrades {
		m.Past = slices.Clone(s.last(keepPast))
	}
	return m
}

func (c *channel) publish(words Words, s *simPair, u *market.Update, trades []Trade) {
	switch c.Kind {
	case Books, Pictures:
		if c.WithTrades && len(trades) > 0 {
			c.append(words.Trades(c.topic, trades)...)
		}
		if c.waited++; c.waited < c.Steps {
			return
		}
		c.waited = 0
		if m := c.difference(s, u); m != nil {
			c.append(words.Book(m))
		}
	case Trades:
		if len(trades) > 0 {
			c.append(words.Trades(c.topic, trades)...)
		}
	case Candles:
		if len(trades) > 0 {
			c.candle(words, s, u)
		}
	case Tickers:
		if len(trades) > 0 {
			c.tick(words, s, u, trades)
		}
	case Others:
	}
}

// difference is what the followers do not have yet, and notes that they have it; nil if that is nothing.
func (c *channel) difference(s *simPair, u *market.Update) *BookMessage {
	var bids, asks []market.Level
	if c.Depth == 0 {
		for _, ch := range u.Changes {
			if ch.Bid {
				bids = append(bids, ch.Level)
			} else {
				asks = append(asks, ch.Level)
			}
		}
	} else {
		nowBids, nowAsks := s.pair.Bids(nil, c.Depth), s.pair.Asks(nil, c.Depth)
		bids, asks = missing(true, c.bids, nowBids), missing(false, c.asks, nowAsks)
		c.bids, c.asks = nowBids, nowAsks
	}
	if len(bids) == 0 && len(asks) == 0 {
		return nil
	}
	m := &BookMessage{Topic: c.topic, Seq: u.LastID, Prev: c.last, Count: c.count + 1, At: u.At}
	c.last, c.count = m.Seq, m.Count
	if c.Kind == Pictures {
		m = c.picture(s, u.At)
		return m
	}
	m.Bids, m.Asks = s.levels(bids), s.levels(asks)
	if c.Best > 0 {
		m.BestBids, m.BestAsks = s.levels(c.bids[:min(c.Best, len(c.bids))]), s.levels(c.asks[:min(c.Best, len(c.asks))])
	}
	return m
}

// missing walks two sides, best first, and returns the entries that turn the old one into the new one.
func missing(bid bool, before, now []market.Level) []market.Level {
	var out []market.Level
	i := 0
	for _, l := range now {
		for ; i < len(before) && before[i].Price != l.Price && (before[i].Price > l.Price) == bid; i++ {
			out = append(out, market.Level{Price: before[i].Price})
		}
		if i < len(before) && before[i].Price == l.Price {
			if before[i].Qty != l.Qty {
				out = append(out, l)
			}
			i++
			continue
		}
		out = append(out, l)
	}
	for ; i < len(before); i++ {
		out = append(out, market.Level{Price: before[i].Price})
	}
	return out
}

func (c *channel) candle(words Words, s *simPair, u *market.Update) {
	now, ended := c.running.Look(c.history())
	if ended != nil && ended.Trades > 0 {
		candle := s.candle(ended)
		c.append(words.Candle(c.topic, &candle, true, u.At))
	}
	if now.Trades > 0 {
		candle := s.candle(&now)
		c.append(words.Candle(c.topic, &candle, false, u.At))
	}
}
