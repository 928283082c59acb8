package replay

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// bitstamp's messages say in which channel they are: diff_order_book_btcusd. Its id is the time in microseconds.
var bitstamp = &dialect{
	socket: func(u *url.URL) bool { return u.Hostname() == "ws.bitstamp.net" },
	add: func(r *Recording, at time.Duration, payload []byte) error {
		var m struct {
			Event   string `json:"event"`
			Channel string `json:"channel"`
		}
		if err := json.Unmarshal(payload, &m); err != nil {
			return fmt.Errorf("message %.40q: %w", payload, err)
		}
		symbol := m.Channel[strings.LastIndex(m.Channel, "_")+1:]
		if m.Event != "data" && m.Event != "trade" || symbol == "" {
			return nil
		}
		r.stream(m.Channel, symbol).add(Frame{at, payload, nil}, &r.seq)
		return nil
	},
	books:  func(symbol string) []string { return []string{"diff_order_book_" + symbol} },
	trades: func(symbol string) []string { return []string{"live_trades_" + symbol} },
	apply:  applyPairs,
	levels: eachPair,
	read:   bitstampTrade,
	split: func(symbol string) (string, string) {
		symbol = strings.ToUpper(symbol)
		for _, q := range quotes {
			if base, ok := strings.CutSuffix(symbol, q); ok && base != "" {
				return base, q
			}
		}
		return "", ""
	},
	fetched: func(u *url.URL, body []byte) (string, int64, error) {
		symbol, ok := strings.CutPrefix(strings.TrimSuffix(u.Path, "/"), "/api/v2/order_book/")
		if !ok {
			return "", 0, nil
		}
		return anchorAt(symbol, body, `"microtimestamp":`)
	},
	first: `"microtimestamp":`, last: `"microtimestamp":`,
	listing: func(u *url.URL, body []byte) (map[string]Instrument, error) {
		if u.Hostname() != "www.bitstamp.net" || u.Path != "/api/v2/trading-pairs-info/" {
			return nil, nil
		}
		var rows []json.RawMessage
		if err := json.Unmarshal(body, &rows); err != nil {
			return nil, fmt.Errorf("trading pairs: %w", err)
		}
		out := make(map[string]Instrument, len(rows))
		for _, raw := range rows {
			var p struct {
				Name      string `json:"name"`
				URLSymbol string `json:"url_symbol"`
			}
			if err := json.Unmarshal(raw, &p); err != nil {
				return nil, fmt.Errorf("trading pairs: %w", err)
			}
			base, quote, _ := strings.Cut(p.Name, "/")
			out[p.URLSymbol] = Instrument{Symbol: p.URLSymbol, Base: base, Quote: quote, Entry: raw}
		}
		return out, nil
	},
}

func bitstampTrade(data []byte) ([]Trade, error) {
	var m struct {
		Data struct {
			ID     int64  `json:"id"`
			Amount string `json:"amount_str"`
			Price  string `json:"price_str"`
			Type   int    `json:"type"` // 1 where the taker sold
			Micros string `json:"microtimestamp"`
		} `json:"data"`
	}
	if err := json.Unmarshal(data, &m); err != nil {
		return nil, fmt.Errorf("trade: %w", err)
	}
	us, err := strconv.ParseInt(m.Data.Micros, 10, 64)
	if err != nil {
		return nil, fmt.Errorf("trade %d: %w", m.Data.ID, err)
	}
	t := m.Data
	return []Trade{{ID: t.ID, First: t.ID, Last: t.ID, Price: t.Price, Qty: t.Amount, At: time.UnixMicro(us).UTC(), Sell: t.Type == 1}}, nil
}
