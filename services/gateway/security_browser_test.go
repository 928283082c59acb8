package gateway_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/hourglass-trading/hourglass/services/gateway"
)

// bytes sends a request as it is written and reads the answer.
func (s *stage) bytes(request string) (answer, error) {
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		return answer{}, err
	}
	_, _ = conn.Write([]byte(request)) // the server may answer and close before it has read all
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(res.Body, 2_000))
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return answer{}, err
	}
	return answer{res.StatusCode, res.Header, text}, nil
}

// origins are where pages of others come from, with %s for our own host.
var origins = map[string]string{
	"another site": "https://evil.example", "null, as of a file": "null", "a host that begins like ours": "http://%s.evil.example", "a host that ends like ours": "http://evil%s", "another port of ours": "http://127.0.0.1:1",
	"another name of ours": "http://localhost:1", "an extension": "chrome-extension://abcdefgh", "a user before ours": "http://%s@evil.example", "a scheme alone": "https://", "nonsense": "%%%%", "ours in a path": "http://evil.example/%s",
}

// browserAttacks are what a page of another site can make a browser send.
func (s *stage) browserAttacks() []attack {
	host := strings.TrimPrefix(s.url, "http://")
	var attacks []attack
	for name, pattern := range origins {
		origin := strings.ReplaceAll(pattern, "%%", "%")
		if strings.Contains(pattern, "%s") {
			origin = fmt.Sprintf(pattern, host)
		}
		attacks = append(attacks, attack{"cross-site WebSocket: a page of " + name, func(t *testing.T) {
			for _, path := range []string{"/v1/ws", "/ws"} {
				a := s.try(t, "GET", path, "", "Origin", origin, "Connection", "Upgrade", "Upgrade", "websocket", "Sec-WebSocket-Version", "13",
					"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==", "Authorization", bearer(s.bob))
				refused(t, a, 403)
			}
		}}, attack{"cross-site reading: a page of " + name, func(t *testing.T) {
			a := s.try(t, "GET", "/v1/balance", "", "Origin", origin, "Authorization", bearer(s.bob))
			if a.Header.Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("it may read the answer: %v", a.Header)
			}
			pre := s.try(t, "OPTIONS", "/v1/orders/twap", "", "Origin", origin, "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "authorization")
			if pre.Header.Get("Access-Control-Allow-Origin") != "" || pre.Header.Get("Access-Control-Allow-Headers") != "" {
				t.Errorf("it may ask: %d %v", pre.Status, pre.Header)
			}
		}})
	}
	for _, r := range s.routes {
		if r.method == "GET" || r.scope == "" || !strings.HasPrefix(r.path, "/v1/") {
			continue
		}
		attacks = append(attacks, attack{fmt.Sprintf("CSRF: %s by a form, with the victim's cookies", r), func(t *testing.T) {
			a := s.try(t, r.method, s.at(r), bodies[r.id], "Content-Type", "text/plain", "Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site",
				"Cookie", "__Host-rt="+s.refresh+"; access_token="+s.bob+"; session="+s.bob)
			refused(t, a, 401, 403)
		}})
	}
	for header, want := range map[string]string{
		"Content-Security-Policy": "frame-ancestors 'none'", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cross-Origin-Opener-Policy": "same-origin",
		"Cross-Origin-Resource-Policy": "same-origin", "Permissions-Policy": "camera=()",
	} {
		attacks = append(attacks, attack{"browser: an answer without " + header, func(t *testing.T) {
			for _, path := range []string{"/", "/docs", "/v1/info", "/v1/balance", "/v1/nowhere", "/orders/x"} {
				if a := s.try(t, "GET", path, ""); !strings.Contains(a.Header.Get(header), want) {
					t.Errorf("%s: %q", path, a.Header.Get(header))
				}
			}
		}})
	}
	return append(attacks, attack{"browser: an answer of the interface from a cache", func(t *testing.T) {
		for _, path := range []string{"/v1/info", "/v1/balance", "/v1/orders", "/v1/nowhere"} {
			if a := s.try(t, "GET", path, "", "Authorization", bearer(s.bob)); a.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("%s: %q", path, a.Header.Get("Cache-Control"))
			}
		}
	}}, attack{"browser: a script in an error", func(t *testing.T) {
		a := s.try(t, "GET", "/v1/orders/%3Cscript%3Ealert(1)%3C%2Fscript%3E", "", "Authorization", bearer(s.bob), "Accept", "text/html")
		if strings.Contains(string(a.Body), "<script>") || !strings.HasPrefix(a.Header.Get("Content-Type"), "application/problem+json") {
			t.Errorf("%s %s", a.Header.Get("Content-Type"), a.Body)
		}
	}}, attack{"browser: a password kept at a plain connection by HSTS that anybody asks for", func(t *testing.T) {
		if a := s.try(t, "GET", "/v1/info", "", "X-Forwarded-Proto", "https"); a.Header.Get("Strict-Transport-Security") != "" {
			t.Error("a stranger's word about TLS is believed")
		}
	}})
}

