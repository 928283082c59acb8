package replay

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// kucoin's messages say on which topic they are: /market/level2:BTC-USDT.
var kucoin = &dialect{
	socket: func(u *url.URL) bool { return strings.HasSuffix(u.Hostname(), ".kucoin.com") },
	add: func(r *Recording, at time.Duration, payload []byte) error {
		var m struct {
			Type  string `json:"type"`
			Topic string `json:"topic"`
		}
		if err := json.Unmarshal(payload, &m); err != nil {
			return fmt.Errorf("message %.40q: %w", payload, err)
		}
		_, symbol, ok := strings.Cut(m.Topic, ":")
		if m.Type != "message" || !ok {
			return nil
		}
		symbol, _, _ = strings.Cut(symbol, "_") // of a candle's topic
		r.stream(m.Topic, symbol).add(Frame{at, payload, nil}, &r.seq)
		return nil
	},
	books:  func(symbol string) []string { return []string{"/market/level2:" + symbol} },
	trades: func(symbol string) []string { return []string{"/market/match:" + symbol} },
	apply:  applyPairs,
	levels: eachPair,
	read:   kucoinTrade,
	split: func(symbol string) (string, string) {
		base, quote, _ := strings.Cut(symbol, "-")
		return base, quote
	},
	fetched: func(u *url.URL, body []byte) (string, int64, error) {
		if u.Path != "/api/v3/market/orderbook/level2" && u.Path != "/api/v1/market/orderbook/level2_100" {
			return "", 0, nil
		}
		return anchorAt(u.Query().Get("symbol"), body, `"sequence":`)
	},
	first: `"sequenceStart":`, last: `"sequenceEnd":`,
	listing: func(u *url.URL, body []byte) (map[string]Instrument, error) {
		if u.Hostname() != "api.kucoin.com" || u.Path != "/api/v1/symbols" && u.Path != "/api/v2/symbols" {
			return nil, nil
		}
		var m struct {
			Data []json.RawMessage `json:"data"`
		}
		if err := json.Unmarshal(body, &m); err != nil {
			return nil, fmt.Errorf("symbols: %w", err)
		}
		return entries(m.Data, "symbol", "baseCurrency", "quoteCurrency")
	},
}

// anchorAt finds the id that an answer stands at.
func anchorAt(symbol string, body []byte, key string) (string, int64, error) {
	id, ok := integer(body, key)
	if !ok {
		return "", 0, fmt.Errorf("book answer for %.20q without %s", symbol, key)
	}
	return symbol, id, nil
}

func kucoinTrade(data []byte) ([]Trade, error) {
	var m struct {
		Data struct {
			Sequence string `json:"sequence"`
			Side     string `json:"side"`
			Size     string `json:"size"`
			Price    string `json:"price"`
			Time     string `json:"time"` // nanoseconds
		} `json:"data"`
	}
	if err := json.Unmarshal(data, &m); err != nil {
		return nil, fmt.Errorf("match: %w", err)
	}
	id, err := strconv.ParseInt(m.Data.Sequence, 10, 64)
	if err != nil {
		return nil, fmt.Errorf("match: %w", err)
	}
	ns, err := strconv.ParseInt(m.Data.Time, 10, 64)
	if err != nil {
		return nil, fmt.Errorf("match %d: %w", id, err)
	}
	return []Trade{{
		ID: id, First: id, Last: id, Price: m.Data.Price, Qty: m.Data.Size, At: time.Unix(0, ns).UTC(), Sell: m.Data.Side == "sell",
	}}, nil
}
