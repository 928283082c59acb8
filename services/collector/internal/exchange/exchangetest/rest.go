package exchangetest

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/services/collector/internal/book"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange"
)

// expectedREST is what is known about recorded answers of REST calls.
type expectedREST struct {
	Instruments []struct {
		File    string
		Count   int
		Samples map[string]struct {
			Base, Quote string
			Tick, Lot   decimal.Decimal
			MinQty      *decimal.Decimal `json:"min_qty"`
			MinNotional *decimal.Decimal `json:"min_notional"`
		}
	}
	Klines []struct {
		File        string
		Rows        int
		Duplicates  []int64 `json:"duplicate_open_times"`
		Step        int64
		TimeUnit    string `json:"time_unit"`
		First, Last []json.RawMessage
		MaxHigh     decimal.Decimal  `json:"max_high"`
		MinLow      decimal.Decimal  `json:"min_low"`
		Total       *decimal.Decimal `json:"total_base_volume"`
	}
}

// REST compares the instruments and candles that an adapter reads from recorded answers with what is known of them. File
// is an expected_rest.json below the folder of Shared; its samples are named by Listing.Code.
func REST(t *testing.T, ex exchange.Exchange, file string) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(Shared(t), file))
	if err != nil {
		t.Fatal(err)
	}
	var want expectedREST
	if err := json.Unmarshal(b, &want); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	dir := filepath.Dir(file)
	for i := range want.Instruments {
		t.Run(want.Instruments[i].File, func(t *testing.T) { want.instruments(t, ex, dir, i) })
	}
	for i := range want.Klines {
		t.Run(want.Klines[i].File, func(t *testing.T) { want.candles(t, ex, dir, i) })
	}
}

func (want expectedREST) instruments(t *testing.T, ex exchange.Exchange, dir string, i int) {
	w := want.Instruments[i]
	listings, skipped, err := ex.ParseListings(Body(t, filepath.Join(dir, w.File), ""))
	if err != nil {
		t.Fatal(err)
	}
	if len(listings)+skipped != w.Count {
		t.Errorf("%d instruments and %d skipped, want %d", len(listings), skipped, w.Count)
	}
	byCode := map[string]exchange.Listing{}
	for _, l := range listings {
		byCode[l.Code] = l
	}
	for code, s := range w.Samples {
		l := byCode[code]
		if l.Base != s.Base || l.Quote != s.Quote || l.PriceTick != s.Tick || l.QuantityStep != s.Lot ||
			s.MinQty != nil && l.MinQuantity != *s.MinQty || s.MinNotional != nil && l.MinNotional != *s.MinNotional {
			t.Errorf("%s: %+v, want %+v", code, l.Instrument, s)
		}
	}
}

func (want expectedREST) candles(t *testing.T, ex exchange.Exchange, dir string, i int) {
	w := want.Klines[i]
	unit := time.Second
	if w.TimeUnit == "ms" {
		unit = time.Millisecond
	}
	candles, err := ex.ParseCandles(Unzip(t, filepath.Join(dir, w.File)), time.Duration(w.Step)*unit, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if len(candles) != w.Rows-len(w.Duplicates) {
		t.Fatalf("%d candles, want %d less %d", len(candles), w.Rows, len(w.Duplicates))
	}
	var c decimal.Calc
	high, low, total := candles[0].High, candles[0].Low, decimal.Decimal{}
	for j, k := range candles {
		if j > 0 && !k.OpenTime.After(candles[j-1].OpenTime) {
			t.Errorf("candle %d opens at %s, after one of %s", j, k.OpenTime, candles[j-1].OpenTime)
		}
		low, total = low.Min(k.Low), c.Add(total, k.Volume)
		if k.High.Cmp(high) > 0 {
			high = k.High
		}
	}
	if high != w.MaxHigh || low != w.MinLow || len(w.Duplicates) == 0 && w.Total != nil && total != *w.Total {
		t.Errorf("from %s to %s, %s traded, want %s, %s, %s", low, high, total, w.MinLow, w.MaxHigh, w.Total)
	}
	for row, k := range map[*[]json.RawMessage]int{&w.First: 0, &w.Last: len(candles) - 1} {
		got := []string{candles[k].Open.String(), candles[k].High.String(), candles[k].Low.String(), candles[k].Close.String(), candles[k].Volume.String()}
		for col, text := range got {
			if raw := strings.Trim(string((*row)[col+1]), `"`); decimal.MustParse(raw) != decimal.MustParse(text) {
				t.Errorf("candle %d, column %d: %s, want %s", k, col+1, text, raw)
			}
		}
	}
}

// Bodies reads anything as the answer of each of an adapter's calls: nothing may panic, and what is read must be ordered.
func Bodies(t *testing.T, ex exchange.Exchange, l *exchange.Listing, body []byte) {
	t.Helper()
	if listings, _, err := ex.ParseListings(body); err == nil {
		for _, each := range listings {
			if each.Wire == "" || each.Symbol == "" || each.PriceTick.Sign() <= 0 || each.QuantityStep.Sign() <= 0 {
				t.Errorf("listing %+v", each)
			}
		}
	}
	if candles, err := ex.ParseCandles(body, time.Minute, time.Now()); err == nil {
		for i := 1; i < len(candles); i++ {
			if !candles[i].OpenTime.After(candles[i-1].OpenTime) {
				t.Errorf("candles %+v", candles)
			}
		}
	}
	if s, ok := ex.(exchange.Snapshotter); ok {
		b, u := book.New(l.Scale, ex.Rules()), book.Update{}
		b.Restart()
		if s.ParseSnapshot(body, l, &u) == nil {
			_, _ = b.Apply(&u)
		}
	}
}
