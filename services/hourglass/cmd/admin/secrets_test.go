package main

import (
	"bytes"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/pkg/daemon"
)

// kubernetes is as much of its interface as secrets need.
type kubernetes struct {
	*httptest.Server
	t *testing.T

	mu      sync.Mutex // guards what follows
	secrets map[string]*secret
	written int
	refuse  int // the status of every write; 0: it is taken
}

func newKubernetes(t *testing.T) *kubernetes {
	t.Helper()
	k := &kubernetes{t: t, secrets: map[string]*secret{}}
	k.Server = httptest.NewTLSServer(k)
	t.Cleanup(k.Close)
	return k
}

func (k *kubernetes) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	k.mu.Lock()
	defer k.mu.Unlock()
	const home = "/api/v1/namespaces/house/secrets"
	name, here := strings.CutPrefix(r.URL.Path, home)
	name = strings.TrimPrefix(name, "/")
	if !here || r.Header.Get("Authorization") != "Bearer letter" {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	if r.Method == http.MethodGet {
		if k.secrets[name] == nil {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		if err := json.NewEncoder(w).Encode(k.secrets[name]); err != nil {
			k.t.Error(err)
		}
		return
	}
	if k.refuse != 0 {
		w.WriteHeader(k.refuse)
		return
	}
	var sent secret
	var meta struct{ Name, ResourceVersion string }
	body, err := io.ReadAll(r.Body)
	if err = errors.Join(err, json.Unmarshal(body, &sent), json.Unmarshal(sent.Metadata, &meta)); err != nil || sent.Kind != "Secret" || sent.APIVersion != "v1" {
		k.t.Errorf("%s: %v", body, err)
	}
	before := k.secrets[meta.Name]
	switch {
	case r.Method == http.MethodPost && before != nil, r.Method == http.MethodPut && (before == nil || name != meta.Name || meta.ResourceVersion == ""):
		w.WriteHeader(http.StatusConflict)
		return
	}
	k.written++
	sent.Metadata = []byte(`{"name":"` + meta.Name + `","resourceVersion":"` + strconv.Itoa(k.written) + `"}`)
	k.secrets[meta.Name] = &sent
}

// account writes what Kubernetes gives a pod.
func (k *kubernetes) account() (getenv func(string) string, dir string) {
	k.t.Helper()
	dir = k.t.TempDir()
	for name, text := range map[string][]byte{
		"token": []byte("letter\n"), "namespace": []byte("house"),
		"ca.crt": pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: k.Certificate().Raw}),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			k.t.Fatal(err)
		}
	}
	u, err := url.Parse(k.URL)
	if err != nil {
		k.t.Fatal(err)
	}
	return func(name string) string {
		return map[string]string{"KUBERNETES_SERVICE_HOST": u.Hostname(), "KUBERNETES_SERVICE_PORT": u.Port()}[name]
	}, dir
}

func (k *kubernetes) keep() error {
	c, err := insideCluster(k.account())
	if err != nil {
		return err
	}
	return c.keepKeys(k.t.Context(), k.t.TempDir())
}

func TestKeysBecomeSecretsOnce(t *testing.T) {
	k := newKubernetes(t)
	if err := k.keep(); err != nil {
		t.Fatal(err)
	}
	for name, files := range map[string][]string{
		"key-nats": {"accounts.conf", "callout.conf", "keys.conf"}, "key-collector": {bus.SeedFile}, "key-executor": {bus.SeedFile},
		"key-gateway": {bus.SeedFile, bus.IssuerFile}, "key-admin": {bus.SeedFile, bus.OperatorFile},
	} {
		s := k.secrets[name]
		if s == nil || len(s.Data) != len(files) {
			t.Fatalf("secret %s: %v", name, s)
		}
		for _, file := range files {
			if len(s.Data[file]) == 0 {
				t.Errorf("secret %s has no %s", name, file)
			}
		}
	}
	seed, tables := k.secrets["key-executor"].Data[bus.SeedFile], k.secrets["key-nats"].Data["keys.conf"]
	if err := k.keep(); err != nil || k.written != len(owners) {
		t.Fatalf("doing it again writes %d secrets more: %v", k.written-len(owners), err)
	}

	// A key that is deleted is made anew, and the server is told; the others stay. An old table is replaced.
	delete(k.secrets, "key-gateway")
	k.secrets["key-nats"].Data["accounts.conf"] = []byte("of an old version")
	if err := k.keep(); err != nil {
		t.Fatal(err)
	}
	now := k.secrets["key-nats"].Data
	switch {
	case !bytes.Equal(seed, k.secrets["key-executor"].Data[bus.SeedFile]):
		t.Error("the executor's key has changed")
	case k.secrets["key-gateway"] == nil || bytes.Equal(tables, now["keys.conf"]):
		t.Error("the gateway has no new key, or the server does not know it")
	case !bytes.Contains(now["accounts.conf"], []byte("system_account")):
		t.Errorf("the table is %.40s", now["accounts.conf"])
	}
}

func TestSecretsThatCannotBeKeptAreAnError(t *testing.T) {
	k := newKubernetes(t)
	k.refuse = http.StatusConflict // somebody else makes them
	if err := k.keep(); !errors.Is(err, errKubernetes) {
		t.Errorf("ended with %v", err)
	}
	k.refuse = 0
	k.secrets["key-admin"] = &secret{APIVersion: "v1", Kind: "Secret", Metadata: []byte(`{}`), Data: map[string][]byte{"../nats.nk": nil}}
	if err := k.keep(); !errors.Is(err, daemon.ErrConfig) {
		t.Errorf("a file outside of its folder: %v", err)
	}
	if _, err := insideCluster(os.Getenv, t.TempDir()); !errors.Is(err, daemon.ErrConfig) {
		t.Errorf("outside of a pod: %v", err)
	}
}

// TestServersTakeTheirConfiguration reads the files of deploy as the servers do, beside the tables that the keys bring.
func TestServersTakeTheirConfiguration(t *testing.T) {
	deploy := filepath.Join("..", "..", "..", "..", "deploy")
	for _, file := range []string{"nats.conf", "kubernetes/base/nats.conf", "kubernetes/overlays/cluster/nats.conf"} {
		dir := t.TempDir()
		text, err := os.ReadFile(filepath.Join(deploy, filepath.FromSlash(file)))
		if err = errors.Join(err, bus.MakeKeys(dir), os.WriteFile(filepath.Join(dir, "nats.conf"), text, 0o600),
			os.Rename(filepath.Join(dir, bus.AccountsDir), filepath.Join(dir, "keys"))); err != nil {
			t.Fatal(err)
		}
		t.Setenv("POD_NAME", "nats-0")
		options, err := server.ProcessConfigFile(filepath.Join(dir, "nats.conf"))
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		if len(options.Accounts) < 4 || len(options.Nkeys) < 5 || !options.SyncAlways {
			t.Errorf("%s: %d accounts, %d keys, synced always %t", file, len(options.Accounts), len(options.Nkeys), options.SyncAlways)
		}
	}
}
