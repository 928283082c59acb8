package stream

import (
	"bytes"
	"context"
	"encoding/json"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/services/gateway/internal/view"
)

// channelKey is what subscriptions share.
type channelKey struct {
	stream   string
	exchange market.Exchange
	symbol   market.Symbol
	interval string
}

// channel is one stream of one symbol of one exchange, or of all that list it. It makes each body once.
type channel struct {
	key   channelKey
	users int // guarded by Hub.mu

	opening sync.Once
	opened  atomic.Bool
	err     error // why it could not be opened
	feeds   []*view.Feed
	stops   []func()

	mu     sync.Mutex // guards what follows
	subs   map[*subscription]struct{}
	cached map[int]cachedBook // by depth: at most maxDepth
	touch  body               // the newest
}

type cachedBook struct {
	version uint64
	silent  uint64
	data    []byte
}

// join returns the channel of a key, opened. part gives it back.
func (h *Hub) join(ctx context.Context, key channelKey, instruments []market.Instrument) (*channel, error) {
	h.mu.Lock()
	c := h.channels[key]
	if c == nil {
		c = &channel{key: key, subs: map[*subscription]struct{}{}, cached: map[int]cachedBook{}}
		h.channels[key] = c
	}
	c.users++
	h.mu.Unlock()
	c.opening.Do(func() { c.err = c.open(ctx, h.market, instruments) })
	if c.err != nil {
		h.part(c)
		return nil, c.err
	}
	return c, nil
}

func (h *Hub) part(c *channel) {
	h.mu.Lock()
	c.users--
	last := c.users == 0
	if last {
		delete(h.channels, c.key)
	}
	h.mu.Unlock()
	if last {
		c.close(h.market)
	}
}

func (c *channel) open(ctx context.Context, m *view.Market, instruments []market.Instrument) error {
	var receive func(view.Update)
	subject := bus.BookSubject
	switch c.key.stream {
	case streamBook:
		receive = func(view.Update) { c.arrived() }
	case streamTouch:
		receive = func(u view.Update) { c.touched(u.At) }
	case streamTrades:
		subject, receive = bus.TradeSubject, c.traded
	case streamKlines:
		interval, err := bus.ParseInterval(c.key.interval)
		if err != nil {
			return err
		}
		subject = func(e market.Exchange, s market.Symbol) string { return bus.KlineSubject(e, s, interval) }
		receive = c.candle
	}
	for _, in := range instruments {
		f, err := m.Open(ctx, subject(in.Exchange, in.Symbol), in.Exchange, in.Symbol)
		if err != nil {
			return err // what is open is closed with the channel
		}
		c.feeds = append(c.feeds, f)
	}
	for _, f := range c.feeds {
		c.stops = append(c.stops, f.Listen(receive))
	}
	c.opened.Store(true)
	return nil
}

// close gives the feeds back. They stay readable, because a look may be under way.
func (c *channel) close(m *view.Market) {
	for _, stop := range c.stops {
		stop()
	}
	for _, f := range c.feeds {
		m.Close(f)
	}
}

// add lets a subscription take part; of touches it gets the newest at once.
func (c *channel) add(sub *subscription) {
	c.mu.Lock()
	c.subs[sub] = struct{}{}
	c.mu.Unlock()
	if c.key.stream == streamTouch {
		c.touched(time.Now())
		c.mu.Lock()
		newest := c.touch
		c.mu.Unlock()
		if newest.data != nil {
			sub.push(newest)
		}
	}
}

func (c *channel) remove(sub *subscription) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.subs, sub)
}

func (c *channel) push(b body) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for sub := range c.subs {
		sub.push(b)
	}
}

// arrived wakes those that wait for their first book.
func (c *channel) arrived() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for sub := range c.subs {
		sub.waken()
	}
}

// known reports whether there is a book of any exchange.
func (c *channel) known() bool {
	for _, f := range c.feeds {
		if f.Newest().N > 0 {
			return true
		}
	}
	return false
}

// books returns the newest book of each exchange, and what distinguishes this state from any other: the number of
// payloads so far, and which exchanges have fallen silent.
func (c *channel) books(now time.Time) (books []*market.Book, version, silent uint64) {
	for i, f := range c.feeds {
		version += f.Newest().N
		b, err := f.Book(now)
		if err != nil || b == nil {
			b = &market.Book{Exchange: f.Exchange(), Symbol: c.key.symbol, State: market.Down, Reason: "no book yet"}
		}
		if b.State != market.Live {
			silent |= 1 << (i % 64)
		}
		books = append(books, b)
	}
	return books, version, silent
}

