package book

import (
	"errors"
	"time"
)

// Why a book broke. Each is wrapped with what was found.
var (
	ErrGap      = errors.New("messages lost")                    // the ids do not chain
	ErrChecksum = errors.New("checksum mismatch")                // the exchange's sum over the book differs from ours
	ErrCrossed  = errors.New("crossed book")                     // best bid at or above best ask after a whole message
	ErrOverflow = errors.New("too much to hold")                 // a buffer or a side beyond its bound
	ErrStream   = errors.New("stream broken")                    // the adapter could not read a message of this book
	ErrLevel    = errors.New("level without a price or amount")  // a price not above zero, or an amount below
	ErrTooOld   = errors.New("snapshot older than the messages") // another snapshot is needed; the buffer is kept
)

// Seq is an exchange's own number of a change.
type Seq uint64

// Level is the absolute size at a price, in units of the book's Scale. Size 0 removes the price.
type Level struct {
	Price int64
	Size  int64
}

// Kind says what an update does to a book.
type Kind uint8

// The kinds of updates.
const (
	Delta    Kind = iota // changes some levels
	Snapshot             // replaces the whole book, whenever it comes
	Broken               // a message of this book could not be read: what it said is lost
)

// Update is what one message says about one book. Its levels belong to the decoder and are valid only until its next
// message; the book copies what it keeps.
type Update struct {
	Kind Kind
	// First and Last are the ids that a message spans, Prev is the id it says it follows; 0 where the exchange has none.
	First, Last, Prev Seq
	// Time is the exchange's, zero where it tells none.
	Time time.Time
	// Bids and Asks hold the changes in the order of the message. A price may occur several times: the last one counts.
	Bids, Asks []Level
	// Checksum is the exchange's sum over the book after this update; Checked says that there is one.
	Checksum uint32
	Checked  bool
	// Err is why the message could not be read, for Broken.
	Err error
}

// Verdict is what to do with an update that is next in line.
type Verdict uint8

// The verdicts.
const (
	Apply     Verdict = iota // it follows
	Skip                     // it is already in the book
	StartOver                // something before it was lost
)

// Rules are what differs between exchanges.
type Rules struct {
	// Anchored books start from a snapshot that must be asked for, and buffer what comes before it. Others start from a
	// snapshot in the stream, and ignore what comes before it.
	Anchored bool
	// Overlaps demands of a snapshot that was asked for that it contain a message of the stream. It is for exchanges whose
	// numbers are times: there nothing else tells that no message fell between a cached snapshot and the stream's first.
	Overlaps bool
	// Chain judges whether next follows the change numbered last. Nil applies everything.
	Chain func(last Seq, next *Update) Verdict
	// Depth is how many levels a side are kept after each message, until SetDepth says otherwise; 0 keeps all.
	Depth int
	// Window is how many levels a side a snapshot holds at most, 0 for all: what lies beyond a full one's last level is unknown
	// until it changes, and is kept but not shown.
	Window int
	// Checksum sums up a book as the exchange does, using scratch[:0] as working space. Nil: the exchange sends none.
	Checksum func(b *Book, scratch []byte) uint32
}
