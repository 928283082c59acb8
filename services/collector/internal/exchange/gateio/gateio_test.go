package gateio

import (
	"errors"
	"testing"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/fuzztest"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/services/collector/internal/book"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange/exchangetest"
)

const pairs = `[
	{"id":"BTC_USDT","base":"BTC","base_name":"Bitcoin","quote":"USDT","quote_name":"Tether","fee":"0.2","min_base_amount":"0.000001",
	 "min_quote_amount":"3","amount_precision":6,"precision":1,"trade_status":"tradable","type":"normal"},
	{"id":"NEW_USDT","base":"NEW","quote":"USDT","amount_precision":0,"precision":8,"trade_status":"buyable"},
	{"id":"A/B","base":"A","quote":"B","amount_precision":1,"precision":1,"trade_status":"tradable"},
	{"id":"A_B","base":"A","quote":"B","amount_precision":-1,"precision":1,"trade_status":"tradable"},
	{"id":{}}]`

func listing(tb testing.TB) *exchange.Listing {
	tb.Helper()
	list, _, err := Exchange{}.ParseListings([]byte(pairs))
	if err != nil {
		tb.Fatal(err)
	}
	return &list[0]
}

func TestFramesSayWhatTheyAlwaysSaid(t *testing.T) { exchangetest.Golden(t, Exchange{}, listing(t)) }

func FuzzDecode(f *testing.F) { exchangetest.Fuzz(f, Exchange{}, listing(f)) }

func FuzzAnswersOfCalls(f *testing.F) {
	for _, seed := range []string{pairs, orderBook, candlesticks, `{"label":"TOO_MANY_REQUESTS","message":"x"}`} {
		f.Add([]byte(seed))
	}
	l := listing(f)
	fuzztest.Seed(f)
	f.Fuzz(func(t *testing.T, body []byte) { exchangetest.Bodies(t, Anchored{}, l, body) })
}

func TestPairsAreRead(t *testing.T) {
	list, skipped, err := Exchange{}.ParseListings([]byte(pairs))
	if err != nil || len(list) != 2 || skipped != 3 {
		t.Fatalf("%d listings, %d skipped, %v", len(list), skipped, err)
	}
	btc, fresh := list[0], list[1]
	if btc.Symbol != "BTC-USDT" || btc.PriceTick != decimal.MustParse("0.1") || btc.QuantityStep != decimal.MustParse("0.000001") ||
		btc.MinQuantity != decimal.MustParse("0.000001") || btc.MinNotional != decimal.MustParse("3") || btc.Status != market.Trading ||
		btc.Scale != (book.Scale{Price: 3, Size: 10}) {
		t.Errorf("%+v", btc)
	}
	if fresh.Status != market.Halted || fresh.QuantityStep != decimal.MustParse("1") || fresh.Scale != (book.Scale{Price: 8, Size: 4}) {
		t.Errorf("%+v", fresh)
	}
}

