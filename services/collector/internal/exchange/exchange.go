// Package exchange says what the collector needs to know of an exchange, and nothing of how it is reached.
//
// An adapter (one folder beside this file each) translates one exchange's words. It opens no socket, starts no goroutine
// and reads no clock: frames and REST calls are values that package feed carries out. So an adapter is tested with files,
// by package exchangetest. Adapters hold no state and may be used by any number of goroutines; a Table or a Batch belongs
// to one.
//
// What only some exchanges need is a small interface of its own, found by type assertion: Snapshotter, Pinger, Locator,
// Stamper.
package exchange

import (
	"errors"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/services/collector/internal/book"
)

// ErrRefused says that an exchange answered a call or a request with an error of its own.
var ErrRefused = errors.New("refused by the exchange")

// Exchange translates one exchange's wire protocol.
type Exchange interface {
	// Name is the exchange's name in our words.
	Name() market.Exchange
	// Traits are the exchange's numbers: limits, pacing, clocks.
	Traits() Traits
	// Rules are the exchange's ways with books.
	Rules() book.Rules
	// Endpoint is the WebSocket address to dial, under the base address (scheme and host, perhaps a path).
	Endpoint(base string) string
	// Subscribe returns the requests that ask for the books and trades of the listings, at most Traits().Batch of them.
	// The ids of the requests count up from id.
	Subscribe(id uint64, listings []*Listing) []Request
	// Unsubscribe returns the requests that end what Subscribe asked for.
	Unsubscribe(id uint64, listings []*Listing) []Request
	// Resync returns the requests that make the exchange send one book's snapshot again; none where it is asked for by REST.
	Resync(id uint64, l *Listing) []Request
	// Decode appends to out what a frame says, in order: nothing for a heartbeat. A frame about one listing that cannot be
	// read is a Broken update of its book; an error is a frame of which not even that is known.
	Decode(frame []byte, known *Table, out *Batch) error
	// Listings is the call for the exchange's instruments; ParseListings reads its answer. Instruments whose names or
	// numbers are not ours to express are left out, and counted.
	Listings() Call
	ParseListings(body []byte) (listings []Listing, skipped int, err error)
	// Intervals are the candle intervals that Candles may ask for, ascending.
	Intervals() []time.Duration
	// Candles is the call for the candles of l that open in [start, end), at most Traits().CandleRows; a zero time leaves
	// that end open. ParseCandles reads its answer, oldest first; candles that have not closed by now are not complete.
	Candles(l *Listing, interval time.Duration, start, end time.Time, limit int) Call
	ParseCandles(body []byte, interval time.Duration, now time.Time) ([]market.Candle, error)
}

// Snapshotter is an exchange whose books start from a snapshot over REST.
type Snapshotter interface {
	// Snapshot is the call for a book; ParseSnapshot reads its answer into u, whose levels it may append to.
	Snapshot(l *Listing) Call
	ParseSnapshot(body []byte, l *Listing, u *book.Update) error
}

// Pinger is an exchange that wants to be spoken to, or that says something only when asked.
type Pinger interface {
	// Ping is a frame and how often to send it.
	Ping(id uint64) (frame []byte, every time.Duration)
}

// Locator is an exchange whose WebSocket address must first be asked for over REST, anew for each connection.
type Locator interface {
	// Locate is the call for the address; ParseLocation reads its answer. It takes the place of Endpoint.
	Locate() Call
	ParseLocation(body []byte) (address string, err error)
}

// Stamper is an exchange that wants to know when a frame was sent.
type Stamper interface {
	// Stamp returns the frame with the time of sending in it, in memory of its own. Every frame goes through it just before
	// it is sent, pings too.
	Stamp(frame []byte, at time.Time) []byte
}

// Traits are the numbers of an exchange. Each is a limit of the exchange or a choice well inside one, with its source in
// the adapter.
type Traits struct {
	Listings    int           // at most so many listings on one connection
	Batch       int           // at most so many in one request
	RequestGap  time.Duration // between two frames we send
	Answer      time.Duration // a request not answered by then is taken as refused
	PingEvery   time.Duration // WebSocket pings we send; 0 where the exchange speaks often enough by itself
	Stale       time.Duration // after so long without a byte a book is stale
	Silence     time.Duration // after so long without a byte the connection is dropped
	Refresh     time.Duration // how often a book gets a new snapshot, by REST or by Resync, and serves on until then; 0 never
	Dials       int           // connection attempts allowed …
	DialsPer    time.Duration // … per this time
	Weight      int           // REST weight allowed …
	WeightPer   time.Duration // … per this time
	CandleRows  int           // rows of one candle call
	SparseRows  bool          // intervals without trades have no row, so a short answer need not be the last
	LossProven  bool          // a lost message shows at the book's next one, so an unreadable frame needs no action
	MaxLifetime time.Duration // the exchange ends a connection after this; 0 unknown
	Greets      bool          // nothing may be sent on a new connection before OnWelcome
}

// Listing is an instrument with what its adapter needs to speak of it.
type Listing struct {
	market.Instrument
	Wire  string // its name in frames
	Code  string // its name in REST calls
	Scale book.Scale
}

// Call is a REST call: GET Path?Query on the exchange's REST base address.
type Call struct {
	Post   bool // POST with an empty body instead
	Path   string
	Query  string // encoded
	Weight int    // against Traits.Weight
}

// Request is a frame to send, and what its answer is about.
type Request struct {
	ID       uint64
	Frame    []byte
	Listings []*Listing
	// EachAnswers says that every listing is answered by itself; else one answer counts for all.
	EachAnswers bool
	// Book and Trades say what the request is about.
	Book, Trades bool
	// Ends says that the request unsubscribes: nothing hinges on its answer.
	Ends bool
}

// Table finds listings by their wire name.
type Table struct{ byWire map[string]*Listing }

// NewTable returns a table of the given listings.
func NewTable(listings ...*Listing) *Table {
	t := &Table{byWire: make(map[string]*Listing, len(listings))}
	for _, l := range listings {
		t.Add(l)
	}
	return t
}

// Add makes a listing known.
func (t *Table) Add(l *Listing) { t.byWire[l.Wire] = l }

// Remove makes a listing unknown: what frames still say of it is passed over.
func (t *Table) Remove(l *Listing) { delete(t.byWire, l.Wire) }

// Find returns the listing of that wire name, or nil.
func (t *Table) Find(wire []byte) *Listing { return t.byWire[string(wire)] }
