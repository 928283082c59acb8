package containers

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// maxImage bounds an image of ours, in bytes.
const maxImage = 30 << 20

// inspected is what the engine says of a container, as far as it is looked at.
type inspected struct {
	ID, Name, Image string
	Config          struct {
		User, Image string
		Labels      map[string]string
	}
	HostConfig struct {
		ReadonlyRootfs, Privileged       bool
		CapDrop, CapAdd, SecurityOpt     []string
		PidsLimit, Memory, NanoCpus      int64
		NetworkMode, PidMode, UsernsMode string
		RestartPolicy                    struct{ Name string }
		Devices, DeviceRequests          []any
	}
	NetworkSettings struct {
		Ports    map[string][]struct{ HostPort string }
		Networks map[string]any
	}
	Mounts []struct {
		Type, Name, Source, Destination string
		RW                              bool
	}
}

func (c *inspected) service() string { return c.Config.Labels["com.docker.compose.service"] }

// ours reports whether the image is of this build.
func (c *inspected) ours() bool { return strings.HasPrefix(c.Config.Image, "hourglass-") }

// docker returns what a command of the engine's client prints.
func docker(t *testing.T, args ...string) []byte {
	t.Helper()
	var stdout, stderr bytes.Buffer
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), patience) // cleaning up needs it, too
	defer cancel()
	cmd := exec.CommandContext(ctx, "docker", args...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("docker %s: %v\n%s", strings.Join(args, " "), err, &stderr)
	}
	if args[0] == "logs" { // on both, as the container wrote it
		return append(stdout.Bytes(), stderr.Bytes()...)
	}
	return stdout.Bytes()
}

// composed returns the containers of the compose project that the environment names.
func composed(t *testing.T) []inspected {
	t.Helper()
	project := os.Getenv("HOURGLASS_COMPOSE_PROJECT")
	if project == "" {
		t.Skip("scans a compose project that runs: `make up`, then HOURGLASS_COMPOSE_PROJECT=hourglass")
	}
	ids := strings.Fields(string(docker(t, "ps", "--all", "--quiet", "--no-trunc",
		"--filter", "label=com.docker.compose.project="+project,
		"--filter", "label=com.docker.compose.container-number"))) // the images have the project's label, too
	if len(ids) == 0 {
		t.Fatalf("the project %s has no containers", project)
	}
	var all []inspected
	if err := json.Unmarshal(docker(t, append([]string{"inspect"}, ids...)...), &all); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"keys", "streams", "nats", "collector", "executor", "gateway", "auditor"} {
		if !slices.ContainsFunc(all, func(c inspected) bool { return c.service() == name }) {
			t.Errorf("there is no container of %s", name)
		}
	}
	return all
}

var notRoot = regexp.MustCompile(`^[1-9][0-9]*:[1-9][0-9]*$`)

func TestContainersAreHeldTight(t *testing.T) {
	for _, c := range composed(t) {
		h := &c.HostConfig
		for rule, kept := range map[string]bool{
			"the user is not root":       !c.ours() || notRoot.MatchString(c.Config.User),
			"the root is read-only":      h.ReadonlyRootfs,
			"there is no capability":     slices.Equal(h.CapDrop, []string{"ALL"}) && len(h.CapAdd) == 0 && !h.Privileged,
			"there is no way to more":    slices.Contains(h.SecurityOpt, "no-new-privileges:true"),
			"processes are bounded":      h.PidsLimit > 0,
			"memory is bounded":          h.Memory > 0,
			"processors are bounded":     h.NanoCpus > 0,
			"it is started again":        h.RestartPolicy.Name != "" && h.RestartPolicy.Name != "no",
			"it shares nothing of ours":  h.NetworkMode != "host" && h.PidMode == "" && h.UsernsMode == "",
			"it reaches no device":       len(h.Devices)+len(h.DeviceRequests) == 0,
			"it does not reach the host": !slices.ContainsFunc(c.hostPaths(), func(p string) bool { return strings.HasSuffix(p, ".sock") }),
		} {
			if !kept {
				t.Errorf("%s: not so: %s", c.service(), rule)
			}
		}
	}
}

// hostPaths are the files and folders of the host that a container sees.
func (c *inspected) hostPaths() (paths []string) {
	for _, m := range c.Mounts {
		if m.Type == "bind" {
			paths = append(paths, m.Source)
		}
	}
	return paths
}

func TestOnlyGatewaysArePublished(t *testing.T) {
	for _, c := range composed(t) {
		for port, at := range c.NetworkSettings.Ports {
			public := strings.HasPrefix(c.service(), "gateway") && port == "8000/tcp" || c.service() == "grafana"
			if len(at) > 0 && !public {
				t.Errorf("%s publishes %s", c.service(), port)
			}
		}
	}
}

// networks are the networks each service is in. Those in deadEnds lead nowhere outside.
var (
	networks = map[string][]string{
		"keys": {"none"}, "streams": {"core"}, "nats": {"core"}, "auditor": {"core"}, "executor": {"core"}, "simulator": {"market"},
		"collector": {"core", "egress", "market"}, "gateway": {"core", "edge"},
		"prometheus": {"core", "observe"}, "grafana": {"observe"},
	}
	deadEnds = map[string]bool{"core": true, "market": true}
)

