package replay

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"time"
)

// coinbase reads recordings of Coinbase Exchange under its present and its former names. Streams are named by channel and
// product: level2 BTC-USD.
var coinbase = &dialect{
	socket: func(u *url.URL) bool {
		return slices.Contains([]string{"ws-feed.exchange.coinbase.com", "ws-feed.pro.coinbase.com"}, u.Hostname())
	},
	add:    addCoinbase,
	books:  func(symbol string) []string { return []string{"level2 " + symbol} },
	trades: func(symbol string) []string { return []string{"matches " + symbol} },
	apply: func(b *Book, data []byte) (bool, error) {
		if isSnapshot(data) {
			return applySides(b, data, true, `"bids":[`, `"asks":[`)
		}
		return false, sided(data, func(bid bool, price, qty []byte) error { return b.set(bid, price, qty) })
	},
	levels: func(data []byte, visit func(price, qty []byte) error) error {
		if isSnapshot(data) {
			return eachSide(data, visit, `"bids":[`, `"asks":[`)
		}
		return sided(data, func(_ bool, price, qty []byte) error { return visit(price, qty) })
	},
	read:    coinbaseTrade,
	split:   splitDash,
	listing: coinbaseListing,
}

// addCoinbase keeps books, matches and tickers. Heartbeats are made anew: a listener wants them after the end as well.
func addCoinbase(r *Recording, at time.Duration, payload []byte) error {
	var m struct {
		Type    string `json:"type"`
		Product string `json:"product_id"`
	}
	if err := json.Unmarshal(payload, &m); err != nil {
		return fmt.Errorf("message %.40q: %w", payload, err)
	}
	channel, ok := map[string]string{
		"snapshot": "level2", "l2update": "level2", "match": "matches", "last_match": "matches", "ticker": "ticker",
	}[m.Type]
	if ok && m.Product != "" {
		r.stream(channel+" "+m.Product, m.Product).add(Frame{At: at, Data: payload}, &r.seq)
	}
	return nil
}

func coinbaseTrade(data []byte) ([]Trade, error) {
	var m struct {
		Type     string    `json:"type"`
		ID       int64     `json:"trade_id"`
		Sequence int64     `json:"sequence"`
		Side     string    `json:"side"`
		Size     string    `json:"size"`
		Price    string    `json:"price"`
		Time     time.Time `json:"time"`
	}
	if err := json.Unmarshal(data, &m); err != nil {
		return nil, fmt.Errorf("match message: %w", err)
	}
	if m.Type != "match" {
		return nil, nil // the last one before the recording
	}
	// The side is the maker's.
	return []Trade{{
		ID: m.ID, First: m.ID, Last: m.ID, Seq: m.Sequence, Price: m.Price, Qty: m.Size, At: m.Time.UTC(), Sell: m.Side == "buy",
	}}, nil
}

func coinbaseListing(u *url.URL, body []byte) (map[string]Instrument, error) {
	if !slices.Contains([]string{"api.exchange.coinbase.com", "api.pro.coinbase.com"}, u.Hostname()) || u.Path != "/products" {
		return nil, nil
	}
	var rows []json.RawMessage
	if err := json.Unmarshal(body, &rows); err != nil {
		return nil, fmt.Errorf("products: %w", err)
	}
	return entries(rows, "id", "base_currency", "quote_currency")
}

var changesKey = []byte(`"changes":[`)

// sided reads the changes of a message: ["buy","price","size"],… up to the bracket that closes the list.
func sided(data []byte, visit func(bid bool, price, qty []byte) error) error {
	i := bytes.Index(data, changesKey)
	if i < 0 {
		return fmt.Errorf("no changes in %.40q", data)
	}
	data = data[i+len(changesKey):]
	for {
		data = bytes.TrimLeft(data, ", \t")
		if len(data) == 0 {
			return fmt.Errorf("list of changes without an end")
		}
		if data[0] == ']' {
			return nil
		}
		end := bytes.IndexByte(data, ']')
		if end < 0 || data[0] != '[' {
			return fmt.Errorf("changes %.40q are not as expected", data)
		}
		parts := bytes.Split(data[1:end], []byte(","))
		if len(parts) != 3 {
			return fmt.Errorf("change %.40q has %d parts", data[:end], len(parts))
		}
		if err := visit(string(unquote(parts[0])) == "buy", unquote(parts[1]), unquote(parts[2])); err != nil {
			return err
		}
		data = data[end+1:]
	}
}
