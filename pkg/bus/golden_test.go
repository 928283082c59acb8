package bus_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/pkg/order"
	"github.com/hourglass-trading/hourglass/pkg/tracing"
)

var update = flag.Bool("update", false, "rewrite the golden files; review the difference")

func dec(s string) decimal.Decimal { return decimal.MustParse(s) }
func ptr[T any](v T) *T            { return &v }

func interval(s string) bus.Interval {
	i, err := bus.ParseInterval(s)
	if err != nil {
		panic(err)
	}
	return i
}

// messages has one example of every message, by the name of its golden file.
func messages() map[string]any {
	at := time.Date(2026, 8, 1, 2, 53, 53, 398143000, time.UTC)
	bid, ask := market.Level{Price: dec("63004.9"), Quantity: dec("0.0187")}, market.Level{Price: dec("63005"), Quantity: dec("2")}
	candle := market.Candle{
		OpenTime: at.Truncate(time.Minute), Open: dec("63000"), High: dec("63010.5"), Low: dec("62999.1"), Close: dec("63005"),
		Volume: dec("12.5"), CloseTime: at.Truncate(time.Minute).Add(time.Minute - time.Millisecond),
	}
	instrument := market.Instrument{
		Exchange: "kraken", Symbol: "BTC-USD", Native: "BTC/USD", Base: "BTC", Quote: "USD", Status: market.Trading,
		PriceTick: dec("0.1"), QuantityStep: dec("0.00000001"), MinQuantity: dec("0.00005"), MinNotional: dec("0.5"),
	}
	params := order.Defaults()
	params.TokenID, params.Symbol, params.Side = "btc-accumulate-1", "BTC-USD", market.Buy
	params.Quantity, params.DurationSeconds, params.IntervalSeconds = dec("2.5"), 600, 10
	params.LimitPrice = ptr(dec("65000"))
	const account = order.AccountID("a01jzzzzzzzzzzzzzzzzzzzzzz")
	id := order.NewID(account, params.TokenID)
	asked := order.Order{
		ID: id, TokenID: params.TokenID, Type: order.TWAP, Symbol: "BTC-USD", Exchanges: []market.Exchange{"kraken"}, Side: market.Buy, Status: order.Accepted,
		Quantity: dec("2.5"), RemainingQuantity: dec("2.5"), Reserved: order.Amount{Asset: "USD", Amount: dec("162922.5")}, CreatedAt: at, StartsAt: at, EndsAt: at.Add(10 * time.Minute),
		SlicesTotal: 1, Version: 1, Params: params, Profile: order.Profile{Preset: "standard", VisibleShare: decimal.One, TakerFeeBps: map[market.Exchange]decimal.Decimal{"kraken": dec("26")}}, Market: "sim",
	}
	return map[string]any{
		"md.book": &market.Book{
			Exchange: "kraken", Symbol: "BTC-USD", Seq: 41, State: market.Live, ExchangeTime: at,
			ReceivedAt: at.Add(20 * time.Millisecond), AliveAt: at.Add(time.Second), Bids: []market.Level{bid}, Asks: []market.Level{ask},
		},
		"md.touch":  &market.Touch{Exchange: "kraken", Symbol: "BTC-USD", Seq: 41, Bid: &bid, Ask: &ask, ExchangeTime: at, ReceivedAt: at},
		"md.trade":  &market.Trade{Exchange: "kraken", Symbol: "BTC-USD", ID: "97", Price: dec("63005"), Quantity: dec("0.1"), TakerSide: market.Buy, ExchangeTime: at, ReceivedAt: at},
		"md.kline":  &bus.Kline{Exchange: "kraken", Symbol: "BTC-USD", Interval: interval("1m"), Candle: candle},
		"md.status": &bus.Status{Exchange: "kraken", State: market.Live, At: at, LastMessageAt: at, LagMS: 12, Symbols: 2, SymbolsLive: 2, Messages: 1000, Gaps: 1, Resyncs: 1},

		"collector.pairs.reply":    &bus.PairsReply{Exchange: "kraken", FetchedAt: at, Instruments: []market.Instrument{instrument}},
		"collector.klines.request": &bus.KlinesRequest{Symbol: "BTC-USD", Interval: interval("1m"), Limit: 100, Start: at},
		"collector.klines.reply":   &bus.KlinesReply{Exchange: "kraken", Symbol: "BTC-USD", Interval: interval("1m"), Source: bus.FromExchange, Klines: []market.Candle{candle}},
		"collector.book.request":   &bus.BookRequest{Symbol: "BTC-USD"},
		"snapshot": &bus.Snapshot{
			Account: account, Format: "1-00", Version: 3, Seq: 41, Prev: order.Hash(nil), State: []byte("{}"), Sum: order.Hash([]byte("{}")),
			Origins: map[order.ID]tracing.Origin{id: {Request: "r1"}},
		},
		"executor.preview.request": &bus.PreviewRequest{Account: account, TWAP: &params},
		"executor.preview.reply": &order.Preview{
			Order: asked, Schedule: []order.Planned{{K: 1, DueAt: at, Quantity: dec("2.5")}}, Reservation: asked.Reserved, DecisionMid: ptr(dec("63004.95")),
			Expected: order.Estimate{FillRatio: ptr(dec("1")), AveragePrice: ptr(dec("63005")), SlippageBps: ptr(dec("0.0079")), SlippageCost: ptr(dec("0.125")), Fees: ptr(dec("409.53")), Cost: ptr(dec("409.655"))},
		},
		"executor.report.request": &bus.ReportRequest{Account: account, OrderID: id},
		"executor.report.reply": &order.Execution{
			Report: order.Report{OrderID: id, Final: true, AveragePrice: ptr(dec("63005"))}, Order: asked, Profile: asked.Profile, Seed: 7, Complete: true,
			Exchanges: []order.ExchangeTotal{{Exchange: "kraken", Fills: 1, Quantity: dec("2.5"), Notional: dec("157512.5"), Fees: dec("409.53"), Share: ptr(dec("1"))}},
			Counts:    []order.SliceCount{{Status: order.SliceFilled, Count: 1}},
			Points:    []order.Point{{K: 1, DueAt: at, Status: order.SliceFilled, Planned: dec("2.5"), Filled: dec("2.5"), CumulativePlanned: dec("2.5"), CumulativeFilled: dec("2.5"), Mid: ptr(dec("63004.95")), AveragePrice: ptr(dec("63005"))}},
			Fills:     []order.Fill{{ID: string(id) + "-1-kraken-1", OrderID: id, Slice: 1, Exchange: "kraken", At: at, Side: market.Buy, Price: dec("63005"), Quantity: dec("2.5"), Fee: dec("409.53"), BookSequence: 41, Displayed: dec("5")}},
		},
		"snap": &bus.Snapshot{
			Account: account, Format: "1-00", Form: order.SnapshotForm, Version: 9, Seq: 41, Prev: "00", State: []byte("packed"), Sum: "01",
		},
		"snap.state": &order.Snapshot{
			Account: account, Version: 9, Hash: "00", Ledger: order.SnapshotLedger{Assets: map[string]order.SnapshotFunds{"USD": {Available: dec("837077.5"), Reserved: dec("162922.5")}}},
			Orders:   []order.SnapshotOrder{{Order: asked, Instruments: []market.Instrument{instrument}}},
			Commands: []order.SnapshotCommand{{ID: order.CommandID(account, order.CreateTWAP, params.TokenID), At: at}},
		},
		"failure": &bus.Failure{Kind: order.NotFound, Code: "unknown_symbol", Detail: "kraken does not list BTC-USX; did you mean BTC-USD?"},

		"cmd.create_twap": &order.Command{ID: order.CommandID(account, order.CreateTWAP, params.TokenID), Account: account, Type: order.CreateTWAP, SentAt: at, OrderID: id, TWAP: &params},
		"cmd.create_plain": &order.Command{ID: order.CommandID(account, order.CreatePlain, "rest-1"), Account: account, Type: order.CreatePlain, SentAt: at, OrderID: order.NewID(account, "rest-1"), Plain: &order.Plain{
			TokenID: "rest-1", Symbol: "BTC-USD", Exchanges: []market.Exchange{"kraken"}, Side: market.Sell, Type: order.Limit, Quantity: dec("0.5"), Price: ptr(dec("65000")), TimeInForce: order.GTC,
		}},
		"evt.order_matched": &order.Event{
			Account: account, Version: 9, Prev: "00", ID: "o1-2", Type: order.OrderMatched, At: at, Epoch: 3, OrderID: "o1", TokenID: "rest-1",
			Slice: &order.Slice{K: 2, DueAt: at, DecidedAt: at, Wanted: dec("0.5"), Status: order.SliceFilled, Filled: dec("0.5"), CumulativePlanned: dec("0.5"), CumulativeFilled: dec("0.5")},
			Fills: []order.Fill{{ID: "o1-2-kraken-1", OrderID: "o1", Slice: 2, Exchange: "kraken", At: at, Side: market.Sell, Price: dec("65000"), Quantity: dec("0.5"), Fee: dec("8.125"), Displayed: dec("0.7"), Maker: true}},
		},
		"cmd.deposit": &order.Command{ID: order.CommandID(account, order.Deposit, "k"), Account: account, Type: order.Deposit, SentAt: at, Deposit: &order.Amount{Asset: "USD", Amount: dec("1000")}},
		"evt.deposited": &order.Event{
			Account: account, Version: 2, Prev: "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8", ID: "c1", Type: order.Deposited, At: at, Epoch: 3,
			CommandID: "c1", CommandSeq: 9, Deposit: &order.Amount{Asset: "USD", Amount: dec("1000")},
			Postings: []order.Posting{{Asset: "USD", Bucket: order.Funding, Amount: dec("-1000")}, {Asset: "USD", Bucket: order.Available, Amount: dec("1000")}},
			Balances: []order.Balance{{Asset: "USD", Total: dec("1001000"), Available: dec("1001000")}},
		},
		"evt.slice_arrived": &order.Event{
			Account: account, Version: 5, Prev: "00", ID: string(id) + "-1-kraken", Type: order.SliceArrived, At: at, Epoch: 3, OrderID: id, TokenID: params.TokenID,
			Slice: &order.Slice{K: 1, DueAt: at, DecidedAt: at, Planned: dec("0.1"), Wanted: dec("0.1"), Status: order.SliceFilled, DecisionMid: ptr(dec("63004.95")), Filled: dec("0.1"), CumulativePlanned: dec("0.1"), CumulativeFilled: dec("0.1"),
				Children: []order.Child{{Exchange: "kraken", Quantity: dec("0.1"), ArrivesAt: at, Arrived: true, Filled: dec("0.1")}}},
			Fills: []order.Fill{{ID: string(id) + "-1-kraken-1", OrderID: id, Slice: 1, Exchange: "kraken", At: at, Side: market.Buy, Price: dec("63005"), Quantity: dec("0.1"), Fee: dec("16.3813"), BookSequence: 41, Displayed: dec("2")}},
		},
	}
}

