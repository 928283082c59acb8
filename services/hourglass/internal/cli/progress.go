package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/hourglass-trading/hourglass/pkg/client"
	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/pkg/order"
)

// draw brings the line at the bottom up to date: filled against planned, average price, slippage, time left.
func (f *follower) draw(now time.Time) {
	if !f.bar {
		return
	}
	f.app.resize()
	o := f.order
	planned := f.planned(now)
	left := o.EndsAt.Sub(now).Truncate(time.Second)
	if now.Before(o.StartsAt) {
		left = o.EndsAt.Sub(o.StartsAt)
	}
	text := fmt.Sprintf(" %5s %% of %5s %% planned", percent(o.FilledQuantity, o.Quantity), percent(planned, o.Quantity))
	if o.AveragePrice != nil {
		text += "  avg " + rounded(o.AveragePrice, 2)
	}
	if o.SlippageBps != nil {
		text += "  slip " + rounded(o.SlippageBps, 2) + " bps"
	}
	text += "  " + max(0, left).String() + " left"
	if o.Status.Ended() {
		text += ", then the report"
	}
	if f.away {
		text += "  (reconnecting)"
	}
	width := max(8, min(40, f.app.width-utf8.RuneCountInString(text)-2))
	filled, due := share(o.FilledQuantity, o.Quantity, width), share(planned, o.Quantity, width)
	bar := f.app.paint(good, strings.Repeat("█", filled)) + f.app.paint(dim, strings.Repeat("▒", max(0, due-filled))+strings.Repeat("░", width-max(due, filled)))
	if room := f.app.width - width - 1; utf8.RuneCountInString(text) > room {
		text = string([]rune(text)[:max(0, room)])
	}
	fmt.Fprint(f.app.err, "\r"+bar+text+clearLine)
	f.shown = true
}

// clear takes the line away, so that something else can be written.
func (f *follower) clear() {
	if f.shown {
		fmt.Fprint(f.app.err, "\r"+clearLine)
		f.shown = false
	}
}

// planned is how much should have been filled by now.
func (f *follower) planned(now time.Time) decimal.Decimal {
	var c decimal.Calc
	sum := decimal.Decimal{}
	for _, s := range f.order.Schedule {
		if !s.DueAt.After(now) {
			sum = c.Add(sum, s.Quantity)
		}
	}
	return sum.Min(f.order.Quantity)
}

// byExchange says at what price each exchange gave how much.
func byExchange(all, now []order.Fill) []string {
	if len(all) == 0 {
		all = now
	}
	type sums struct{ quantity, notional decimal.Decimal }
	var (
		c     decimal.Calc
		names []market.Exchange
	)
	by := map[market.Exchange]sums{}
	for _, fill := range all {
		s, known := by[fill.Exchange]
		if !known {
			names = append(names, fill.Exchange)
		}
		by[fill.Exchange] = sums{c.Add(s.quantity, fill.Quantity), c.Add(s.notional, c.Mul(fill.Price, fill.Quantity))}
	}
	slices.Sort(names)
	lines := make([]string, 0, len(names))
	for _, e := range names {
		average := c.Quo(by[e].notional, by[e].quantity, 2, decimal.HalfEven)
		lines = append(lines, fmt.Sprintf("%s at %s", e, fixed(average, 2)))
	}
	return lines
}

// closing shows how the order ended and what it cost, and returns an error if it was not filled.
func (f *follower) closing(ctx context.Context) error {
	f.clear()
	app := f.app
	full, err := f.sdk.Order(ctx, f.order.TokenID)
	if err != nil {
		return err
	}
	report, err := f.sdk.Report(ctx, f.order.TokenID)
	switch {
	case err == nil:
		f.report = &report.Report
	case !errors.Is(err, client.ErrNotFound): // a server without reports still has the order's own figures
		return err
	}
	if app.json() {
		err = app.encode(map[string]any{"type": "end", "order": full.Order, "report": f.report})
	} else {
		err = f.closingText(full)
	}
	if err != nil || full.Status == order.Filled {
		return err
	}
	return &short{full.TokenID, string(full.Status), full.Reason}
}

func (f *follower) closingText(full client.Order) error {
	app := f.app
	if err := app.printf("\n"); err != nil {
		return err
	}
	if err := app.summary(full.Order); err != nil {
		return err
	}
	if text := reasons(full.Slices); text != "" {
		if err := app.pairs(cell{text: "not filled because"}, cell{text: text, style: warn}); err != nil {
			return err
		}
	}
	if f.report == nil {
		return nil
	}
	if err := app.printf("\n"); err != nil {
		return err
	}
	return app.report(*f.report, full.Symbol)
}

// reasons counts why slices did not get what they wanted.
func reasons(all []order.Slice) string {
	counts := map[order.Reason]int{}
	for _, s := range all {
		if s.Reason != "" && s.Status != order.SliceFilled {
			counts[s.Reason]++
		}
	}
	names := make([]string, 0, len(counts))
	for r, n := range counts {
		names = append(names, fmt.Sprintf("%s ×%d", strings.ReplaceAll(string(r), "_", " "), n))
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}
