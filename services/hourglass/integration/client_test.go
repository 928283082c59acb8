package integration

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/pkg/client"
	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/pkg/order"
)

// gatewayBinary is a gateway in a process of its own, built once.
var gatewayBinary = sync.OnceValues(func() (string, error) {
	hourglass, err := binary()
	if err != nil {
		return "", err
	}
	out := filepath.Join(filepath.Dir(hourglass), "gateway")
	cmd := exec.CommandContext(context.Background(), "go", "build", raceFlag, "-o", out, "github.com/hourglass-trading/hourglass/services/gateway/cmd/gateway")
	if text, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build: %w\n%s", err, text)
	}
	return out, nil
})

// freeAddr is an address that nobody listens on.
func freeAddr(t *testing.T) string {
	t.Helper()
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	return ln.Addr().String()
}

// gateway starts a gateway beside a platform, on its bus and with its keys, and waits until it answers. stop kills it.
func gateway(t *testing.T, nats, data, listen string) (stop func()) {
	t.Helper()
	path, err := gatewayBinary()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(context.Background(), path)
	var log bytes.Buffer
	cmd.Stderr = &log
	cmd.Env = append(os.Environ(), "HOURGLASS_NATS=nats://"+nats, "HOURGLASS_LISTEN="+listen, "HOURGLASS_MARKET=sim",
		"HOURGLASS_NATS_SEED_FILE="+filepath.Join(data, "nats-keys", bus.Gateway, bus.SeedFile),
		"HOURGLASS_KEY_DIR="+filepath.Join(data, "keys"), "HOURGLASS_RATE_LIMITS=off", "HOURGLASS_HEALTH_LISTEN=127.0.0.1:0")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stop = sync.OnceFunc(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("log of the gateway:\n%s", &log)
		}
	})
	t.Cleanup(stop)
	c, err := client.New("http://"+listen, client.WithRetries(readyWithin))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Ready(t.Context()); err != nil {
		t.Fatalf("the gateway is not ready: %v\n%s", err, &log)
	}
	return stop
}

// seen is what somebody who followed an order saw of an event.
type seen struct {
	Seq   uint64
	Event order.EventType
	Fills int
}

func see(e client.Event) seen { return seen{e.Seq, e.Type, len(e.Fills)} }

func TestSDKAndCommandLineOutliveTheGateway(t *testing.T) {
	t.Parallel()
	data, nats, listen := t.TempDir(), freeAddr(t), freeAddr(t)
	p := up(t, "--market", "sim", "--data", data, "--nats-listen", nats)
	stop := gateway(t, nats, data, listen)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	c, err := client.New("http://"+listen, client.WithPassword("ann", "correct horse ann"))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Register(ctx, "ann", "correct horse ann"); err != nil {
		t.Fatal(err)
	}

	cli := command(t, "http://"+listen, "twap", "BTC-USDT", "buy", "0.6", "--for", "24s", "--every", "1s", "--token-id", "followed", "-o", "json")
	cli.login("ann")
	lines := cli.start(ctx)
	if first, ok := <-lines; !ok || first.Type != "order" {
		t.Fatalf("the command's first line is %+v: %s", first, cli.stderr.String())
	}

	arrived := make(chan seen, 1_000)
	sdk := make(chan error, 1)
	var lost int
	go func() {
		defer close(arrived)
		for e, err := range c.FollowStream(ctx, client.Stream{
			Subscriptions: []client.Subscription{{Stream: client.StreamOrders, TokenID: "followed", FromSeq: 1}},
			Lost:          func(error, time.Duration) { lost++ },
		}, true) {
			if err != nil {
				sdk <- err
				return
			}
			arrived <- see(e)
		}
		sdk <- nil
	}()
	var bySDK []seen
	for len(bySDK) < 6 {
		bySDK = append(bySDK, <-arrived)
	}
	stop()
	direct, err := client.New(p.url, client.WithPassword("ann", "correct horse ann"))
	if err != nil {
		t.Fatal(err)
	}
	before, err := direct.Order(ctx, "followed")
	if err != nil {
		t.Fatal(err)
	}
	p.await("slices while nobody listens", 20*time.Second, func() bool {
		now, err := direct.Order(ctx, "followed")
		return err == nil && now.SlicesDone >= before.SlicesDone+3
	})
	gateway(t, nats, data, listen)

	for e := range arrived {
		bySDK = append(bySDK, e)
	}
	if err := <-sdk; err != nil {
		t.Fatalf("the SDK: %v", err)
	}
	if lost == 0 {
		t.Error("the SDK did not notice that the gateway was gone: the test proves nothing")
	}
	var byCLI []seen
	for line := range lines {
		if line.Event.Type != "" {
			byCLI = append(byCLI, see(line.Event))
		}
	}
	if err := cli.cmd.Wait(); err != nil {
		t.Errorf("the command ended with %v: %s", err, cli.stderr.String())
	}
	var truth []seen
	for e, err := range direct.FollowStream(ctx, client.Stream{
		Subscriptions: []client.Subscription{{Stream: client.StreamOrders, TokenID: "followed", FromSeq: 1}},
	}, true) {
		if err != nil {
			t.Fatal(err)
		}
		truth = append(truth, see(e))
	}
	if diff := cmp.Diff(truth, bySDK); diff != "" {
		t.Errorf("the SDK saw something else than what happened (-happened +seen):\n%s", diff)
	}
	if diff := cmp.Diff(truth, byCLI); diff != "" {
		t.Errorf("the command saw something else than what happened (-happened +seen):\n%s", diff)
	}
	if !slices.IsSortedFunc(truth, func(a, b seen) int { return int(a.Seq) - int(b.Seq) }) {
		t.Errorf("not in order: %v", truth)
	}
	t.Logf("%d events, the connection was lost %d times", len(truth), lost)
}

