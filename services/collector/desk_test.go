package collector

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/services/collector/internal/book"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange"
	"github.com/hourglass-trading/hourglass/services/collector/internal/feed"
)

func TestAListingThatIsAsBeforeStaysTheSame(t *testing.T) {
	tick := "0.01"
	d := newTestDesk(t, func(string, url.Values) (int, string) {
		return http.StatusOK, strings.ReplaceAll(info, `"tickSize":"0.01"},{"filterType":"LOT_SIZE","stepSize":"0.001"}]},
	{`, `"tickSize":"`+tick+`"},{"filterType":"LOT_SIZE","stepSize":"0.001"}]},
	{`)
	})
	find := func(s market.Symbol) *exchange.Listing {
		l, err := d.catalog.find(s)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	btc, eth := find("BTC-USDT"), find("ETH-USDT")
	<-d.catalog.changed
	if err := d.catalog.refresh(t.Context()); err != nil || find("BTC-USDT") != btc || len(d.catalog.changed) != 0 {
		t.Error("another listing although nothing changed")
	}
	tick = "0.05"
	if err := d.catalog.refresh(t.Context()); err != nil || find("BTC-USDT") == btc || find("ETH-USDT") != eth || len(d.catalog.changed) != 1 {
		t.Error("a changed tick must make another listing, and that one alone")
	}
	reply, err := d.catalog.pairs()
	if err != nil || len(reply.Instruments) != 2 || reply.Instruments[0].Symbol != "BTC-USDT" || reply.Instruments[1].Status != market.Halted {
		t.Errorf("%+v, %v", reply, err)
	}
}

func TestWishesAreHeardUntilTheyExpire(t *testing.T) {
	in := newInterest("binance", slog.New(slog.DiscardHandler))
	now := time.Now()
	in.hear("binance.BTC-USDT", true, now)
	in.hear("binance.ETH-USDT", true, now)
	in.hear("kraken.BTC-USD", true, now)
	in.hear("binance.nonsense", true, now)
	in.hear("", true, now)
	in.hear("binance.ETH-USDT", false, now)
	if len(in.changed) != 1 {
		t.Error("not told")
	}
	tests := []struct {
		after time.Duration
		want  []market.Symbol
	}{
		{0, []market.Symbol{"BTC-USDT", "ETH-USDT"}},
		{grace, []market.Symbol{"BTC-USDT"}},
		{bus.InterestTTL + grace - 1, []market.Symbol{"BTC-USDT"}},
		{bus.InterestTTL + grace, nil},
	}
	for _, tt := range tests {
		got := in.wanted(now.Add(tt.after))
		slices.Sort(got)
		if !slices.Equal(got, tt.want) {
			t.Errorf("after %s: %v, want %v", tt.after, got, tt.want)
		}
	}
	for i := range maxWishes + 5 {
		in.hear("binance.C"+string(rune('A'+i%26))+strings.Repeat("X", i/26%18)+string(rune('A'+i/468))+"-USDT", true, now)
	}
	if n := len(in.wanted(now)); n > maxWishes {
		t.Errorf("%d wishes", n)
	}
}

func TestFollowedIsWhatIsConfiguredOrWantedAndListed(t *testing.T) {
	var calls []string
	d := newTestDesk(t, binanceAt(exchangeNow, &calls))
	s := newSelection([]market.Symbol{"BTC-USDT", "NO-SUCH"}, d.interest, d.catalog, nil, slog.New(slog.DiscardHandler))
	now := time.Now()
	symbols := func(at time.Time) (list []market.Symbol) {
		for _, l := range s.choose(at) {
			list = append(list, l.Symbol)
		}
		return list
	}
	if got := symbols(now); !slices.Equal(got, []market.Symbol{"BTC-USDT"}) {
		t.Errorf("%v", got)
	}
	d.interest.hear("binance.ETH-USDT", true, now)
	d.interest.hear("binance.BTC-USDT", true, now)
	if got := symbols(now); !slices.Equal(got, []market.Symbol{"BTC-USDT", "ETH-USDT"}) {
		t.Errorf("%v", got)
	}
	if got := symbols(now.Add(time.Hour)); !slices.Equal(got, []market.Symbol{"BTC-USDT"}) {
		t.Errorf("%v", got)
	}
}

func TestQuestionsAreAnsweredOrSaidWhyNot(t *testing.T) {
	var calls []string
	d := newTestDesk(t, binanceAt(exchangeNow, &calls))
	l, err := d.catalog.find("BTC-USDT")
	if err != nil {
		t.Fatal(err)
	}
	b := book.New(l.Scale, book.Rules{})
	b.Restart()
	if _, err := b.Apply(&book.Update{Kind: book.Snapshot, Last: 7, Bids: []book.Level{{Price: 100, Size: 1}}}); err != nil {
		t.Fatal(err)
	}
	d.publisher.Look(l, feed.View{Book: b, State: market.Live, Now: exchangeNow})
	tests := map[string]struct {
		ask  string
		data string
		code string
		want string
	}{
		"the pairs":                      {bus.AskPairs, `{}`, "", `"symbol":"BTC-USDT"`},
		"a pair that is not traded":      {bus.AskPairs, `{}`, "", `"base":"ETH","quote":"USDT","status":"halted"`},
		"a book":                         {bus.AskBook, `{"symbol":"BTC-USDT"}`, "", `"state":"live"`},
		"a book that is not collected":   {bus.AskBook, `{"symbol":"ETH-USDT"}`, "unavailable", "not collected"},
		"a book that is not listed":      {bus.AskBook, `{"symbol":"NO-SUCH"}`, "not_found", `does not list NO-SUCH"`},
		"a book of a slip of the pen":    {bus.AskBook, `{"symbol":"BTC-UDST"}`, "not_found", `"code":"unknown_symbol","detail":"binance does not list BTC-UDST; did you mean BTC-USDT?"`},
		"candles of a slip of the pen":   {bus.AskKlines, `{"symbol":"EHT-USDT","interval":"1m"}`, "not_found", "did you mean ETH-USDT?"},
		"candles":                        {bus.AskKlines, `{"symbol":"BTC-USDT","interval":"1m","limit":2}`, "", `"source":"exchange"`},
		"candles of nothing like a pair": {bus.AskKlines, `{"symbol":"btc","interval":"1m"}`, "invalid", "symbol"},
		"candles of a wrong interval":    {bus.AskKlines, `{"symbol":"BTC-USDT","interval":"1x"}`, "invalid", "interval"},
		"no JSON":                        {bus.AskBook, `{`, "invalid", "request"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if code, text := answered(t, d, tt.ask, tt.data); code != tt.code || !strings.Contains(text, tt.want) {
				t.Errorf("%s %s", code, text)
			}
		})
	}
}

// answered is a question's answer in JSON, and the kind of the failure if it is one.
func answered(t *testing.T, d *desk, question, request string) (code, text string) {
	t.Helper()
	reply, err := d.service().Answers[question](t.Context(), []byte(request))
	var failure *bus.Failure
	if errors.As(err, &failure) {
		code, reply = string(failure.Kind), failure
	} else if err != nil {
		t.Fatal(err)
	}
	body, err := json.Marshal(reply)
	if err != nil {
		t.Fatal(err)
	}
	return code, string(body)
}

func TestAnExchangeThatWasNeverReachedIsDown(t *testing.T) {
	d := newTestDesk(t, func(string, url.Values) (int, string) { return 0, "" })
	s := d.status(exchangeNow)
	if s.State != market.Down || s.Reason == "" || s.Symbols != 0 || !s.At.Equal(exchangeNow) {
		t.Errorf("%+v", s)
	}
	if code, text := answered(t, d, bus.AskPairs, `{}`); code != "unavailable" {
		t.Errorf("%s %s", code, text)
	}
}
