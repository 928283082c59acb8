package cli

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/hourglass-trading/hourglass/pkg/client"
	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
)

// axis is the room that prices beside the chart may take.
const axis = 14

// The heights of the chart in lines.
const (
	minRows = 8
	maxRows = 20
)

// candleChart draws candles, one column each: the body between open and close, the wick to high and low. Prices become
// rows by exact division; nothing is rounded but where a price falls within its row.
func (app *App) candleChart(k client.Klines) error {
	candles := k.Klines
	if room := max(10, app.width-axis-2); len(candles) > room {
		candles = candles[len(candles)-room:] // the newest are what is asked for
	}
	low, high := candles[0].Low, candles[0].High
	for _, c := range candles {
		low, high = low.Min(c.Low), high.Max(c.High)
	}
	scale := scaleOf(low, high, max(minRows, min(maxRows, app.height-6)))
	var b strings.Builder
	first, last := candles[0], candles[len(candles)-1]
	fmt.Fprintf(&b, "%s  %s  %s  last %s  %s\n", app.paint(bold, string(k.Symbol)), k.Exchange, k.Interval,
		app.paint(candleStyle(last), last.Close.String()), app.change(first.Open, last.Close))
	for row := scale.rows - 1; row >= 0; row-- {
		label := ""
		if row%4 == 0 || row == scale.rows-1 {
			label = scale.price(row)
		}
		b.WriteString(strings.Repeat(" ", max(0, axis-utf8.RuneCountInString(label))) + app.paint(dim, label+" ┤"))
		for _, c := range candles {
			b.WriteString(app.paint(candleStyle(c), scale.glyph(c, row)))
		}
		b.WriteString("\n")
	}
	from, to := clock(first.OpenTime), clock(last.OpenTime)
	gap := max(1, len(candles)-len(from)-len(to))
	b.WriteString(strings.Repeat(" ", axis+2) + app.paint(dim, from+strings.Repeat(" ", gap)+to) + "\n")
	return write(app.out, b.String())
}

// change is how much a price moved, in percent.
func (app *App) change(from, to decimal.Decimal) string {
	var c decimal.Calc
	percent := c.Mul(c.Quo(c.Sub(to, from), from, 8, decimal.HalfEven), decimal.New(100, 0))
	if c.Err() != nil {
		return ""
	}
	style, sign := good, "+"
	if percent.Sign() < 0 {
		style, sign = bad, ""
	}
	return app.paint(style, sign+fixed(percent, 2)+" %")
}

// scale maps prices to rows, 0 the lowest.
type scale struct {
	low, step decimal.Decimal
	rows      int
}

func scaleOf(low, high decimal.Decimal, rows int) scale {
	var c decimal.Calc
	step := c.Quo(c.Sub(high, low), decimal.New(int64(rows), 0), 18, decimal.Ceil)
	if c.Err() != nil || step.IsZero() { // a market that stands still
		step = decimal.One
	}
	return scale{low: low, step: step, rows: rows}
}

func (s scale) row(price decimal.Decimal) int {
	var c decimal.Calc
	above := c.Sub(price, s.low)
	n, err := above.FloorSteps(s.step)
	if err != nil || c.Err() != nil {
		return 0
	}
	return max(0, min(s.rows-1, int(n)))
}

func (s scale) price(row int) string {
	var c decimal.Calc
	p := c.Add(s.low, c.Mul(s.step, decimal.New(int64(row), 0)))
	places := max(2, min(8, s.low.Scale()))
	if c.Err() != nil {
		return ""
	}
	return fixed(p, places)
}

func (s scale) glyph(c market.Candle, row int) string {
	bottom, top := s.row(c.Open.Min(c.Close)), s.row(c.Open.Max(c.Close))
	switch {
	case row >= bottom && row <= top:
		if bottom == top && s.row(c.High) == s.row(c.Low) {
			return "─"
		}
		return "█"
	case row >= s.row(c.Low) && row <= s.row(c.High):
		return "│"
	}
	return " "
}