func TestARepeatedOrderIsPlacedOnce(t *testing.T) {
	t.Parallel()
	p := up(t, "--market", "sim", "--data", t.TempDir())
	c, err := client.New(p.url, client.WithPassword("bob", "correct horse bob"))
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	if err := c.Register(ctx, "bob", "correct horse bob"); err != nil {
		t.Fatal(err)
	}
	ask := client.TWAP{TokenID: "once", Symbol: "BTC-USDT", Side: market.Sell, Quantity: decimal.MustParse("0.1"), Duration: time.Hour}
	if _, err := c.CreateTWAP(ctx, ask); err != nil {
		t.Fatal(err)
	}
	_, err = c.CreateTWAP(ctx, ask)
	told, ok := err.(*client.Error) //nolint:errorlint // it is returned as it is
	if !ok || !told.Identical || told.Order == nil || told.Order.TokenID != "once" {
		t.Errorf("the same order again: %v", err)
	}
	if n, err := c.CancelAll(ctx); n != 1 || err != nil {
		t.Errorf("canceled %d: %v", n, err)
	}
}

// clientCommand is one command of the client, with a session of its own.
type clientCommand struct {
	t      *testing.T
	path   string
	env    []string
	cmd    *exec.Cmd
	args   []string
	stderr bytes.Buffer
}

func command(t *testing.T, url string, args ...string) *clientCommand {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	return &clientCommand{t: t, path: path, args: args, env: append(os.Environ(), "HOURGLASS_URL="+url, "XDG_CONFIG_HOME="+t.TempDir())}
}

func (c *clientCommand) login(name string) {
	c.t.Helper()
	login := exec.CommandContext(c.t.Context(), c.path, "login", "--username", name, "--password-stdin")
	login.Env, login.Stdin = c.env, bytes.NewBufferString("correct horse "+name+"\n")
	if text, err := login.CombinedOutput(); err != nil {
		c.t.Fatalf("login: %v\n%s", err, text)
	}
}

// line is one line of a followed order.
type line struct {
	Type  string
	Event client.Event
}

// start starts the command and returns its lines, decoded. The channel is closed at the end of its output.
func (c *clientCommand) start(ctx context.Context) <-chan line {
	c.t.Helper()
	c.cmd = exec.CommandContext(ctx, c.path, c.args...)
	c.cmd.Env, c.cmd.Stderr = c.env, &c.stderr
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		c.t.Fatal(err)
	}
	if err := c.cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	lines := make(chan line, 1_000)
	go func() {
		defer close(lines)
		scanner := bufio.NewScanner(out)
		scanner.Buffer(nil, 8<<20)
		for scanner.Scan() {
			var l line
			var head struct{ Type string }
			if json.Unmarshal(scanner.Bytes(), &head) == nil {
				l.Type = head.Type
			}
			_ = json.Unmarshal(scanner.Bytes(), &l.Event) // a line of another kind has none
			lines <- l
		}
	}()
	return lines
}
