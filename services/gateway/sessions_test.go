package gateway_test

import (
	"bufio"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"
)

func TestAPIKeysDoWhatTheirScopesSayUntilTheyAreDeleted(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	token := h.user("alice")
	newKey := func(scopes string) (id, key string) {
		a := h.post("/v1/api-keys", token, `{"name":"bot","scopes":`+scopes+`}`)
		if a.Status != 201 {
			t.Fatalf("create a key for %s: %d %s", scopes, a.Status, a.Body)
		}
		return a.field(t, "id").(string), a.field(t, "key").(string)
	}
	id, reader := newKey(`["read"]`)
	_, trader := newKey(`["trade"]`)
	_, both := newKey(`["read","trade"]`)
	if a := h.get("/v1/api-keys", token); len(a.field(t, "keys").([]any)) != 3 || strings.Contains(string(a.Body), "hgk_") || strings.Contains(string(a.Body), "hash") {
		t.Errorf("list: %s", a.Body)
	}
	deposit := `{"asset":"USDT","amount":"1"}`
	for name, is := range map[string]struct {
		got  answer
		want int
	}{
		"a reading key reads":                      {h.get("/balance", reader), 200},
		"a reading key does not deposit":           {h.post("/deposit", reader, deposit), 403},
		"a reading key does not trade":             {h.post("/orders/twap", reader, twap("one", "")), 403},
		"a reading key previews":                   {h.post("/v1/orders/twap/preview", reader, twap("one", "")), 200},
		"a reading key does not cancel":            {h.do("DELETE", "/v1/orders?status=open", reader, "", ""), 403},
		"a trading key deposits":                   {h.post("/deposit", trader, deposit), 200},
		"a trading key does not read":              {h.get("/balance", trader), 403},
		"a trading key does not listen":            {h.get("/v1/events", trader), 403},
		"a trading key opens no stream":            {h.post("/v1/ws/ticket", trader, ""), 403},
		"a key for both reads":                     {h.get("/orders", both), 200},
		"a key for both trades":                    {h.post("/orders/twap", both, twap("two", "")), 201},
		"no key makes a key":                       {h.post("/v1/api-keys", both, `{"name":"x","scopes":["read"]}`), 403},
		"no key lists the keys":                    {h.get("/v1/api-keys", both), 403},
		"no key deletes a key":                     {h.do("DELETE", "/v1/api-keys/"+id, both, "", ""), 403},
		"no key changes the password":              {h.post("/v1/password", both, `{"username":"alice","current_password":"correct horse","new_password":"another one"}`), 403},
		"no key ends a session":                    {h.post("/v1/logout", both, ""), 403},
		"a key with another secret is none":        {h.get("/balance", reader[:len(reader)-43]+strings.Repeat("A", 43)), 401},
		"a key of another id is none":              {h.get("/balance", strings.Replace(reader, id, strings.Repeat("0", 26), 1)), 401},
		"a key with a wildcard is none":            {h.get("/balance", "hgk_*.>."+strings.Repeat("A", 43)), 401},
		"a scope that no key has":                  {h.post("/v1/api-keys", token, `{"name":"x","scopes":["manage"]}`), 422},
		"no scope at all":                          {h.post("/v1/api-keys", token, `{"name":"x","scopes":[]}`), 422},
		"a key that has expired is not made":       {h.post("/v1/api-keys", token, `{"name":"x","scopes":["read"],"expires_at":"2020-01-01T00:00:00Z"}`), 422},
		"an API key is no refresh token":           {h.do("POST", "/v1/token", "", "application/x-www-form-urlencoded", "grant_type=refresh_token&refresh_token="+reader), 401},
		"a stranger's list is empty":               {h.get("/v1/api-keys", h.user("bob")), 200},
		"a stranger does not delete one's key":     {h.do("DELETE", "/v1/api-keys/"+id, h.login("bob"), "", ""), 404},
		"an id that is none is told so":            {h.do("DELETE", "/v1/api-keys/x", token, "", ""), 400},
		"an id with a wildcard is told so":         {h.do("DELETE", "/v1/api-keys/*", token, "", ""), 400},
		"the key is still there after all of that": {h.get("/balance", reader), 200},
	} {
		if is.got.Status != is.want {
			t.Errorf("%s: %d %s", name, is.got.Status, is.got.Body)
		}
	}
	w := h.dial(reader)
	w.hello()
	if a := h.do("DELETE", "/v1/api-keys/"+id, token, "", ""); a.Status != 204 {
		t.Fatalf("delete: %d %s", a.Status, a.Body)
	}
	if code, _ := w.closed(); code != 4401 {
		t.Errorf("the key's stream: closed with %d", code)
	}
	if a := h.get("/balance", reader); a.Status != 401 {
		t.Errorf("the deleted key: %d", a.Status)
	}
	for range 18 {
		newKey(`["read"]`)
	}
	if a := h.post("/v1/api-keys", token, `{"name":"bot","scopes":["read"]}`); a.Status != 409 || a.field(t, "code") != "too_many_api_keys" {
		t.Errorf("one too many: %d %s", a.Status, a.Body)
	}
}

