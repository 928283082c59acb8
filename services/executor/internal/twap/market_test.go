package twap

import (
	"testing"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/pkg/order"
)

const pair market.Symbol = "BTC-USDT"

func dec(s string) decimal.Decimal { return decimal.MustParse(s) }

func at(ms int64) time.Time { return time.UnixMilli(1_700_000_000_000 + ms).UTC() }

// book is a live book: bids and asks as price, quantity, price, quantity…
func book(exchange market.Exchange, bids, asks []string) *market.Book {
	b := &market.Book{Exchange: exchange, Symbol: pair, State: market.Live}
	for i := 0; i < len(bids); i += 2 {
		b.Bids = append(b.Bids, market.Level{Price: dec(bids[i]), Quantity: dec(bids[i+1])})
	}
	for i := 0; i < len(asks); i += 2 {
		b.Asks = append(b.Asks, market.Level{Price: dec(asks[i]), Quantity: dec(asks[i+1])})
	}
	return b
}

func TestABookIsUsableWhileItIsLiveFreshAndUncrossed(t *testing.T) {
	live := book("kraken", []string{"99", "1"}, []string{"101", "1"})
	tests := map[string]struct {
		do   func(m *Market)
		want order.Reason
	}{
		"never seen":                            {func(*Market) {}, order.ExchangeDown},
		"live":                                  {func(m *Market) { m.Book(at(0), live) }, ""},
		"silent for exactly as long as allowed": {func(m *Market) { m.Book(at(-2000), live) }, ""},
		"silent for longer":                     {func(m *Market) { m.Book(at(-2001), live) }, order.StaleBook},
		"silent, but a trade came": {func(m *Market) {
			m.Book(at(-9000), live)
			m.Trade(at(-10), &market.Trade{Exchange: "kraken", Symbol: pair})
		}, ""},
		"silent, but a heartbeat came":        {func(m *Market) { m.Book(at(-9000), live); m.Heartbeat(at(-10), "kraken") }, ""},
		"silent, the heartbeat was another's": {func(m *Market) { m.Book(at(-9000), live); m.Heartbeat(at(-10), "okx") }, order.StaleBook},
		"alive by its own word": {func(m *Market) {
			b := *live
			b.AliveAt = at(-1)
			m.Book(at(-9000), &b)
		}, ""},
		"gapped":            {func(m *Market) { m.Book(at(0), live); m.Book(at(0), state(live, market.Gapped)) }, order.GappedBook},
		"down":              {func(m *Market) { m.Book(at(0), live); m.Book(at(0), state(live, market.Down)) }, order.ExchangeDown},
		"said to be stale":  {func(m *Market) { m.Book(at(0), live); m.Book(at(0), state(live, market.Stale)) }, order.StaleBook},
		"crossed in itself": {func(m *Market) { m.Book(at(0), book("kraken", []string{"101", "1"}, []string{"101", "1"})) }, order.CrossedBook},
		"one side empty":    {func(m *Market) { m.Book(at(0), book("kraken", nil, []string{"101", "1"})) }, ""},
		"live again":        {func(m *Market) { m.Book(at(0), state(live, market.Gapped)); m.Book(at(0), live) }, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			m := NewMarket()
			tt.do(m)
			if got := m.source("kraken", pair).fault(at(0), 2*time.Second); got != tt.want {
				t.Errorf("fault = %q, want %q", got, tt.want)
			}
		})
	}
}

func state(b *market.Book, s market.State) *market.Book {
	c := *b
	c.State = s
	return &c
}

func TestTheGravestReasonStandsForAll(t *testing.T) {
	m := NewMarket()
	m.Book(at(0), book("a", []string{"2", "1"}, []string{"1", "1"}))
	m.Book(at(0), state(book("b", nil, nil), market.Gapped))
	m.Book(at(-9000), book("c", nil, nil))
	got := look([]*source{m.source("a", pair), m.source("c", pair), m.source("b", pair)}, at(0), time.Second)
	if got.usable != 0 || got.fault != order.GappedBook {
		t.Errorf("touch = %+v", got)
	}
}

func TestALevelRemembersItsBirth(t *testing.T) {
	m := NewMarket()
	born := func(price string) int64 {
		s := m.source("kraken", pair)
		for i, l := range s.book.Asks {
			if l.Price == dec(price) {
				return s.born[1][i]
			}
		}
		return -1
	}
	show := func(ms int64, asks ...string) { m.Book(at(ms), book("kraken", []string{"90", "1"}, asks)) }
	show(0, "100", "1", "102", "1")
	show(10, "100", "2", "101", "1", "102", "1")
	if born("100") != always || born("102") != always || born("101") != at(10).UnixMilli() {
		t.Errorf("born: %d %d %d", born("100"), born("101"), born("102"))
	}
	show(20, "101", "1", "102", "1")
	m.Book(at(25), &market.Book{Exchange: "kraken", Symbol: pair, State: market.Gapped})
	show(30, "100", "1", "101", "1", "102", "1")
	if born("100") != at(30).UnixMilli() || born("101") != at(10).UnixMilli() {
		t.Error("a level that was gone did not begin anew, or a gap made one that stayed forget")
	}
}

