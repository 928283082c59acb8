package gateway_test

import (
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/hourglass-trading/hourglass/services/gateway"
)

// fenced is a house behind a proxy that is believed, with keys that are good from some networks alone.
type fenced struct {
	*stage
	token string
	keys  map[string]string // by what they are for
}

// fences are the networks of the keys, outsiders who has the key but is not in them. The proxy tells their address.
var (
	fences = map[string]string{
		"an IPv4 network": `["203.0.113.0/24"]`, "one IPv4 address": `["198.51.100.7"]`, "an IPv6 network": `["2001:db8:1::/48"]`, "one IPv6 address": `["2001:db8:2::7"]`,
		"an IPv4 network written as IPv6": `["::ffff:192.0.2.0/120"]`, "several": `["203.0.113.0/24","2001:db8:1::/48"]`,
	}
	insiders = map[string][]string{
		"an IPv4 network": {"203.0.113.0", "203.0.113.255", "::ffff:203.0.113.9", "::ffff:cb00:7109", "9.9.9.9, 203.0.113.9"}, "one IPv4 address": {"198.51.100.7"},
		"an IPv6 network": {"2001:db8:1::", "2001:DB8:1:ffff::9", "[2001:db8:1::9]"}, "one IPv6 address": {"2001:db8:2::7", "2001:db8:2:0:0:0:0:7"},
		"an IPv4 network written as IPv6": {"192.0.2.1", "::ffff:192.0.2.1"}, "several": {"203.0.113.9", "2001:db8:1::9"},
	}
	outsiders = map[string][]string{
		"an IPv4 network":  {"203.0.114.0", "203.0.112.255", "2001:db8:1::9", "::203.0.113.9", "64:ff9b::203.0.113.9", "203.0.113.9, 9.9.9.9", "nonsense", "203.0.113.9.evil.example", ""},
		"one IPv4 address": {"198.51.100.8", "198.51.100.6", "::198.51.100.7"}, "an IPv6 network": {"2001:db8:2::", "2001:db8::ffff", "203.0.113.9", "fe80::1"},
		"one IPv6 address": {"2001:db8:2::8", "2001:db8:2:0:0:0:1:7", "fe80::1%2001:db8:2::7"}, "an IPv4 network written as IPv6": {"192.0.3.0", "::192.0.2.1", "::1"},
		"several": {"203.0.114.9", "2001:db8:2::9", "127.0.0.1"},
	}
)

func (s *stage) fence(t *testing.T) *fenced {
	t.Helper()
	file := issuerFile(t)
	f := &fenced{stage: &stage{house: newHouse(t, func(cfg *gateway.Config) {
		cfg.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
		cfg.Direct = gateway.Direct{URLs: []string{"nats://bus.example:4222"}, IssuerFile: file}
	})}, keys: map[string]string{}}
	f.token = f.user("alice")
	for name, networks := range fences {
		a := f.post("/v1/api-keys", f.token, fmt.Sprintf(`{"name":%q,"scopes":["read","trade"],"allowed_networks":%s}`, name, networks))
		if a.Status != 201 {
			t.Fatalf("a key for %s: %d %s", name, a.Status, a.Body)
		}
		f.keys[name] = a.field(t, "key").(string)
	}
	return f
}

// from is a request with a key from where the proxy says.
func (f *fenced) from(t *testing.T, address, key, method, path, body string) answer {
	t.Helper()
	media := ""
	if body != "" {
		media = "application/json"
	}
	return f.try(t, method, path, body, "Authorization", bearer(key), "X-Forwarded-For", address, "Content-Type", media)
}

// opened is how a stream ends that somebody opens with a key at an address, in the header or in the first frame.
func (f *fenced) opened(t *testing.T, address, header, first string) websocket.StatusCode {
	t.Helper()
	opts := &websocket.DialOptions{HTTPHeader: http.Header{}}
	for name, value := range map[string]string{"X-Forwarded-For": address, "Authorization": header} {
		if value != "" {
			opts.HTTPHeader.Set(name, value)
		}
	}
	conn, _, err := websocket.Dial(t.Context(), strings.Replace(f.url, "http", "ws", 1)+"/v1/ws", opts)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.CloseNow() }()
	w := &wire{t: t, conn: conn}
	if first != "" {
		w.send(`{"action":"auth","token":%q}`, first)
	}
	frame, err := w.read()
	if err == nil {
		t.Errorf("let in: %v", frame)
	}
	return websocket.CloseStatus(err)
}

