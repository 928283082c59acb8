package replay

import (
	"encoding/json"
	"fmt"
	"math/big"
	"net/url"
	"strings"
	"time"
)

// gateio's messages say their channel and, inside, their pair; a stream is named by both: spot.trades BTC_USDT.
var gateio = &dialect{
	socket: func(u *url.URL) bool { return u.Hostname() == "api.gateio.ws" },
	add: func(r *Recording, at time.Duration, payload []byte) error {
		var m struct {
			Channel string `json:"channel"`
			Event   string `json:"event"`
			Result  struct {
				Pair   string `json:"currency_pair"`
				Symbol string `json:"s"`
				Name   string `json:"n"` // of a candle: 1m_BTC_USDT
			} `json:"result"`
		}
		if err := json.Unmarshal(payload, &m); err != nil {
			return fmt.Errorf("message %.40q: %w", payload, err)
		}
		symbol, name := m.Result.Pair+m.Result.Symbol, m.Result.Pair+m.Result.Symbol
		if m.Result.Name != "" {
			_, symbol, _ = strings.Cut(m.Result.Name, "_")
			name = m.Result.Name
		}
		if m.Event != "update" || symbol == "" {
			return nil
		}
		r.stream(m.Channel+" "+name, symbol).add(Frame{at, payload, nil}, &r.seq)
		return nil
	},
	books:  func(symbol string) []string { return []string{"spot.order_book_update " + symbol} },
	trades: func(symbol string) []string { return []string{"spot.trades " + symbol} },
	apply:  applyPairs,
	levels: eachPair,
	read:   gateioTrade,
	split: func(symbol string) (string, string) {
		base, quote, _ := strings.Cut(symbol, "_")
		return base, quote
	},
	fetched: func(u *url.URL, body []byte) (string, int64, error) {
		if u.Path != "/api/v4/spot/order_book" {
			return "", 0, nil
		}
		return anchorAt(u.Query().Get("currency_pair"), body, `"id":`)
	},
	first: `"U":`, last: `"u":`,
	listing: func(u *url.URL, body []byte) (map[string]Instrument, error) {
		if u.Hostname() != "api.gateio.ws" || u.Path != "/api/v4/spot/currency_pairs" {
			return nil, nil
		}
		var rows []json.RawMessage
		if err := json.Unmarshal(body, &rows); err != nil {
			return nil, fmt.Errorf("currency pairs: %w", err)
		}
		return entries(rows, "id", "base", "quote")
	},
}

func gateioTrade(data []byte) ([]Trade, error) {
	var m struct {
		Result struct {
			ID     int64       `json:"id"`
			Side   string      `json:"side"`
			Amount string      `json:"amount"`
			Price  string      `json:"price"`
			Millis json.Number `json:"create_time_ms"` // with a fraction
		} `json:"result"`
	}
	if err := json.Unmarshal(data, &m); err != nil {
		return nil, fmt.Errorf("trade: %w", err)
	}
	at, ok := parseNumber([]byte(m.Result.Millis))
	if !ok {
		return nil, fmt.Errorf("trade %d: %q is no time", m.Result.ID, m.Result.Millis)
	}
	ns := at.scaled() // by 10^18
	ns.Quo(ns, big.NewInt(1e12))
	t := m.Result
	return []Trade{{ID: t.ID, First: t.ID, Last: t.ID, Price: t.Price, Qty: t.Amount, At: time.Unix(0, ns.Int64()).UTC(), Sell: t.Side == "sell"}}, nil
}
