package integration

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// The bounds within which a book is right again after the end of what broke it, and a silence is noticed.
const (
	afterGap        = time.Second
	afterDisconnect = 3 * time.Second
	noticeSilence   = 5 * time.Second
	// calmDown is how long a connection stands before its next loss is the first one again.
	calmDown = 10500 * time.Millisecond
)

// shows says what a fault must do to a published book.
type shows int

const (
	must   shows = iota // it turns from live before anything wrong is published
	may                 // it may stay live, but right
	cannot              // the exchange's protocol cannot show it, so the book may be wrong until the next snapshot
)

// trial is a fault, what it does on which exchange, and how soon the book must be right again.
type trial struct {
	name   string
	ask    []string
	within time.Duration
	lasts  time.Duration // until the fault has ended by itself
	shows  shows
	except map[string]shows
	only   []string // exchanges concerned; empty for all
	quick  bool     // tried in the ordinary run too
}

// noLoss are the exchanges on whose books nothing shows a loss; Kraken's checksum is of the ten best levels.
var noLoss = map[string]shows{"coinbase": cannot, "bitstamp": cannot, "gemini": cannot, "kraken": cannot}

var anchored = []string{"binance", "bitstamp", "kucoin"}

var trials = []trial{
	// How long a quiet book may be silent its own rhythm says.
	{name: "silence, hearts beat", ask: []string{"do=silence&seconds=6&heartbeat=true"}, within: afterGap, lasts: 6 * time.Second,
		except: map[string]shows{"gemini": may}},
	{name: "silence", ask: []string{"do=silence&seconds=6"}, within: afterGap, lasts: 6 * time.Second},
	{name: "drop", ask: []string{"do=drop"}, within: afterGap, except: noLoss, quick: true},
	{name: "reorder", ask: []string{"do=reorder"}, within: afterGap, except: noLoss},
	{name: "repeat", ask: []string{"do=repeat"}, within: afterGap, shows: may},
	{name: "corrupt", ask: []string{"do=corrupt"}, within: afterGap, only: []string{"kraken", "okx"}},
	{name: "cross", ask: []string{"do=cross"}, within: afterGap},
	{name: "garbage", ask: []string{"do=garbage"}, within: afterGap, shows: may},
	{name: "10 MB", ask: []string{"do=huge"}, within: afterGap, shows: may},
	{name: "disconnect", ask: []string{"do=disconnect"}, within: afterDisconnect, quick: true},
	{name: "refuse", ask: []string{"do=refuse", "do=disconnect"}, within: afterDisconnect},
	{name: "slow REST", ask: []string{"do=slow&seconds=1", "do=disconnect"}, within: afterDisconnect, lasts: time.Second, only: anchored},
	{name: "429", ask: []string{"do=status&code=429", "do=disconnect"}, within: afterDisconnect, lasts: time.Second, only: anchored},
	{name: "418", ask: []string{"do=status&code=418", "do=disconnect"}, within: afterDisconnect, lasts: time.Second, only: anchored},
	{name: "503", ask: []string{"do=status&code=503", "do=disconnect"}, within: afterDisconnect, lasts: time.Second, only: anchored},
	{name: "old book", ask: []string{"do=old", "do=disconnect"}, within: afterDisconnect, only: anchored},
}

// TestAFaultTurnsABookFromLiveUntilItIsRightAgain makes things go wrong on each exchange: HOURGLASS_FAULTS=all for all of
// them, which takes some minutes, or the name of one; two by itself. It prints what came of it as a table.
func TestAFaultTurnsABookFromLiveUntilItIsRightAgain(t *testing.T) {
	if testing.Short() {
		t.Skip("needs seconds of real time")
	}
	asked := os.Getenv("HOURGLASS_FAULTS")
	exchanges := slices.Sorted(maps.Keys(nine))
	s := newStage(t, exchanges...)
	s.collect(exchanges, []string{"BTC-USDT", "BTC-USD"})
	var wait sync.WaitGroup
	var mu sync.Mutex
	cells := map[string]string{}
	for _, exchange := range exchanges {
		wait.Go(func() {
			for _, tr := range trials {
				if asked != "all" && asked != tr.name && (asked != "" || !tr.quick) || len(tr.only) > 0 && !slices.Contains(tr.only, exchange) {
					continue
				}
				cell := s.try(exchange, tr, asked != "")
				mu.Lock()
				cells[exchange+tr.name] = cell
				mu.Unlock()
			}
		})
	}
	wait.Wait()
	t.Log("\n" + table(exchanges, cells))
}

