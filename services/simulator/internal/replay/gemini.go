package replay

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// gemini reads recordings of Gemini's second protocol. One stream, l2 BTCUSD, holds a symbol's book and its trades, as they
// are subscribed to together.
var gemini = &dialect{
	socket: func(u *url.URL) bool {
		return u.Hostname() == "api.gemini.com" && strings.TrimSuffix(u.Path, "/") == "/v2/marketdata"
	},
	add:    addGemini,
	books:  func(symbol string) []string { return []string{"l2 " + symbol} },
	trades: func(symbol string) []string { return []string{"l2 " + symbol} },
	apply: func(b *Book, data []byte) (bool, error) {
		if !isGeminiBook(data) {
			return false, nil
		}
		picture := bytes.Contains(data, []byte(`"trades":[`)) // only the first message has one
		if picture {
			b.reset()
		}
		return picture, sided(data, func(bid bool, price, qty []byte) error { return b.set(bid, price, qty) })
	},
	levels: func(data []byte, visit func(price, qty []byte) error) error {
		if !isGeminiBook(data) {
			return nil
		}
		return sided(data, func(_ bool, price, qty []byte) error { return visit(price, qty) })
	},
	read:  geminiTrade,
	split: splitSuffix,
}

func isGeminiBook(data []byte) bool {
	return bytes.Contains(data[:min(40, len(data))], []byte(`"type":"l2_updates"`))
}

// addGemini keeps books and trades; heartbeats are made anew.
func addGemini(r *Recording, at time.Duration, payload []byte) error {
	var m struct {
		Type   string `json:"type"`
		Symbol string `json:"symbol"`
	}
	if err := json.Unmarshal(payload, &m); err != nil {
		return fmt.Errorf("message %.40q: %w", payload, err)
	}
	if (m.Type == "l2_updates" || m.Type == "trade") && m.Symbol != "" {
		r.stream("l2 "+m.Symbol, m.Symbol).add(Frame{At: at, Data: payload}, &r.seq)
	}
	return nil
}

func geminiTrade(data []byte) ([]Trade, error) {
	if isGeminiBook(data) {
		return nil, nil
	}
	var m struct {
		ID        int64  `json:"event_id"`
		Timestamp int64  `json:"timestamp"`
		Price     string `json:"price"`
		Quantity  string `json:"quantity"`
		Side      string `json:"side"`
	}
	if err := json.Unmarshal(data, &m); err != nil {
		return nil, fmt.Errorf("trade message: %w", err)
	}
	return []Trade{{
		ID: m.ID, First: m.ID, Last: m.ID, Price: m.Price, Qty: m.Quantity, At: time.UnixMilli(m.Timestamp).UTC(), Sell: m.Side == "sell",
	}}, nil
}
