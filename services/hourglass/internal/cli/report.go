package cli

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/pkg/order"
)

type reportCmd struct {
	TokenID string `arg:"" help:"The order's token_id."`
}

func (reportCmd) Help() string {
	return `Examples:

    hourglass report btc-accumulate-1
    hourglass report btc-accumulate-1 -o json | jq .implementation_shortfall`
}

// Run shows a report.
func (c *reportCmd) Run(app *App) error {
	sdk, err := app.client()
	if err != nil {
		return err
	}
	r, err := sdk.Report(app.ctx, c.TokenID)
	if err != nil {
		return err
	}
	if app.json() {
		return app.printf("%s\n", bytes.TrimSpace(r.Raw))
	}
	o, err := sdk.Order(app.ctx, c.TokenID)
	if err != nil {
		return err
	}
	if err := app.summary(o.Order); err != nil {
		return err
	}
	if text := reasons(o.Slices); text != "" {
		if err := app.pairs(cell{text: "not filled because"}, cell{text: text, style: warn}); err != nil {
			return err
		}
	}
	if err := app.printf("\n"); err != nil {
		return err
	}
	return app.report(r.Report, o.Symbol)
}

// report shows what an order cost. Costs are positive.
func (app *App) report(r order.Report, symbol market.Symbol) error {
	title := "report"
	if !r.Final {
		title += " (provisional until the window ends)"
	}
	bps := func(d *decimal.Decimal) cell { return unit(d, 2, "bps") }
	money := func(d *decimal.Decimal) cell { return unit(d, 2, symbol.Quote()) }
	price := func(d *decimal.Decimal) cell { return unit(d, 4, "") }
	if err := app.printf("%s\n", app.paint(bold, title)); err != nil {
		return err
	}
	return app.pairs(
		text("average price"), price(r.AveragePrice),
		text("  with fees"), price(r.AllInAveragePrice),
		text("against arrival mid"), beside(price(r.ArrivalMid), bps(r.SlippageArrivalBps)),
		text("against the market's TWAP"), beside(price(r.TWAPWindow), bps(r.SlippageTWAPWindowBps)),
		text("against the schedule's TWAP"), beside(price(r.TWAPSchedule), bps(r.SlippageTWAPScheduleBps)),
		text("against the market's VWAP"), beside(price(r.VWAPInterval), bps(r.SlippageVWAPBps)),
		text("cost: timing"), money(r.CostBreakdown.Timing),
		text("cost: half spread"), money(r.CostBreakdown.HalfSpread),
		text("cost: depth"), money(r.CostBreakdown.Depth),
		text("cost: fees"), money(&r.Shortfall.Fees),
		text("implementation shortfall"), beside(money(r.Shortfall.Total), bps(r.Shortfall.TotalBps)),
		text("expected at the start"), bps(r.ExpectedSlippageBps),
		text("all at once would have cost"), bps(r.ImmediateSlippageBps),
		text("share of the traded volume"), text(ratio(r.ParticipationRate)),
		text("filled"), text(ratio(r.FillRatio)),
	)
}

func unit(d *decimal.Decimal, places int, name string) cell {
	if d == nil {
		return cell{}
	}
	return text(strings.TrimSpace(fixed(*d, places) + " " + name))
}

func beside(a, b cell) cell {
	if a.text == "" || b.text == "" {
		return text(a.text + b.text)
	}
	return text(fmt.Sprintf("%-16s %s", a.text, b.text))
}
