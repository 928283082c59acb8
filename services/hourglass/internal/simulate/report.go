package simulate

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/order"
	"github.com/hourglass-trading/hourglass/services/executor"
)

// report writes an outcome for people: how the order ended, slice by slice why, and what it cost.
func report(w io.Writer, out *executor.Simulation) error {
	p := page{&strings.Builder{}}
	p.order(out)
	if out.TCA != nil {
		p.slices(out)
		p.counts(out)
		p.exchanges(out)
		p.costs(out)
	}
	columns := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if _, err := io.WriteString(columns, p.text.String()); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	if err := columns.Flush(); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

// page is a text with a tab between two columns.
type page struct{ text *strings.Builder }

func (p page) line(cells ...any) {
	for i, c := range cells {
		if i > 0 {
			p.text.WriteByte('\t')
		}
		fmt.Fprint(p.text, c)
	}
	p.text.WriteByte('\n')
}

// title begins a part whose columns have nothing to do with those above.
func (p page) title(text string) { p.text.WriteString("\n" + text + "\n") }

func (p page) order(out *executor.Simulation) {
	o := &out.Order
	if out.Name != "" {
		p.line(out.Name)
	}
	p.line("order", fmt.Sprintf("%s (%s) at %d ms", o.Status, o.EndReason, o.TerminalT))
	p.line("filled", fmt.Sprintf("%s of %s %s", o.FilledQuantity, o.Quantity, out.Symbol.Base()))
	p.line("notional", fmt.Sprintf("%s %s, fees %s", o.Notional, out.Symbol.Quote(), o.Fees))
	if out.Reservation != nil {
		p.line("reserved at first", out.Reservation.Amount, out.Reservation.Asset)
	}
	p.line("account after", fmt.Sprintf("%s %s, %s %s", out.AccountAfter.Base, out.Symbol.Base(), out.AccountAfter.Quote, out.Symbol.Quote()))
	if out.SlicesAdjustedTo > 0 {
		p.line("slices", fmt.Sprintf("lowered to %d, so that each reaches the minimum", out.SlicesAdjustedTo))
	}
	for _, r := range out.Refused {
		p.line("refused", fmt.Sprintf("at %d ms: %s (%s)", r.T, r.Detail, r.Code))
	}
	for _, r := range out.Replans {
		p.line("amended", fmt.Sprintf("at %d ms: %s in all, %d slices left, until %d ms", r.T, r.Quantity, len(r.Schedule), r.Ends))
	}
}

func (p page) slices(out *executor.Simulation) {
	p.title("slices")
	p.line("k", "due ms", "planned", "backlog", "wanted", "limited by", "mid", "filled", "status", "why")
	for i := range out.Slices {
		s := &out.Slices[i]
		k := fmt.Sprint(s.K)
		if s.Sweep {
			k += " sweep"
		}
		limited, why := "", ""
		if s.LimitedBy != nil {
			limited = *s.LimitedBy
		}
		if s.Reason != nil {
			why = string(*s.Reason)
		}
		p.line(k, s.Due, s.Planned, s.Backlog, s.Wanted, limited, shown(s.DecisionMid), s.Filled, s.Status, why)
	}
}

func (p page) counts(out *executor.Simulation) {
	p.title("slices by outcome")
	for _, c := range out.Counts {
		p.line(c.Status, c.Reason, c.Count)
	}
}

func (p page) exchanges(out *executor.Simulation) {
	p.title("exchanges")
	p.line("name", "fills", "quantity", "notional", "fees", "share")
	for _, e := range out.Exchanges {
		p.line(e.Exchange, e.Fills, e.Quantity, e.Notional, e.Fees, shown(e.Share))
	}
}

func (p page) costs(out *executor.Simulation) {
	t := &out.TCA.Report
	p.title("costs (" + out.TCA.Sign + ")")
	p.line("average price", shown(t.AveragePrice), "with fees "+shown(t.AllInAveragePrice))
	for _, b := range []struct {
		name       string
		price, bps *decimal.Decimal
	}{
		{"against the arrival mid", t.ArrivalMid, t.SlippageArrivalBps},
		{"against the window's TWAP", t.TWAPWindow, t.SlippageTWAPWindowBps},
		{"against the schedule's TWAP", t.TWAPSchedule, t.SlippageTWAPScheduleBps},
		{"against the market's VWAP", t.VWAPInterval, t.SlippageVWAPBps},
	} {
		p.line(b.name, shown(b.price), shown(b.bps)+" bps")
	}
	c := &t.CostBreakdown
	p.line("timing", shown(c.Timing))
	p.line("half spread", shown(c.HalfSpread))
	p.line("depth", shown(c.Depth))
	p.line("fees", t.Shortfall.Fees, shown(t.FeeBps)+" bps")
	p.line("opportunity", shown(t.Shortfall.Opportunity))
	p.line("implementation shortfall", shown(t.Shortfall.Total), shown(t.Shortfall.TotalBps)+" bps")
	p.line("expected at the start", shown(t.ExpectedFillRatio)+" filled", shown(t.ExpectedSlippageBps)+" bps")
	p.line("all at once", shown(t.ImmediateFillRatio)+" filled", shown(t.ImmediateSlippageBps)+" bps")
	p.profile(out.Profile, out.Seed)
}

func (p page) profile(f *order.Profile, seed order.Seed) {
	p.title("simulation")
	p.line("latency", fmt.Sprintf("%d ms", f.LatencyMS))
	p.line("stale after", fmt.Sprintf("%d ms", f.StaleAfterMS))
	p.line("liquidity memory", fmt.Sprintf("%d ms", f.LiquidityMemoryMS))
	p.line("visible share", f.VisibleShare)
	p.line("seed", seed)
}

// shown is a number that may not be known.
func shown(d *decimal.Decimal) string {
	if d == nil {
		return "–"
	}
	return d.String()
}
