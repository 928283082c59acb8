package gateway_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/nats-io/nkeys"

	"github.com/hourglass-trading/hourglass/services/gateway"
)

// issuerFile holds a key that lets subscribers in.
func issuerFile(t *testing.T) string {
	t.Helper()
	issuer, err := nkeys.CreateAccount()
	if err != nil {
		t.Fatal(err)
	}
	seed, err := issuer.Seed()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "issuer.nk")
	if err := os.WriteFile(file, seed, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestCredentialsForNATSAreGivenWhereItIsOpen(t *testing.T) {
	t.Parallel()
	file := issuerFile(t)
	h := newHouse(t, func(cfg *gateway.Config) {
		cfg.Direct = gateway.Direct{URLs: []string{"nats://bus.example:4222", "wss://bus.example"}, IssuerFile: file}
	})
	access := h.user("alice")
	a := h.post("/v1/nats/credentials", access, "")
	if a.Status != 201 {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	token := a.field(t, "token").(string)
	for name, is := range map[string]struct {
		got  answer
		want int
	}{
		"the token opens nothing of the interface":    {h.get("/balance", token), 401},
		"nor gives it another":                        {h.post("/v1/nats/credentials", token, ""), 401},
		"without a token there is none":               {h.post("/v1/nats/credentials", "", ""), 401},
		"a body is not asked for":                     {h.post("/v1/nats/credentials", access, `{"account":"bob"}`), 201},
		"the access token is still good for the rest": {h.get("/balance", access), 200},
	} {
		if is.got.Status != is.want {
			t.Errorf("%s: %d %s", name, is.got.Status, is.got.Body)
		}
	}
}

func TestCredentialsForNATSAreRefusedWhereItIsShut(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	if a := h.post("/v1/nats/credentials", h.user("alice"), ""); a.Status != 404 || a.field(t, "code") != "direct_nats_off" {
		t.Errorf("%d %s", a.Status, a.Body)
	}
}
