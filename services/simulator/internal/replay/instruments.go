package replay

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// Instrument is what is known of a symbol's rules.
type Instrument struct {
	// Symbol is the exchange's spelling on its streams: BTCUSDT, BTC/USD. Base and Quote are the common names: BTC.
	Symbol, Base, Quote string
	// Entry is the exchange's own description, as recorded; nil where none was.
	Entry json.RawMessage
	// Key is the name of Entry in Kraken's answers: XXBTZUSD.
	Key string
	// PriceDecimals and QtyDecimals are the finest seen in the recording, where there is no Entry.
	PriceDecimals, QtyDecimals int
}

// Canonical is the project's name: BTC-USDT.
func (i Instrument) Canonical() string { return i.Base + "-" + i.Quote }

// listing is one recorded answer of an instruments endpoint.
type listing struct {
	exchange string
	at       time.Time
	symbols  map[string]Instrument
}

// readListing reads an instruments answer; the reason is set if it is not of an exchange that is played here.
func readListing(path string) (listing, string, error) {
	var out listing
	reason := "it holds no instruments of an exchange that is served"
	err := readLines(path, func(l line) error {
		u, err := url.Parse(l.url)
		if err != nil || l.kind != lineFetched {
			return nil //nolint:nilerr // a line of another kind
		}
		out.at = time.Unix(0, l.at).UTC()
		switch {
		case u.Hostname() == "api.binance.com" && u.Path == "/api/v3/exchangeInfo":
			out.exchange = Binance
			out.symbols, err = binanceListing(l.body)
		case u.Hostname() == "api.binance.us" && u.Path == "/api/v3/exchangeInfo":
			out.exchange = BinanceUS
			out.symbols, err = binanceListing(l.body)
		case u.Hostname() == "api.kraken.com" && u.Path == "/0/public/AssetPairs":
			out.exchange = Kraken
			out.symbols, err = krakenListing(l.body)
		default:
			for name, d := range dialects {
				if d.listing == nil {
					continue
				}
				if out.symbols, err = d.listing(u, l.body); err != nil || out.symbols != nil {
					out.exchange = name
					break
				}
			}
			if err == nil && out.symbols == nil {
				return nil
			}
		}
		if err != nil {
			return err
		}
		reason = ""
		return errStop
	})
	return out, reason, err
}

func binanceListing(body []byte) (map[string]Instrument, error) {
	var m struct {
		Symbols []json.RawMessage `json:"symbols"`
	}
	if err := json.Unmarshal(body, &m); err != nil {
		return nil, fmt.Errorf("exchangeInfo: %w", err)
	}
	out := make(map[string]Instrument, len(m.Symbols))
	for _, raw := range m.Symbols {
		var s struct{ Symbol, BaseAsset, QuoteAsset string }
		if err := json.Unmarshal(raw, &s); err != nil {
			return nil, fmt.Errorf("exchangeInfo: %w", err)
		}
		out[s.Symbol] = Instrument{Symbol: s.Symbol, Base: s.BaseAsset, Quote: s.QuoteAsset, Entry: raw}
	}
	return out, nil
}

func krakenListing(body []byte) (map[string]Instrument, error) {
	var m struct {
		Result map[string]json.RawMessage `json:"result"`
	}
	if err := json.Unmarshal(body, &m); err != nil {
		return nil, fmt.Errorf("AssetPairs: %w", err)
	}
	out := make(map[string]Instrument, len(m.Result))
	for key, raw := range m.Result {
		var s struct {
			WSName string `json:"wsname"`
		}
		if err := json.Unmarshal(raw, &s); err != nil {
			return nil, fmt.Errorf("AssetPairs %s: %w", key, err)
		}
		base, quote, ok := strings.Cut(s.WSName, "/")
		if !ok {
			continue // dark pools have no name on the streams
		}
		base, quote = modern(base), modern(quote)
		out[base+"/"+quote] = Instrument{Symbol: base + "/" + quote, Base: base, Quote: quote, Entry: raw, Key: key}
	}
	return out, nil
}

