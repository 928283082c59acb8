package replay

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// okx reads recordings of OKX, and of OKCoin, which spoke the same. Streams are named by channel and instrument: books BTC-USDT.
var okx = &dialect{
	socket: func(u *url.URL) bool {
		return slices.Contains([]string{"ws.okx.com", "wspap.okx.com", "real.okcoin.com"}, u.Hostname()) && strings.HasPrefix(u.Path, "/ws/v5/")
	},
	add:    addOKX,
	books:  func(symbol string) []string { return []string{"books " + symbol} },
	trades: func(symbol string) []string { return []string{"trades " + symbol, "trades-all " + symbol} },
	apply: func(b *Book, data []byte) (bool, error) {
		return applySides(b, data, bytes.Contains(data, []byte(`"action":"snapshot"`)), `"bids":[`, `"asks":[`)
	},
	levels: func(data []byte, visit func(price, qty []byte) error) error {
		return eachSide(data, visit, `"bids":[`, `"asks":[`)
	},
	read:    okxTrades,
	split:   splitDash,
	listing: okxListing,
}

func addOKX(r *Recording, at time.Duration, payload []byte) error {
	var m struct {
		Event string `json:"event"`
		Arg   struct {
			Channel string `json:"channel"`
			InstID  string `json:"instId"`
		} `json:"arg"`
	}
	if string(payload) == "pong" {
		return nil
	}
	if err := json.Unmarshal(payload, &m); err != nil {
		return fmt.Errorf("message %.40q: %w", payload, err)
	}
	if m.Event == "" && m.Arg.InstID != "" {
		r.stream(m.Arg.Channel+" "+m.Arg.InstID, m.Arg.InstID).add(Frame{At: at, Data: payload}, &r.seq)
	}
	return nil
}

func okxTrades(data []byte) ([]Trade, error) {
	var m struct {
		Data []struct {
			TradeID string `json:"tradeId"`
			Px      string `json:"px"`
			Sz      string `json:"sz"`
			Side    string `json:"side"`
			TS      string `json:"ts"`
		} `json:"data"`
	}
	if err := json.Unmarshal(data, &m); err != nil {
		return nil, fmt.Errorf("trade message: %w", err)
	}
	out := make([]Trade, 0, len(m.Data))
	for _, t := range m.Data {
		id, err := strconv.ParseInt(t.TradeID, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("trade message: %w", err)
		}
		ms, err := strconv.ParseInt(t.TS, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("trade message: %w", err)
		}
		out = append(out, Trade{
			ID: id, First: id, Last: id, Price: t.Px, Qty: t.Sz, At: time.UnixMilli(ms).UTC(), Sell: t.Side == "sell",
		})
	}
	return out, nil
}

func okxListing(u *url.URL, body []byte) (map[string]Instrument, error) {
	if u.Hostname() != "www.okx.com" || u.Path != "/api/v5/public/instruments" {
		return nil, nil
	}
	var m struct {
		Data []json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal(body, &m); err != nil {
		return nil, fmt.Errorf("instruments: %w", err)
	}
	return entries(m.Data, "instId", "baseCcy", "quoteCcy")
}

// splitDash takes BTC-USDT apart. Derivatives have more parts.
func splitDash(symbol string) (base, quote string) {
	base, quote, _ = strings.Cut(symbol, "-")
	if strings.Contains(quote, "-") {
		return "", ""
	}
	return base, quote
}

// splitSuffix takes BTCUSDT apart.
func splitSuffix(symbol string) (base, quote string) {
	for _, q := range quotes {
		if base, ok := strings.CutSuffix(symbol, q); ok && base != "" {
			return base, q
		}
	}
	return "", ""
}

// applySides applies the levels behind two keys; a picture replaces the book.
func applySides(b *Book, data []byte, picture bool, bids, asks string) (bool, error) {
	if picture {
		b.reset()
	}
	if err := b.applyBinance(data, bids, asks); err != nil {
		return false, err
	}
	b.truncate()
	return picture, nil
}

// eachSide visits the levels behind the keys.
func eachSide(data []byte, visit func(price, qty []byte) error, keys ...string) error {
	for _, key := range keys {
		if i := bytes.Index(data, []byte(key)); i >= 0 {
			if err := tuples(data[i+len(key):], visit); err != nil {
				return err
			}
		}
	}
	return nil
}
