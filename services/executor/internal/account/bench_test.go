package account_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/pkg/order"
	"github.com/hourglass-trading/hourglass/services/executor/internal/account"
)

// deep is a book of 50 levels a side around 60,000.
func deep(e market.Exchange, seq uint64, shift int64) *market.Book {
	b := &market.Book{Exchange: e, Symbol: pair, State: market.Live, Seq: seq}
	for i := range int64(50) {
		b.Bids = append(b.Bids, market.Level{Price: decimal.New(5_999_900-10*i+shift, 2), Quantity: decimal.New(30_000+i, 5)})
		b.Asks = append(b.Asks, market.Level{Price: decimal.New(6_000_100+10*i+shift, 2), Quantity: decimal.New(30_000+i, 5)})
	}
	return b
}

var three = []market.Exchange{"binance", "kraken", "okx"}

// busy is an account with n orders on three deep books, each of a number of slices of a size, one a second.
func busy(tb testing.TB, n, slices int, size string) *account.Engine {
	tb.Helper()
	profile := account.StandardProfile()
	profile.StaleAfterMS = 1_000_000_000
	profile.TakerFeeBps = map[market.Exchange]decimal.Decimal{}
	cfg := &account.Config{Profile: profile, Opening: []order.Amount{{Asset: "USDT", Amount: decimal.New(1e14, 0)}}}
	e := account.NewEngine(owner, cfg)
	step := func(in *account.Input) {
		if _, err := e.Step(epoch, in); err != nil {
			tb.Fatal(err)
		}
	}
	for i, name := range three {
		profile.TakerFeeBps[name] = decimal.New(int64(10+i), 0)
		e.Market.SetInstruments(name, []market.Instrument{{
			Exchange: name, Symbol: pair, Status: market.Trading, PriceTick: decimal.MustParse("0.01"), QuantityStep: decimal.MustParse("0.00001"),
			MinQuantity: decimal.MustParse("0.00001"), MinNotional: decimal.MustParse("5"),
		}})
		step(&account.Input{Book: deep(name, 1, 0)})
	}
	step(&account.Input{Command: &order.Command{ID: "open", Account: owner, Type: order.OpenAccount}})
	for i := range n {
		p := order.Defaults()
		p.TokenID, p.Symbol, p.Side = fmt.Sprint("t", i), pair, market.Buy
		p.DurationSeconds, p.Slices = slices, slices
		p.Quantity, _ = decimal.MustParse(size).Mul(decimal.New(int64(slices), 0))
		// The starts are spread over a second, as those of real orders are.
		p.StartsAt = epoch.Add(time.Duration(i%1000) * time.Millisecond)
		step(&account.Input{Command: &order.Command{ID: fmt.Sprint("c", i), Account: owner, Type: order.CreateTWAP, TWAP: &p}})
	}
	for _, o := range e.State.Orders() {
		if o.Status == order.Rejected {
			tb.Fatal(o)
		}
	}
	return e
}

func BenchmarkDueWhenNothingIsDue(b *testing.B) {
	e := busy(b, 100, 100, "1")
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := e.State.Due(epoch.Add(-time.Second), e.Market); ok {
			b.Fatal("something is due")
		}
	}
}

// BenchmarkSlice decides a slice of one bitcoin over three books of 50 levels, of which it takes about four.
func BenchmarkSlice(b *testing.B) {
	e := busy(b, 1, 10_000, "1")
	if _, err := e.Step(epoch, nil); err != nil {
		b.Fatal(err)
	}
	at := epoch.Add(time.Second)
	if _, err := e.Step(at.Add(-time.Millisecond), nil); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		ev, ok := e.State.Due(at, e.Market)
		if !ok || len(ev.Slice.Children) == 0 {
			b.Fatal("no slice", ev.Slice)
		}
	}
}

// BenchmarkSliceAndFill decides, encodes and folds a slice and its fills, memory included: all but the disk.
func BenchmarkSliceAndFill(b *testing.B) {
	e := busy(b, 1, 10_000, "1")
	b.ReportAllocs()
	fills, at := 0, epoch
	for b.Loop() {
		at = at.Add(time.Second)
		if at.Sub(epoch) > 9000*time.Second {
			b.StopTimer()
			e, at = busy(b, 1, 10_000, "1"), epoch.Add(time.Second)
			b.StartTimer()
		}
		events, err := e.Step(at, nil)
		if err != nil {
			b.Fatal(err)
		}
		for i := range events {
			fills += len(events[i].Fills)
		}
	}
	b.ReportMetric(float64(fills)/float64(b.N), "fills/op")
}

