package executor

import (
	"context"
	"encoding/json"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
)

// The market of a crowd: four pairs on nine exchanges.
var (
	crowdExchanges = []market.Exchange{"binance", "bitstamp", "bybit", "coinbase", "gateio", "gemini", "kraken", "kucoin", "okx"}
	crowdSymbols   = []market.Symbol{"BTC-USDT", "ETH-USDT", "SOL-USDT", "XRP-USDT"}
	// crowdRoutes are where orders may go, one after the other.
	crowdRoutes = [][]market.Exchange{{market.All}, {"binance", "kraken", "okx"}, {"binance"}}
)

// crowdPause is the time between two books of a pair: the shortest that a collector leaves.
const crowdPause = 100 * time.Millisecond

func crowdInstruments(e market.Exchange) (out []market.Instrument) {
	for _, s := range crowdSymbols {
		out = append(out, market.Instrument{
			Exchange: e, Symbol: s, Native: string(s), Base: s.Base(), Quote: s.Quote(), Status: market.Trading,
			PriceTick: decimal.New(1, 2), QuantityStep: decimal.New(1, 5), MinQuantity: decimal.New(1, 5), MinNotional: decimal.New(5, 0),
		})
	}
	return out
}

// crowdBook is a book of some levels a side, which was alive at an instant. Its price changes with seq.
func crowdBook(e market.Exchange, s market.Symbol, levels int64, seq uint64, alive time.Time) *market.Book {
	b := &market.Book{Exchange: e, Symbol: s, State: market.Live, Seq: seq + 1, ReceivedAt: alive, AliveAt: alive}
	shift := int64(seq % 10)
	for i := range levels {
		b.Bids = append(b.Bids, market.Level{Price: decimal.New(5_999_900-i+shift, 2), Quantity: decimal.New(300_000+i, 5)})
		b.Asks = append(b.Asks, market.Level{Price: decimal.New(6_000_100+i+shift, 2), Quantity: decimal.New(300_000+i, 5)})
	}
	return b
}

// feed brings the books as a subscription does, one after the other, until ctx ends. They are encoded beforehand, as that
// is the work of others; so each says that it will be alive for an hour.
func feed(ctx context.Context, in *inbox) error {
	type message struct {
		subject string
		payload []byte
	}
	var messages []message
	alive := time.Now().Add(time.Hour)
	for seq := range uint64(10) {
		for _, e := range crowdExchanges {
			for _, s := range crowdSymbols {
				payload, err := json.Marshal(crowdBook(e, s, 50, seq, alive))
				if err != nil {
					return err
				}
				messages = append(messages, message{bus.BookSubject(e, s), payload})
			}
		}
	}
	tick := time.NewTicker(crowdPause / time.Duration(len(crowdExchanges)*len(crowdSymbols)))
	defer tick.Stop()
	for i := 0; ; i++ {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
			m := &messages[i%len(messages)]
			in.putBook(m.subject, m.payload)
		}
	}
}