func TestALevelBehindTheLastOfADeepBookWasOutOfSight(t *testing.T) {
	var deep []string
	for i := range publishedDepth {
		deep = append(deep, decimal.New(int64(100+i), 0).String(), "1")
	}
	m := NewMarket()
	m.Book(at(0), book("kraken", nil, deep))
	m.Book(at(10), book("kraken", nil, append(deep[2:], "150", "1", "151", "1")))
	s := m.source("kraken", pair)
	if n := len(s.born[1]); s.born[1][n-1] != always {
		t.Errorf("born = %d", s.born[1][n-1])
	}
}

func TestASeriesAndATapeCanLookALittleBack(t *testing.T) {
	m := NewMarket()
	m.Book(at(0), book("kraken", []string{"99", "1"}, []string{"101", "1"}))
	s := m.benchmark(at(0), pair, []market.Exchange{"kraken"}, time.Minute)
	m.Book(at(100), book("kraken", []string{"199", "1"}, []string{"201", "1"}))
	m.Book(at(150), state(book("kraken", nil, nil), market.Down))
	for _, ms := range []int64{10, 20, 20, 30} {
		m.Trade(at(ms), &market.Trade{Exchange: "kraken", Symbol: pair, Price: dec("100"), Quantity: dec("0.5")})
	}
	if p := s.at(at(60).UnixMilli()); p.sum.midTime != dec("6000") || p.sum.knownMS != 60 {
		t.Errorf("at 60 ms: %+v", p)
	}
	// 100 ms at 100, 50 at 200, then 50 more at the last known 200.
	if p := s.at(at(200).UnixMilli()); p.sum.midTime != dec("30000") || p.sum.midMS != 200 || p.sum.knownMS != 150 || p.mid != dec("200") {
		t.Errorf("at 200 ms: %+v", p)
	}
	for ms, want := range map[int64]string{9: "0", 10: "0.5", 20: "1.5", 29: "1.5", 99: "2"} {
		if f := s.flow(at(ms).UnixMilli()); f.volume != dec(want) {
			t.Errorf("volume up to %d ms = %s, want %s", ms, f.volume, want)
		}
	}
}

func TestHistoriesAreBoundedAndKeepTheirSums(t *testing.T) {
	m := NewMarket()
	s := m.benchmark(at(0), pair, []market.Exchange{"kraken"}, time.Hour)
	n := int64(3 * tapeLength)
	for i := range n {
		bid, ask := decimal.New(100+i%2, 0).String(), "200"
		m.Book(at(i), book("kraken", []string{bid, "1"}, []string{ask, "1"}))
		m.Trade(at(i), &market.Trade{Exchange: "kraken", Symbol: pair, Price: decimal.One, Quantity: decimal.One})
	}
	if got := s.flow(at(n).UnixMilli()); got.volume != decimal.New(n, 0) {
		t.Errorf("volume %s of %d", got.volume, n)
	}
	if p := s.at(at(n).UnixMilli()); p.sum.knownMS != n {
		t.Errorf("known %d of %d ms", p.sum.knownMS, n)
	}
	if len(s.points) > 2*seriesLength || len(m.source("kraken", pair).tape.prints) > 2*tapeLength {
		t.Error("a history grows without bound")
	}
	if early := s.flow(at(1).UnixMilli()); early.volume.Sign() <= 0 {
		t.Error("a look before the oldest trade must see the sum before it")
	}
}

func TestRoutingSetsOfASymbolAreBoundedAndLetGo(t *testing.T) {
	m := NewMarket()
	for i := range maxSeries {
		id := order.ID(rune('a' + i))
		if !m.follow(id, routing{pair, []market.Exchange{"kraken"}, time.Duration(i + 1)}, at(0), order.Marks{}, at(1000)) {
			t.Fatalf("no room for series %d", i)
		}
	}
	if m.follow("one more", routing{pair, []market.Exchange{"kraken"}, time.Hour}, at(0), order.Marks{}, at(1000)) {
		t.Error("a series too many")
	}
	m.forget(at(1000).Add(2 * grace))
	if len(m.followers) != 0 || len(m.series[pair]) != 0 || len(m.source("kraken", pair).series) != 0 {
		t.Error("orders whose time is over still follow")
	}
}
