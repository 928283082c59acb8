package chaos

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/order"
)

// checker reads the events as a stranger to the executor, and holds them against what the traders were told.
type checker struct {
	accepted map[string]int // events that accept a token
	slices   map[string]bool
	fills    map[string]bool
	filled   map[order.ID]decimal.Decimal
	ended    map[string]bool
	faults   []string

	decided decisions // by storing
	missed  int
}

// decision is when a slice was due and when its decision was stored.
type decision struct{ due, stored time.Time }

type decisions []decision

func newChecker() *checker {
	return &checker{
		accepted: map[string]int{}, slices: map[string]bool{}, fills: map[string]bool{}, filled: map[order.ID]decimal.Decimal{},
		ended: map[string]bool{},
	}
}

func (c *checker) fault(format string, args ...any) {
	c.faults = append(c.faults, fmt.Sprintf(format, args...))
}

func (c *checker) read(ctx context.Context, conn *bus.Conn) error {
	return conn.ReadEvents(ctx, "", 1, func(m bus.Stored) error {
		var e order.Event
		if err := json.Unmarshal(m.Data, &e); err != nil {
			return err
		}
		c.event(&e, m.At)
		return nil
	})
}

func (c *checker) event(e *order.Event, stored time.Time) {
	switch e.Type {
	case order.OrderAccepted:
		c.accepted[e.TokenID]++
	case order.OrderReported:
		c.ended[e.Order.TokenID] = true
	case order.SliceDecided:
		c.decided = append(c.decided, decision{e.Slice.DueAt, stored})
		fallthrough
	case order.SliceArrived:
		key := fmt.Sprint(e.Type, e.OrderID, e.Slice.K, e.Slice.Sweep, e.Slice.Status)
		if e.Type == order.SliceDecided && c.slices[key] {
			c.fault("order %s: slice %d was decided twice", e.OrderID, e.Slice.K)
		}
		c.slices[key] = true
		if e.Slice.Status == order.SliceMissed {
			c.missed++
		}
	}
	for i := range e.Fills {
		f := &e.Fills[i]
		if c.fills[f.ID] {
			c.fault("fill %s is there twice", f.ID)
		}
		c.fills[f.ID] = true
		var calc decimal.Calc
		c.filled[e.OrderID] = calc.Add(c.filled[e.OrderID], f.Quantity)
		if f.Displayed.Less(calc.Add(f.Quantity, f.Remembered)) {
			c.fault("fill %s takes %s of a level that showed %s, of which %s was gone", f.ID, f.Quantity, f.Displayed, f.Remembered)
		}
	}
	if e.Order != nil && (c.filled[e.OrderID] != e.Order.FilledQuantity || e.Order.Quantity.Less(e.Order.FilledQuantity)) {
		c.fault("order %s says that it has %s of %s, its fills are %s", e.OrderID, e.Order.FilledQuantity, e.Order.Quantity, c.filled[e.OrderID])
	}
}

// compare holds what a trader was told against what is there.
func (c *checker) compare(t *trader) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for token := range t.told {
		switch n := c.accepted[token]; {
		case n != 1:
			c.fault("order %s was acknowledged and is there %d times", token, n)
		case !c.ended[token]:
			c.fault("order %s has not ended", token)
		}
	}
}

// late returns the p-th of a thousand of the slices' lateness: from when one was due until its decision was stored.
func (d decisions) late(p int) time.Duration {
	if len(d) == 0 {
		return 0
	}
	lateness := make([]time.Duration, len(d))
	for i, x := range d {
		lateness[i] = x.stored.Sub(x.due)
	}
	slices.Sort(lateness)
	return lateness[(len(lateness)-1)*p/1000]
}
