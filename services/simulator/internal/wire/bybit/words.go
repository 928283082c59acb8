// Package bybit speaks Bybit's public protocol version 5 for spot, over whatever venue.Market it is given.
//
// A Server may serve any number of connections at once. Private topics, derivatives and the topic of full books are not
// simulated. A recorded book is sent as it was recorded, whatever depth was asked for.
package bybit

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/hourglass-trading/hourglass/services/simulator/internal/span"
	"github.com/hourglass-trading/hourglass/services/simulator/internal/wire/venue"
)

// Name is the exchange's name.
const Name = "bybit"

// Words are Bybit's. A topic is the channel, a point and the symbol.
type Words struct{}

// intervals by their names. A week begins on Monday, while the Unix epoch was a Thursday.
var intervals = map[string]span.Span{
	"1": span.Minutes(1), "3": span.Minutes(3), "5": span.Minutes(5), "15": span.Minutes(15), "30": span.Minutes(30), "60": span.Minutes(60),
	"120": span.Minutes(120), "240": span.Minutes(240), "360": span.Minutes(360), "720": span.Minutes(720), "D": span.Minutes(1440),
	"W": span.Shifted(7*24*time.Hour, 4*24*time.Hour), "M": span.Months(1, 0),
}

// Symbol implements venue.Words.
func (Words) Symbol(base, quote string) string { return base + quote }

// Short implements venue.Words.
func (Words) Short() (price, qty bool) { return true, true }

// Channel implements venue.Words.
func (Words) Channel(name string) (venue.Channel, bool) {
	switch name {
	case "orderbook.1": // sends whole books only
		return venue.Channel{Kind: venue.Pictures, Depth: 1}, true
	case "orderbook.50":
		return venue.Channel{Kind: venue.Books, Depth: 50}, true
	case "orderbook.200":
		return venue.Channel{Kind: venue.Books, Depth: 200}, true
	case "orderbook.1000":
		return venue.Channel{Kind: venue.Books, Depth: 1000, Steps: 2}, true
	case "publicTrade":
		return venue.Channel{Kind: venue.Trades}, true
	case "tickers":
		return venue.Channel{Kind: venue.Tickers}, true
	}
	if interval, ok := strings.CutPrefix(name, "kline."); ok {
		s, ok := intervals[interval]
		return venue.Channel{Kind: venue.Candles, Span: s}, ok
	}
	return venue.Channel{}, false
}

// split takes a topic apart.
func split(topic string) venue.Topic {
	i := max(0, strings.LastIndexByte(topic, '.'))
	return venue.Topic{Channel: topic[:i], Symbol: strings.TrimPrefix(topic[i:], ".")}
}

func name(t venue.Topic) string { return t.Channel + "." + t.Symbol }

// Book implements venue.Words. A picture for late listeners of a recording has the ids of the message it ends with.
func (Words) Book(m *venue.BookMessage) []byte {
	kind := "delta"
	if m.Picture {
		kind = "snapshot"
	}
	ms, count, seq := m.At.UnixMilli(), m.Count, m.Seq
	if m.Recorded != nil {
		var last struct {
			TS   int64 `json:"ts"`
			Data struct {
				U   int64 `json:"u"`
				Seq int64 `json:"seq"`
			} `json:"data"`
		}
		if json.Unmarshal(m.Recorded, &last) == nil {
			ms, count, seq = last.TS, last.Data.U, last.Data.Seq
		}
	}
	b := make([]byte, 0, 256+32*(len(m.Bids)+len(m.Asks)))
	b = fmt.Appendf(b, `{"topic":"%s","ts":%d,"type":"%s","data":{"s":"%s","b":[`, name(m.Topic), ms, kind, m.Topic.Symbol)
	b = venue.AppendPairs(b, m.Bids, nil)
	b = append(b, `],"a":[`...)
	b = venue.AppendPairs(b, m.Asks, nil)
	return fmt.Appendf(b, `],"u":%d,"seq":%d},"cts":%d}`, count, seq, ms)
}

func side(sell bool) string {
	if sell {
		return "Sell"
	}
	return "Buy"
}

// maxTrades is how many trades one message holds at most.
const maxTrades = 1024

// Trades implements venue.Words.
func (Words) Trades(t venue.Topic, trades []venue.Trade) [][]byte {
	var frames [][]byte
	for len(trades) > 0 {
		part := trades[:min(maxTrades, len(trades))]
		trades = trades[len(part):]
		b := fmt.Appendf(nil, `{"topic":"%s","ts":%d,"type":"snapshot","data":[`, name(t), part[len(part)-1].At.UnixMilli())
		for i, tr := range part {
			if i > 0 {
				b = append(b, ',')
			}
			b = fmt.Appendf(b, `{"i":"%d","T":%d,"p":"%s","v":"%s","S":"%s","s":"%s","BT":false,"RPI":false,"seq":%d}`,
				tr.ID, tr.At.UnixMilli(), tr.Price, tr.Qty, side(tr.Sell), t.Symbol, tr.Seq)
		}
		frames = append(frames, append(b, `]}`...))
	}
	return frames
}

// Candle implements venue.Words.
func (Words) Candle(t venue.Topic, c *venue.Candle, closed bool, at time.Time) []byte {
	return fmt.Appendf(nil, `{"topic":"%s","data":[{"start":%d,"end":%d,"interval":"%s","open":"%s","close":"%s","high":"%s","low":"%s",`+
		`"volume":"%s","turnover":"%s","confirm":%t,"timestamp":%d}],"ts":%d,"type":"snapshot"}`,
		name(t), c.Start.UnixMilli(), c.Next.UnixMilli()-1, strings.TrimPrefix(t.Channel, "kline."), c.Open, c.Close, c.High, c.Low,
		c.Base, c.Quote, closed, at.UnixMilli(), at.UnixMilli())
}

// Ticker implements venue.Ticking.
func (Words) Ticker(t venue.Topic, k *venue.Tick) []byte {
	return fmt.Appendf(nil, `{"topic":"%s","ts":%d,"type":"snapshot","cs":%d,"data":{"symbol":"%s","lastPrice":"%s","highPrice24h":"%s",`+
		`"lowPrice24h":"%s","prevPrice24h":"%s","volume24h":"%s","turnover24h":"%s","price24hPcnt":"%s","usdIndexPrice":""}}`,
		name(t), k.At.UnixMilli(), k.Last.Seq, t.Symbol, k.Last.Price, k.Day.High, k.Day.Low, k.Day.Open, k.Day.Base, k.Day.Quote,
		change(k.Day.Open, k.Day.Close))
}

// row spells a candle.
func row(c *venue.Candle) []string {
	return []string{strconv.FormatInt(c.Start.UnixMilli(), 10), c.Open, c.High, c.Low, c.Close, c.Base, c.Quote}
}

// isPing is a quick look whether a client's frame asks for a sign of life in the oldest form, which is not JSON.
func isPing(data []byte) bool { return bytes.Equal(bytes.TrimSpace(data), []byte("ping")) }
