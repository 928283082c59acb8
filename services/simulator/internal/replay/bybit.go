package replay

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// bybit reads recordings of Bybit's fifth protocol, spot. Streams are named by topic and symbol: orderbook.50 BTCUSDT.
var bybit = &dialect{
	socket: func(u *url.URL) bool {
		return (u.Hostname() == "stream.bybit.com" || u.Hostname() == "stream.bytick.com") && u.Path == "/v5/public/spot"
	},
	add: addBybit,
	books: func(symbol string) []string {
		return []string{"orderbook.1000 " + symbol, "orderbook.200 " + symbol, "orderbook.50 " + symbol}
	},
	trades: func(symbol string) []string { return []string{"publicTrade " + symbol} },
	apply: func(b *Book, data []byte) (bool, error) {
		u, _ := integer(data, `"u":`)
		return applySides(b, data, u == 1 || bytes.Contains(data, []byte(`"type":"snapshot"`)), `"b":[`, `"a":[`)
	},
	levels: func(data []byte, visit func(price, qty []byte) error) error {
		return eachSide(data, visit, `"b":[`, `"a":[`)
	},
	read:  bybitTrades,
	split: splitSuffix,
}

func addBybit(r *Recording, at time.Duration, payload []byte) error {
	var m struct {
		Topic string `json:"topic"`
	}
	if err := json.Unmarshal(payload, &m); err != nil {
		return fmt.Errorf("message %.40q: %w", payload, err)
	}
	i := strings.LastIndexByte(m.Topic, '.')
	if i < 0 {
		return nil // an answer to a request
	}
	name, symbol := m.Topic[:i], m.Topic[i+1:]
	s := r.stream(name+" "+symbol, symbol)
	if depth, ok := strings.CutPrefix(name, "orderbook."); ok {
		s.Depth, _ = strconv.Atoi(depth)
	}
	s.add(Frame{At: at, Data: payload}, &r.seq)
	return nil
}

func bybitTrades(data []byte) ([]Trade, error) {
	var m struct {
		Data []struct {
			T  int64  `json:"T"`
			S  string `json:"S"`
			V  string `json:"v"`
			P  string `json:"p"`
			ID string `json:"i"`
			// Without these two the keys s and L would be taken for S and l.
			Symbol string `json:"s"`
			Tick   string `json:"L"`
		} `json:"data"`
	}
	if err := json.Unmarshal(data, &m); err != nil {
		return nil, fmt.Errorf("trade message: %w", err)
	}
	out := make([]Trade, 0, len(m.Data))
	for _, t := range m.Data {
		id, err := strconv.ParseInt(t.ID, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("trade message: %w", err)
		}
		out = append(out, Trade{ID: id, First: id, Last: id, Price: t.P, Qty: t.V, At: time.UnixMilli(t.T).UTC(), Sell: t.S == "Sell"})
	}
	return out, nil
}
