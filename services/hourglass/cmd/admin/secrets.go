package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/pkg/daemon"
)

// owners are the folders of bus.MakeKeys. Each is a secret of its own, so that a pod is given its own and no other.
var owners = []string{bus.AccountsDir, bus.Collector, bus.Executor, bus.Gateway, bus.Admin}

const (
	serviceAccount = "/var/run/secrets/kubernetes.io/serviceaccount"
	apiTimeout     = 10 * time.Second // of a request to Kubernetes
	maxSecret      = 2 << 20          // bytes of a secret's JSON; Kubernetes itself takes 1 MiB of data
)

// errKubernetes says that Kubernetes refused what was asked for.
var errKubernetes = errors.New("kubernetes refuses it")

// cluster is the interface of Kubernetes, as a pod reaches it.
type cluster struct {
	secrets string // address of the namespace's secrets
	token   string
	http    *http.Client
}

// secret is a secret of Kubernetes. What we do not know of it goes back as it came.
type secret struct {
	APIVersion string            `json:"apiVersion"`
	Kind       string            `json:"kind"`
	Metadata   json.RawMessage   `json:"metadata"`
	Type       string            `json:"type,omitempty"`
	Immutable  *bool             `json:"immutable,omitempty"`
	Data       map[string][]byte `json:"data"`
}

// insideCluster finds Kubernetes from inside a pod, by the files that it gives its service account.
func insideCluster(getenv func(string) string, dir string) (*cluster, error) {
	token, err := os.ReadFile(filepath.Join(dir, "token"))
	if err != nil {
		return nil, fmt.Errorf("%w: not in a pod with a service account: %w", daemon.ErrConfig, err)
	}
	authority, err := os.ReadFile(filepath.Join(dir, "ca.crt"))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", daemon.ErrConfig, err)
	}
	namespace, err := os.ReadFile(filepath.Join(dir, "namespace"))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", daemon.ErrConfig, err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(authority) {
		return nil, fmt.Errorf("%w: %s holds no certificate", daemon.ErrConfig, filepath.Join(dir, "ca.crt"))
	}
	host := net.JoinHostPort(getenv("KUBERNETES_SERVICE_HOST"), getenv("KUBERNETES_SERVICE_PORT"))
	return &cluster{
		secrets: "https://" + host + "/api/v1/namespaces/" + string(bytes.TrimSpace(namespace)) + "/secrets",
		token:   string(bytes.TrimSpace(token)),
		http: &http.Client{Timeout: apiTimeout, Transport: &http.Transport{
			TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		}},
	}, nil
}

// keepKeys makes the keys that are in no secret yet and brings the tables of this version, all by way of dir, which must be
// empty and should be memory. What is there stays; doing it again changes nothing.
func (c *cluster) keepKeys(ctx context.Context, dir string) error {
	kept := map[string]*secret{}
	for _, owner := range owners {
		s, err := c.read(ctx, owner)
		if err != nil {
			return err
		}
		if kept[owner] = s; s == nil {
			continue
		}
		if err := unpack(filepath.Join(dir, owner), s.Data); err != nil {
			return err
		}
	}
	if err := bus.MakeKeys(dir); err != nil {
		return err
	}
	for _, owner := range owners {
		data, err := pack(filepath.Join(dir, owner))
		if err != nil {
			return err
		}
		if err := c.write(ctx, owner, kept[owner], data); err != nil {
			return err
		}
	}
	return nil
}

func secretName(owner string) string { return "key-" + owner }

// read returns the secret of an owner, nil if there is none.
func (c *cluster) read(ctx context.Context, owner string) (*secret, error) {
	status, body, err := c.send(ctx, http.MethodGet, "/"+secretName(owner), nil)
	switch {
	case err != nil:
		return nil, err
	case status == http.StatusNotFound:
		return nil, nil //nolint:nilnil // there is none, which is no error
	case status != http.StatusOK:
		return nil, fmt.Errorf("read secret %s: %w: %d", secretName(owner), errKubernetes, status)
	}
	var s secret
	if err := json.Unmarshal(body, &s); err != nil {
		return nil, fmt.Errorf("read secret %s: %w", secretName(owner), err)
	}
	return &s, nil
}

// write makes a secret or changes it, unless it is as it should be. It fails if somebody else does so at the same time.
func (c *cluster) write(ctx context.Context, owner string, before *secret, data map[string][]byte) error {
	method, path := http.MethodPost, ""
	s := &secret{
		APIVersion: "v1", Kind: "Secret", Type: "Opaque", Data: data,
		Metadata: fmt.Appendf(nil, `{"name":%q,"labels":{"app.kubernetes.io/part-of":"hourglass"}}`, secretName(owner)),
	}
	if before != nil {
		if maps.EqualFunc(before.Data, data, bytes.Equal) {
			return nil
		}
		again := *before // with the version that it was read at
		again.Data = data
		method, path, s = http.MethodPut, "/"+secretName(owner), &again
	}
	body, err := json.Marshal(s)
	if err != nil {
		return err
	}
	status, _, err := c.send(ctx, method, path, body)
	if err == nil && status/100 != 2 {
		err = fmt.Errorf("%w: %d", errKubernetes, status)
	}
	if err != nil {
		return fmt.Errorf("write secret %s: %w", secretName(owner), err)
	}
	return nil
}

// send sends a request. Neither it nor its errors tell what is in a secret.
func (c *cluster) send(ctx context.Context, method, path string, body []byte) (status int, answer []byte, err error) {
	req, err := http.NewRequestWithContext(ctx, method, c.secrets+path, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	req.Header.Set("Content-Type", "application/json")
	res, err := c.http.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = res.Body.Close() }()
	answer, err = io.ReadAll(io.LimitReader(res.Body, maxSecret))
	return res.StatusCode, answer, err
}

// unpack writes the files of a secret into a folder.
func unpack(dir string, data map[string][]byte) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for name, content := range data {
		if name != filepath.Base(name) || !filepath.IsLocal(name) {
			return fmt.Errorf("%w: a secret has the file %q", daemon.ErrConfig, name)
		}
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// pack reads the files of a folder.
func pack(dir string) (map[string][]byte, error) {
	data := map[string][]byte{}
	return data, filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path) //nolint:gosec // of our own folder
		data[entry.Name()] = content
		return err
	})
}
