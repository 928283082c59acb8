package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/client"
	"github.com/hourglass-trading/hourglass/pkg/market"
)

type doctorCmd struct{}

func (doctorCmd) Help() string {
	return `Examples:

    hourglass doctor
    hourglass doctor -o json | jq -r '.[] | select(.ok == false) | .advice'

It ends with 0 if all is well, else with the exit code of the first fault.`
}

// finding is one thing that was checked.
type finding struct {
	Check  string `json:"check"`
	OK     bool   `json:"ok"`
	Found  string `json:"found"`
	Advice string `json:"advice,omitempty"`
	code   int
}

// maxSkew is how far our clock may be off before windows and tokens suffer.
const maxSkew = 5 * time.Second

// unwell ends the doctor's command after its findings have been told.
type unwell struct{ code int }

func (unwell) Error() string { return "not all is well" }

// Run checks from the outside to the inside, and stops where nothing further can be known.
func (doctorCmd) Run(app *App) error {
	var all []finding
	for _, check := range []func(*App, *client.Client) []finding{checkServer, checkMarket, checkSession, checkStream} {
		c, err := app.client()
		if err != nil {
			all = append(all, app.fault("settings", err))
			break
		}
		found := check(app, c)
		all = append(all, found...)
		if len(found) > 0 && found[0].code == ExitUnavailable {
			break // the rest would say the same
		}
	}
	if err := app.findings(all); err != nil {
		return err
	}
	if i := slices.IndexFunc(all, func(f finding) bool { return !f.OK }); i >= 0 {
		return &unwell{all[i].code}
	}
	return nil
}

func (app *App) findings(all []finding) error {
	if app.json() {
		return app.encode(all)
	}
	for _, f := range all {
		mark, style := "ok  ", good
		if !f.OK {
			mark, style = "FAIL", bad
		}
		if err := app.printf("%s  %-10s %s\n", app.paint(style, mark), f.Check, f.Found); err != nil {
			return err
		}
		if f.Advice != "" {
			if err := app.printf("                 try: %s\n", f.Advice); err != nil {
				return err
			}
		}
	}
	return nil
}

// fault is a finding that something does not work.
func (app *App) fault(check string, err error) finding {
	code, found, advice := app.explain(err)
	return finding{Check: check, Found: found, Advice: advice, code: code}
}

func checkServer(app *App, c *client.Client) []finding {
	before := time.Now()
	info, err := c.Info(app.ctx)
	if err != nil {
		return []finding{app.fault("server", err)}
	}
	found := []finding{{Check: "server", OK: true, Found: fmt.Sprintf("%s answers, version %s, %s", app.URL, info.Version, marketName(info.Market))}}
	if info.Version != app.version {
		found = append(found, finding{
			Check: "version", OK: true, Found: fmt.Sprintf("the server is %s, this program %s", info.Version, app.version),
			Advice: "use the same build on both sides if something looks odd",
		})
	}
	middle := before.Add(time.Since(before) / 2)
	skew := info.ServerTime.Sub(middle)
	f := finding{Check: "clock", OK: skew.Abs() <= maxSkew, Found: fmt.Sprintf("%s apart from the server's", skew.Abs().Round(time.Millisecond))}
	if !f.OK {
		f.code, f.Advice = ExitFailed, "set this machine's clock (NTP): countdowns and tokens go by it"
	}
	return append(found, f)
}

func checkMarket(app *App, c *client.Client) []finding {
	var found []finding
	if _, err := c.Ready(app.ctx); err != nil {
		var told *client.Error
		if errors.As(err, &told) {
			for name, state := range told.Checks {
				if state != "ok" {
					found = append(found, finding{Check: "ready", Found: name + ": " + state, code: ExitFailed, Advice: "wait a moment; then look into the server's log"})
				}
			}
		}
		if len(found) == 0 {
			found = append(found, app.fault("ready", err))
		}
	} else {
		found = append(found, finding{Check: "ready", OK: true, Found: "orders are accepted"})
	}
	list, err := c.Exchanges(app.ctx)
	if err != nil {
		return append(found, app.fault("exchanges", err))
	}
	for _, e := range list {
		f := finding{Check: string(e.Name), OK: e.Status == market.Live, Found: string(e.Status)}
		if e.Reason != "" {
			f.Found += ": " + e.Reason
		}
		if !f.OK {
			f.code, f.Advice = ExitFailed, "its books are not used meanwhile; the collector connects again by itself, its log says why"
		}
		found = append(found, f)
	}
	return found
}

func checkSession(app *App, c *client.Client) []finding {
	if _, err := c.Balance(app.ctx); err != nil {
		return []finding{app.fault("session", err)}
	}
	return []finding{{Check: "session", OK: true, Found: "logged in"}}
}

// checkStream opens the WebSocket, which a proxy may hold up although REST works.
func checkStream(app *App, c *client.Client) []finding {
	ctx, cancel := context.WithTimeout(app.ctx, 10*time.Second)
	defer cancel()
	opened := false
	var lost error
	for _, err := range c.Frames(ctx, client.Stream{
		Subscriptions: []client.Subscription{{Stream: client.StreamOrders}},
		Subscribed:    func() { opened = true; cancel() },
		Lost:          func(err error, _ time.Duration) { lost = err },
	}) {
		if lost == nil {
			lost = err
		}
	}
	if opened {
		return []finding{{Check: "stream", OK: true, Found: "the WebSocket opens and order events can be followed"}}
	}
	f := app.fault("stream", lost)
	if !errors.Is(lost, client.ErrUnauthorized) {
		f.Advice = "a proxy between here and the server must let WebSocket upgrades of /v1/ws through"
	}
	return []finding{f}
}
