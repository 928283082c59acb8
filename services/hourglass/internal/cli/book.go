package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/client"
	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
)

type bookCmd struct {
	Symbol   string        `arg:"" help:"The pair, such as BTC-USDT."`
	Exchange string        `short:"e" default:"all" help:"One exchange, or all."`
	Depth    int           `short:"n" default:"10" help:"Levels a side, at most 50."`
	Every    time.Duration `default:"500ms" help:"Pause between two pictures, 100ms…1m."`
	Once     bool          `help:"One picture, then end: the default where there is no terminal."`
	Follow   bool          `short:"f" help:"Go on without a terminal too; with -o json one book a line. Needs a login."`
}

func (bookCmd) Help() string {
	return `Examples:

    hourglass book BTC-USDT
    hourglass book ETH-USD --exchange kraken --depth 20 --once
    hourglass book BTC-USDT --follow -o json | jq -c '[.bids[0][0], .asks[0][0]]'`
}

// Run shows the book.
func (c *bookCmd) Run(app *App) error {
	if c.Once || !c.Follow && (!app.outTerminal || app.json()) {
		return look(app, func(ctx context.Context, sdk *client.Client) (client.Book, error) {
			return sdk.Orderbook(ctx, market.Exchange(c.Exchange), c.Symbol, c.Depth)
		}, func(b client.Book) error { return write(app.out, app.ladder(b, c.Depth)) })
	}
	sdk, err := app.client()
	if err != nil {
		return err
	}
	// What is wrong with the names is told at once and in full.
	if _, err := sdk.Orderbook(app.ctx, market.Exchange(c.Exchange), c.Symbol, c.Depth); err != nil {
		return err
	}
	live := app.outTerminal && !app.json()
	if live {
		defer fmt.Fprint(app.out, screenOff)
		fmt.Fprint(app.out, screenOn)
	}
	for b, err := range sdk.Books(app.ctx, market.Exchange(c.Exchange), c.Symbol, c.Depth, c.Every) {
		switch {
		case err != nil && app.ctx.Err() != nil:
			return nil // Ctrl-C is how a live picture ends
		case err != nil:
			return err
		case app.json():
			err = app.encode(b)
		case live:
			app.resize()
			depth := max(1, min(c.Depth, (app.height-5)/2))
			err = write(app.out, cursorHome+strings.ReplaceAll(app.ladder(b, depth), "\n", clearLine+"\n")+clearBelow)
		default:
			err = write(app.out, app.line(b))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// What a terminal is told.
const (
	screenOn   = "\x1b[?1049h\x1b[?25l" // a screen of its own, without the cursor
	screenOff  = "\x1b[?25h\x1b[?1049l"
	cursorHome = "\x1b[H"
	clearLine  = "\x1b[K"
	clearBelow = "\x1b[J"
)

// line is a book in one line.
func (app *App) line(b client.Book) string {
	bid, ask := "–", "–"
	if len(b.Bids) > 0 {
		bid = b.Bids[0].Price.String() + " × " + b.Bids[0].Quantity.String()
	}
	if len(b.Asks) > 0 {
		ask = b.Asks[0].Price.String() + " × " + b.Asks[0].Quantity.String()
	}
	return fmt.Sprintf("%s  %s %s  %s  bid %s  ask %s\n", clock(b.TS), b.Symbol, b.Exchange, b.State, bid, ask)
}

// ladder draws a book: asks above, the best next to the spread, each with a bar for the quantity up to there.
func (app *App) ladder(b client.Book, depth int) string {
	asks, bids := b.Asks[:min(depth, len(b.Asks))], b.Bids[:min(depth, len(b.Bids))]
	most := deepest(asks).Max(deepest(bids))
	var out strings.Builder
	fmt.Fprintf(&out, "%s  %s  %s", app.paint(bold, string(b.Symbol)), b.Exchange, app.paint(stateStyle(b.State), string(b.State)))
	if b.Reason != "" {
		fmt.Fprintf(&out, "  %s", b.Reason)
	}
	for _, s := range b.Sources {
		fmt.Fprintf(&out, "  %s", app.paint(stateStyle(s.State), string(s.Exchange)))
	}
	out.WriteString("\n")
	places, sizes := 0, 0
	for _, l := range slices.Concat(asks, bids) {
		places, sizes = max(places, l.Price.Scale()), max(sizes, l.Quantity.Scale())
	}
	rung := func(style string, levels []client.Level, reverse bool) {
		lines := make([]string, len(levels))
		sum := decimal.Decimal{}
		for i, l := range levels {
			if s, err := sum.Add(l.Quantity); err == nil {
				sum = s
			}
			lines[i] = fmt.Sprintf("%s %16s  %s  %s\n", app.paint(style, fmt.Sprintf("%14s", fixed(l.Price, places))),
				fixed(l.Quantity, sizes), app.paint(style, bar(sum, most, max(8, min(30, app.width-64)))), app.paint(dim, parts(l)))
		}
		if reverse {
			slices.Reverse(lines)
		}
		out.WriteString(strings.Join(lines, ""))
	}
	rung(bad, asks, true)
	out.WriteString(app.paint(dim, "  "+spread(b)) + "\n")
	rung(good, bids, false)
	return out.String()
}

func deepest(levels []client.Level) (sum decimal.Decimal) {
	for _, l := range levels {
		if s, err := sum.Add(l.Quantity); err == nil {
			sum = s
		}
	}
	return sum
}

// spread is the distance of the best prices, in money and in basis points of the bid.
func spread(b client.Book) string {
	if len(b.Bids) == 0 || len(b.Asks) == 0 {
		return "one side is empty"
	}
	var c decimal.Calc
	gap := c.Sub(b.Asks[0].Price, b.Bids[0].Price)
	bps := c.Mul(c.Quo(gap, b.Bids[0].Price, 10, decimal.HalfEven), decimal.New(10_000, 0))
	if c.Err() != nil {
		return ""
	}
	if gap.Sign() < 0 {
		return fmt.Sprintf("exchanges cross by %s (%s bps)", gap.Neg(), fixed(bps.Neg(), 2))
	}
	return fmt.Sprintf("spread %s (%s bps)", gap, fixed(bps, 2))
}

// parts says how much each exchange gives of a level.
func parts(l client.Level) string {
	names := make([]string, 0, len(l.Parts))
	for e := range l.Parts {
		names = append(names, string(e))
	}
	slices.Sort(names)
	return strings.Join(names, "+")
}

// bar is a share of a whole as blocks.
func bar(part, whole decimal.Decimal, width int) string {
	n := share(part, whole, width)
	return strings.Repeat("█", n) + strings.Repeat(" ", width-n)
}

// share is part/whole × of, rounded down, within 0…of.
func share(part, whole decimal.Decimal, of int) int {
	var c decimal.Calc
	if whole.Sign() <= 0 {
		return 0
	}
	n, err := c.Quo(c.Mul(part, decimal.New(int64(of), 0)), whole, 0, decimal.Floor).FloorSteps(decimal.One)
	if err != nil || c.Err() != nil {
		return 0
	}
	return max(0, min(of, int(n)))
}