// streamAttacks are frames and tokens on a WebSocket that nobody should send.
func (s *stage) streamAttacks() []attack {
	var attacks []attack
	for field, format := range map[string]string{
		"symbol": `{"action":"subscribe","stream":"book","exchange":"binance","symbol":%s}`, "exchange": `{"action":"subscribe","stream":"trades","symbol":"BTC-USDT","exchange":%s}`,
		"token_id": `{"action":"subscribe","stream":"orders","token_id":%s}`, "interval": `{"action":"subscribe","stream":"klines","symbol":"BTC-USDT","exchange":"binance","interval":%s}`,
		"stream": `{"action":"subscribe","stream":%s}`, "action": `{"action":%s}`,
	} {
		attacks = append(attacks, attack{"stream: every payload as " + field, func(t *testing.T) {
			w := s.dial(s.bob)
			w.hello()
			for name, payload := range payloads {
				w.send(format, quoted(payload))
				if f := w.next("error"); f["code"] == "internal" || f["code"] == "" {
					t.Errorf("%s: %v", name, f)
				}
			}
		}})
	}
	for name, headers := range map[string][]string{
		"without a key": {"Sec-WebSocket-Version", "13"}, "with a short key": {"Sec-WebSocket-Version", "13", "Sec-WebSocket-Key", "AAAA"},
		"of version 8": {"Sec-WebSocket-Version", "8", "Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="}, "without a version": {"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="},
	} {
		attacks = append(attacks, attack{"stream: a handshake " + name, func(t *testing.T) {
			refused(t, s.try(t, "GET", "/v1/ws", "", append(headers, "Connection", "Upgrade", "Upgrade", "websocket")...), 400, 426)
		}})
	}
	for name, is := range map[string]struct {
		query, authorization, first string
		code                        websocket.StatusCode
	}{
		"a token in the query": {"?token=" + s.bob, "", `{"action":"ping"}`, 4401}, "a ticket in the query": {"?ticket=" + s.ticket, "", `{"action":"ping"}`, 4401},
		"a refresh token": {"", "", `{"action":"auth","token":"` + s.refresh + `"}`, 4401}, "a token of nonsense": {"", bearer("nonsense"), "", 4401}, "the scheme Basic": {"", "Basic " + s.bob, "", 4401},
		"a key that is not for reading": {"", bearer(s.trader), "", 4401}, "a subscription before a token": {"", "", `{"action":"subscribe","stream":"orders"}`, 4401}, "another account's token later": {"", bearer(s.bob), `{"action":"auth","token":"` + s.alice + `"}`, 4401},
		"a ticket of wildcards": {"", "", `{"action":"auth","token":"hgt_*.>.` + strings.Repeat("A", 43) + `"}`, 4401}, "a token of a number": {"", "", `{"action":"auth","token":7}`, 4401}, "17 KiB in a frame": {"", bearer(s.bob), strings.Repeat("x", 17<<10), 1009},
	} {
		attacks = append(attacks, attack{"stream: " + name, func(t *testing.T) {
			w := s.dialAt("/v1/ws"+is.query, is.authorization)
			if is.first != "" {
				w.send("%s", is.first)
			}
			if code, _ := w.closed(); code != is.code {
				t.Errorf("closed with %d, want %d", code, is.code)
			}
		}})
	}
	return attacks
}