// try makes one thing go wrong and watches the book.
func (s *stage) try(exchange string, tr trial, patient bool) string {
	k := key(exchange, nine[exchange])
	begun := time.Now()
	_, n, ok := s.await(k, s.place(k), 20*time.Second, sure)
	if patient { // the loss is the first for a while, and the rhythm of the stream is known
		s.rest(calmDown - time.Since(begun))
		_, n, ok = s.await(k, s.place(k), 20*time.Second, sure)
	}
	if !ok {
		s.t.Errorf("%s: no book before %s", k, tr.name)
		return "no book"
	}
	want := tr.shows
	if w, ok := tr.except[exchange]; ok {
		want = w
	}
	at := time.Now()
	for _, ask := range tr.ask {
		s.fault(exchange, ask)
	}
	defer s.fault(exchange, "do=heal")
	broke, i, ok := s.await(k, n, noticeSilence, notLive)
	if !ok {
		return s.unnoticed(exchange, k, tr, want, n)
	}
	back, j, ok := s.await(k, i, tr.within+tr.lasts+20*time.Second, sure)
	took, within := back.at.Sub(broke.at), tr.within
	if !patient { // the ordinary run shares its machine with other tests
		within *= 4
	}
	if tr.lasts > 0 {
		took = back.at.Sub(at.Add(tr.lasts))
	}
	cell := fmt.Sprintf("%.2f / %.2f", broke.at.Sub(at).Seconds(), max(0, took.Seconds()))
	switch {
	case !ok:
		s.t.Errorf("%s: %s: not live again; %+v", k, tr.name, broke)
	case took > within:
		s.t.Errorf("%s: %s: right again %.2f s after its end: %s", k, tr.name, took.Seconds(), s.path(k, n, j))
	case want != cannot && s.wrong(k, n, j):
		s.t.Errorf("%s: %s: a wrong book was published: %s", k, tr.name, s.path(k, n, j))
	}
	return cell
}

// unnoticed is what came of a fault that left the book live.
func (s *stage) unnoticed(exchange, k string, tr trial, want shows, n int) string {
	switch {
	case want == must:
		s.t.Errorf("%s: %s: it stayed live: %s", k, tr.name, s.path(k, n, s.place(k)))
		return "unnoticed"
	case want == may && s.wrong(k, n, s.place(k)):
		s.t.Errorf("%s: %s: it stayed live and was wrong: %s", k, tr.name, s.path(k, n, s.place(k)))
		return "wrong"
	case want == may:
		return "live, right"
	}
	s.fault(exchange, "do=disconnect") // which brings another snapshot
	s.await(k, s.place(k), noticeSilence, notLive)
	return "cannot show"
}

// wrong says whether a live book between two places was not the exchange's.
func (s *stage) wrong(k string, from, to int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.seen[k][from:to], func(b shown) bool { return strings.HasPrefix(b.verdict, "differs") })
}

// path is what was published between two places.
func (s *stage) path(k string, from, to int) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for _, b := range s.seen[k][from:min(to+1, len(s.seen[k]))] {
		text := b.state + " " + b.verdict + b.reason
		if len(out) == 0 || !strings.HasSuffix(out[len(out)-1], text) {
			out = append(out, b.at.Format("05.000")+" "+text)
		}
	}
	return strings.Join(out[max(0, len(out)-30):], "; ")
}

func table(exchanges []string, cells map[string]string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "seconds until noticed / until right again after its end\n%-22s", "")
	for _, exchange := range exchanges {
		fmt.Fprintf(&b, "%-13s", exchange)
	}
	for _, tr := range trials {
		fmt.Fprintf(&b, "\n%-22s", tr.name)
		for _, exchange := range exchanges {
			cell := cells[exchange+tr.name]
			if cell == "" {
				cell = "-"
			}
			fmt.Fprintf(&b, "%-13s", cell)
		}
	}
	return b.String()
}
