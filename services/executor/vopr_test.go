package executor

import (
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/pkg/order"
	"github.com/hourglass-trading/hourglass/services/executor/internal/lease"
)

// TestAnySeedOfMishapsLosesAndDoublesNothing plays two loops that both believe to own some accounts over a log in memory
// and time of its own: what they decide, store together or singly, adopt after a lost race and read back is the product's
// code. Their clocks disagree; they are killed between any two steps and come back from a snapshot or from the first event;
// they lose partitions and gain them; appends are refused, land unseen, late or twice, also while the other decides;
// commands arrive twice. All of it comes from one seed, and a seed is played the same way each time.
//
// HOURGLASS_VOPR_SEEDS says how many are played, on all cores, HOURGLASS_VOPR_FIRST which is the first.
func TestAnySeedOfMishapsLosesAndDoublesNothing(t *testing.T) {
	first, seeds := number(t, "HOURGLASS_VOPR_FIRST", 0), number(t, "HOURGLASS_VOPR_SEEDS", 100)
	defer debug.SetGCPercent(debug.SetGCPercent(800)) // a world is small and soon gone: collecting seldom is twice as fast
	began := time.Now()
	var next, events, batches atomic.Uint64
	var players sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		players.Go(func() {
			p := newPacker(func() error { return nil })
			for !t.Failed() {
				seed := first + next.Add(1) - 1
				if seed >= first+seeds {
					return
				}
				w := newWorld(seed, p)
				if err := w.play(); err != nil {
					t.Errorf("seed %d (HOURGLASS_VOPR_FIRST=%d HOURGLASS_VOPR_SEEDS=1): %v", seed, seed, err)
				}
				events.Add(uint64(len(w.log.stored)))
				batches.Add(uint64(w.log.batches))
			}
		})
	}
	players.Wait()
	t.Logf("%d seeds from %d on, %d events, %d batches, %.0f seeds/s", seeds, first, events.Load(), batches.Load(), float64(seeds)/time.Since(began).Seconds())
}

func number(t *testing.T, key string, otherwise uint64) uint64 {
	t.Helper()
	text := os.Getenv(key)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", key, err)
	}
	return n
}

// world is the log of some accounts with the two executors that write it.
type world struct {
	rng       *rand.Rand
	now       time.Time
	cfg       Config
	accounts  []order.AccountID
	log       voprLog
	commands  []order.Command                   // a command's sequence is its place, from 1
	bodies    [][]byte                          // of commands
	snapshots map[order.AccountID]*bus.Snapshot // what either executor stored last; it may be damaged
	writers   [2]*writer
	packer    *packer
	books     uint64
	epochs    uint64
	calm      bool  // nothing goes wrong any more
	fault     error // the first
}

func newWorld(seed uint64, p *packer) *world {
	w := &world{packer: p,
		rng: rand.New(rand.NewPCG(seed, 0x9e3779b97f4a7c15)), now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), cfg: testConfig(),
		log: voprLog{last: map[order.AccountID]uint64{}}, snapshots: map[order.AccountID]*bus.Snapshot{},
	}
	if w.rng.IntN(2) == 0 {
		w.cfg.Profile.LiquidityMemoryMS = 30_000
	}
	for i := range 1 + w.rng.IntN(3) {
		id := []order.AccountID{"aann", "abob", "acat"}[i]
		w.accounts = append(w.accounts, id)
		w.send(order.Command{ID: "open-" + string(id), Account: id, Type: order.OpenAccount})
	}
	for i := range w.writers {
		w.writers[i] = &writer{world: w, skew: time.Duration(w.rng.IntN(400)-200) * time.Millisecond}
		w.writers[i].boot()
	}
	return w
}

// play lets things go wrong for a while, then leaves the executors in peace until nothing is due, and checks.
func (w *world) play() error {
	for range 100 {
		w.step()
	}
	w.calm = true
	for _, wr := range w.writers {
		wr.lease(func(int) bool { return true })
	}
	for range 60 {
		w.pass(time.Second)
		for _, wr := range w.writers {
			for wr.act() {
			}
		}
		if w.fault != nil || w.writers[0].idle() && w.writers[1].idle() {
			break
		}
	}
	if w.fault != nil {
		return w.fault
	}
	return w.check()
}

