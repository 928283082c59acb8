package venue

import (
	"strings"
	"time"

	"github.com/hourglass-trading/hourglass/services/simulator/internal/market"
	"github.com/hourglass-trading/hourglass/services/simulator/internal/replay"
	"github.com/hourglass-trading/hourglass/services/simulator/internal/span"
)

// Replay is a Market of recordings. Each begins to play when one of its symbols is first subscribed to.
type Replay struct {
	words       Words
	instruments []Instrument
	players     map[string]*replay.Player
}

// NewReplay returns an empty market; Add fills it before it is used.
func NewReplay(words Words) *Replay {
	return &Replay{words: words, players: map[string]*replay.Player{}}
}

// Add offers a symbol of a recording. It never fails.
func (m *Replay) Add(p *replay.Player, i replay.Instrument) error {
	step := market.Step(i.QtyDecimals)
	m.instruments = append(m.instruments, Instrument{
		Symbol: i.Symbol, Base: i.Base, Quote: i.Quote, Entry: i.Entry, Tick: market.Step(i.PriceDecimals), Step: step, MinQty: step, MinValue: "1",
	})
	m.players[i.Symbol] = p
	return nil
}

// Now implements Market. It is the wall clock: recordings of several days may play at once.
func (m *Replay) Now() time.Time { return time.Now() }

// Instruments implements Market.
func (m *Replay) Instruments() []Instrument { return m.instruments }

// Changed implements Market; recorded tapes are complete.
func (m *Replay) Changed() <-chan struct{} { return nil }

// Book implements Market.
func (m *Replay) Book(symbol string, n int) (Book, error) {
	p := m.players[symbol]
	now := time.Now()
	picture, ok, err := p.Book(symbol, n, now)
	if err != nil {
		return Book{}, err
	}
	if !ok {
		return Book{}, ErrNoBook
	}
	return Book{Bids: recordedLevels(picture.Bids), Asks: recordedLevels(picture.Asks), At: p.Now(now)}, nil
}

func recordedLevels(side []replay.Level) []Level {
	out := make([]Level, len(side))
	for i, l := range side {
		out[i] = Level{string(l.Price), string(l.Qty)}
	}
	return out
}

// Trades implements Market.
func (m *Replay) Trades(symbol string, n int) ([]Trade, error) {
	trades, err := m.players[symbol].Trades(symbol, n, time.Now())
	if err != nil {
		return nil, err
	}
	out := make([]Trade, 0, len(trades))
	for i := range trades {
		t := &trades[i]
		out = append(out, Trade{t.ID, t.Seq, t.Price, t.Qty, t.At, t.Sell})
	}
	return out, nil
}

// Candles implements Market.
func (m *Replay) Candles(symbol string, s span.Span, w span.Window) ([]Candle, error) {
	all, err := m.players[symbol].Candles(symbol, s, time.Now())
	if err != nil {
		return nil, err
	}
	lo, hi := w.Cut(len(all), func(i int) time.Time { return all[i].Start })
	out := make([]Candle, 0, hi-lo)
	for i := lo; i < hi; i++ {
		c := &all[i]
		out = append(out, Candle{c.Start, c.Next, c.Open, c.High, c.Low, c.Close, Short(c.Base(8)), Short(c.Quote(8)), c.Trades})
	}
	return out, nil
}

// Follow implements Market. Who subscribes to a book that is already being played gets it as it stands; who subscribes before
// its recorded picture gets that one.
func (m *Replay) Follow(t Topic) (Stream, error) {
	p := m.players[t.Symbol]
	now := time.Now()
	kind, _ := m.words.Channel(t.Channel)
	p.Start(now)
	if kind.Kind != Books {
		out := Stream{Topic: t}
		if recorded, pos, ok := p.Tape(t.Key(), now); ok {
			out.Tape, out.Pos = recorded, pos
		}
		return out, nil
	}
	name := p.BookStream(t.Symbol)
	recorded, _, ok := p.Tape(name, now)
	if !ok {
		return Stream{}, ErrNoBook
	}
	picture, begun, err := p.Book(t.Symbol, 0, now)
	if err != nil {
		return Stream{}, err
	}
	t.Channel, _, _ = strings.Cut(name, " ")
	// The book may have been played a little further than now by somebody else: the two must meet.
	out := Stream{Topic: t, Tape: recorded, Pos: picture.Next}
	if begun {
		out.Picture, err = m.picture(t, p, kind, picture, now)
	}
	return out, err
}

// picture spells a book that was built from recorded messages.
func (m *Replay) picture(t Topic, p *replay.Player, kind Channel, picture replay.Picture, now time.Time) ([]byte, error) {
	msg := &BookMessage{
		Topic: t, Picture: true, Bids: recordedLevels(picture.Bids), Asks: recordedLevels(picture.Asks), Prev: -1, At: p.Now(now),
		Recorded: p.Streams[t.Key()].Frames[picture.Next-1].Data,
	}
	msg.BestBids, msg.BestAsks = msg.Bids[:min(kind.Best, len(msg.Bids))], msg.Asks[:min(kind.Best, len(msg.Asks))]
	if kind.WithTrades {
		past, err := m.Trades(t.Symbol, keepPast)
		if err != nil {
			return nil, err
		}
		msg.Past = past
	}
	return m.words.Book(msg), nil
}
