package containers

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/pkg/client"
	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/pkg/order"
	"github.com/hourglass-trading/hourglass/services/hourglass/internal/audit"
)

const (
	orderFor   = 5 * time.Second // an order's window, of a slice a second
	orderPause = time.Second     // between one order of a trader and the next
	requestFor = 5 * time.Second // for which the SDK repeats a request by itself
)

// trader places orders at one gateway, one after the other, and reads what becomes of them from its stream. A request that
// is not answered is repeated; none may fail for good.
type trader struct {
	*client.Client
	once     *client.Client // repeats nothing
	name     string
	orders   []string // that were acknowledged
	seqs     []uint64 // of the events that the stream brought
	ended    map[string]bool
	faults   []string
	noMarket int           // orders refused because no exchange had a book
	late     int           // of them after they had been recorded
	more     chan struct{} // of one: an event has come

	mu sync.Mutex // guards all but the client
}

// newTrader makes a user at a gateway.
func (p *platform) newTrader(ctx context.Context, name, gateway string) *trader {
	p.t.Helper()
	password := "correct horse " + name
	c, err := client.New(gateway, client.WithPassword(name, password), client.WithRetries(requestFor))
	if err != nil {
		p.t.Fatal(err)
	}
	if err := c.Register(ctx, name, password); err != nil {
		p.t.Fatal(err)
	}
	once, err := client.New(gateway, client.WithPassword(name, password), client.WithRetries(0))
	if err != nil {
		p.t.Fatal(err)
	}
	return &trader{Client: c, once: once, name: name, ended: map[string]bool{}, more: make(chan struct{}, 1)}
}

// trading lets a trader at each gateway trade while something happens, and then holds what they saw against what is there.
func (p *platform) trading(name string, happens func()) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), 5*patience)
	defer cancel()
	var (
		traders           []*trader
		placing, watching sync.WaitGroup
	)
	on, stop := context.WithCancel(ctx)
	defer stop()
	watch, leave := context.WithCancel(ctx)
	for i, gateway := range p.gateways {
		t := p.newTrader(ctx, fmt.Sprintf("%s-%d", name, i+1), gateway)
		traders = append(traders, t)
		watching.Go(func() { t.watch(watch) })
		placing.Go(func() { t.trade(ctx, on) })
	}
	happens()
	stop()
	placing.Wait()
	for _, t := range traders {
		if err := t.settled(ctx); err != nil {
			p.t.Errorf("%s: %v", t.name, err)
		}
	}
	leave()
	watching.Wait()
	for _, t := range traders {
		t.check(ctx, p.t)
	}
	p.audit(ctx)
}

// trade places orders until on ends; the one that is being placed then is placed.
func (t *trader) trade(ctx, on context.Context) {
	for n := 1; on.Err() == nil; n++ {
		token := fmt.Sprintf("%s-%d", t.name, n)
		err := t.place(ctx, token)
		var told *client.Error
		t.mu.Lock()
		switch {
		case err == nil:
			t.orders = append(t.orders, token)
		case errors.Is(err, errLateRefusal):
			t.late++
		case errors.As(err, &told) && told.Code == "no_market_data":
			t.noMarket++ // an answer: the exchanges are away
		default:
			t.faults = append(t.faults, fmt.Sprintf("order %s was not placed: %v", token, err))
		}
		t.mu.Unlock()
		_ = pause(on, orderPause)
	}
}

var (
	errLateRefusal = errors.New("refused after it was recorded")
	errUndecided   = errors.New("recorded, and neither accepted nor refused")
)

// place places an order, again under the same name as long as no answer comes. What was recorded is not repeated, which
// could hide that it was lost, but asked for until it is decided on.
func (t *trader) place(ctx context.Context, token string) error {
	for until := time.Now().Add(patience); ; {
		_, err := t.once.CreateTWAP(ctx, client.TWAP{
			TokenID: token, Symbol: "BTC-USDT", Side: market.Buy, Quantity: decimal.MustParse("0.02"), Duration: orderFor, Interval: time.Second,
		})
		var told *client.Error
		switch {
		case err == nil, errors.Is(err, client.ErrExists) && errors.As(err, &told) && told.Identical:
			return nil // an earlier try, whose answer was lost
		case errors.Is(err, client.ErrPending):
			return t.decided(ctx, token)
		case !unanswered(err) || time.Now().After(until):
			return err
		}
		if err := pause(ctx, 200*time.Millisecond); err != nil {
			return err
		}
	}
}

