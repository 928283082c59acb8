package exchange

import (
	"time"

	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/services/collector/internal/book"
)

// Topic says what an Event is about.
type Topic uint8

// The topics.
const (
	OnBook    Topic = iota // Listing and Update are set
	OnTrade                // Listing and Trade are set
	OnAnswer               // Answer is set
	OnGoodbye              // the exchange is about to close the connection
	OnWelcome              // the exchange is ready for requests, see Traits.Greets
)

// Event is one thing that a frame says.
type Event struct {
	Topic   Topic
	Listing *Listing
	Update  book.Update
	Trade   Trade
	Answer  Answer
}

// Trade is a trade in units of its listing's scale.
type Trade struct {
	ID    string
	Price int64
	Size  int64
	Taker market.Side
	Time  time.Time
}

// Answer is an exchange's answer to a request.
type Answer struct {
	// ID is the request's, 0 where the exchange does not say: then the answer is to the oldest open request that fits Listing,
	// Book and Ends, and without a Listing it is to none that could be told.
	ID      uint64
	Unnamed bool     // the exchange says neither whom nor what it answers: it is to the only open subscription, or to none
	Listing *Listing // whom it is about, nil for all of the request, or where it is not known to us
	Book    bool     // it is about the listing's book
	Ends    bool     // it answers an unsubscription
	Depth   int      // levels a side that the exchange granted, 0 where it does not say
	Refused string   // why not, empty for yes
}

// Batch collects what frames say. Its memory is used again after Reset, so nothing in it may be kept.
type Batch struct {
	Events []Event
	levels []book.Level
	other  []book.Level // the asks of a list that mixes both sides, until its end
}

// Reset empties the batch.
func (b *Batch) Reset() { b.Events, b.levels = b.Events[:0], b.levels[:0] }

// Add appends an event of the given topic and returns it, to be filled in at once.
func (b *Batch) Add(topic Topic, l *Listing) *Event {
	if len(b.Events) < cap(b.Events) {
		b.Events = b.Events[:len(b.Events)+1]
	} else {
		b.Events = append(b.Events, Event{})
	}
	e := &b.Events[len(b.Events)-1]
	*e = Event{Topic: topic, Listing: l}
	return e
}

// HasData reports whether there is market data among the events, not just signs of life and answers.
func (b *Batch) HasData() bool {
	for i := range b.Events {
		if t := b.Events[i].Topic; t == OnBook || t == OnTrade {
			return true
		}
	}
	return false
}

// Withdraw takes back the events from the n-th on: what a frame says that turned out unreadable further on.
func (b *Batch) Withdraw(n int) { b.Events = b.Events[:n] }

// AddBroken appends that a message about l could not be read.
func (b *Batch) AddBroken(l *Listing, err error) {
	b.Add(OnBook, l).Update = book.Update{Kind: book.Broken, Err: err}
}

// Level appends a level to the batch's memory. Levels added since Mark are the update's.
func (b *Batch) Level(l book.Level) { b.levels = append(b.levels, l) }

// Mark returns where the next level will stand.
func (b *Batch) Mark() int { return len(b.levels) }

// Since returns the levels added since the mark. Later additions do not change them, even where the memory moves.
func (b *Batch) Since(mark int) []book.Level { return b.levels[mark:len(b.levels):len(b.levels)] }
