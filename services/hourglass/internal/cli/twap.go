package cli

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/client"
	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/pkg/order"
)

// twapParams are a TWAP order on the command line.
type twapParams struct {
	Symbol   string          `arg:"" help:"The pair, such as BTC-USDT."`
	Side     string          `arg:"" enum:"buy,sell" help:"buy or sell."`
	Quantity decimal.Decimal `arg:"" help:"How much of the base asset."`

	For      time.Duration    `required:"" placeholder:"60s" help:"Length of the window, 1s…24h."`
	Every    time.Duration    `placeholder:"5s" help:"Time between two slices, 1s…1h (default 30s)."`
	Slices   int              `placeholder:"N" help:"How many slices, instead of --every."`
	Exchange []string         `short:"e" default:"all" help:"Exchanges, or all that list the pair."`
	Limit    *decimal.Decimal `placeholder:"P" help:"Never fill at a worse price."`
	TokenID  string           `name:"token-id" placeholder:"T" help:"Your own id of the order, unique in your account (default: one is made)."`
	StartsAt time.Time        `placeholder:"TIME" help:"Start of the window, such as 2026-01-31T12:00:00Z (default: now)."`

	MaxSlippageBps     *decimal.Decimal `group:"Tactics" placeholder:"BPS" help:"Bound of each slice against the mid (default 300)."`
	NoSlippageBound    bool             `group:"Tactics" help:"No such bound."`
	ParticipationCap   *decimal.Decimal `group:"Tactics" placeholder:"0.1" help:"At most this share of the traded volume."`
	CatchUp            string           `group:"Tactics" enum:",none,next,spread" default:"" placeholder:"none|next|spread" help:"What becomes of quantity that a slice could not fill (default spread)."`
	CatchUpMaxMultiple *decimal.Decimal `group:"Tactics" placeholder:"3" help:"A slice is at most so many planned ones."`
	End                string           `group:"Tactics" enum:",expire,sweep" default:"" placeholder:"expire|sweep" help:"What becomes of the rest at the end (default expire)."`
	Routing            string           `group:"Tactics" enum:",all_in,price" default:"" placeholder:"all_in|price" help:"Compare prices with or without fees (default all_in)."`
	RandomizeSizeBps   int              `group:"Tactics" placeholder:"BPS" help:"Vary the slices' sizes, 0…5000."`
	RandomizeTimeBps   int              `group:"Tactics" placeholder:"BPS" help:"Vary the slices' times, 0…9000."`
	Seed               *uint64          `group:"Tactics" placeholder:"N" help:"Seed of the variation."`
	Preset             string           `group:"Tactics" enum:",frictionless,standard,thin,harsh" default:"" placeholder:"standard|…" help:"How real fills are made: frictionless, standard, thin or harsh."`
}

func (p *twapParams) request() client.TWAP {
	t := client.TWAP{
		TokenID: p.TokenID, Symbol: p.Symbol, Side: market.Side(p.Side), Quantity: p.Quantity, Duration: p.For, Interval: p.Every,
		Slices: p.Slices, StartsAt: p.StartsAt, LimitPrice: p.Limit, MaxSlippageBps: p.MaxSlippageBps, NoSlippageBound: p.NoSlippageBound,
		ParticipationCap: p.ParticipationCap, CatchUp: p.CatchUp, CatchUpMaxMultiple: p.CatchUpMaxMultiple, EndPolicy: p.End,
		Routing: p.Routing, RandomizeSizeBps: p.RandomizeSizeBps, RandomizeTimeBps: p.RandomizeTimeBps, Preset: p.Preset,
	}
	for _, e := range p.Exchange {
		t.Exchanges = append(t.Exchanges, market.Exchange(e))
	}
	if p.Seed != nil {
		seed := order.Seed(*p.Seed)
		t.Seed = &seed
	}
	if t.TokenID == "" {
		t.TokenID = client.NewTokenID()
	}
	return t
}

type twapCmd struct {
	twapParams
	Detach bool `short:"d" help:"Place the order and end; hourglass order TOKEN_ID --follow comes back to it."`
}

func (twapCmd) Help() string {
	return `Examples:

    hourglass twap BTC-USDT buy 0.5 --for 60s --every 5s
    hourglass twap ETH-USD sell 20 --for 1h --slices 60 --exchange kraken --limit 2900
    hourglass twap BTC-USDT buy 0.5 --for 60s --token-id nightly -o json | jq -c 'select(.fills) | .fills[]'

Ctrl-C ends the following, not the order. The exit code is 0 if it was filled, 7 if it ended otherwise.`
}