// keyAttacks use keys of somebody else from where their owner never is.
func (s *stage) keyAttacks() []attack {
	f := s.fence(s.t)
	f.checkInsiders(s.t)
	var attacks []attack
	for _, name := range slices.Sorted(maps.Keys(outsiders)) {
		for _, address := range outsiders[name] {
			key, where := f.keys[name], fmt.Sprintf("key: for %s, from %q: ", name, address)
			for _, is := range [][3]string{
				{"GET", "/v1/balance"}, {"GET", "/orders"}, {"POST", "/v1/deposit", bodies["deposit"]}, {"POST", "/orders/twap", bodies["createTWAP"]},
				{"DELETE", "/v1/orders?status=open"}, {"GET", "/v1/events"}, {"POST", "/v1/ws/ticket"}, {"POST", "/v1/nats/credentials"},
			} {
				attacks = append(attacks, attack{where + is[0] + " " + is[1], func(t *testing.T) {
					a := f.from(t, address, key, is[0], is[1], is[2])
					if refused(t, a, 403); a.Status == 403 && a.field(t, "code") != "address_not_allowed" {
						t.Errorf("for another reason: %s", a.Body)
					}
				}})
			}
			attacks = append(attacks, attack{where + "a stream by its header", func(t *testing.T) {
				if code := f.opened(t, address, bearer(key), ""); code != 4401 {
					t.Errorf("closed with %d", code)
				}
			}}, attack{where + "a stream by its first frame", func(t *testing.T) {
				if code := f.opened(t, address, "", key); code != 4401 {
					t.Errorf("closed with %d", code)
				}
			}}, attack{where + "a ticket that was made inside", func(t *testing.T) {
				ticket := f.from(t, insiders[name][0], key, "POST", "/v1/ws/ticket", "").field(t, "ticket").(string)
				if code := f.opened(t, address, "", ticket); code != 4401 {
					t.Errorf("closed with %d", code)
				}
				if code := f.opened(t, insiders[name][0], "", ticket); code != 4401 {
					t.Errorf("the ticket works a second time: closed with %d", code)
				}
			}})
		}
	}
	attacks = append(attacks, f.unfenced()...)
	return append(attacks, s.lies()...)
}

// checkInsiders holds that the keys work where they should, or the attacks would prove nothing.
func (f *fenced) checkInsiders(t *testing.T) {
	t.Helper()
	for name, addresses := range insiders {
		for _, address := range addresses {
			if a := f.from(t, address, f.keys[name], "GET", "/v1/balance", ""); a.Status != 200 {
				t.Errorf("a key for %s from %s: %d %s", name, address, a.Status, a.Body)
			}
		}
	}
}

// unfenced are networks that are none.
func (f *fenced) unfenced() []attack {
	var attacks []attack
	for name, network := range map[string]string{
		"a name": "example.com", "a wildcard": "10.*.*.*", "bits beyond IPv4": "10.0.0.0/33", "bits beyond IPv6": "2001:db8::/129", "negative bits": "10.0.0.0/-1", "a range": "10.0.0.1-10.0.0.9",
		"octal": "010.0.0.1", "a zone": "fe80::1%eth0", "a zone's network": "fe80::1%eth0/64", "half IPv4, half IPv6": "::ffff:0:0/95", "a list in one": "10.0.0.1,10.0.0.2", "a space": " 10.0.0.1", "bits in words": "10.0.0.0/255.0.0.0",
		"three numbers": "10.0.0", "one number": "167772161", "a line break": "10.0.0.1\\n", "a NUL": "10.0.0.1\\u0000",
	} {
		attacks = append(attacks, attack{"key: a network that is " + name, func(t *testing.T) {
			a := f.post("/v1/api-keys", f.token, `{"name":"x","scopes":["read"],"allowed_networks":["10.0.0.0/8","`+network+`"]}`)
			if refused(t, a, 422); !strings.Contains(string(a.Body), `"pointer":"/allowed_networks/1"`) {
				t.Errorf("the network is not named: %s", a.Body)
			}
		}})
	}
	for name, networks := range map[string]string{"17 networks": `["10.0.0.1"` + strings.Repeat(`,"10.0.0.1"`, 16) + `]`, "a number for a network": `[10]`, "a text for the list": `"10.0.0.0/8"`, "a list in the list": `[["10.0.0.1"]]`} {
		attacks = append(attacks, attack{"key: " + name, func(t *testing.T) {
			refused(t, f.post("/v1/api-keys", f.token, `{"name":"x","scopes":["read"],"allowed_networks":`+networks+`}`), 422)
		}})
	}
	return attacks
}

