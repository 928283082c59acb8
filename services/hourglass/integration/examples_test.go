package integration

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// root is the checkout's: where the examples are run from.
const root = "../../.."

func TestTheExamplesRun(t *testing.T) {
	t.Parallel()
	nats := freeAddr(t)
	p := up(t, "--market", "sim", "--data", t.TempDir(), "--nats-listen", nats)
	env := append(os.Environ(), "HOURGLASS_URL="+p.url)
	filled := `(?m)^filled: 0\.2 BTC at [0-9.]+ USDT$`
	tests := map[string]struct {
		command func(t *testing.T) []string
		want    string
	}{
		"curl":   {func(*testing.T) []string { return []string{"examples/twap.sh"} }, filled},
		"Go":     {func(*testing.T) []string { return []string{"go", "run", "./examples/twap.go"} }, filled},
		"Python": {func(t *testing.T) []string { return []string{installedPython(t), "-B", "examples/twap.py"} }, filled},
		"NATS":   {func(*testing.T) []string { return []string{"examples/bus.sh"} }, `(?s)md\.touch\.binance\.BTC-USDT.*#3.*md\.trade\..*#3.*"taker_side"`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			args := test.command(t)
			if _, err := exec.LookPath(args[0]); err != nil && !strings.Contains(args[0], "/") {
				t.Skipf("there is no %s here", args[0])
			}
			run := exec.CommandContext(t.Context(), args[0], args[1:]...)
			run.Dir, run.Env = root, env
			text, err := run.CombinedOutput()
			if err != nil || !regexp.MustCompile(test.want).Match(text) {
				t.Errorf("%q: %v\n%s", args, err, text)
			}
		})
	}
	t.Run("browser", func(t *testing.T) {
		t.Parallel()
		browse(t, servePage(t, env))
	})
}

// firstLine starts a program and returns what the pattern finds in what it says. It is killed when the test ends.
func firstLine(t *testing.T, cmd *exec.Cmd, from func() (io.ReadCloser, error), pattern string) string {
	t.Helper()
	out, err := from()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if found := regexp.MustCompile(pattern).FindStringSubmatch(lines.Text()); found != nil {
			return found[1]
		}
	}
	t.Fatalf("%s ended without saying %s: %v", cmd.Path, pattern, lines.Err())
	return ""
}

func servePage(t *testing.T, env []string) (url string) {
	t.Helper()
	path := t.TempDir() + "/page"
	build := exec.CommandContext(t.Context(), "go", "build", "-o", path, "./examples/page/page.go")
	build.Dir = root
	if text, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, text)
	}
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), path)
	cmd.Env = slices.Concat(env, []string{"PAGE_LISTEN=127.0.0.1:0"})
	return firstLine(t, cmd, cmd.StdoutPipe, `^ready (http.*)`)
}

// browse opens the page, presses its button, and waits until the order is filled.
func browse(t *testing.T, url string) {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("there is no chromium here")
	}
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), path, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
		"--remote-debugging-port=0", "--user-data-dir="+t.TempDir(), url)
	tools := firstLine(t, cmd, cmd.StderrPipe, `DevTools listening on ws://([^/]+)/`)
	ctx, cancel := context.WithTimeout(t.Context(), readyWithin)
	defer cancel()
	conn := attach(ctx, t, tools, url)
	defer func() { _ = conn.CloseNow() }()
	evaluate := func(script string) string {
		call := fmt.Appendf(nil, `{"id":1,"method":"Runtime.evaluate","params":{"expression":%q}}`, script)
		if err := conn.Write(ctx, websocket.MessageText, call); err != nil {
			t.Fatalf("ask the browser: %v", err)
		}
		_, answer, err := conn.Read(ctx)
		if err != nil {
			t.Fatalf("wait for the browser: %v", err)
		}
		return string(answer)
	}
	// until looks until the page is as wanted, and returns its text.
	until := func(condition string) string {
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			text := evaluate(`(` + condition + `) + "|" + document.body.innerText`)
			if strings.Contains(text, `"true|`) {
				return text
			}
			select {
			case <-ctx.Done():
				t.Fatalf("%s never came about: %s", condition, text)
			case <-tick.C:
			}
		}
	}
	until(`document.querySelectorAll("#book tr").length == 10 && !document.getElementById("buy").disabled`)
	evaluate(`document.getElementById("buy").click()`)
	text := until(`/^filled: 0.2 of 0.2 BTC$/.test(document.getElementById("status").innerText)`)
	if !regexp.MustCompile(`0\.0666\d+ at [0-9.]+ on (binance|kraken)`).MatchString(text) {
		t.Errorf("the page shows no fill: %s", text)
	}
}

// attach connects to the tab that shows the page.
func attach(ctx context.Context, t *testing.T, tools, url string) *websocket.Conn {
	t.Helper()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for ; ; <-tick.C {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+tools+"/json", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatalf("ask for the browser's tabs: %v", err)
		}
		var tabs []struct {
			URL    string
			Socket string `json:"webSocketDebuggerUrl"`
		}
		err = json.NewDecoder(res.Body).Decode(&tabs)
		_ = res.Body.Close()
		if err != nil {
			t.Fatalf("read the browser's tabs: %v", err)
		}
		for _, tab := range tabs {
			if !strings.HasPrefix(tab.URL, url) {
				continue
			}
			conn, _, err := websocket.Dial(ctx, tab.Socket, nil)
			if err != nil {
				t.Fatalf("connect to the browser's tab: %v", err)
			}
			conn.SetReadLimit(1 << 20)
			return conn
		}
	}
}