// Run places the order and follows it.
func (c *twapCmd) Run(app *App) error {
	t := c.request()
	if c.Detach {
		return look(app, func(ctx context.Context, sdk *client.Client) (client.Order, error) { return sdk.CreateTWAP(ctx, t) },
			func(o client.Order) error {
				if err := app.summary(o.Order); err != nil {
					return err
				}
				app.note("follow it: hourglass order %s --follow", o.TokenID)
				return nil
			})
	}
	return app.follow(t.TokenID, 0, func(ctx context.Context, sdk *client.Client) (client.Order, error) {
		return sdk.CreateTWAP(ctx, t)
	})
}

// followExisting follows an order that was placed before, from its acceptance on.
func followExisting(app *App, tokenID string) error {
	return app.follow(tokenID, 1, func(ctx context.Context, sdk *client.Client) (client.Order, error) {
		return sdk.Order(ctx, tokenID)
	})
}

type previewCmd struct{ twapParams }

func (previewCmd) Help() string {
	return `Examples:

    hourglass preview BTC-USDT buy 0.5 --for 60s --every 5s
    hourglass preview BTC-USDT buy 0.5 --for 60s --every 5s -o json | jq .expected`
}

// slicesShown is how many of a schedule's slices a person sees; scripts see all.
const slicesShown = 24

// Run previews an order.
func (c *previewCmd) Run(app *App) error {
	sdk, err := app.client()
	if err != nil {
		return err
	}
	p, err := sdk.Preview(app.ctx, c.request())
	if err != nil {
		return err
	}
	if app.json() {
		return app.printf("%s\n", bytes.TrimSpace(p.Raw))
	}
	return app.preview(p.Preview)
}

func (app *App) preview(p order.Preview) error {
	o := p.Order
	count := fmt.Sprintf("%d, one each %s", o.SlicesTotal, every(p.Schedule))
	if p.SlicesAdjusted {
		count += " (fewer than asked for: each must reach the exchanges' minimum)"
	}
	if err := app.pairs(
		text("what"), text(fmt.Sprintf("%s %s %s on %s", o.Side, o.Quantity, o.Symbol, listed(o.Exchanges))).in(sideStyle(o.Side)),
		text("market"), text(marketName(o.Market)),
		text("window"), text(clock(o.StartsAt)+" … "+clock(o.EndsAt)),
		text("slices"), text(count),
		text("would reserve"), text(p.Reservation.Amount.String()+" "+p.Reservation.Asset),
		text("mid now"), text(rounded(p.DecisionMid, 4)),
	); err != nil {
		return err
	}
	if err := app.printf("\n"); err != nil {
		return err
	}
	row := func(name string, e order.Estimate) []cell {
		return []cell{
			text(name), number(ratio(e.FillRatio)), number(rounded(e.AveragePrice, 2)), number(rounded(e.SlippageBps, 2)),
			number(rounded(e.SlippageCost, 2)), number(rounded(e.Fees, 2)), number(rounded(e.Cost, 2)),
		}
	}
	head := []string{"on the books of now", "filled", "average", "slip bps", "slippage", "fees", "cost " + o.Symbol.Quote()}
	if err := app.table(head, [][]cell{row("slice by slice", p.Expected), row("all at once", p.Immediate)}); err != nil {
		return err
	}
	return app.schedule(p.Schedule)
}

// schedule lists when how much is due.
func (app *App) schedule(planned []order.Planned) error {
	if err := app.printf("\n"); err != nil {
		return err
	}
	var rows [][]cell
	for _, s := range planned[:min(len(planned), slicesShown)] {
		rows = append(rows, []cell{number(s.K), text(clock(s.DueAt)), number(s.Quantity)})
	}
	if len(planned) > slicesShown {
		defer app.note("… %d slices in all; -o json has them", len(planned))
	}
	return app.table([]string{"slice", "due", "quantity"}, rows)
}

// every is the time between two slices, to the second.
func every(planned []order.Planned) string {
	if len(planned) < 2 {
		return "window"
	}
	return planned[1].DueAt.Sub(planned[0].DueAt).Round(time.Second).String()
}

// ratio is a share as a percentage.
func ratio(d *decimal.Decimal) string {
	if d == nil {
		return "–"
	}
	return percent(*d, decimal.One) + " %"
}