// lies are told where no proxy is believed: the key is for an address that only the headers name.
func (s *stage) lies() []attack {
	key := s.post("/v1/api-keys", s.bob, `{"name":"fenced","scopes":["read"],"allowed_networks":["203.0.113.9","::2"]}`).field(s.t, "key").(string)
	var attacks []attack
	for _, header := range []string{"X-Forwarded-For", "X-Real-IP", "Forwarded", "True-Client-IP", "CF-Connecting-IP", "X-Client-IP", "X-Cluster-Client-IP", "X-Original-Forwarded-For"} {
		value := "203.0.113.9"
		if header == "Forwarded" {
			value = "for=" + value
		}
		attacks = append(attacks, attack{"key: its address in " + header + " without a proxy", func(t *testing.T) {
			refused(t, s.try(t, "GET", "/v1/balance", "", "Authorization", bearer(key), header, value), 403)
		}})
	}
	return attacks
}

func TestAKeyTellsWhereItMayBeUsedFromAndWhenItWas(t *testing.T) {
	s := &stage{house: newHouse(t, func(cfg *gateway.Config) { cfg.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")} })}
	token := s.user("alice")
	made := s.post("/v1/api-keys", token, `{"name":"bot","scopes":["read"],"allowed_networks":["10.1.2.3/8","::ffff:192.0.2.1","2001:DB8::1"]}`)
	told := `"allowed_networks":["10.0.0.0/8","192.0.2.1/32","2001:db8::1/128"]`
	if made.Status != 201 || !strings.Contains(string(made.Body), told) || strings.Contains(string(made.Body), "last_used_at") {
		t.Fatalf("%d %s", made.Status, made.Body)
	}
	key := made.field(t, "key").(string)
	lastUsed := func() string {
		a := s.get("/v1/api-keys", token)
		if !strings.Contains(string(a.Body), told) || strings.Contains(string(a.Body), "hash") {
			t.Fatalf("list: %s", a.Body)
		}
		at, _ := a.field(t, "keys").([]any)[0].(map[string]any)["last_used_at"].(string)
		return at
	}
	ask := func(address string) int {
		return s.try(t, "GET", "/v1/balance", "", "Authorization", bearer(key), "X-Forwarded-For", address).Status
	}
	if status := ask("203.0.113.9"); status != 403 {
		t.Fatalf("from elsewhere: %d", status)
	}
	before := time.Now().UTC()
	s.pause()
	if at := lastUsed(); at != "" {
		t.Errorf("used at %s, where it was refused", at)
	}
	if status := ask("10.255.0.1"); status != 200 {
		t.Fatalf("from its network: %d", status)
	}
	first := ""
	for first == "" { // it is written down after the answer
		s.pause()
		first = lastUsed()
	}
	if at, err := time.Parse(time.RFC3339Nano, first); err != nil || at.Before(before) || at.After(time.Now()) {
		t.Errorf("used at %s: %v", first, err)
	}
	for range 50 {
		if status := ask("192.0.2.1"); status != 200 {
			t.Fatalf("again: %d", status)
		}
	}
	s.pause()
	if again := lastUsed(); again != first {
		t.Errorf("written a second time within a minute: %s, then %s", first, again)
	}
}
