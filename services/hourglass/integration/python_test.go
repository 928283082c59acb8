package integration

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hourglass-trading/hourglass/pkg/client"
	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/pkg/order"
)

// The package is installed as a user would, without an index of packages, and tested as it was installed.
func TestThePythonPackage(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip("there is no Python here")
	}
	p := up(t, "--market", "sim", "--data", t.TempDir())
	python := installedPython(t)
	run := exec.CommandContext(t.Context(), python, "-B", "-m", "unittest", "discover", "tests")
	run.Dir, run.Env = pythonPackage, append(os.Environ(), "HOURGLASS_URL="+p.url)
	if text, err := run.CombinedOutput(); err != nil {
		t.Errorf("its tests: %v\n%s", err, text)
	}
}

// follows follows an order by the Python client and prints what it sees, a line of JSON each; a lost connection is a line too.
const follows = `
import json, os, sys
from hourglass_client import Client

c = Client(os.environ["HOURGLASS_URL"], username="ann", password="correct horse ann")
lost = lambda err: print(json.dumps({"lost": str(err)}), flush=True)
for e in c.follow("followed", on_lost=lost):
    print(json.dumps({"seq": e.seq, "event": e.event, "fills": len(e.fills)}), flush=True)
`

// The gateway is killed and started again on its port while a Python program follows an order: it sees every event, once
// and in order.
func TestThePythonClientOutlivesTheGateway(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip("there is no Python here")
	}
	python := installedPython(t)
	data, nats, listen := t.TempDir(), freeAddr(t), freeAddr(t)
	p := up(t, "--market", "sim", "--data", data, "--nats-listen", nats)
	stop := gateway(t, nats, data, listen)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	direct, err := client.New(p.url, client.WithPassword("ann", "correct horse ann"))
	if err != nil {
		t.Fatal(err)
	}
	if err := direct.Register(ctx, "ann", "correct horse ann"); err != nil {
		t.Fatal(err)
	}
	if _, err := direct.CreateTWAP(ctx, client.TWAP{
		TokenID: "followed", Symbol: "BTC-USDT", Side: market.Buy, Quantity: decimal.MustParse("7.2"), Duration: time.Hour, Interval: time.Second,
	}); err != nil {
		t.Fatal(err)
	}
	lines := followByPython(ctx, t, python, "http://"+listen)
	var told []seen
	lost := 0
	take := func(line pythonLine) {
		if line.Lost != "" {
			lost++
			return
		}
		told = append(told, line.seen)
	}
	for range 2 {
		for had := len(told); len(told) < had+4; {
			line, more := <-lines
			if !more {
				t.Fatalf("the client ended after %d events", len(told))
			}
			take(line)
		}
		stop()
		before, err := direct.Order(ctx, "followed")
		if err != nil {
			t.Fatal(err)
		}
		p.await("slices while nobody listens", 30*time.Second, func() bool {
			now, err := direct.Order(ctx, "followed")
			return err == nil && now.SlicesDone >= before.SlicesDone+3
		})
		stop = gateway(t, nats, data, listen)
	}
	if _, err := direct.Cancel(ctx, "followed"); err != nil {
		t.Fatal(err)
	}
	for line := range lines {
		take(line)
	}
	var truth []seen
	for e, err := range direct.FollowStream(ctx, client.Stream{
		Subscriptions: []client.Subscription{{Stream: client.StreamOrders, TokenID: "followed", FromSeq: 1}},
	}, true) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Type != order.OrderReported { // the Python client leaves when nothing of the order is on its way any more
			truth = append(truth, see(e))
		}
	}
	if diff := cmp.Diff(truth, told); diff != "" {
		t.Errorf("the Python client saw something else than what happened (-happened +seen):\n%s", diff)
	}
	if lost == 0 {
		t.Error("it did not notice that the gateway was gone: the test proves nothing")
	}
	t.Logf("%d events, the connection was lost %d times", len(truth), lost)
}

// pythonLine is a line that follows prints.
type pythonLine struct {
	seen
	Lost string
}

// followByPython starts the program and returns its lines; the channel is closed when it has ended, which is judged.
func followByPython(ctx context.Context, t *testing.T, python, url string) <-chan pythonLine {
	t.Helper()
	cmd := exec.CommandContext(ctx, python, "-B", "-c", follows)
	cmd.Env = append(os.Environ(), "HOURGLASS_URL="+url)
	var faults bytes.Buffer
	cmd.Stderr = &faults
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines, done := make(chan pythonLine, 1_000), make(chan struct{})
	go func() {
		defer close(done)
		defer close(lines)
		for scan := bufio.NewScanner(out); scan.Scan(); {
			var line pythonLine
			if err := json.Unmarshal(scan.Bytes(), &line); err != nil {
				t.Errorf("%s: %v", scan.Text(), err)
			}
			lines <- line
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("the Python client ended with %v:\n%s", err, &faults)
		}
	}()
	t.Cleanup(func() { _ = cmd.Process.Kill(); <-done })
	return lines
}

const pythonPackage = "../../gateway/clients/python"

// installedPython returns a Python that has the package.
func installedPython(t *testing.T) string {
	t.Helper()
	venv := filepath.Join(t.TempDir(), "venv")
	if text, err := exec.CommandContext(t.Context(), "python3", "-m", "venv", venv).CombinedOutput(); err != nil {
		t.Skipf("Python makes no environments here: %v\n%s", err, text) // Debian leaves that to python3-venv
	}
	python := filepath.Join(venv, "bin", "python")
	install := exec.CommandContext(t.Context(), python, "-m", "pip", "install", "--quiet", "--no-index", "--disable-pip-version-check", pythonPackage)
	if text, err := install.CombinedOutput(); err != nil {
		t.Fatalf("pip install: %v\n%s", err, text)
	}
	return python
}
