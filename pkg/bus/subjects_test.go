package bus_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/pkg/order"
)

func TestSubjects(t *testing.T) {
	const account = order.AccountID("a01jzzzzzzzzzzzzzzzzzzzzzz")
	for got, want := range map[string]string{
		bus.BookSubject("kraken", "BTC-USD"):                  "md.book.kraken.BTC-USD",
		bus.TouchSubject("kraken", "BTC-USD"):                 "md.touch.kraken.BTC-USD",
		bus.TradeSubject("kraken", "BTC-USD"):                 "md.trade.kraken.BTC-USD",
		bus.KlineSubject("kraken", "BTC-USD", interval("1m")): "md.kline.kraken.BTC-USD.1m",
		bus.StatusSubject("kraken"):                           "md.status.kraken",
		bus.CollectorSubject("kraken", bus.AskKlines):         "collector.kraken.klines",
		bus.ExecutorSubject(bus.AskPreview):                   "executor.preview",
		bus.EventSubject(account):                             "evt.00." + string(account),
		bus.CommandSubject(account):                           "cmd.00." + string(account),
		bus.UserSubject(account):                              "usr." + string(account),
		bus.InterestKey("kraken", "BTC-USD"):                  "kraken.BTC-USD",
		bus.PartitionKey(7):                                   "07",
		bus.ExecutorKey("ABC"):                                "executor.ABC",
	} {
		if got != want {
			t.Errorf("subject = %s, want %s", got, want)
		}
	}
}

func TestAnUnsafeTokenNeverReachesTheServer(t *testing.T) {
	for _, bad := range []string{"", "*", ">", "a.b", "a b", "a\r\n", "é", strings.Repeat("x", 41)} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("token %q made a subject", bad)
				}
			}()
			bus.BookSubject(market.Exchange(bad), "BTC-USD")
		}()
	}
	for _, bad := range []string{"md.book.kraken", "md.book.kraken.BTC-USD.x", "md.book.*.BTC-USD", "xx.book.kraken.BTC-USD", "md.book.kraken.btc"} {
		if e, s, err := bus.ParseMarket(bad); err == nil {
			t.Errorf("%q was read as %s %s", bad, e, s)
		}
	}
	if e, s, err := bus.ParseMarket("md.trade.kraken.BTC-USD"); err != nil || e != "kraken" || s != "BTC-USD" {
		t.Errorf("read as %s %s, %v", e, s, err)
	}
	if _, _, err := bus.ParseInterestKey("kraken"); err == nil {
		t.Error("half an interest key was read")
	}
	for _, bad := range []string{"7", "64", "-1", "007", "mark", ""} {
		if p, err := bus.ParsePartitionKey(bad); err == nil {
			t.Errorf("%q was read as partition %d", bad, p)
		}
	}
	if p, err := bus.ParsePartitionKey("07"); err != nil || p != 7 {
		t.Errorf("partition %d, %v", p, err)
	}
}

func TestIntervals(t *testing.T) {
	for text, want := range map[string]string{"60s": "1m", "90s": "90s", "24h": "1d", "7d": "7d", "1s": "1s"} {
		i, err := bus.ParseInterval(text)
		if err != nil || i.String() != want {
			t.Errorf("%s = %s, %v; want %s", text, i, err, want)
		}
	}
	for _, bad := range []string{"", "0m", "1", "m", "1w", "1M", "-1m", "1.5h", "100000s", "01m"} {
		if i, err := bus.ParseInterval(bad); !errors.Is(err, bus.ErrInterval) {
			t.Errorf("%q was read as %s", bad, i)
		}
	}
	if _, err := bus.NewInterval(1500 * time.Millisecond); err == nil {
		t.Error("one and a half seconds is no interval")
	}
}