func quoted(text string) string {
	if len(text) > 1_000 {
		text = text[:1_000]
	}
	return fmt.Sprintf("%q", strings.ToValidUTF8(strings.Map(func(r rune) rune {
		if r < ' ' { // Go and JSON write these in different ways
			return '\t'
		}
		return r
	}, text), ""))
}

// TestBruteForce runs against a house with limits: passwords, names, sockets, and what pretends to be many addresses.
func TestBruteForce(t *testing.T) {
	h := newHouse(t, func(cfg *gateway.Config) {
		cfg.Limits = gateway.Limits{IPPerSecond: 1_000, LoginsPerMinute: 30, SignupsPerHour: 3, NearFactor: 1, ConnectsPerSecond: 1}
	})
	token := h.user("alice")
	s := &stage{house: h}
	guess := func(path, media, body string) func(i int) answer {
		return func(i int) answer {
			return s.try(t, "POST", path, body, "Content-Type", media, "X-Forwarded-For", fmt.Sprintf("9.9.9.%d", i), "X-Real-IP", fmt.Sprintf("9.9.8.%d", i),
				"Forwarded", fmt.Sprintf("for=9.9.7.%d", i), "Authorization", bearer(token))
		}
	}
	const jsonType = "application/json"
	for _, is := range []struct {
		name, code string
		try        func(i int) answer
		allowed    int
	}{
		{"guessing a password by login", "too_many_failures", guess("/v1/login", jsonType, `{"username":"alice","password":"guess"}`), 8},
		{"guessing it by the token form", "too_many_failures", guess("/v1/token", "application/x-www-form-urlencoded", "grant_type=password&username=ALICE&password=guess"), 1},
		{"guessing it by a change of password", "too_many_failures", guess("/v1/password", jsonType, `{"username":"alice","current_password":"guess","new_password":"mine now"}`), 1},
		{"trying one password on many names", "rate_limited", func(i int) answer {
			return guess("/v1/login", jsonType, fmt.Sprintf(`{"username":"name%d","password":"guess"}`, i))(i)
		}, 30},
		{"taking many names", "rate_limited", func(i int) answer {
			return guess("/v1/register", jsonType, fmt.Sprintf(`{"username":"bot%d","password":"correct horse"}`, i))(i)
		}, 3},
		{"opening many sockets", "rate_limited", func(i int) answer {
			return s.try(t, "GET", "/v1/ws", "", "X-Forwarded-For", fmt.Sprintf("9.9.9.%d", i))
		}, 50},
	} {
		t.Run(is.name, func(t *testing.T) {
			for i := range is.allowed + 1 {
				if a := is.try(i); a.Status == 429 {
					if a.field(t, "code") != is.code || a.Header.Get("Retry-After") == "" {
						t.Errorf("%s %v", a.Body, a.Header)
					}
					return
				}
			}
			t.Errorf("still answered after %d tries", is.allowed+1)
		})
	}
	if a := h.get("/v1/balance", token); a.Status != 200 {
		t.Errorf("the owner's session suffers: %d", a.Status)
	}
}

// TestASlowHeadIsCutOff opens connections that never send a whole head.
func TestASlowHeadIsCutOff(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	conn, err := net.Dial("tcp", strings.TrimPrefix(h.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := conn.Write([]byte("GET /v1/info HTTP/1.1\r\nHost: x\r\nX-Slow: ")); err != nil {
		t.Fatal(err)
	}
	if err := conn.SetReadDeadline(time.Now().Add(60 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, conn); err != nil { // until the server closes
		t.Errorf("the connection is held: %v", err)
	}
}