// BenchmarkBook takes a book of 50 levels in while 10,000 orders follow it.
func BenchmarkBook(b *testing.B) {
	e := busy(b, 10_000, 10, "0.001")
	books := []*market.Book{deep("kraken", 2, 0), deep("kraken", 3, 10)}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		i++
		e.Market.Book(epoch.Add(time.Duration(i)*time.Millisecond), books[i%2])
	}
}

func TestNothingIsAllocatedWhileNothingIsDue(t *testing.T) {
	e := busy(t, 10, 100, "1")
	if n := testing.AllocsPerRun(100, func() { e.State.Due(epoch.Add(-time.Second), e.Market) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestManyOrdersKeepTheirDueTimes lets 500 orders begin and decide their first slices, each exactly when it is due.
func TestManyOrdersKeepTheirDueTimes(t *testing.T) {
	e := busy(t, 500, 100, "0.001")
	events, err := e.Step(epoch.Add(2*time.Second), nil)
	if err != nil {
		t.Fatal(err)
	}
	slices := 0
	for i := range events {
		if s := events[i].Slice; events[i].Type == order.SliceDecided {
			slices++
			if !s.DecidedAt.Equal(s.DueAt) {
				t.Fatalf("slice %d due %s was decided %s", s.K, s.DueAt, s.DecidedAt)
			}
		}
		if i > 0 && events[i].At.Before(events[i-1].At) {
			t.Fatal("time ran backwards")
		}
	}
	if slices < 1000 {
		t.Errorf("%d slices", slices)
	}
}

// TestAReportOfManyMidsIsQuick draws the report of an order that filled at hundreds of different mids: as exact fractions,
// the sum of its effective spreads would have a denominator of thousands of digits.
func TestAReportOfManyMidsIsQuick(t *testing.T) {
	if testing.Short() {
		t.Skip("works an order of hundreds of slices")
	}
	e := busy(t, 1, 600, "0.5")
	for i := range int64(600) {
		at := epoch.Add(time.Duration(i) * time.Second)
		if _, err := e.Step(at, &account.Input{Book: deep("okx", uint64(i)+2, i*3)}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := e.Step(epoch.Add(600*time.Second), nil); err != nil {
		t.Fatal(err)
	}
	o := e.State.Orders()[0]
	r, err := e.State.Report(o.ID, epoch.Add(600*time.Second), e.Market)
	if err != nil || !r.Final || r.EffectiveSpreadBps == nil || o.Status != order.Filled {
		t.Errorf("order %+v, report %+v, %v", o, r, err)
	}
}

// BenchmarkRecover reads an account back from the bytes of its events, one event an operation.
func BenchmarkRecover(b *testing.B) {
	e := busy(b, 1, 300, "0.01")
	var stored [][]byte
	for at := epoch; at.Before(epoch.Add(301 * time.Second)); at = at.Add(time.Second) {
		events, err := e.Step(at, nil)
		if err != nil {
			b.Fatal(err)
		}
		for i := range events {
			body, err := order.Encode(&events[i])
			if err != nil {
				b.Fatal(err)
			}
			stored = append(stored, body)
		}
	}
	size := 0
	for _, body := range stored {
		size += len(body)
	}
	b.ReportAllocs()
	state, base := account.New(owner, &account.Config{}), busy(b, 1, 300, "0.01").State
	i := len(stored)
	for b.Loop() {
		if i++; i >= len(stored) {
			b.StopTimer()
			snapshot, err := json.Marshal(base)
			if err != nil {
				b.Fatal(err)
			}
			if state, err = account.Restore(snapshot, &account.Config{}); err != nil {
				b.Fatal(err)
			}
			i = 0
			b.StartTimer()
		}
		ev, err := order.Decode(stored[i])
		if err != nil {
			b.Fatal(err)
		}
		if err := state.Apply(ev, order.Hash(stored[i])); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(size/len(stored)), "bytes/event")
}
