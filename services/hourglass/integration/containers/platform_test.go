package containers

import (
	"context"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
	dockernet "github.com/moby/moby/api/types/network"
	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/network"

	"github.com/hourglass-trading/hourglass/pkg/bus"
)

// patience bounds the wait for something that must come, on a busy machine.
const patience = 90 * time.Second

var discard = slog.New(slog.DiscardHandler)

// platform is the images of this build in a network of their own: two of each service. What
// is published is reached on loopback, at ports that stay the same over a restart.
type platform struct {
	t        *testing.T
	tag      string
	net      *testcontainers.DockerNetwork
	keys     string // folder of bus.MakeKeys
	signing  string // file of the key that both gateways sign with
	ids      map[string]string
	gateways []string // base addresses
	nats     string
}

// services are the containers that go on, in the order in which they are started.
var services = []string{"nats", "simulator", "collector-1", "collector-2", "executor-1", "executor-2", "gateway-1", "gateway-2", "auditor"}

// start starts the platform, or skips the test where that cannot be.
func start(t *testing.T) *platform {
	t.Helper()
	p := &platform{t: t, tag: os.Getenv("HOURGLASS_IMAGES"), ids: map[string]string{}, keys: filepath.Join(t.TempDir(), "keys")}
	p.skip()
	if err := bus.MakeKeys(p.keys); err != nil {
		t.Fatal(err)
	}
	p.signing = signingKey(t)
	var err error
	if p.net, err = network.New(t.Context()); err != nil {
		t.Fatal(err)
	}
	testcontainers.CleanupNetwork(t, p.net)
	p.startBus()
	simulated := map[string]string{"HOURGLASS_MARKET": "sim", "HOURGLASS_EXCHANGES": "binance,kraken"}
	p.run("simulator", "simulator", map[string]string{"HOURGLASS_MARKET": "sim", "HOURGLASS_LISTEN": "0.0.0.0:9000"})
	for _, name := range []string{"collector-1", "collector-2"} {
		p.run(name, "collector", merged(simulated, map[string]string{
			"HOURGLASS_SYMBOLS": "BTC-USDT", "HOURGLASS_SIMULATOR": "http://simulator:9000",
		}), p.secret(bus.Collector, bus.SeedFile))
	}
	for _, name := range []string{"executor-1", "executor-2"} {
		p.run(name, "executor", simulated, p.secret(bus.Executor, bus.SeedFile))
	}
	for _, name := range []string{"gateway-1", "gateway-2"} {
		addr := freeAddr(t)
		p.gateways = append(p.gateways, "http://"+addr.String())
		p.run(name, "gateway", merged(simulated, map[string]string{
			"HOURGLASS_LISTEN": "0.0.0.0:8000", "HOURGLASS_KEY_DIR": "/state/keys",
			"HOURGLASS_NATS_DIRECT": p.nats, "HOURGLASS_NATS_ISSUER_FILE": "/run/secrets/issuer.nk",
		}), p.secret(bus.Gateway, bus.SeedFile), p.secret(bus.Gateway, bus.IssuerFile), file(p.signing, "/state/keys/jwt-current.pem"),
			published(addr, "8000/tcp"))
	}
	p.run("auditor", "admin", nil, p.secret(bus.Admin, bus.SeedFile), testcontainers.WithCmd("auditor"))
	for _, name := range services {
		p.ready(name)
	}
	return p
}

// skip says what is missing on this machine, if anything is.
func (p *platform) skip() {
	p.t.Helper()
	if p.tag == "" {
		p.t.Skip("starts containers for minutes: `make integration`, or HOURGLASS_IMAGES=latest after `docker compose build`")
	}
	if err := exec.CommandContext(p.t.Context(), "docker", "info").Run(); err != nil {
		p.t.Skip("no container engine answers here")
	}
	for _, image := range []string{"nats", "admin", "simulator", "collector", "executor", "gateway"} {
		if err := exec.CommandContext(p.t.Context(), "docker", "image", "inspect", p.image(image)).Run(); err != nil {
			p.t.Skipf("the image %s is not built: docker compose build", p.image(image))
		}
	}
}

func (p *platform) image(service string) string { return "hourglass-" + service + ":" + p.tag }

