// Package okx speaks OKX's public protocol version 5 for spot, over whatever venue.Market it is given.
//
// A Server may serve any number of connections at once. Private channels, derivatives and the business channels besides
// candles are not simulated. Checksums are right, as before June 2026 and still in Japan; since then the exchange itself sends 0.
package okx

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"strconv"
	"strings"
	"time"

	"github.com/hourglass-trading/hourglass/services/simulator/internal/span"
	"github.com/hourglass-trading/hourglass/services/simulator/internal/wire/venue"
)

// Name is the exchange's name.
const Name = "okx"

// Words are OKX's.
type Words struct{}

// hongKong is how much earlier than UTC's the days of Hong Kong begin.
const hongKong = -8 * time.Hour

// monday is when the first week began, after the Unix epoch, which was a Thursday.
const monday = 4 * 24 * time.Hour

// bars by their names. Those of 6 hours and more open on Hong Kong's time unless their names end in utc.
var bars = spans()

func spans() map[string]span.Span {
	const day = 24 * time.Hour
	out := map[string]span.Span{
		"1s": span.Shifted(time.Second, 0), "1m": span.Minutes(1), "3m": span.Minutes(3), "5m": span.Minutes(5), "15m": span.Minutes(15),
		"30m": span.Minutes(30), "1H": span.Minutes(60), "2H": span.Minutes(120), "4H": span.Minutes(240),
	}
	for suffix, offset := range map[string]time.Duration{"": hongKong, "utc": 0} {
		for name, width := range map[string]time.Duration{"6H": day / 4, "12H": day / 2, "1D": day, "2D": 2 * day, "3D": 3 * day} {
			out[name+suffix] = span.Shifted(width, offset)
		}
		out["1W"+suffix] = span.Shifted(7*day, monday+offset)
		out["1M"+suffix], out["3M"+suffix] = span.Months(1, offset), span.Months(3, offset)
	}
	return out
}

// Symbol implements venue.Words.
func (Words) Symbol(base, quote string) string { return base + "-" + quote }

// Short implements venue.Words.
func (Words) Short() (price, qty bool) { return true, true }

// checked is how many levels a side the checksum covers.
const checked = 25

// Channel implements venue.Words.
func (Words) Channel(name string) (venue.Channel, bool) {
	switch name {
	case "books":
		return venue.Channel{Kind: venue.Books, Depth: 400, Best: checked}, true
	case "books5":
		return venue.Channel{Kind: venue.Pictures, Depth: 5, Best: checked}, true
	case "bbo-tbt":
		return venue.Channel{Kind: venue.Pictures, Depth: 1}, true
	case "trades", "trades-all":
		return venue.Channel{Kind: venue.Trades}, true
	case "tickers":
		return venue.Channel{Kind: venue.Tickers}, true
	case "instruments", "status":
		return venue.Channel{Kind: venue.Others}, true
	}
	if bar, ok := strings.CutPrefix(name, "candle"); ok {
		s, ok := bars[bar]
		return venue.Channel{Kind: venue.Candles, Span: s}, ok
	}
	return venue.Channel{}, false
}

// business says whether a channel is had on the business address.
func business(channel string) bool {
	return strings.HasPrefix(channel, "candle") || channel == "trades-all"
}

func begin(t venue.Topic) []byte {
	return fmt.Appendf(make([]byte, 0, 512), `{"arg":{"channel":"%s","instId":"%s"},`, t.Channel, t.Symbol)
}

// orders is the rest of a level: a field without use, and how many orders there are.
func orders(l venue.Level) string {
	if venue.Zero(l.Qty) {
		return `,"0","0"`
	}
	return `,"0","1"`
}

