package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/client"
	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/pkg/order"
)

type ordersCmd struct {
	Status string `enum:"open,closed,all" default:"all" help:"open, closed or all."`
	Symbol string `placeholder:"SYMBOL" help:"Of one pair alone."`
	Limit  int    `short:"n" default:"20" help:"How many; 0 for all."`
}

func (ordersCmd) Help() string {
	return `Examples:

    hourglass orders --status open
    hourglass orders -n 0 -o json | jq -r '.[].token_id'`
}

// Run lists orders.
func (c *ordersCmd) Run(app *App) error {
	return look(app, func(ctx context.Context, sdk *client.Client) ([]client.Order, error) {
		list := []client.Order{}
		for o, err := range sdk.Orders(ctx, client.OrdersQuery{Status: c.Status, Symbol: c.Symbol}) {
			if err != nil {
				return nil, err
			}
			if list = append(list, o); len(list) == c.Limit {
				break
			}
		}
		return list, nil
	}, func(list []client.Order) error {
		if len(list) == 0 {
			return app.printf("no orders; place one: hourglass twap BTC-USDT buy 0.5 --for 60s --every 5s\n")
		}
		var rows [][]cell
		for _, o := range list {
			rows = append(rows, []cell{
				text(o.TokenID), text(o.Symbol), text(o.Side).in(sideStyle(o.Side)), text(o.Status).in(statusStyle(o.Status)), number(o.Quantity),
				number(o.FilledQuantity), number(rounded(o.AveragePrice, 2)), number(rounded(o.SlippageBps, 2)), text(clock(o.CreatedAt)),
			})
		}
		return app.table([]string{"token_id", "symbol", "side", "status", "quantity", "filled", "average", "slip bps", "created"}, rows)
	})
}

func sideStyle(s market.Side) string {
	if s == market.Buy {
		return good
	}
	return bad
}

func statusStyle(s order.Status) string {
	switch s {
	case order.Filled:
		return good
	case order.Rejected, order.Expired:
		return bad
	case order.Canceled, order.Paused:
		return warn
	}
	return bold
}

type orderCmd struct {
	TokenID string `arg:"" help:"The order's token_id."`
	Follow  bool   `short:"f" help:"Follow it to its end."`
}

func (orderCmd) Help() string {
	return `Examples:

    hourglass order btc-accumulate-1
    hourglass order btc-accumulate-1 --follow
    hourglass order btc-accumulate-1 -o json | jq '.slices[] | select(.status != "filled")'`
}

// Run shows an order.
func (c *orderCmd) Run(app *App) error {
	if c.Follow {
		return followExisting(app, c.TokenID)
	}
	return look(app, func(ctx context.Context, sdk *client.Client) (client.Order, error) { return sdk.Order(ctx, c.TokenID) },
		func(o client.Order) error {
			if err := app.summary(o.Order); err != nil {
				return err
			}
			var rows [][]cell
			for _, s := range o.Slices {
				rows = append(rows, []cell{
					number(s.K), text(clock(s.DueAt)), number(s.Planned), number(s.Wanted), number(s.Filled),
					text(s.Status).in(sliceStyle(s.Status)), text(why(s)),
				})
			}
			if len(rows) == 0 {
				return nil
			}
			if err := app.printf("\n"); err != nil {
				return err
			}
			return app.table([]string{"slice", "due", "planned", "wanted", "filled", "status", "why"}, rows)
		})
}

// why says in words what kept a slice from what it wanted.
func why(s order.Slice) string {
	words := []string{}
	if s.LimitedBy != "" {
		words = append(words, "limited by "+strings.ReplaceAll(s.LimitedBy, "_", " "))
	}
	if s.Reason != "" {
		words = append(words, strings.ReplaceAll(string(s.Reason), "_", " "))
	}
	if len(s.Books) > 0 && s.Status == order.SliceSkipped {
		for _, b := range s.Books {
			if b.Reason != "" && b.Reason != s.Reason {
				words = append(words, fmt.Sprintf("%s %s", b.Exchange, strings.ReplaceAll(string(b.Reason), "_", " ")))
			}
		}
	}
	return strings.Join(words, ", ")
}

