package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/hourglass-trading/hourglass/pkg/client"
)

type loginCmd struct {
	Username      string `required:"" placeholder:"NAME" help:"Your name."`
	Register      bool   `help:"Make the user first, with an account and paper funds."`
	PasswordStdin bool   `help:"Read the password from the first line of standard input, for scripts."`
}

func (loginCmd) Help() string {
	return `Examples:

    hourglass login --register --username me
    hourglass login --username me --password-stdin <password.txt

The session is kept for you alone in hourglass/session.json under your configuration folder, by server.`
}

// Run logs in.
func (c *loginCmd) Run(app *App) error {
	password, err := c.password(app)
	if err != nil {
		return err
	}
	if app.Token != "" {
		return &usage{"an API key is given: there is no session to open", "leave --token out and unset HOURGLASS_TOKEN"}
	}
	sdk, err := app.client()
	if err != nil {
		return err
	}
	if c.Register {
		if err := sdk.Register(app.ctx, c.Username, password); err != nil {
			return err
		}
	}
	if err := sdk.Login(app.ctx, c.Username, password); err != nil {
		return err
	}
	s, err := app.session()
	if err != nil {
		return err
	}
	if err := s.name(app.ctx, c.Username); err != nil {
		return err
	}
	info, err := sdk.Info(app.ctx)
	if err != nil {
		return err
	}
	if app.json() {
		return app.encode(map[string]any{"username": c.Username, "url": app.URL, "market": info.Market})
	}
	return app.printf("logged in at %s as %s (%s)\n", app.URL, c.Username, marketName(info.Market))
}

// marketName says in words what the books are, so that nobody takes a simulated price for a real one.
func marketName(market string) string {
	switch market {
	case "sim":
		return "SIMULATED market"
	case "replay":
		return "RECORDED market"
	case "live":
		return "live market, paper orders"
	}
	return market
}

// maxPassword is more than the server takes, so that it can say so.
const maxPassword = 1_024

func (c *loginCmd) password(app *App) (string, error) {
	if c.PasswordStdin {
		line, err := bufio.NewReader(io.LimitReader(app.in, maxPassword)).ReadString('\n')
		if line = strings.TrimRight(line, "\r\n"); line == "" {
			if err != nil && !errors.Is(err, io.EOF) {
				return "", fmt.Errorf("read the password: %w", err)
			}
			return "", &usage{"standard input has no password", "printf '%s\\n' \"$PASSWORD\" | hourglass login --username NAME --password-stdin"}
		}
		return line, nil
	}
	if !app.inTerminal {
		return "", &usage{errNoTerminal.Error() + " for the password", "--password-stdin, with the password on standard input"}
	}
	password, err := app.askHidden("Password: ")
	if err != nil || !c.Register {
		return password, err
	}
	again, err := app.askHidden("Once more: ")
	if err == nil && again != password {
		err = &usage{"the two passwords are not the same", "type the same one twice"}
	}
	return password, err
}

// askHidden asks on the terminal, without showing what is typed.
func (app *App) askHidden(prompt string) (string, error) {
	fmt.Fprint(app.err, prompt)
	fd := int(app.in.Fd())
	state, err := term.GetState(fd)
	if err != nil {
		return "", fmt.Errorf("read the password: %w", err)
	}
	// Ctrl-C must leave a terminal that shows what is typed.
	stop := context.AfterFunc(app.ctx, func() {
		_ = term.Restore(fd, state)
		fmt.Fprintln(app.err)
		os.Exit(ExitInterrupted)
	})
	defer stop()
	password, err := term.ReadPassword(fd)
	fmt.Fprintln(app.err)
	if err != nil {
		return "", fmt.Errorf("read the password: %w", err)
	}
	return string(password), nil
}

type logoutCmd struct{}

func (logoutCmd) Help() string {
	return `Example:

    hourglass logout`
}

// Run ends the session.
func (logoutCmd) Run(app *App) error {
	c, err := app.client()
	if err != nil {
		return err
	}
	if err := c.Logout(app.ctx); err != nil {
		return err
	}
	if app.json() {
		return app.encode(map[string]any{"url": app.URL, "logged_in": false})
	}
	return app.printf("logged out at %s\n", app.URL)
}

type keysCmd struct {
	List   keysListCmd   `cmd:"" default:"1" help:"Your API keys, without their secrets."`
	Create keysCreateCmd `cmd:"" help:"Make a key; its secret is shown once."`
	Revoke keysRevokeCmd `cmd:"" help:"Revoke a key."`
}