// step lets one thing happen. It may happen while an executor waits for the log, which is busy then.
func (w *world) step() {
	wr := w.writers[w.rng.IntN(len(w.writers))]
	switch w.rng.IntN(18) {
	case 0, 1, 2:
		w.pass(time.Duration(w.rng.IntN(1500)) * time.Millisecond)
	case 3, 4:
		w.command()
	case 5:
		wr.kill()
	case 6:
		w.land()
	case 7:
		wr.save()
	case 8:
		if odd := w.rng.IntN(4); !wr.busy && odd == 0 {
			wr.lease(func(int) bool { return w.rng.IntN(3) > 0 })
		}
	default:
		wr.act()
	}
}

// meanwhile lets things happen while an executor waits.
func (w *world) meanwhile() {
	for !w.calm && w.rng.IntN(3) == 0 {
		w.step()
	}
}

// pass lets time go by, and brings each executor the book and the trade that are there then, or not.
func (w *world) pass(d time.Duration) {
	w.now = w.now.Add(d)
	w.books++
	for _, wr := range w.writers {
		if !w.calm && w.rng.IntN(8) == 0 {
			continue
		}
		at := wr.now()
		spread := int64(w.rng.IntN(50))
		level := func(price int64) []market.Level {
			return []market.Level{{Price: decimal.New(price, 0), Quantity: decimal.New(int64(1+w.rng.IntN(40)), 1)}}
		}
		wr.inbox.books["md.book.binance.BTC-USDT"] = &market.Book{
			Exchange: "binance", Symbol: btc, Seq: w.books, State: market.Live, ReceivedAt: at, AliveAt: at,
			Bids: level(59_999 - spread), Asks: level(60_001 + spread),
		}
		wr.inbox.trades = append(wr.inbox.trades, &market.Trade{
			Exchange: "binance", Symbol: btc, ID: strconv.FormatUint(w.books, 10), TakerSide: market.Sell, ReceivedAt: at,
			Price: decimal.New(int64(59_960+w.rng.IntN(80)), 0), Quantity: decimal.New(int64(1+w.rng.IntN(9)), 1),
		})
	}
}

// command has a user send something, or something again.
func (w *world) command() {
	n := len(w.commands)
	if w.rng.IntN(4) == 0 {
		w.send(w.commands[w.rng.IntN(n)])
		return
	}
	id := w.accounts[w.rng.IntN(len(w.accounts))]
	cmd := order.Command{ID: fmt.Sprintf("c%d", n), Account: id}
	token := fmt.Sprintf("t%d", w.rng.IntN(4))
	cmd.OrderID = order.NewID(id, token)
	switch w.rng.IntN(8) {
	case 6:
		p := order.Plain{TokenID: token, Symbol: btc, Side: market.Buy, Type: order.Limit, Quantity: decimal.New(int64(1+w.rng.IntN(30)), 1)}
		price := decimal.New(int64(59_960+w.rng.IntN(60)), 0)
		p.Price = &price
		p.SetDefaults()
		cmd.Type, cmd.Plain = order.CreatePlain, &p
	case 7:
		quantity := decimal.New(int64(1+w.rng.IntN(30)), 1)
		cmd.Type, cmd.Amend = order.Amend, &order.Amendment{Quantity: &quantity}
	case 0:
		cmd.Type = order.Pause
	case 1:
		cmd.Type = order.Resume
	case 2:
		cmd.Type = order.Cancel
	case 3:
		cmd.Type, cmd.OrderID, cmd.Deposit = order.Deposit, "", &order.Amount{Asset: "USDT", Amount: decimal.New(int64(1+w.rng.IntN(1000)), 0)}
	default:
		p := order.Defaults()
		p.TokenID, p.Symbol, p.Side, p.Quantity = token, btc, market.Buy, decimal.New(int64(1+w.rng.IntN(30)), 1)
		p.DurationSeconds, p.IntervalSeconds = 5+w.rng.IntN(16), 1+w.rng.IntN(3)
		if second := w.now.Truncate(time.Second).Add(3 * time.Second); w.rng.IntN(2) == 0 {
			p.StartsAt = second // with others': their slices fall due together
		}
		cmd.Type, cmd.TWAP = order.CreateTWAP, &p
	}
	w.send(cmd)
}

// holdings are what tells an executor that it holds the partitions that ours says, under new epochs.
func (w *world) holdings(ours func(p int) bool) lease.Holdings {
	var h lease.Holdings
	w.epochs++
	for p := range h.Epochs {
		if h.Others[p] = !ours(p); !h.Others[p] {
			h.Epochs[p] = w.epochs
		}
	}
	return h
}