func sliceStyle(s order.SliceStatus) string {
	switch s {
	case order.SliceFilled:
		return good
	case order.SlicePartial:
		return warn
	case order.SliceSent:
		return dim
	}
	return bad
}

// summary is an order in a few lines.
func (app *App) summary(o order.Order) error {
	status := string(o.Status)
	if o.Reason != "" && o.Reason != status {
		status += " (" + strings.ReplaceAll(o.Reason, "_", " ") + ")"
	}
	limit := ""
	if o.LimitPrice != nil {
		limit = o.LimitPrice.String()
	}
	return app.pairs(
		text("order"), text(o.TokenID).in(bold),
		text("what"), text(fmt.Sprintf("%s %s %s on %s", o.Side, o.Quantity, o.Symbol, listed(o.Exchanges))).in(sideStyle(o.Side)),
		text("market"), text(marketName(o.Market)),
		text("status"), text(status).in(statusStyle(o.Status)),
		text("filled"), text(fmt.Sprintf("%s of %s (%s %%)", o.FilledQuantity, o.Quantity, percent(o.FilledQuantity, o.Quantity))),
		text("average price"), text(rounded(o.AveragePrice, 4)),
		text("arrival mid"), text(rounded(o.ArrivalMid, 4)),
		text("slippage"), text(rounded(o.SlippageBps, 2)+" bps"),
		text("fees"), text(o.Fees.String()+" "+o.Symbol.Quote()),
		text("limit price"), text(limit),
		text("window"), text(clock(o.StartsAt)+" … "+clock(o.EndsAt)),
		text("slices"), text(fmt.Sprintf("%d of %d", o.SlicesDone, o.SlicesTotal)),
	)
}

func listed(exchanges []market.Exchange) string {
	list := make([]string, len(exchanges))
	for i, e := range exchanges {
		list[i] = string(e)
	}
	return strings.Join(list, ", ")
}

func percent(part, whole decimal.Decimal) string {
	var c decimal.Calc
	if whole.IsZero() {
		return "0.0"
	}
	p := c.Mul(c.Quo(part, whole, 8, decimal.HalfEven), decimal.New(100, 0))
	if c.Err() != nil {
		return "?"
	}
	return fixed(p, 1)
}

type executionsCmd struct {
	TokenID string `arg:"" help:"The order's token_id."`
}

func (executionsCmd) Help() string {
	return `Examples:

    hourglass executions btc-accumulate-1
    hourglass executions btc-accumulate-1 -o json | jq -c '.[] | [.at, .price, .quantity]'`
}

// Run lists the fills of an order.
func (c *executionsCmd) Run(app *App) error {
	return look(app, func(ctx context.Context, sdk *client.Client) ([]order.Fill, error) {
		fills := []order.Fill{}
		for f, err := range sdk.Executions(ctx, c.TokenID) {
			if err != nil {
				return nil, err
			}
			fills = append(fills, f)
		}
		return fills, nil
	}, func(fills []order.Fill) error {
		if len(fills) == 0 {
			return app.printf("nothing has been filled yet\n")
		}
		var rows [][]cell
		for _, f := range fills {
			rows = append(rows, []cell{
				text(clock(f.At)), number(f.Slice), text(f.Exchange), number(f.Price), number(f.Quantity), number(f.Fee),
				number(f.BookSequence), number(f.Level), number(f.Displayed),
			})
		}
		return app.table([]string{"at", "slice", "exchange", "price", "quantity", "fee", "book", "level", "displayed"}, rows)
	})
}

type cancelCmd struct {
	TokenID string `arg:"" optional:"" help:"The order's token_id."`
	All     bool   `help:"Cancel every open order."`
}

func (cancelCmd) Help() string {
	return `Examples:

    hourglass cancel btc-accumulate-1
    hourglass cancel --all`
}