// startBus starts NATS with the configuration of compose, users let in, and has the admin make the streams.
func (p *platform) startBus() {
	p.t.Helper()
	addr := freeAddr(p.t)
	p.nats = "nats://" + addr.String()
	options := []testcontainers.ContainerCustomizer{
		testcontainers.WithCmd("--config", "/etc/hourglass/nats-direct.conf"), published(addr, "4222/tcp"),
	}
	for _, name := range []string{"nats.conf", "nats-direct.conf"} {
		options = append(options, file(filepath.Join("..", "..", "..", "..", "deploy", name), "/etc/hourglass/"+name))
	}
	for _, name := range []string{"keys.conf", bus.AccountsFile, bus.CalloutFile} {
		options = append(options, file(filepath.Join(p.keys, bus.AccountsDir, name), "/etc/hourglass/keys/"+name))
	}
	p.run("nats", "nats", nil, options...)
	p.ready("nats")
	p.run("streams", "admin", nil, p.secret(bus.Admin, bus.SeedFile), testcontainers.WithCmd("streams"))
	if code := strings.TrimSpace(string(docker(p.t, "wait", p.ids["streams"]))); code != "0" {
		p.t.Fatalf("the streams were not made: %s", docker(p.t, "logs", p.ids["streams"]))
	}
}

// run starts a container, which is found by its name in the network.
func (p *platform) run(name, image string, env map[string]string, options ...testcontainers.ContainerCustomizer) {
	p.t.Helper()
	env = merged(env, map[string]string{"HOURGLASS_NATS": "nats://nats:4222", "HOURGLASS_NATS_SEED_FILE": "/run/secrets/nats.nk"})
	options = append(options, testcontainers.WithEnv(env), network.WithNetwork([]string{name}, p.net),
		// The images say that they are compose's, which is then not to take these containers for its own.
		testcontainers.WithLabels(map[string]string{"com.docker.compose.project": "hourglass-integration"}))
	c, err := testcontainers.Run(p.t.Context(), p.image(image), options...)
	testcontainers.CleanupContainer(p.t, c)
	if err != nil {
		p.t.Fatalf("start %s: %v", name, err)
	}
	p.ids[name] = c.GetContainerID()
	p.t.Cleanup(func() {
		if p.t.Failed() {
			p.t.Logf("log of %s:\n%s", name, tail(docker(p.t, "logs", "--tail", "30", p.ids[name])))
		}
	})
}

// tail keeps the end of a log.
func tail(log []byte) []byte { return log[max(0, len(log)-6000):] }

// ready waits until a container says that it does its work.
func (p *platform) ready(name string) {
	p.t.Helper()
	check := []string{"exec", p.ids[name], "/service", "health"}
	if name == "nats" {
		check = []string{"exec", p.ids[name], "/probe", "http://127.0.0.1:8222/healthz"}
	}
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	for {
		said, err := exec.CommandContext(ctx, "docker", check...).CombinedOutput()
		if err == nil {
			return
		}
		if pause(ctx, 200*time.Millisecond) != nil {
			p.t.Fatalf("%s is not ready: %s", name, said)
		}
	}
}

// kill ends a container as a crash does, and starts it again.
func (p *platform) kill(name string) {
	p.t.Helper()
	docker(p.t, "kill", p.ids[name])
	docker(p.t, "start", p.ids[name])
}

// secret is a key to the bus in the place where a service looks for it.
func (p *platform) secret(owner, name string) testcontainers.CustomizeRequestOption {
	return file(filepath.Join(p.keys, owner, name), "/run/secrets/"+name)
}

func file(from, to string) testcontainers.CustomizeRequestOption {
	return testcontainers.WithFiles(testcontainers.ContainerFile{HostFilePath: from, ContainerFilePath: to, FileMode: 0o444})
}

// published gives a port of a container an address of this machine, the same after each start.
func published(addr netip.AddrPort, port string) testcontainers.CustomizeRequestOption {
	inside := dockernet.MustParsePort(port)
	return func(req *testcontainers.GenericContainerRequest) error {
		return errors.Join(
			testcontainers.WithExposedPorts(port).Customize(req),
			testcontainers.WithHostConfigModifier(func(h *container.HostConfig) {
				h.PortBindings = dockernet.PortMap{inside: {{HostIP: addr.Addr(), HostPort: strconv.Itoa(int(addr.Port()))}}}
			}).Customize(req),
		)
	}
}

// freeAddr is an address on loopback that nobody listens on.
func freeAddr(t *testing.T) netip.AddrPort {
	t.Helper()
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	return ln.Addr().(*net.TCPAddr).AddrPort()
}

// signingKey makes a file with the key that all gateways sign tokens with.
func signingKey(t *testing.T) string {
	t.Helper()
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "jwt-current.pem")
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func merged(maps ...map[string]string) map[string]string {
	all := map[string]string{}
	for _, m := range maps {
		for k, v := range m {
			all[k] = v
		}
	}
	return all
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