func TestEveryMessageHasTheJSONOfItsGoldenFile(t *testing.T) {
	for name, message := range messages() {
		t.Run(name, func(t *testing.T) {
			got, err := json.MarshalIndent(message, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, '\n')
			file := filepath.Join("testdata", name+".json")
			if *update {
				if err := os.WriteFile(file, got, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("the public form of %s has changed:\n%s", name, got)
			}
			back := reflect.New(reflect.TypeOf(message).Elem()).Interface()
			if err := json.Unmarshal(want, back); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(back, message) {
				t.Errorf("read back as %+v", back)
			}
		})
	}
}

func FuzzMessagesNeverPanicAndRoundTrip(f *testing.F) {
	for _, m := range messages() {
		b, err := json.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, m := range messages() {
			v := reflect.New(reflect.TypeOf(m).Elem()).Interface()
			if json.Unmarshal(b, v) != nil {
				continue
			}
			first, err := json.Marshal(v)
			if err != nil {
				continue // an absent interval or a time beyond year 9999 cannot be written
			}
			again := reflect.New(reflect.TypeOf(m).Elem()).Interface()
			if err := json.Unmarshal(first, again); err != nil {
				t.Fatalf("%T: %s does not read back: %v", m, first, err)
			}
			if second, _ := json.Marshal(again); !bytes.Equal(first, second) {
				t.Fatalf("%T: %s became %s", m, first, second)
			}
		}
	})
}
