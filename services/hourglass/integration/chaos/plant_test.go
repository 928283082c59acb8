package chaos

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
)

// plant is the platform in processes of their own, with a proxy between each service and NATS.
type plant struct {
	t        testing.TB
	bin, dir string
	natsAddr string
	nats     *proc
	gateways []string // base addresses
	procs    []*proc  // executors, then gateways
	ways     []*way   // of theirs to NATS
}

// way is a service's way to NATS, which can be cut.
type way struct {
	renew func() (*toxiproxy.Proxy, error)

	mu    sync.Mutex // guards proxy
	proxy *toxiproxy.Proxy
}

func (w *way) now() *toxiproxy.Proxy {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.proxy
}

// heal takes the mishap away. It reports whether the way is another now, which happens where the proxy does not let go of a
// mishap: what is on its way to a connection that has ended holds it up for seconds each.
func (w *way) heal() (moved bool, err error) {
	proxy := w.now()
	healed := make(chan struct{})
	go func() {
		_ = proxy.Toxics.RemoveToxic(context.Background(), mishap)
		close(healed)
	}()
	select {
	case <-healed:
		return false, nil
	case <-time.After(healWithin):
	}
	if proxy, err = w.renew(); err != nil {
		return false, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.proxy = proxy
	return true, nil
}

// proc is a process that is started again whenever it ends, until the plant is stopped.
type proc struct {
	name  string
	start func() *exec.Cmd
	log   *os.File

	mu      sync.Mutex // guards what follows
	cmd     *exec.Cmd
	stopped bool
	done    chan struct{}
	deaths  atomic.Int64
}

func freeAddr(t testing.TB) string {
	t.Helper()
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	return ln.Addr().String()
}

// newPlant builds the services with their failpoints and starts them: two executors and two gateways.
func newPlant(t testing.TB) *plant {
	t.Helper()
	p := &plant{t: t, bin: t.TempDir(), dir: t.ArtifactDir(), natsAddr: freeAddr(t)}
	for _, s := range []string{"simulator", "collector", "executor", "gateway"} {
		cmd := exec.CommandContext(t.Context(), "go", "build", "-tags", "failpoints", "-o", filepath.Join(p.bin, s),
			fmt.Sprintf("github.com/hourglass-trading/hourglass/services/%s/cmd/%s", s, s))
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("build %s: %v\n%s", s, err, out)
		}
	}
	p.nats = p.run("nats", func() *exec.Cmd { return natsCommand(p.natsAddr, filepath.Join(p.dir, "nats"), "always") })
	sim, keys := freeAddr(t), filepath.Join(p.dir, "keys")
	direct := func() string { return p.natsAddr }
	p.service("simulator", direct, "HOURGLASS_LISTEN="+sim, "HOURGLASS_SIM_EXCHANGES=binance")
	p.service("collector", direct, "HOURGLASS_SIMULATOR=http://"+sim, "HOURGLASS_SYMBOLS=BTC-USDT,ETH-USDT")
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(prometheus.NewRegistry()), zerolog.Nop())
	for i, name := range []string{"executor", "executor", "gateway", "gateway"} {
		w := &way{renew: func() (*toxiproxy.Proxy, error) {
			proxy := toxiproxy.NewProxy(server, fmt.Sprint(name, i), "127.0.0.1:0", p.natsAddr)
			err := proxy.Start()
			return proxy, err
		}}
		var err error
		if w.proxy, err = w.renew(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { w.now().Stop() })
		p.ways = append(p.ways, w)
		var env []string
		if name == "gateway" {
			listen := freeAddr(t)
			p.gateways = append(p.gateways, "http://"+listen)
			env = []string{"HOURGLASS_LISTEN=" + listen, "HOURGLASS_KEY_DIR=" + keys, "HOURGLASS_RATE_LIMITS=off"}
		}
		p.procs = append(p.procs, p.service(name, func() string { return w.now().Listen }, env...))
	}
	return p
}

// service runs a service, which is told at each start where NATS is.
func (p *plant) service(name string, nats func() string, env ...string) *proc {
	return p.run(name, func() *exec.Cmd {
		cmd := exec.CommandContext(context.Background(), filepath.Join(p.bin, name))
		cmd.Env = append(os.Environ(), "HOURGLASS_MARKET=sim", "HOURGLASS_EXCHANGES=binance", "HOURGLASS_HEALTH_LISTEN=127.0.0.1:0",
			"HOURGLASS_LOG_LEVEL=warn")
		cmd.Env = append(cmd.Env, "HOURGLASS_NATS=nats://"+nats())
		cmd.Env = append(cmd.Env, env...)
		if name == "executor" || name == "gateway" {
			cmd.Env = append(cmd.Env, "HOURGLASS_FAILPOINT="+nextFailpoint(name))
		}
		return cmd
	})
}

// run keeps a process running until the test ends.
func (p *plant) run(name string, start func() *exec.Cmd) *proc {
	p.t.Helper()
	log, err := os.CreateTemp(p.dir, name+"-*.log")
	if err != nil {
		p.t.Fatal(err)
	}
	r := &proc{name: name, start: start, log: log, done: make(chan struct{})}
	go r.keep()
	p.t.Cleanup(r.stop)
	return r
}

func (r *proc) keep() {
	defer close(r.done)
	for {
		r.mu.Lock()
		if r.stopped {
			r.mu.Unlock()
			return
		}
		cmd := r.start()
		cmd.Stdout, cmd.Stderr = r.log, r.log
		err := cmd.Start()
		r.cmd = cmd
		r.mu.Unlock()
		if err == nil {
			err = cmd.Wait()
		}
		r.deaths.Add(1)
		fmt.Fprintln(r.log, "ended:", err)
		<-time.After(50 * time.Millisecond) // a process that cannot start must not be a busy loop
	}
}

// signal sends a signal to the process as it is now.
func (r *proc) signal(sig syscall.Signal) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cmd != nil && r.cmd.Process != nil && r.cmd.ProcessState == nil {
		_ = r.cmd.Process.Signal(sig)
	}
}

// frozen reports whether the process has been stopped by a signal.
func (r *proc) frozen() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cmd == nil || r.cmd.Process == nil {
		return false
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", r.cmd.Process.Pid))
	return err == nil && bytes.Contains(stat, []byte(") T "))
}

func (r *proc) stop() {
	r.mu.Lock()
	r.stopped = true
	r.mu.Unlock()
	r.signal(syscall.SIGKILL)
	<-r.done
	_ = r.log.Close()
}

// faults are the lines of all logs that speak of a fault of ours.
func (p *plant) faults() []string {
	files, err := filepath.Glob(filepath.Join(p.dir, "*.log"))
	if err != nil {
		p.t.Fatal(err)
	}
	var out []string
	for _, f := range files {
		body, err := os.ReadFile(f)
		if err != nil {
			p.t.Fatal(err)
		}
		for line := range strings.Lines(string(body)) {
			if strings.Contains(line, "panic") || strings.Contains(line, "account stopped") || strings.Contains(line, "DATA RACE") {
				out = append(out, filepath.Base(f)+": "+line)
			}
		}
	}
	return out
}
