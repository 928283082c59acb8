package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/client"
	"github.com/hourglass-trading/hourglass/pkg/market"
)

type exchangesCmd struct{}

func (exchangesCmd) Help() string {
	return `Examples:

    hourglass exchanges
    hourglass exchanges -o json | jq -r '.[] | select(.status == "live") | .name'`
}

// Run lists the exchanges.
func (exchangesCmd) Run(app *App) error {
	return look(app, func(ctx context.Context, c *client.Client) ([]client.Exchange, error) { return c.Exchanges(ctx) },
		func(list []client.Exchange) error {
			var rows [][]cell
			for _, e := range list {
				pairs, lag, last := "–", "–", "–"
				if e.Pairs != nil {
					pairs = fmt.Sprint(*e.Pairs)
				}
				if e.LagMS != nil {
					lag = fmt.Sprintf("%d ms", *e.LagMS)
				}
				if e.LastMessageAt != nil {
					last = clock(*e.LastMessageAt)
				}
				rows = append(rows, []cell{
					text(e.Name), text(e.Status).in(stateStyle(e.Status)), number(pairs), number(lag), text(last), text(e.Market), text(e.Reason),
				})
			}
			return app.table([]string{"exchange", "status", "pairs", "lag", "last message", "market", "reason"}, rows)
		})
}

func stateStyle(s market.State) string {
	if s == market.Live {
		return good
	}
	return bad
}

type pairsCmd struct {
	Exchange string `arg:"" help:"The exchange, such as binance."`
}

func (pairsCmd) Help() string {
	return `Example:

    hourglass pairs kraken`
}

// Run lists the pairs of an exchange.
func (c *pairsCmd) Run(app *App) error {
	return look(app, func(ctx context.Context, sdk *client.Client) ([]market.Instrument, error) {
		return sdk.Pairs(ctx, market.Exchange(c.Exchange))
	}, func(list []market.Instrument) error {
		var rows [][]cell
		for _, in := range list {
			rows = append(rows, []cell{
				text(in.Symbol), text(in.Native), text(in.Status), number(in.PriceTick), number(in.QuantityStep),
				number(in.MinQuantity), number(in.MinNotional),
			})
		}
		return app.table([]string{"symbol", "native", "status", "price tick", "quantity step", "min quantity", "min notional"}, rows)
	})
}

type klinesCmd struct {
	Symbol   string    `arg:"" help:"The pair, such as BTC-USDT."`
	Exchange string    `short:"e" default:"binance" help:"One exchange."`
	Interval string    `short:"i" default:"1m" help:"Length of a candle: 1s, 10s, 1m, 5m, 1h …"`
	Limit    int       `short:"n" placeholder:"N" help:"How many candles, at most 1000 (default: as many as the chart is wide, 100 in JSON)."`
	Start    time.Time `placeholder:"TIME" help:"The first candle opens at or after this, such as 2026-01-31T12:00:00Z."`
	End      time.Time `placeholder:"TIME" help:"The last candle opens at or before this."`
	Table    bool      `help:"Numbers instead of the chart."`
}

func (klinesCmd) Help() string {
	return `Examples:

    hourglass klines BTC-USDT
    hourglass klines ETH-USD --exchange kraken --interval 5m --table
    hourglass klines BTC-USDT -n 1000 -o json | jq '.klines[-1].close'`
}

// Run shows candles.
func (c *klinesCmd) Run(app *App) error {
	limit := c.Limit
	if limit == 0 && !app.json() {
		limit = max(10, min(120, app.width-axis-2))
		if c.Table {
			limit = 20
		}
	}
	return look(app, func(ctx context.Context, sdk *client.Client) (client.Klines, error) {
		return sdk.Klines(ctx, market.Exchange(c.Exchange), c.Symbol, client.KlinesQuery{
			Interval: c.Interval, Limit: limit, Start: c.Start, End: c.End,
		})
	}, func(k client.Klines) error {
		if len(k.Klines) == 0 {
			return app.printf("no candles of %s on %s in that time\n", k.Symbol, k.Exchange)
		}
		if c.Table {
			return app.candleTable(k)
		}
		return app.candleChart(k)
	})
}

func (app *App) candleTable(k client.Klines) error {
	var rows [][]cell
	for _, c := range k.Klines {
		open := ""
		if !c.Complete {
			open = "running"
		}
		rows = append(rows, []cell{
			text(clock(c.OpenTime)), number(c.Open), number(c.High), number(c.Low), number(c.Close).in(candleStyle(c)), number(c.Volume), text(open),
		})
	}
	return app.table([]string{"open time", "open", "high", "low", "close", "volume", ""}, rows)
}

func candleStyle(c market.Candle) string {
	if c.Close.Less(c.Open) {
		return bad
	}
	return good
}