func TestBooksAreAskedForOneByOne(t *testing.T) {
	l := listing(t)
	two := []*exchange.Listing{l, {Wire: "ETH_USDT"}}
	tests := map[string]struct {
		got  []exchange.Request
		want []string
	}{
		"in the stream": {Exchange{}.Subscribe(5, two), []string{
			`{"id":5,"channel":"spot.obu","event":"subscribe","payload":["ob.BTC_USDT.400"]}`,
			`{"id":6,"channel":"spot.obu","event":"subscribe","payload":["ob.ETH_USDT.400"]}`,
			`{"id":7,"channel":"spot.trades","event":"subscribe","payload":["BTC_USDT","ETH_USDT"]}`,
		}},
		"no more": {Exchange{Depth: 50}.Unsubscribe(5, two[:1]), []string{
			`{"id":5,"channel":"spot.obu","event":"unsubscribe","payload":["ob.BTC_USDT.50"]}`,
			`{"id":6,"channel":"spot.trades","event":"unsubscribe","payload":["BTC_USDT"]}`,
		}},
		"once more": {Exchange{}.Resync(5, l), []string{
			`{"id":5,"channel":"spot.obu","event":"unsubscribe","payload":["ob.BTC_USDT.400"]}`,
			`{"id":6,"channel":"spot.obu","event":"subscribe","payload":["ob.BTC_USDT.400"]}`,
		}},
		"over REST": {Anchored{}.Subscribe(5, two[:1]), []string{
			`{"id":5,"channel":"spot.order_book_update","event":"subscribe","payload":["BTC_USDT","100ms"]}`,
			`{"id":6,"channel":"spot.trades","event":"subscribe","payload":["BTC_USDT"]}`,
		}},
		"over REST no more":   {Anchored{}.Unsubscribe(5, two[:1])[:1], []string{`{"id":5,"channel":"spot.order_book_update","event":"unsubscribe","payload":["BTC_USDT","100ms"]}`}},
		"over REST once more": {Anchored{}.Resync(5, l), nil},
	}
	for name, tt := range tests {
		if len(tt.got) != len(tt.want) {
			t.Fatalf("%s: %d requests", name, len(tt.got))
		}
		for i, r := range tt.got {
			if string(r.Frame) != tt.want[i] || r.ID != uint64(5+i) || r.Book == r.Trades {
				t.Errorf("%s: %s, %+v", name, r.Frame, r)
			}
		}
	}
	ping, _ := Exchange{}.Ping(9)
	if got := string(Exchange{}.Stamp(ping, time.Unix(1764000000, 5))); got != `{"time":1764000000,"id":9,"channel":"spot.ping"}` {
		t.Errorf("%s", got)
	}
}

func TestEachChannelHasItsOwnRuleOfFollowing(t *testing.T) {
	tests := map[string]struct {
		first, last     book.Seq
		whole, anchored book.Verdict
	}{
		"the next":              {101, 104, book.Apply, book.Apply},
		"one that reaches over": {99, 104, book.StartOver, book.Apply},
		"one too far":           {102, 104, book.StartOver, book.StartOver},
		"the last again":        {98, 100, book.Skip, book.Skip},
	}
	for name, tt := range tests {
		u := &book.Update{First: tt.first, Last: tt.last}
		if whole, anchored := Chain(100, u), ChainAnchored(100, u); whole != tt.whole || anchored != tt.anchored {
			t.Errorf("%s: %v and %v", name, whole, anchored)
		}
	}
}

// The recordings have no spot.obu; this is its life in short.
func TestABookInTheStreamLivesAndStartsOver(t *testing.T) {
	l := listing(t)
	e := Exchange{Depth: 50}
	b, table := book.New(l.Scale, e.Rules()), exchange.NewTable(l)
	b.Restart()
	steps := []struct {
		frame string
		want  book.Outcome
		state book.State
	}{
		{`{"channel":"spot.obu","result":{"t":1,"s":"ob.BTC_USDT.50","U":99,"u":100,"b":[["1","1"]],"a":[]}}`, book.Ignored, book.Buffering},
		{`{"channel":"spot.obu","result":{"t":1,"full":true,"s":"ob.BTC_USDT.50","u":100,"b":[["64009","1"]],"a":[["64010","1"]]}}`, book.Applied, book.InSync},
		{`{"channel":"spot.obu","result":{"t":2,"s":"ob.BTC_USDT.50","U":101,"u":103,"b":[["64009","0"],["64008","2"]],"a":[]}}`, book.Applied, book.InSync},
		{`{"channel":"spot.obu","result":{"t":2,"s":"ob.BTC_USDT.50","U":101,"u":103,"b":[["64009","0"],["64008","2"]],"a":[]}}`, book.Ignored, book.InSync},
		{`{"channel":"spot.obu","result":{"t":3,"full":true,"s":"ob.BTC_USDT.50","u":110,"b":[["64007","1"]],"a":[["64010","1"]]}}`, book.Applied, book.InSync},
		{`{"channel":"spot.obu","result":{"t":4,"s":"ob.BTC_USDT.50","U":112,"u":113,"b":[],"a":[]}}`, book.Broke, book.Lost},
	}
	for i, s := range steps {
		var out exchange.Batch
		if err := e.Decode([]byte(s.frame), table, &out); err != nil || len(out.Events) != 1 {
			t.Fatalf("step %d: %v, %v", i, out.Events, err)
		}
		if got, err := b.Apply(&out.Events[0].Update); got != s.want || b.State() != s.state {
			t.Errorf("step %d: %v, state %v, %v", i, got, b.State(), err)
		}
	}
	if !errors.Is(b.Reason(), book.ErrGap) {
		t.Errorf("broke by %v", b.Reason())
	}
}