// bookBody is a book in a frame. The book's own number is book_seq, because seq counts the frames.
type bookBody struct {
	State        market.State    `json:"state"`
	Reason       string          `json:"reason,omitempty"`
	BookSeq      uint64          `json:"book_seq,omitempty"`
	ExchangeSeq  uint64          `json:"exchange_seq,omitempty"`
	ExchangeTime time.Time       `json:"exchange_time,omitzero"`
	ReceivedAt   time.Time       `json:"received_at,omitzero"`
	AliveAt      time.Time       `json:"alive_at,omitzero"`
	Sources      []market.Source `json:"sources,omitempty"`
	Bids         any             `json:"bids"`
	Asks         any             `json:"asks"`
}

// book returns the body of the newest book with the given depth.
func (c *channel) book(depth int, now time.Time) []byte {
	books, version, silent := c.books(now)
	c.mu.Lock()
	defer c.mu.Unlock()
	if hit, ok := c.cached[depth]; ok && hit.version == version && hit.silent == silent {
		return hit.data
	}
	var data []byte
	if c.key.exchange != market.All && len(books) == 1 {
		b := books[0]
		data = encode(bookBody{
			State: b.State, Reason: b.Reason, BookSeq: b.Seq, ExchangeSeq: b.ExchangeSeq, ExchangeTime: b.ExchangeTime,
			ReceivedAt: b.ReceivedAt, AliveAt: b.AliveAt, Bids: view.Cut(b.Bids, depth), Asks: view.Cut(b.Asks, depth),
		})
	} else {
		data = c.merged(books, depth)
	}
	c.cached[depth] = cachedBook{version: version, silent: silent, data: data}
	return data
}

func (c *channel) merged(books []*market.Book, depth int) []byte {
	m, err := market.Merge(c.key.symbol, books, depth)
	if err != nil {
		return encode(bookBody{State: market.Down, Reason: err.Error(), Bids: []int{}, Asks: []int{}})
	}
	b := bookBody{State: market.Down, Reason: "no exchange has a live book", Sources: m.Sources, Bids: m.Bids, Asks: m.Asks}
	for _, source := range m.Sources {
		if source.State == market.Live {
			b.State, b.Reason = market.Live, ""
		}
	}
	return encode(b)
}

// side is one side of a touch.
type side struct {
	Price    decimal.Decimal `json:"price"`
	Quantity decimal.Decimal `json:"quantity"`
	Exchange market.Exchange `json:"exchange"`
}

type touchBody struct {
	State market.State `json:"state"`
	Bid   *side        `json:"bid"` // null: there is none
	Ask   *side        `json:"ask"`
}

// touched tells the best bid and ask over the live books if they have changed.
func (c *channel) touched(now time.Time) {
	c.mu.Lock() // over the look too: of two at once the later one must win
	defer c.mu.Unlock()
	books, _, _ := c.books(now)
	t := touchBody{State: market.Down}
	for _, b := range books {
		if b.State != market.Live || b.Crossed() {
			continue
		}
		t.State = market.Live
		if l, ok := b.Best(market.Sell); ok && (t.Bid == nil || t.Bid.Price.Less(l.Price)) {
			t.Bid = &side{l.Price, l.Quantity, b.Exchange}
		}
		if l, ok := b.Best(market.Buy); ok && (t.Ask == nil || l.Price.Less(t.Ask.Price)) {
			t.Ask = &side{l.Price, l.Quantity, b.Exchange}
		}
	}
	data := encode(t)
	if bytes.Equal(data, c.touch.data) {
		return
	}
	c.touch = body{data: data, touch: &t}
	for sub := range c.subs {
		sub.push(c.touch)
	}
}

// traded passes a trade on. The exchange's own id is trade_id, and its name source, because a frame has an exchange: the
// one that was subscribed to.
func (c *channel) traded(u view.Update) {
	var t market.Trade
	if json.Unmarshal(u.Payload, &t) != nil {
		return // the collector's own test would have to fail first
	}
	c.push(body{data: encode(struct {
		Source       market.Exchange `json:"source"`
		TradeID      string          `json:"trade_id"`
		Price        decimal.Decimal `json:"price"`
		Quantity     decimal.Decimal `json:"quantity"`
		TakerSide    market.Side     `json:"taker_side"`
		ExchangeTime time.Time       `json:"exchange_time,omitzero"`
		ReceivedAt   time.Time       `json:"received_at"`
	}{t.Exchange, t.ID, t.Price, t.Quantity, t.TakerSide, t.ExchangeTime, t.ReceivedAt})})
}

func (c *channel) candle(u view.Update) {
	var k bus.Kline
	if json.Unmarshal(u.Payload, &k) != nil {
		return
	}
	c.push(body{data: encode(k.Candle), open: !k.Complete})
}
