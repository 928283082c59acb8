package gateway_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/hourglass-trading/hourglass/services/gateway"
)

// attack is one thing that somebody tries who should not succeed. Its name says what is attacked, and how.
type attack struct {
	name string
	run  func(t *testing.T)
}

// leastAttacks is how many there are at least; fewer mean that some were lost.
const leastAttacks = 1_300

// stage is a house with a victim, an attacker, and what they have.
type stage struct {
	*house
	signing         ed25519.PrivateKey // the house's own: what only we could have signed must be refused as well
	alice, bob      string             // access tokens; alice is attacked
	order, keyID    string             // hers
	reader, trader  string             // bob's API keys
	ticket, refresh string             // bob's
	page, cookie    string             // the tokens of bob's dashboard
	routes          []route
}

// TestAttacks runs every attack against one house.
func TestAttacks(t *testing.T) {
	s := newStage(t)
	attacks := slices.Concat(
		s.tokenAttacks(), s.routeAttacks(), s.foreignAttacks(), s.bodyAttacks(), s.injections(), s.requestAttacks(), s.browserAttacks(),
		s.streamAttacks(), s.cookieAttacks(), s.sharingAttacks(), s.passwordAttacks(), s.keyAttacks(),
	)
	names := map[string]bool{}
	for _, a := range attacks {
		if names[a.name] {
			t.Errorf("two attacks are named %q", a.name)
		}
		names[a.name] = true
		t.Run(a.name, a.run)
	}
	if len(names) < leastAttacks {
		t.Errorf("%d attacks, want at least %d", len(names), leastAttacks)
	}
	t.Logf("%d attacks", len(names))
	if a := s.get("/v1/orders/"+s.order, s.alice); a.Status != 200 || a.field(t, "status") != "active" || a.field(t, "quantity") != "0.5" {
		t.Errorf("the victim's order afterwards: %d %s", a.Status, a.Body)
	}
	if a := s.get("/v1/balance", s.alice); string(a.Body) != `{"balances":[{"asset":"USDT","total":"1000000","available":"1000000","reserved":"0"}]}`+"\n" {
		t.Errorf("the victim's funds afterwards: %s", a.Body)
	}
	if a := s.renew(t, refreshToken+"="+s.cookie); a.Status != 200 {
		t.Errorf("the session of the victim's dashboard afterwards: %d %s", a.Status, a.Body)
	}
	if a := s.get("/v1/orders", s.bob); string(a.Body) != `{"orders":[]}`+"\n" {
		t.Errorf("something was created by a refused request: %s", a.Body)
	}
}

func newStage(t *testing.T) *stage {
	t.Helper()
	keys := t.TempDir()
	s := &stage{house: newHouse(t, func(cfg *gateway.Config) { cfg.KeyDir, cfg.Origins = keys, []string{partner} }), order: "hers", routes: routes(t)}
	text, err := os.ReadFile(filepath.Join(keys, "jwt-current.pem"))
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	s.signing = key.(ed25519.PrivateKey)
	s.alice, s.bob = s.user("alice"), s.user("bob")
	if a := s.post("/v1/orders/twap", s.alice, twap(s.order, "")); a.Status != 201 {
		t.Fatalf("the victim's order: %d %s", a.Status, a.Body)
	}
	made := s.post("/v1/api-keys", s.alice, `{"name":"hers","scopes":["read","trade"]}`)
	s.keyID = made.field(t, "id").(string)
	for scope, key := range map[string]*string{"read": &s.reader, "trade": &s.trader} {
		*key = s.post("/v1/api-keys", s.bob, `{"name":"`+scope+`","scopes":["`+scope+`"]}`).field(t, "key").(string)
	}
	s.ticket = s.post("/v1/ws/ticket", s.bob, "").field(t, "ticket").(string)
	s.refresh = s.post("/v1/login", "", `{"username":"bob","password":"correct horse"}`).field(t, "refresh_token").(string)
	s.page, s.cookie = s.enter(t)
	return s
}

// route is one of the interface under one of its prefixes.
type route struct {
	id, method, path string // the path with its parameters in braces
	scope            string // "" for a public one
	media            string // of the body, "" if it takes none
}

func (r route) String() string { return r.method + " " + r.path }

// routes reads all routes from the interface's description.
func routes(t *testing.T) []route {
	t.Helper()
	api, err := document()
	if err != nil {
		t.Fatal(err)
	}
	doc := api.Document
	var all []route
	for _, path := range doc.Paths.InMatchingOrder() {
		item := doc.Paths.Value(path)
		prefixes := []string{"/v1"}
		if slices.ContainsFunc(item.Servers, func(s *openapi3.Server) bool { return s.URL == "/" }) {
			prefixes = append(prefixes, "")
		}
		for method, op := range item.Operations() {
			r := route{id: op.OperationID, method: method, scope: scopeOf(method, op)}
			if op.RequestBody != nil {
				for media := range op.RequestBody.Value.Content {
					r.media = media
				}
			}
			for _, prefix := range prefixes {
				r.path = prefix + path
				all = append(all, r)
			}
		}
	}
	slices.SortFunc(all, func(a, b route) int { return strings.Compare(a.String(), b.String()) })
	return all
}

func scopeOf(method string, op *openapi3.Operation) string {
	scope, _ := op.Extensions["x-scope"].(string)
	switch {
	case op.Security != nil && (len(*op.Security) == 0 || len((*op.Security)[len(*op.Security)-1]) == 0):
		return "" // nobody is asked, or the handler asks in its own way
	case scope != "":
		return scope
	case method == http.MethodGet:
		return "read"
	}
	return "trade"
}

// bodies are a good one for each route that takes one.
var bodies = map[string]string{
	"register":       `{"username":"mallory","password":"correct horse"}`,
	"login":          `{"username":"alice","password":"guessed"}`,
	"token":          `grant_type=password&username=alice&password=guessed`,
	"changePassword": `{"username":"alice","current_password":"guessed","new_password":"another one"}`,
	"createAPIKey":   `{"name":"x","scopes":["read"]}`,
	"deposit":        `{"asset":"USDT","amount":"1"}`,
	"createTWAP":     twap("bobs", ""),
	"previewTWAP":    twap("bobs", ""),
	"createOrder":    `{"token_id":"bobs","symbol":"BTC-USDT","side":"buy","type":"market","quantity":"0.5"}`,
	"amendOrder":     `{"quantity":"0.7"}`,
}

// at returns a route's address with the victim's ids in it.
func (s *stage) at(r route) string {
	path := strings.NewReplacer("{token_id}", s.order, "{key_id}", s.keyID, "{exchange}", "binance", "{symbol}", "BTC-USDT").Replace(r.path)
	if r.id == "cancelOrders" {
		path += "?status=open"
	}
	return path
}

// try sends a request and holds the answer against the description.
func (s *stage) try(t *testing.T, method, path, body string, headers ...string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		if headers[i+1] != "" {
			req.Header.Set(headers[i], headers[i+1])
		}
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.Header.Get("Content-Type") == "text/event-stream" { // it never ends
		return answer{Status: res.StatusCode, Header: res.Header}
	}
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	a := answer{Status: res.StatusCode, Header: res.Header, Body: text}
	validate(t, req, a)
	return a
}

// refused fails unless a request was answered with one of the statuses.
func refused(t *testing.T, a answer, statuses ...int) {
	t.Helper()
	if !slices.Contains(statuses, a.Status) {
		t.Errorf("answered %d, want %v: %.300s", a.Status, statuses, bytes.TrimSpace(a.Body))
	}
}

func bearer(token string) string { return "Bearer " + token }