func TestALogoutEndsTokensAndStreams(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.user("alice")
	a := h.post("/v1/login", "", `{"username":"alice","password":"correct horse"}`)
	token, refresh := a.field(t, "access_token").(string), a.field(t, "refresh_token").(string)
	other := h.login("alice")
	w, stays := h.dial(token), h.dial(other)
	w.hello()
	stays.hello()
	if a = h.post("/v1/logout", token, ""); a.Status != 204 {
		t.Fatalf("logout: %d %s", a.Status, a.Body)
	}
	if code, _ := w.closed(); code != 4401 {
		t.Errorf("the stream was closed with %d", code)
	}
	if a = h.get("/balance", token); a.Status != 401 || a.field(t, "code") != "invalid_token" {
		t.Errorf("the token: %d %s", a.Status, a.Body)
	}
	if a = h.do("POST", "/v1/token", "", "application/x-www-form-urlencoded", "grant_type=refresh_token&refresh_token="+refresh); a.Status != 401 {
		t.Errorf("the refresh token: %d %s", a.Status, a.Body)
	}
	stays.send(`{"action":"ping"}`)
	stays.next("pong")
	if a = h.get("/balance", other); a.Status != 200 {
		t.Errorf("the other session: %d", a.Status)
	}
}

func TestAPasswordChangeEndsTheOtherSessions(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	token, stranger := h.user("alice"), h.user("bob")
	other := h.login("alice")
	w := h.dial(other)
	w.hello()
	change := func(token, username, before, after string) answer {
		return h.post("/v1/password", token, fmt.Sprintf(`{"username":%q,"current_password":%q,"new_password":%q}`, username, before, after))
	}
	if a := change(token, "alice", "wrong horse", "battery staple"); a.Status != 403 || a.field(t, "code") != "invalid_credentials" {
		t.Errorf("a wrong password: %d %s", a.Status, a.Body)
	}
	if a := change(stranger, "alice", "correct horse", "battery staple"); a.Status != 403 {
		t.Errorf("another's password: %d %s", a.Status, a.Body)
	}
	if a := change(token, "alice", "correct horse", "short"); a.Status != 422 {
		t.Errorf("too short: %d %s", a.Status, a.Body)
	}
	if a := change(token, "Alice", "correct horse", "battery staple"); a.Status != 204 {
		t.Fatalf("change: %d %s", a.Status, a.Body)
	}
	if code, _ := w.closed(); code != 4401 {
		t.Errorf("the other session's stream: closed with %d", code)
	}
	if a := h.get("/balance", other); a.Status != 401 {
		t.Errorf("the other session: %d", a.Status)
	}
	if a := h.get("/balance", token); a.Status != 200 {
		t.Errorf("the session that changed it: %d", a.Status)
	}
	if a := h.post("/v1/login", "", `{"username":"alice","password":"correct horse"}`); a.Status != 401 {
		t.Errorf("the old password: %d", a.Status)
	}
	if a := h.post("/v1/login", "", `{"username":"alice","password":"battery staple"}`); a.Status != 200 {
		t.Errorf("the new password: %d", a.Status)
	}
}

func TestATicketOpensOneStream(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	token := h.user("alice")
	a := h.post("/v1/ws/ticket", token, "")
	if a.Status != 201 || a.field(t, "expires_in") != 30.0 {
		t.Fatalf("ticket: %d %s", a.Status, a.Body)
	}
	ticket := a.field(t, "ticket").(string)
	if a = h.get("/balance", ticket); a.Status != 401 {
		t.Errorf("a ticket as a token: %d", a.Status)
	}
	w := h.dial("")
	w.send(`{"action":"auth","token":%q}`, ticket)
	if f := w.hello(); f["authenticated"] != true {
		t.Errorf("hello: %v", f)
	}
	again := h.dial("")
	again.send(`{"action":"auth","token":%q}`, ticket)
	if code, _ := again.closed(); code != 4401 {
		t.Errorf("the ticket again: closed with %d", code)
	}
	unused := h.post("/v1/ws/ticket", token, "").field(t, "ticket").(string)
	h.post("/v1/logout", token, "")
	if code, _ := w.closed(); code != 4401 {
		t.Errorf("after the logout: closed with %d", code)
	}
	late := h.dial("")
	late.send(`{"action":"auth","token":%q}`, unused)
	if code, _ := late.closed(); code != 4401 {
		t.Errorf("a ticket of an ended session: closed with %d", code)
	}
}