const orderBook = `{"id":100,"current":1764000000123,"update":1764000000100,"asks":[["64010","0.25"]],"bids":[["64009.9","0.5"]]}`

func TestSnapshotsAndErrorsOfCalls(t *testing.T) {
	l := listing(t)
	var u book.Update
	if err := (Anchored{}).ParseSnapshot([]byte(orderBook), l, &u); err != nil || u.Kind != book.Snapshot || u.Last != 100 || u.Time.UnixMilli() != 1764000000100 {
		t.Errorf("%+v, %v", u, err)
	}
	tests := map[string]struct {
		body string
		want error
	}{
		"too fast":     {`{"label":"TOO_MANY_REQUESTS","message":"Request Rate limit Exceeded"}`, exchange.ErrBusy},
		"no such pair": {`{"label":"INVALID_CURRENCY_PAIR","message":"Invalid currency pair NO_SUCH"}`, exchange.ErrRefused},
	}
	for name, tt := range tests {
		if err := (Anchored{}).ParseSnapshot([]byte(tt.body), l, &u); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v", name, err)
		}
		if _, _, err := (Exchange{}).ParseListings([]byte(tt.body)); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := (Exchange{}).ParseCandles([]byte(tt.body), time.Minute, time.Time{}); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, body := range []string{``, `[]`, `<html>`, `{"id":1,"bids":[]}`, `{"bids":[],"asks":[]}`, orderBook[:90]} {
		if err := (Anchored{}).ParseSnapshot([]byte(body), l, &u); err == nil {
			t.Errorf("%s passes", body)
		}
	}
}

const candlesticks = `[["1764000000","11","2","2.5","0.5","1","7.5","true"],["1764000060","25","3","4","1","2","10","false"]]`

func TestCandlesHaveTwoVolumes(t *testing.T) {
	list, err := Exchange{}.ParseCandles([]byte(candlesticks), time.Minute, time.Unix(1764000090, 0))
	if err != nil || len(list) != 2 {
		t.Fatalf("%v, %v", list, err)
	}
	first := list[0]
	if !first.Complete || list[1].Complete || first.Open != decimal.MustParse("1") || first.High != decimal.MustParse("2.5") ||
		first.Low != decimal.MustParse("0.5") || first.Close != decimal.MustParse("2") || first.Volume != decimal.MustParse("7.5") {
		t.Errorf("%+v", list)
	}
	start, l := time.Unix(1764000000, 0), listing(t)
	for want, call := range map[string]exchange.Call{
		"currency_pair=BTC_USDT&from=1764000000&interval=1m&to=1764000599": Exchange{}.Candles(l, time.Minute, start, time.Time{}, 10),
		"currency_pair=BTC_USDT&from=1763964000&interval=1h&to=1763999999": Exchange{}.Candles(l, time.Hour, time.Time{}, start, 10),
		"currency_pair=BTC_USDT&interval=1d&limit=10":                      Exchange{}.Candles(l, 24*time.Hour, time.Time{}, time.Time{}, 10),
	} {
		if call.Query != want {
			t.Errorf("%s, want %s", call.Query, want)
		}
	}
}
