package replay

import (
	"fmt"
	"math"
	"slices"
	"sort"
	"sync"
	"time"

	"github.com/hourglass-trading/hourglass/services/simulator/internal/tape"
)

// Player plays a recording once, from the moment somebody first asks for a stream of it. When the recording has ended, its
// last book stays as it is.
type Player struct {
	*Recording
	speed float64

	mu      sync.Mutex // guards all below
	started time.Time  // zero before the first subscription
	books   map[string]*progress
	trades  map[string][]Trade // all of a symbol's, read at the first question
}

// progress is a symbol's book as far as it has been played.
type progress struct {
	stream *Stream
	anchor body // where books start from an answer over REST
	next   int  // the first message not yet applied
	book   Book
	lastID int64 // likewise
	begun  bool  // the first picture is in the book; changes before it are worth nothing
}

// NewPlayer returns a player that plays speed times as fast as the recording was made.
func NewPlayer(rec *Recording, speed float64) *Player {
	return &Player{Recording: rec, speed: speed, books: map[string]*progress{}, trades: map[string][]Trade{}}
}

// Start begins to play, if it has not begun.
func (p *Player) Start(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.started.IsZero() {
		p.started = now
	}
}

// Due is the moment at which a place of the recording is played; false if playing has not begun.
func (p *Player) Due(at time.Duration) (time.Time, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.due(at), !p.started.IsZero()
}

func (p *Player) due(at time.Duration) time.Time {
	return p.started.Add(time.Duration(float64(at) / p.speed))
}

// position is how much has been played; negative if playing has not begun.
func (p *Player) position(now time.Time) time.Duration {
	if p.started.IsZero() {
		return -1
	}
	// A converted float beyond the range of an int64 would be any number.
	return time.Duration(math.Min(float64(now.Sub(p.started))*p.speed, math.MaxInt64/2))
}

// Now is the recorder's time of what is played at a moment: it stands at the first line before playing begins and at the
// last one when all has been played.
func (p *Player) Now(now time.Time) time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.Recording.Start.Add(min(max(p.position(now), 0), p.Length))
}

// Tape returns a stream as a tape and the position that is played next; false if the recording has no such stream.
func (p *Player) Tape(name string, now time.Time) (tape.Tape, int64, bool) {
	s := p.Streams[name]
	if s == nil {
		return nil, 0, false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return playedStream{p, s}, int64(s.played(p.position(now))), true
}

// played counts the messages up to a place of the recording.
func (s *Stream) played(position time.Duration) int {
	return sort.Search(len(s.Frames), func(i int) bool { return s.Frames[i].At > position })
}

type playedStream struct {
	player *Player
	stream *Stream
}

// Frame implements tape.Tape.
func (s playedStream) Frame(pos int64) (tape.Frame, bool, error) {
	if pos >= int64(len(s.stream.Frames)) {
		return tape.Frame{}, false, nil
	}
	f := s.stream.Frames[pos]
	due, started := s.player.Due(f.At)
	return tape.Frame{Due: due, Seq: s.stream.seqs[pos], Data: f.Data, Whole: f.Whole}, started, nil
}

// Anchored says whether a book that starts from an answer over REST can be built at all, and when in the recording its first picture arrived.
func (p *Player) Anchored(symbol string) (time.Duration, bool) {
	b, ok := p.anchor(symbol)
	return b.at, ok
}

// Picture is a book at one moment.
type Picture struct {
	Bids, Asks []Level
	// LastID is the last id it contains, where books start from an answer over REST.
	LastID int64
	// Next is the position of the first message of the book's stream which is not in the picture.
	Next int64
	// Checksum is Kraken's.
	Checksum uint32
}

// Book returns the best n levels a side (0: all) of a symbol's book as played at a moment. It is false where there is no book
// yet or never will be.
func (p *Player) Book(symbol string, n int, now time.Time) (Picture, bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	g := p.books[symbol]
	if g == nil {
		s := p.depthStream(symbol)
		if s == nil {
			return Picture{}, false, nil
		}
		g = &progress{stream: s, book: Book{depth: s.Depth}}
		if p.AnchoredOverREST() {
			var ok bool
			if g.anchor, ok = p.anchor(symbol); !ok {
				return Picture{}, false, nil
			}
		}
		p.books[symbol] = g
	}
	position := p.position(now)
	advance := g.advanceKraken
	switch d := dialects[p.Exchange]; {
	case p.binance():
		advance = g.advanceBinance
	case d != nil && d.fetched != nil:
		advance = func(position time.Duration) error { return g.advanceAnchored(d, position) }
	case d != nil && d.advance != nil:
		advance = func(position time.Duration) error { return d.advance(p, g, symbol, position) }
	case d != nil:
		advance = func(position time.Duration) error { return g.advanceInBand(d, position) }
	}
	if err := advance(position); err != nil {
		return Picture{}, false, fmt.Errorf("rebuild the book of %s from %s: %w", symbol, p.File, err)
	}
	if !g.begun {
		return Picture{Next: int64(g.next)}, false, nil
	}
	return Picture{
		Bids: g.book.Bids(n), Asks: g.book.Asks(n), LastID: g.lastID, Next: int64(g.next), Checksum: g.book.Checksum(),
	}, true, nil
}

// RecordedDepth is the recorded depth answer that a book starts from.
func (p *Player) RecordedDepth(symbol string) ([]byte, bool) {
	b, ok := p.anchor(symbol)
	return b.data, ok
}

func (g *progress) advanceBinance(position time.Duration) error {
	if position < g.anchor.at {
		return nil
	}
	if !g.begun {
		if err := g.book.applyBinance(g.anchor.data, `"bids":[`, `"asks":[`); err != nil {
			return err
		}
		g.lastID, g.begun = g.anchor.id, true
	}
	for ; g.next < len(g.stream.Frames) && g.stream.Frames[g.next].At <= position; g.next++ {
		data := g.stream.Frames[g.next].Data
		u, ok := integer(data, `"u":`)
		if !ok {
			return fmt.Errorf("no u in %.40q", data)
		}
		if u <= g.lastID {
			continue
		}
		if err := g.book.applyBinance(data, `"b":[`, `"a":[`); err != nil {
			return err
		}
		g.lastID = u
	}
	return nil
}

func (g *progress) advanceKraken(position time.Duration) error {
	for ; g.next < len(g.stream.Frames) && g.stream.Frames[g.next].At <= position; g.next++ {
		data := g.stream.Frames[g.next].Data
		if g.begun = g.begun || isSnapshot(data); !g.begun {
			continue
		}
		if err := g.book.applyKraken(data); err != nil {
			return err
		}
	}
	return nil
}

// HasSymbol says whether the recording has data of a symbol.
func (p *Player) HasSymbol(symbol string) bool { return slices.Contains(p.Symbols, symbol) }