// decided waits for what becomes of an order that is recorded.
func (t *trader) decided(ctx context.Context, token string) error {
	for until := time.Now().Add(patience); time.Now().Before(until); {
		o, err := t.Order(ctx, token)
		switch {
		case err == nil && o.Status != order.Rejected:
			return nil
		case err == nil && o.Rejection != nil && o.Rejection.Code == "no_market_data":
			return errLateRefusal
		case err == nil:
			return fmt.Errorf("%w: recorded, then refused as %s", client.ErrInvalid, o.Reason)
		case !unanswered(err) && !errors.Is(err, client.ErrPending) && !errors.Is(err, client.ErrNotFound): // the gateway was started anew
			return err
		}
		if err := pause(ctx, 200*time.Millisecond); err != nil {
			return err
		}
	}
	return errUndecided
}

// unanswered reports whether nobody knows what became of a request.
func unanswered(err error) bool {
	return errors.Is(err, client.ErrUnavailable) || errors.Is(err, client.ErrUnreachable)
}

// watch reads the account's events from the first on until ctx ends.
func (t *trader) watch(ctx context.Context) {
	for e, err := range t.Events(ctx, 1) {
		if ctx.Err() != nil {
			return
		}
		t.mu.Lock()
		if err != nil {
			t.faults = append(t.faults, fmt.Sprintf("the stream ended: %v", err))
		} else {
			t.seqs = append(t.seqs, e.Seq)
			if e.Order != nil && e.Order.Status.Ended() {
				t.ended[e.Order.TokenID] = true
			}
		}
		t.mu.Unlock()
		select {
		case t.more <- struct{}{}:
		default:
		}
	}
}

var errNotTold = errors.New("the stream has not told the end of every order")

// settled waits until the stream has told the end of every order.
func (t *trader) settled(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		t.mu.Lock()
		open := 0
		for _, token := range t.orders {
			if !t.ended[token] {
				open++
			}
		}
		t.mu.Unlock()
		if open == 0 {
			return nil
		}
		select {
		case <-t.more:
		case <-ctx.Done():
			return fmt.Errorf("%w: %d are open", errNotTold, open)
		}
	}
}

// check holds what a trader was told against what the platform says now.
func (t *trader) check(ctx context.Context, tt *testing.T) {
	tt.Helper()
	for _, fault := range t.faults {
		tt.Errorf("%s: %s", t.name, fault)
	}
	for i, seq := range t.seqs {
		if seq != uint64(i+1) {
			tt.Errorf("%s: event %d came in the place of %d", t.name, seq, i+1)
			break
		}
	}
	if len(t.orders) == 0 {
		tt.Errorf("%s placed no order", t.name)
	}
	filled := 0
	for _, token := range t.orders {
		o, err := t.Order(ctx, token)
		if err != nil {
			tt.Errorf("order %s was acknowledged and is not there: %v", token, err)
			continue
		}
		var calc decimal.Calc
		var sum decimal.Decimal
		for f, err := range t.Executions(ctx, token) {
			if err != nil {
				tt.Errorf("order %s: %v", token, err)
				break
			}
			sum = calc.Add(sum, f.Quantity)
		}
		if sum != o.FilledQuantity {
			tt.Errorf("order %s says that %s is filled, its executions add up to %s", token, o.FilledQuantity, sum)
		}
		if o.FilledQuantity == o.Quantity {
			filled++
		}
	}
	tt.Logf("%s: %d orders, %d of them filled to the end, %d refused without a market and %d after they were recorded, %d events",
		t.name, len(t.orders), filled, t.noMarket, t.late, len(t.seqs))
}

// audit checks every event that is stored.
func (p *platform) audit(ctx context.Context) {
	p.t.Helper()
	conn, err := bus.Connect(ctx, bus.Config{
		URL: p.nats, Name: bus.Admin, SeedFile: filepath.Join(p.keys, bus.Admin, bus.SeedFile),
	}, discard)
	if err != nil {
		p.t.Fatal(err)
	}
	defer conn.Close()
	r, err := audit.Bus(ctx, conn)
	if err != nil {
		p.t.Errorf("audit: %v", err)
	}
	for _, v := range r.Violations {
		p.t.Errorf("audit: %s", strings.TrimSpace(v.String()))
	}
	p.t.Logf("%d events of %d accounts, %d violations", r.Events, r.Accounts, r.Count)
}