// modern is an asset's name in Kraken's second protocol.
func modern(asset string) string {
	switch asset {
	case "XBT":
		return "BTC"
	case "XDG":
		return "DOGE"
	}
	return asset
}

// quotes are the quote assets a Binance symbol is split at where no instruments were recorded, longest first, so that FDUSD is
// not read as USD.
var quotes = []string{
	"FDUSD", "USDT", "USDC", "BUSD", "TUSD", "USDP", "EUR", "GBP", "TRY", "BRL", "BTC", "ETH", "BNB", "JPY", "AUD", "DAI", "PAX", "USD",
}

// derive describes a symbol from the recording alone; false if it cannot be split into base and quote.
func (r *Recording) derive(symbol string) (Instrument, bool, error) {
	i := Instrument{Symbol: symbol}
	if d := dialects[r.Exchange]; d != nil {
		i.Base, i.Quote = d.split(symbol)
	} else if r.Exchange == Kraken {
		i.Base, i.Quote, _ = strings.Cut(symbol, "/")
	} else {
		for _, q := range quotes {
			if base, ok := strings.CutSuffix(symbol, q); ok && base != "" {
				i.Base, i.Quote = base, q
				break
			}
		}
	}
	if i.Base == "" || i.Quote == "" {
		return i, false, nil
	}
	visit := func(price, qty []byte) error {
		p, ok := parseNumber(price)
		q, ok2 := parseNumber(qty)
		if !ok || !ok2 {
			return fmt.Errorf("level %.40q, %.40q is not a pair of decimals", price, qty)
		}
		i.PriceDecimals, i.QtyDecimals = max(i.PriceDecimals, p.decimals()), max(i.QtyDecimals, q.decimals())
		return nil
	}
	if s := r.depthStream(symbol); s != nil {
		for _, f := range s.Frames {
			if err := r.eachLevel(f.Data, visit); err != nil {
				return i, false, fmt.Errorf("measure %s in %s: %w", symbol, r.File, err)
			}
		}
	}
	trades, err := r.readTrades(symbol)
	if err != nil {
		return i, false, err
	}
	for _, t := range trades {
		i.PriceDecimals, i.QtyDecimals = max(i.PriceDecimals, t.price.decimals()), max(i.QtyDecimals, t.qty.decimals())
	}
	if r.Exchange == Kraken {
		i.PriceDecimals, i.QtyDecimals = r.spelled(symbol)
	}
	return i, true, nil
}

// eachLevel visits all levels of a book message.
func (r *Recording) eachLevel(data []byte, visit func(price, qty []byte) error) error {
	if d := dialects[r.Exchange]; d != nil {
		return d.levels(data, visit)
	}
	keys, read := []string{`"b":[`, `"a":[`}, tuples
	if r.Exchange == Kraken {
		keys, read = []string{`"bids":[`, `"asks":[`}, objects
	}
	for _, key := range keys {
		if i := bytes.Index(data, []byte(key)); i >= 0 {
			if err := read(data[i+len(key):], visit); err != nil {
				return err
			}
		}
	}
	return nil
}

// spelled is the precision Kraken writes a symbol's numbers with, zeros included: its checksum needs just these digits.
func (r *Recording) spelled(symbol string) (priceDecimals, qtyDecimals int) {
	s := r.depthStream(symbol)
	if s == nil {
		return 0, 0
	}
	count := func(text []byte) int {
		_, frac, _ := strings.Cut(string(text), ".")
		return len(frac)
	}
	for _, f := range s.Frames {
		err := r.eachLevel(f.Data, func(price, qty []byte) error {
			priceDecimals, qtyDecimals = count(price), count(qty)
			return errStop
		})
		if err != nil {
			break // the first level found
		}
	}
	return priceDecimals, qtyDecimals
}