// Book implements venue.Words. A picture for late listeners of a recording has ids only if the recording has.
func (Words) Book(m *venue.BookMessage) []byte {
	b := begin(m.Topic)
	if m.Topic.Channel == "books" {
		action := "update"
		if m.Picture {
			action = "snapshot"
		}
		b = append(b, `"action":"`+action+`",`...)
	}
	b = append(b, `"data":[{"asks":[`...)
	b = venue.AppendPairs(b, m.Asks, orders)
	b = append(b, `],"bids":[`...)
	b = venue.AppendPairs(b, m.Bids, orders)
	b = fmt.Appendf(b, `],"ts":"%d"`, m.At.UnixMilli())
	if m.Topic.Channel == "books" {
		b = fmt.Appendf(b, `,"checksum":%d`, Checksum(m.BestBids, m.BestAsks))
	} else {
		b = fmt.Appendf(b, `,"instId":"%s"`, m.Topic.Symbol)
	}
	switch {
	case m.Recorded == nil && m.Topic.Channel == "books":
		b = fmt.Appendf(b, `,"prevSeqId":%d,"seqId":%d`, m.Prev, m.Seq)
	case m.Recorded == nil:
		b = fmt.Appendf(b, `,"seqId":%d`, m.Seq)
	default:
		if id, ok := recordedID(m.Recorded); ok {
			b = append(b, `,"prevSeqId":-1,"seqId":`+id...)
		}
	}
	return append(b, `}]}`...)
}

// recordedID is the id of a recorded message; false where it has none.
func recordedID(frame []byte) (string, bool) {
	_, after, ok := bytes.Cut(frame, []byte(`"seqId":`))
	if !ok {
		return "", false
	}
	digits := after[:len(after)-len(bytes.TrimLeft(after, "0123456789"))]
	return string(digits), len(digits) > 0
}

// Checksum is CRC-32 over the 25 best levels, a bid and an ask in turn as far as each side goes, read as a signed number.
func Checksum(bids, asks []venue.Level) int32 {
	var text []byte
	add := func(side []venue.Level, i int) {
		if i < len(side) {
			if len(text) > 0 {
				text = append(text, ':')
			}
			text = append(append(append(text, side[i].Price...), ':'), side[i].Qty...)
		}
	}
	for i := range checked {
		add(bids, i)
		add(asks, i)
	}
	return int32(crc32.ChecksumIEEE(text))
}

func side(sell bool) string {
	if sell {
		return "sell"
	}
	return "buy"
}

// Trades implements venue.Words.
func (Words) Trades(t venue.Topic, trades []venue.Trade) [][]byte {
	b := append(begin(t), `"data":[`...)
	for i, tr := range trades {
		if i > 0 {
			b = append(b, ',')
		}
		b = fmt.Appendf(b, `{"instId":"%s","tradeId":"%d","px":"%s","sz":"%s","side":"%s","ts":"%d","count":"1","source":"0","seqId":%d}`,
			t.Symbol, tr.ID, tr.Price, tr.Qty, side(tr.Sell), tr.At.UnixMilli(), tr.Seq)
	}
	return [][]byte{append(b, `]}`...)}
}

// row spells a candle.
func row(c *venue.Candle, closed bool) []string {
	confirm := "0"
	if closed {
		confirm = "1"
	}
	return []string{strconv.FormatInt(c.Start.UnixMilli(), 10), c.Open, c.High, c.Low, c.Close, c.Base, c.Quote, c.Quote, confirm}
}

// Candle implements venue.Words.
func (Words) Candle(t venue.Topic, c *venue.Candle, closed bool, _ time.Time) []byte {
	b := append(begin(t), `"data":[["`...)
	b = append(b, strings.Join(row(c, closed), `","`)...)
	return append(b, `"]]}`...)
}

// Ticker implements venue.Ticking.
func (Words) Ticker(t venue.Topic, k *venue.Tick) []byte {
	return fmt.Appendf(begin(t), `"data":[{"instType":"SPOT","instId":"%s","last":"%s","lastSz":"%s","askPx":"%s","askSz":"%s","bidPx":"%s",`+
		`"bidSz":"%s","open24h":"%s","high24h":"%s","low24h":"%s","sodUtc0":"%s","sodUtc8":"%s","volCcy24h":"%s","vol24h":"%s","ts":"%d"}]}`,
		t.Symbol, k.Last.Price, k.Last.Qty, k.Ask.Price, k.Ask.Qty, k.Bid.Price, k.Bid.Qty, k.Day.Open, k.Day.High, k.Day.Low,
		k.Day.Open, k.Day.Open, k.Day.Quote, k.Day.Base, k.At.UnixMilli())
}