func (keysCmd) Help() string {
	return `Examples:

    hourglass keys create my-bot
    HOURGLASS_TOKEN=KEY hourglass balance
    hourglass keys revoke ID`
}

type keysListCmd struct{}

func (keysListCmd) Help() string {
	return `Example:

    hourglass keys list`
}

// Run lists the keys.
func (keysListCmd) Run(app *App) error {
	return look(app, func(ctx context.Context, c *client.Client) ([]client.APIKey, error) { return c.APIKeys(ctx) },
		func(keys []client.APIKey) error {
			var rows [][]cell
			for _, k := range keys {
				rows = append(rows, []cell{text(k.ID), text(k.Name), text(joined(k.Scopes)), text(from(k.AllowedNetworks)), text(clock(k.CreatedAt)), text(clock(k.ExpiresAt)), text(clock(k.LastUsedAt))})
			}
			if len(rows) == 0 {
				return app.printf("no keys; make one: hourglass keys create NAME\n")
			}
			return app.table([]string{"id", "name", "scopes", "from", "created", "expires", "last used"}, rows)
		})
}

type keysCreateCmd struct {
	Name    string         `arg:"" help:"What it is for."`
	Scopes  []client.Scope `name:"scope" enum:"read,trade" default:"read,trade" help:"What it may do: read, trade, or both."`
	From    []string       `placeholder:"NETWORK" help:"Where it may be used from: networks such as 203.0.113.0/24 and addresses. Without it: from anywhere."`
	Expires time.Duration  `placeholder:"TIME" help:"How long it works, such as 720h. Without it: until it is revoked."`
}

func (keysCreateCmd) Help() string {
	return `Examples:

    hourglass keys create my-bot
    hourglass keys create dashboard --scope read
    hourglass keys create server --from 203.0.113.7 --from 2001:db8::/48 --expires 720h`
}

// Run makes a key.
func (c *keysCreateCmd) Run(app *App) error {
	wanted := client.NewAPIKey{Name: c.Name, Scopes: c.Scopes}
	for _, text := range c.From {
		network, err := parseNetwork(text)
		if err != nil {
			return &usage{fmt.Sprintf("--from %q is neither an address nor a network", text), "--from 203.0.113.7, or --from 203.0.113.0/24"}
		}
		wanted.AllowedNetworks = append(wanted.AllowedNetworks, network)
	}
	if c.Expires < 0 {
		return &usage{"--expires is in the past", "a time such as 720h"}
	}
	if c.Expires > 0 {
		wanted.ExpiresAt = time.Now().Add(c.Expires).UTC()
	}
	return look(app, func(ctx context.Context, sdk *client.Client) (client.APIKey, error) {
		return sdk.CreateAPIKey(ctx, wanted)
	},
		func(k client.APIKey) error {
			app.note("keep it: it is not shown again. Use it with --token or HOURGLASS_TOKEN.")
			return app.printf("%s\n", k.Key)
		})
}

type keysRevokeCmd struct {
	ID string `arg:"" help:"The key's id, from hourglass keys."`
}

func (keysRevokeCmd) Help() string {
	return `Example:

    hourglass keys revoke 4nqzk3t5m5q4r7w2x6y2abcdef`
}

// Run revokes a key.
func (c *keysRevokeCmd) Run(app *App) error {
	sdk, err := app.client()
	if err != nil {
		return err
	}
	if err := sdk.RevokeAPIKey(app.ctx, c.ID); err != nil {
		return err
	}
	if app.json() {
		return app.encode(map[string]any{"id": c.ID, "revoked": true})
	}
	return app.printf("revoked %s\n", c.ID)
}

// parseNetwork takes an address for the network that is it alone.
func parseNetwork(text string) (netip.Prefix, error) {
	if address, err := netip.ParseAddr(text); err == nil {
		return address.Prefix(address.BitLen())
	}
	return netip.ParsePrefix(text)
}

func from(networks []netip.Prefix) string {
	if len(networks) == 0 {
		return "anywhere"
	}
	words := make([]string, len(networks))
	for i, n := range networks {
		words[i] = n.String()
		if n.IsSingleIP() {
			words[i] = n.Addr().String()
		}
	}
	return strings.Join(words, ", ")
}

func joined(scopes []client.Scope) string {
	words := make([]string, len(scopes))
	for i, s := range scopes {
		words[i] = string(s)
	}
	return strings.Join(words, ", ")
}
