package replay

import (
	"encoding/json"
	"fmt"
	"math/big"
	"strings"
	"time"

	"github.com/hourglass-trading/hourglass/services/simulator/internal/span"
)

// Trade is one recorded trade.
type Trade struct {
	// ID is the exchange's; First and Last are the trades Binance counts together under one aggregate, else both ID.
	ID, First, Last int64
	// Seq is Coinbase's number of the event, else 0.
	Seq        int64
	Price, Qty string
	// At is the exchange's time.
	At time.Time
	// Sell says that the taker sold.
	Sell bool
	// OrdType is Kraken's word for the taker's order.
	OrdType string

	place      time.Duration
	price, qty number
}

// Value is price times quantity with that many decimals, rounded toward zero.
func (t *Trade) Value(decimals int) string {
	return fixed(new(big.Int).Mul(t.price.scaled(), t.qty.scaled()), 36, decimals)
}

// Trades returns what has been traded in a symbol up to a moment, oldest first, at most the last n (0: all).
func (p *Player) Trades(symbol string, n int, now time.Time) ([]Trade, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	all, ok := p.trades[symbol]
	if !ok {
		var err error
		if all, err = p.readTrades(symbol); err != nil {
			return nil, fmt.Errorf("read the trades of %s in %s: %w", symbol, p.File, err)
		}
		p.trades[symbol] = all
	}
	position := p.position(now)
	end := len(all)
	for end > 0 && all[end-1].place > position {
		end--
	}
	if n > 0 && end > n {
		return all[end-n : end], nil
	}
	return all[:end], nil
}

// readTrades takes single trades where they were recorded, else aggregates.
func (r *Recording) readTrades(symbol string) ([]Trade, error) {
	lower := strings.ToLower(symbol)
	name, read := "trade "+symbol, krakenTrades
	if r.binance() {
		name, read = lower+"@trade", binanceTrade
		if r.Streams[name] == nil {
			name = lower + "@aggTrade"
		}
	}
	s := r.Streams[name]
	if d := dialects[r.Exchange]; d != nil {
		s, read = r.first(d.trades(symbol)), d.read
	}
	if s == nil {
		return nil, nil
	}
	var all []Trade
	for _, f := range s.Frames {
		trades, err := read(f.Data)
		if err != nil {
			return nil, err
		}
		for _, t := range trades {
			var ok, ok2 bool
			t.price, ok = parseNumber([]byte(t.Price))
			t.qty, ok2 = parseNumber([]byte(t.Qty))
			if !ok || !ok2 {
				return nil, fmt.Errorf("trade %d: %q, %q is not a pair of decimals", t.ID, t.Price, t.Qty)
			}
			t.place = f.At
			all = append(all, t)
		}
	}
	return all, nil
}

func binanceTrade(data []byte) ([]Trade, error) {
	var m struct {
		E   string `json:"e"`
		At  int64  `json:"E"`
		T   int64  `json:"T"`
		ID  int64  `json:"t"`
		A   int64  `json:"a"`
		F   int64  `json:"f"`
		L   int64  `json:"l"`
		P   string `json:"p"`
		Q   string `json:"q"`
		M   bool   `json:"m"`
		Any bool   `json:"M"`
	}
	if err := json.Unmarshal(data, &m); err != nil {
		return nil, fmt.Errorf("trade message: %w", err)
	}
	t := Trade{ID: m.ID, First: m.ID, Last: m.ID, Price: m.P, Qty: m.Q, At: time.UnixMilli(m.T).UTC(), Sell: m.M}
	if m.E == "aggTrade" {
		t.ID, t.First, t.Last = m.A, m.F, m.L
	}
	return []Trade{t}, nil
}

func krakenTrades(data []byte) ([]Trade, error) {
	var m struct {
		Data []struct {
			Side      string      `json:"side"`
			Price     json.Number `json:"price"`
			Qty       json.Number `json:"qty"`
			OrdType   string      `json:"ord_type"`
			TradeID   int64       `json:"trade_id"`
			Timestamp time.Time   `json:"timestamp"`
		} `json:"data"`
	}
	if err := json.Unmarshal(data, &m); err != nil {
		return nil, fmt.Errorf("trade message: %w", err)
	}
	out := make([]Trade, 0, len(m.Data))
	for _, t := range m.Data {
		out = append(out, Trade{
			ID: t.TradeID, First: t.TradeID, Last: t.TradeID, Price: t.Price.String(), Qty: t.Qty.String(),
			At: t.Timestamp.UTC(), Sell: t.Side == "sell", OrdType: t.OrdType,
		})
	}
	return out, nil
}

// Candle is what was traded in one interval. Volumes are exact and scaled by 10^18 (base) and 10^36 (quote).
type Candle struct {
	Start, Next            time.Time
	Open, High, Low, Close string
	Trades                 int
	FirstID, LastID        int64

	high, low                             number
	base, quote, takerBuyBase, takerQuote *big.Int
}

// Base spells the base volume with that many decimals, rounded toward zero.
func (c *Candle) Base(decimals int) string { return fixed(c.base, 18, decimals) }

// Quote is the quote volume alike.
func (c *Candle) Quote(decimals int) string { return fixed(c.quote, 36, decimals) }

// TakerBase is the base volume of the takers who bought.
func (c *Candle) TakerBase(decimals int) string { return fixed(c.takerBuyBase, 18, decimals) }

// TakerQuote is the quote volume of the takers who bought.
func (c *Candle) TakerQuote(decimals int) string { return fixed(c.takerQuote, 36, decimals) }

// VWAP is the mean price, weighted by quantity, rounded toward zero.
func (c *Candle) VWAP(decimals int) string {
	if c.base.Sign() == 0 {
		return c.Close
	}
	return fixed(new(big.Int).Quo(c.quote, c.base), 18, decimals)
}

// Candles are made from a symbol's trades up to a moment, by the exchange's time of each; an interval without one has none.
func (p *Player) Candles(symbol string, s span.Span, now time.Time) ([]Candle, error) {
	trades, err := p.Trades(symbol, 0, now)
	if err != nil {
		return nil, err
	}
	var out []Candle
	for i := range trades {
		t := &trades[i]
		start := s.Start(t.At)
		if len(out) == 0 || out[len(out)-1].Start.Before(start) {
			out = append(out, Candle{
				Start: start, Next: s.Next(start), Open: t.Price, High: t.Price, Low: t.Price, high: t.price, low: t.price,
				FirstID: t.First,
				base:    new(big.Int), quote: new(big.Int), takerBuyBase: new(big.Int), takerQuote: new(big.Int),
			})
		}
		out[len(out)-1].add(t)
	}
	return out, nil
}

func (c *Candle) add(t *Trade) {
	if t.price.compare(c.high) > 0 {
		c.high, c.High = t.price, t.Price
	}
	if t.price.compare(c.low) < 0 {
		c.low, c.Low = t.price, t.Price
	}
	c.Close, c.LastID = t.Price, t.Last
	c.Trades += int(t.Last - t.First + 1)
	qty := t.qty.scaled()
	quote := new(big.Int).Mul(qty, t.price.scaled())
	c.base.Add(c.base, qty)
	c.quote.Add(c.quote, quote)
	if !t.Sell {
		c.takerBuyBase.Add(c.takerBuyBase, qty)
		c.takerQuote.Add(c.takerQuote, quote)
	}
}