func TestContainersAreInTheirNetworksAlone(t *testing.T) {
	for _, c := range composed(t) {
		var in []string
		for name := range c.NetworkSettings.Networks {
			short := name[strings.LastIndexByte(name, '_')+1:]
			in = append(in, short)
			if deadEnds[short] && string(bytes.TrimSpace(docker(t, "network", "inspect", "--format", "{{.Internal}}", name))) != "true" {
				t.Errorf("%s leads outside", name)
			}
		}
		slices.Sort(in)
		if want := networks[strings.TrimSuffix(c.service(), "-2")]; !slices.Equal(in, want) {
			t.Errorf("%s is in %v, not in %v", c.service(), in, want)
		}
	}
}

// mayHold says which service is given which keys to the bus.
var mayHold = map[string]string{
	"collector": "key-collector", "executor": "key-executor", "gateway": "key-gateway", "streams": "key-admin", "auditor": "key-admin",
	"nats": "key-nats",
}

func TestKeysAreInTheHandsOfTheirOwners(t *testing.T) {
	for _, c := range composed(t) {
		if c.service() == "keys" {
			continue // it makes them
		}
		for _, m := range c.Mounts {
			volume := m.Name[strings.LastIndexByte(m.Name, '_')+1:]
			if !strings.HasPrefix(volume, "key-") {
				continue
			}
			if volume != mayHold[strings.TrimSuffix(c.service(), "-2")] {
				t.Errorf("%s holds %s", c.service(), volume)
			}
			if m.RW {
				t.Errorf("%s may change %s", c.service(), volume)
			}
		}
	}
}

// likeSecret matches a seed of NATS, a private key, a token or a password with a value.
var likeSecret = regexp.MustCompile(`\bS[UAO][A-Z2-7]{50,}\b|PRIVATE KEY|eyJ[A-Za-z0-9_-]{20,}\.|(?i)(password|secret|token)=[^\s"]`)

// TestSecretsAreNowhereButInTheirFiles looks for secrets in the environment, arguments, labels and all else that the engine
// tells of containers and their images, and in what the containers have logged.
func TestSecretsAreNowhereButInTheirFiles(t *testing.T) {
	all := composed(t)
	secrets := seeds(t, all)
	if len(secrets) < 6 {
		t.Fatalf("%d keys were found, not those of all services", len(secrets))
	}
	for _, c := range all {
		told := bytes.Join([][]byte{docker(t, "inspect", c.ID), docker(t, "image", "inspect", c.Image)}, nil)
		if found := likeSecret.Find(told); found != nil {
			t.Errorf("%s: the engine tells what looks like a secret: %.12s…", c.service(), found)
		}
		logged := docker(t, "logs", c.ID)
		for name, secret := range secrets {
			if bytes.Contains(told, secret) || bytes.Contains(logged, secret) {
				t.Errorf("%s tells the key %s", c.service(), name)
			}
		}
	}
}

// seeds returns the keys to the bus, by their files.
func seeds(t *testing.T, all []inspected) map[string][]byte {
	t.Helper()
	found := map[string][]byte{}
	i := slices.IndexFunc(all, func(c inspected) bool { return c.service() == "keys" })
	if i < 0 {
		t.Fatal("there is no container that made the keys")
	}
	unpack(t, docker(t, "cp", all[i].ID+":/keys", "-"), func(name string, content io.Reader) {
		if path.Ext(name) != ".nk" {
			return
		}
		seed, err := io.ReadAll(io.LimitReader(content, 1<<10))
		if err != nil {
			t.Fatal(err)
		}
		found[name] = bytes.TrimSpace(seed)
	})
	return found
}

var shells = []string{"sh", "ash", "bash", "dash", "zsh", "busybox", "toybox"}

func TestImagesAreSmallLabelledAndHoldNoShell(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range composed(t) {
		if seen[c.Image] || !c.ours() {
			continue
		}
		seen[c.Image] = true
		var images []struct {
			Size   int64
			Config struct{ Labels map[string]string }
		}
		if err := json.Unmarshal(docker(t, "image", "inspect", c.Image), &images); err != nil {
			t.Fatal(err)
		}
		t.Logf("%s takes %.1f MB", c.Config.Image, float64(images[0].Size)/1e6)
		if images[0].Size > maxImage {
			t.Errorf("%s takes %d bytes", c.Config.Image, images[0].Size)
		}
		for _, label := range []string{"title", "description", "version", "licenses"} {
			if images[0].Config.Labels["org.opencontainers.image."+label] == "" {
				t.Errorf("%s has no label %s", c.Config.Image, label)
			}
		}
		parts := false
		unpack(t, docker(t, "export", c.ID), func(name string, _ io.Reader) {
			parts = parts || name == "sbom"
			if slices.Contains(shells, path.Base(name)) {
				t.Errorf("%s has a shell: %s", c.Config.Image, name)
			}
		})
		if !parts {
			t.Errorf("%s does not say what it is made of", c.Config.Image)
		}
	}
}

// unpack calls each for the files of an archive.
func unpack(t *testing.T, archive []byte, each func(name string, content io.Reader)) {
	t.Helper()
	files := tar.NewReader(bytes.NewReader(archive))
	for {
		head, err := files.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		each(head.Name, files)
	}
}
