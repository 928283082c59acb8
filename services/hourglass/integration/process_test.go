package integration

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// binary is the program under test, built once with the race detector, or with HOURGLASS_RACE=off without it, for runs that
// are long enough; fast is without it, to measure.
var (
	binary = sync.OnceValues(func() (string, error) { return build("hourglass", raceFlag) })
	fast   = sync.OnceValues(func() (string, error) { return build("fast") })
	// built is the folder of both.
	built = sync.OnceValues(func() (string, error) { return os.MkdirTemp("", "hourglass") })
)

var raceFlag = "-race=" + strconv.FormatBool(os.Getenv("HOURGLASS_RACE") != "off")

func build(name string, flags ...string) (string, error) {
	dir, err := built()
	if err != nil {
		return "", err
	}
	out := filepath.Join(dir, name)
	cmd := exec.CommandContext(context.Background(), "go", append(append([]string{"build"}, flags...), "-o", out, "../cmd/hourglass")...)
	if text, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build: %w\n%s", err, text)
	}
	return out, nil
}

func TestMain(m *testing.M) {
	if url := os.Getenv(executorAt); url != "" {
		fmt.Fprintln(os.Stderr, beExecutor(url))
		os.Exit(1)
	}
	code := m.Run()
	if dir, err := built(); err == nil {
		_ = os.RemoveAll(dir)
	}
	os.Exit(code)
}

// process is a running `hourglass up`.
type process struct {
	t     testing.TB
	cmd   *exec.Cmd
	url   string
	ended chan error
	log   *bytes.Buffer
}

// readyWithin is how long a start may take: the race detector and two busy cores included.
const readyWithin = 60 * time.Second

// up starts `hourglass up` on a free port and waits for its ready line. The process is killed when the test ends.
func up(t *testing.T, args ...string) *process {
	t.Helper()
	if testing.Short() {
		t.Skip("runs real processes: not in short tests")
	}
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	return start(t, path, args...)
}

// start is up for a certain binary.
func start(t testing.TB, path string, args ...string) *process {
	t.Helper()
	p := &process{t: t, ended: make(chan error, 1), log: &bytes.Buffer{}}
	p.cmd = exec.CommandContext(context.Background(), path, append([]string{"up", "--listen", "127.0.0.1:0"}, args...)...)
	p.cmd.Env = append(os.Environ(), "HOURGLASS_RATE_LIMITS=off")
	p.cmd.Stderr = p.log
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ready := make(chan string, 1)
	go func() {
		lines := bufio.NewScanner(stdout)
		for lines.Scan() {
			if url, ok := strings.CutPrefix(lines.Text(), "ready "); ok {
				ready <- url
			}
		}
		p.ended <- p.cmd.Wait()
	}()
	t.Cleanup(p.kill)
	select {
	case p.url = <-ready:
	case err := <-p.ended:
		p.ended <- err
		t.Fatalf("ended before it was ready: %v\n%s", err, p.log)
	case <-time.After(readyWithin):
		t.Fatalf("not ready within %s\n%s", readyWithin, p.log)
	}
	return p
}

// kill is kill -9, and the end of the process.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	err := <-p.ended
	p.ended <- err
	if p.t.Failed() {
		p.t.Logf("log of the process:\n%s", p.log)
	}
}

// terminate is SIGTERM; it returns how long the process took to end, and its error.
func (p *process) terminate() (time.Duration, error) {
	began := time.Now()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return 0, err
	}
	err := <-p.ended
	p.ended <- err
	return time.Since(began), err
}

// answer is what the REST interface said.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// into decodes the body, and fails the test if the status is not the wanted one.
func (a answer) into(t testing.TB, status int, v any) {
	t.Helper()
	if a.status != status {
		t.Fatalf("status %d, want %d: %s", a.status, status, a.body)
	}
	if err := json.Unmarshal(a.body, v); err != nil {
		t.Fatalf("body %s: %v", a.body, err)
	}
}

// user is somebody who talks to a process.
type user struct {
	p     *process
	token string
}

// do sends a request with a JSON body, or none if body is nil.
func (u *user) do(method, path string, body any) answer {
	u.p.t.Helper()
	var reader io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			u.p.t.Fatal(err)
		}
		reader = bytes.NewReader(text)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, u.p.url+path, reader)
	if err != nil {
		u.p.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if u.token != "" {
		req.Header.Set("Authorization", "Bearer "+u.token)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		u.p.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		u.p.t.Fatal(err)
	}
	return answer{res.StatusCode, res.Header, text}
}

// signUp registers a user and logs in.
func (p *process) signUp(name string) *user {
	p.t.Helper()
	u := &user{p: p}
	if a := u.do("POST", "/v1/register", map[string]string{"username": name, "password": "correct horse " + name}); a.status != http.StatusCreated {
		p.t.Fatalf("register: %d %s", a.status, a.body)
	}
	u.logIn(name)
	return u
}

func (u *user) logIn(name string) {
	u.p.t.Helper()
	var tokens struct {
		AccessToken string `json:"access_token"`
	}
	u.do("POST", "/v1/login", map[string]string{"username": name, "password": "correct horse " + name}).into(u.p.t, http.StatusOK, &tokens)
	u.token = tokens.AccessToken
}

// await polls until done says so, or fails after limit.
func (p *process) await(what string, limit time.Duration, done func() bool) {
	p.t.Helper()
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		if done() {
			return
		}
		select {
		case <-tick.C:
		case err := <-p.ended:
			p.ended <- err
			p.t.Fatalf("the process ended while waiting for %s: %v", what, errors.Join(err))
		case <-deadline.C:
			p.t.Fatalf("no %s within %s", what, limit)
		}
	}
}