func TestThePublishedKeysCheckOurTokens(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	token := h.user("alice")
	var set struct{ Keys []struct{ Kid, X string } }
	for _, path := range []string{"/.well-known/jwks.json", "/v1/.well-known/jwks.json"} {
		if err := json.Unmarshal(h.get(path, "").Body, &set); err != nil || len(set.Keys) != 1 {
			t.Fatalf("%s: %v, %v", path, set, err)
		}
	}
	parsed, err := jwt.Parse(token, func(t *jwt.Token) (any, error) {
		x, err := base64.RawURLEncoding.DecodeString(set.Keys[0].X)
		if t.Header["kid"] != set.Keys[0].Kid {
			return nil, fmt.Errorf("kid %v", t.Header["kid"])
		}
		return ed25519.PublicKey(x), err
	})
	if err != nil || !parsed.Valid {
		t.Errorf("checked with the published key: %v", err)
	}
}

// listener reads server-sent events.
type listener struct {
	t     *testing.T
	lines *bufio.Scanner
	close func() error
}

func (h *house) listen(token, last string) *listener {
	h.t.Helper()
	req := newRequest(h.t, "GET", h.url+"/v1/events", "")
	req.Header.Set("Authorization", "Bearer "+token)
	if last != "" {
		req.Header.Set("Last-Event-ID", last)
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { _ = res.Body.Close() })
	if res.StatusCode != 200 || res.Header.Get("Content-Type") != "text/event-stream" {
		h.t.Fatalf("events: %d %v", res.StatusCode, res.Header)
	}
	lines := bufio.NewScanner(res.Body)
	lines.Buffer(nil, 1<<20)
	return &listener{h.t, lines, res.Body.Close}
}

// next returns the next event; ok is false at the end.
func (l *listener) next() (id uint64, name, data string, ok bool) {
	l.t.Helper()
	for l.lines.Scan() {
		line := l.lines.Text()
		field, value, _ := strings.Cut(line, ": ")
		switch {
		case field == "id":
			id, _ = strconv.ParseUint(value, 10, 64)
		case field == "event":
			name = value
		case field == "data":
			data = value
		case line == "" && name != "":
			return id, name, data, true
		}
	}
	return 0, "", "", false
}

func TestEventsAreSentAndResumedWithoutAHole(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	token, stranger := h.user("alice"), h.user("bob")
	h.post("/orders/twap", token, twap("one", ""))
	live := h.listen(token, "")
	theirs := h.listen(stranger, "0")
	for i := range 200 {
		if err := h.executor.fill(t.Context(), h.account(t, "one"), "one", 1); err != nil {
			t.Fatal(err)
		}
		if id, name, data, ok := live.next(); !ok || id != uint64(i)+3 || name != "orders" || !strings.Contains(data, `"event":"slice_arrived"`) {
			t.Fatalf("event %d: %d %s %s %v", i, id, name, data, ok)
		}
	}
	for _, last := range []uint64{0, 1, 37, 201} {
		again := h.listen(token, strconv.FormatUint(last, 10))
		for want := last + 1; want <= 202; want++ {
			if id, _, data, ok := again.next(); !ok || id != want || !strings.Contains(data, fmt.Sprintf(`"seq":%d,`, want)) {
				t.Fatalf("resumed after %d: event %d is %d %s", last, want, id, data)
			}
		}
		_ = again.close()
	}
	if id, _, data, ok := theirs.next(); !ok || id != 1 || !strings.Contains(data, "account_opened") {
		t.Errorf("a stranger's first event: %d %s", id, data)
	}
	for _, wrong := range []string{"-1", "x", "1e3", "99999999999999999999"} {
		req := newRequest(t, "GET", h.url+"/v1/events", "")
		req.Header.Set("Authorization", "Bearer "+token)
		req.Header.Set("Last-Event-ID", wrong)
		if a := h.send(req); a.Status != 400 {
			t.Errorf("Last-Event-ID %s: %d %s", wrong, a.Status, a.Body)
		}
	}
	h.post("/v1/logout", stranger, "")
	if _, name, _, ok := theirs.next(); !ok || name != "unauthorized" {
		t.Errorf("after the logout: %s %v", name, ok)
	}
	if _, _, _, ok := theirs.next(); ok {
		t.Error("events after the logout")
	}
}