// Run cancels.
func (c *cancelCmd) Run(app *App) error {
	switch {
	case c.All && c.TokenID != "":
		return &usage{"either an order or --all", "hourglass cancel TOKEN_ID"}
	case !c.All && c.TokenID == "":
		return &usage{"which order?", "hourglass cancel TOKEN_ID, from hourglass orders --status open; or --all"}
	case c.All:
		return look(app, func(ctx context.Context, sdk *client.Client) (map[string]int, error) {
			n, err := sdk.CancelAll(ctx)
			return map[string]int{"canceled": n}, err
		}, func(n map[string]int) error { return app.printf("canceled %d\n", n["canceled"]) })
	}
	return change(app, func(ctx context.Context, sdk *client.Client) (client.Order, error) { return sdk.Cancel(ctx, c.TokenID) })
}

// change runs a command that changes an order, and shows the order.
func change(app *App, do func(context.Context, *client.Client) (client.Order, error)) error {
	return look(app, do, func(o client.Order) error { return app.summary(o.Order) })
}

type pauseCmd struct {
	TokenID string `arg:"" help:"The order's token_id."`
}

func (pauseCmd) Help() string {
	return `Example:

    hourglass pause btc-accumulate-1`
}

// Run pauses an order.
func (c *pauseCmd) Run(app *App) error {
	return change(app, func(ctx context.Context, sdk *client.Client) (client.Order, error) { return sdk.Pause(ctx, c.TokenID) })
}

type resumeCmd struct {
	TokenID string `arg:"" help:"The order's token_id."`
}

func (resumeCmd) Help() string {
	return `Example:

    hourglass resume btc-accumulate-1`
}

// Run goes on with an order.
func (c *resumeCmd) Run(app *App) error {
	return change(app, func(ctx context.Context, sdk *client.Client) (client.Order, error) { return sdk.Resume(ctx, c.TokenID) })
}

type amendCmd struct {
	TokenID          string           `arg:"" help:"The order's token_id."`
	Quantity         *decimal.Decimal `placeholder:"Q" help:"The whole quantity, what is filled already included."`
	Limit            *decimal.Decimal `placeholder:"P" help:"The limit price."`
	EndsAt           time.Time        `placeholder:"TIME" help:"The end of the window, such as 2026-01-31T12:00:00Z."`
	MaxSlippageBps   *decimal.Decimal `placeholder:"BPS" help:"Bound of each slice against the mid."`
	ParticipationCap *decimal.Decimal `placeholder:"0.1" help:"At most this share of the traded volume."`
	Version          uint64           `placeholder:"N" help:"Change only this version of the order (default: the newest when the command starts)."`
}

func (amendCmd) Help() string {
	return `Examples:

    hourglass amend btc-accumulate-1 --quantity 3
    hourglass amend btc-accumulate-1 --limit 64000 --ends-at 2026-01-31T12:00:00Z`
}

// Run changes an order. If it changes under our hands, that is told and the change not made.
func (c *amendCmd) Run(app *App) error {
	a := client.Amendment{
		Quantity: c.Quantity, LimitPrice: c.Limit, EndsAt: c.EndsAt, MaxSlippageBps: c.MaxSlippageBps, ParticipationCap: c.ParticipationCap,
		Version: c.Version,
	}
	if a == (client.Amendment{Version: c.Version}) {
		return &usage{"nothing to change", "hourglass amend TOKEN_ID with --quantity, --limit or --ends-at"}
	}
	return change(app, func(ctx context.Context, sdk *client.Client) (client.Order, error) {
		// A slice that is decided in between makes a new version: then the change is thought out again, on the new one.
		for tries := 0; ; tries++ {
			if c.Version == 0 {
				now, err := sdk.Order(ctx, c.TokenID)
				if err != nil {
					return now, err
				}
				a.Version = now.Version
			}
			o, err := sdk.Amend(ctx, c.TokenID, a)
			if c.Version > 0 || tries == 3 || !errors.Is(err, client.ErrChanged) {
				return o, err
			}
		}
	})
}
