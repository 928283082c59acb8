package gateway_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/coder/websocket"
)

const (
	cookieLogin  = `{"username":"bob","password":"correct horse","cookie":true}`
	cookieGrant  = "grant_type=refresh_token"
	formEncoded  = "application/x-www-form-urlencoded"
	partner      = "https://partner.example" // another site whose pages may use the interface
	refreshToken = "__Host-rt"
)

// kept returns the cookie that an answer sets, nil if none.
func kept(t *testing.T, a answer) *http.Cookie {
	t.Helper()
	lines := a.Header.Values("Set-Cookie")
	if len(lines) == 0 {
		return nil
	}
	c, err := http.ParseSetCookie(lines[0])
	if err != nil || len(lines) > 1 {
		t.Fatalf("Set-Cookie %q: %v", lines, err)
	}
	return c
}

// enter logs bob in as the dashboard does.
func (s *stage) enter(t *testing.T, headers ...string) (access, refresh string) {
	t.Helper()
	a := s.try(t, "POST", "/v1/login", cookieLogin, append(headers, "Content-Type", "application/json")...)
	c := kept(t, a)
	if a.Status != 200 || c == nil || c.Value == "" {
		t.Fatalf("log in with a cookie: %d %v %s", a.Status, a.Header, a.Body)
	}
	return a.field(t, "access_token").(string), c.Value
}

// renew asks for new tokens with cookies.
func (s *stage) renew(t *testing.T, cookies string, headers ...string) answer {
	t.Helper()
	return s.try(t, "POST", "/v1/token", cookieGrant, append(headers, "Content-Type", formEncoded, "Cookie", cookies)...)
}

// cookieAttacks are on the session of a browser.
func (s *stage) cookieAttacks() []attack {
	attacks := []attack{{"cookie: read by a script, sent in the clear, or sent with a request of another site", func(t *testing.T) {
		_, first := s.enter(t)
		a := s.renew(t, refreshToken+"="+first)
		c := kept(t, a)
		if a.Status != 200 || c == nil || c.Name != refreshToken || !c.HttpOnly || !c.Secure || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.Domain != "" {
			t.Errorf("%d %+v", a.Status, c)
		}
	}}, {"cookie: the refresh token in the answer as well, where a script reads it", func(t *testing.T) {
		a := s.try(t, "POST", "/v1/login", cookieLogin, "Content-Type", "application/json")
		again := s.renew(t, refreshToken+"="+kept(t, a).Value)
		for _, a := range []answer{a, again} {
			if a.Status != 200 || a.field(t, "refresh_token") != nil || strings.Contains(string(a.Body), "hgr_") {
				t.Errorf("%d %s", a.Status, a.Body)
			}
		}
	}}, {"cookie: set for who did not ask for one", func(t *testing.T) {
		_, refresh := s.enter(t)
		for _, a := range []answer{
			s.post("/v1/login", "", `{"username":"bob","password":"correct horse"}`),
			s.post("/v1/login", "", `{"username":"bob","password":"correct horse","cookie":false}`),
			s.try(t, "POST", "/v1/token", cookieGrant+"&refresh_token="+refresh, "Content-Type", formEncoded),
		} {
			if c := kept(t, a); a.Status != 200 || c != nil || a.field(t, "refresh_token") == nil {
				t.Errorf("%d %+v %s", a.Status, c, a.Body)
			}
		}
	}}, {"cookie: used again by who has stolen it", func(t *testing.T) {
		access, first := s.enter(t)
		second := kept(t, s.renew(t, refreshToken+"="+first)).Value
		refused(t, s.renew(t, refreshToken+"="+first, "User-Agent", "thief"), 401) // though within the grace for lost answers
		refused(t, s.renew(t, refreshToken+"="+second), 401)                       // the session is over for both
		refused(t, s.try(t, "GET", "/v1/balance", "", "Authorization", bearer(access)), 401)
	}}, {"cookie: after the logout", func(t *testing.T) {
		access, refresh := s.enter(t)
		a := s.try(t, "POST", "/v1/logout", "", "Authorization", bearer(access), "Cookie", refreshToken+"="+refresh)
		if c := kept(t, a); a.Status != 204 || c == nil || c.Value != "" || c.MaxAge >= 0 || !c.Secure || c.Path != "/" {
			t.Errorf("logout: %d %+v", a.Status, c)
		}
		refused(t, s.renew(t, refreshToken+"="+refresh), 401)
	}}, {"cookie: two of them, one smuggled in", func(t *testing.T) {
		_, refresh := s.enter(t)
		refused(t, s.renew(t, refreshToken+"="+refresh+"; "+refreshToken+"="+s.refresh), 400)
	}}, {"cookie: under the name without the prefix", func(t *testing.T) {
		_, refresh := s.enter(t)
		for _, name := range []string{"rt", "Host-rt", "__host-rt", "__Secure-rt", "\u2000__Host-rt", "refresh_token"} {
			refused(t, s.renew(t, name+"="+refresh), 401)
		}
	}}, {"cookie: in place of an access token", func(t *testing.T) {
		_, refresh := s.enter(t)
		for _, r := range s.routes {
			if r.scope != "" {
				refused(t, s.try(t, r.method, s.at(r), bodies[r.id], "Content-Type", r.media, "Cookie", refreshToken+"="+refresh), 401)
			}
		}
	}}, {"cookie: of a user to log in as another", func(t *testing.T) {
		_, refresh := s.enter(t)
		a := s.try(t, "POST", "/v1/token", "grant_type=password&username=alice&password=guessed", "Content-Type", formEncoded, "Cookie", refreshToken+"="+refresh)
		refused(t, a, 401)
	}}}
	for name, payload := range payloads {
		attacks = append(attacks, attack{"cookie: " + name + " as its value", func(t *testing.T) {
			sendable := strings.Map(func(r rune) rune {
				if r < ' ' {
					return -1 // the client would not send it
				}
				return r
			}, payload)
			refused(t, s.renew(t, refreshToken+"="+sendable), 400, 401)
		}})
	}
	return append(attacks, s.forgeries()...)
}

// forgeries are requests that a page of another site has its visitor's browser make.
func (s *stage) forgeries() []attack {
	host := strings.TrimPrefix(s.url, "http://")
	headers := map[string][]string{
		"with Sec-Fetch-Site cross-site": {"Sec-Fetch-Site", "cross-site"}, "with Sec-Fetch-Site same-site": {"Sec-Fetch-Site", "same-site"}, "with a Sec-Fetch-Site that there is not": {"Sec-Fetch-Site", "sibling"},
		"with our Origin but from another site": {"Sec-Fetch-Site", "cross-site", "Origin", s.url},
	}
	for name, pattern := range origins {
		origin := strings.ReplaceAll(pattern, "%%", "%")
		if strings.Contains(pattern, "%s") {
			origin = fmt.Sprintf(pattern, host)
		}
		headers["from a page of "+name] = []string{"Origin", origin}
	}
	var attacks []attack
	for name, with := range headers {
		attacks = append(attacks, attack{"CSRF: a login " + name, func(t *testing.T) {
			for _, path := range []string{"/v1/login", "/login"} {
				a := s.try(t, "POST", path, cookieLogin, append(with, "Content-Type", "application/json")...)
				if refused(t, a, 403); kept(t, a) != nil {
					t.Error("a cookie is set")
				}
			}
		}}, attack{"CSRF: new tokens " + name, func(t *testing.T) {
			a := s.renew(t, refreshToken+"="+s.cookie, with...)
			if refused(t, a, 403); kept(t, a) != nil {
				t.Error("a cookie is set")
			}
		}}, attack{"CSRF: a logout " + name, func(t *testing.T) {
			refused(t, s.try(t, "POST", "/v1/logout", "", append(with, "Authorization", bearer(s.page), "Cookie", refreshToken+"="+s.cookie)...), 403)
		}})
	}
	return attacks
}

// strangers look like the listed site.
var strangers = map[string]string{
	"its name over http": "http://partner.example", "another port of it": "https://partner.example:444", "a name below it": "https://sub.partner.example", "a longer name": "https://partner.example.evil.example", "a name that ends like it": "https://evilpartner.example",
	"a user before it": "https://x@partner.example", "it with a path": "https://partner.example/", "it in a list": "https://evil.example, https://partner.example", "it with a point at its end": "https://partner.example.", "it with a wildcard": "https://*",
}

// sharingAttacks are on the list of sites that may use the interface.
func (s *stage) sharingAttacks() []attack {
	attacks := []attack{{"CORS: the listed site asks with the browser's cookie", func(t *testing.T) {
		pre := s.try(t, "OPTIONS", "/v1/orders/twap", "", "Origin", partner, "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "authorization")
		read := s.try(t, "GET", "/v1/balance", "", "Origin", partner, "Authorization", bearer(s.bob))
		for _, a := range []answer{pre, read} {
			if a.Header.Get("Access-Control-Allow-Origin") != partner || a.Header.Get("Access-Control-Allow-Credentials") != "" || !strings.Contains(a.Header.Get("Vary"), "Origin") {
				t.Errorf("%d %v", a.Status, a.Header)
			}
		}
		if read.Status != 200 || pre.Status != 204 || !strings.Contains(pre.Header.Get("Access-Control-Allow-Headers"), "Authorization") {
			t.Errorf("the listed site is kept out: %d %d %v", read.Status, pre.Status, pre.Header)
		}
		header := http.Header{"Origin": {partner}, "Authorization": {bearer(s.bob)}}
		conn, _, err := websocket.Dial(t.Context(), strings.Replace(s.url, "http", "ws", 1)+"/v1/ws", &websocket.DialOptions{HTTPHeader: header})
		if err != nil {
			t.Fatalf("the listed site is kept out of the streams: %v", err)
		}
		_ = conn.CloseNow()
	}}}
	attacks = append(attacks, attack{"CORS: the listed site sets the cookie for its visitor, or has it used", func(t *testing.T) {
		// It may log in with a password that it has. The browser itself keeps it from the cookie, as no answer allows credentials.
		for _, a := range []answer{
			s.try(t, "POST", "/v1/login", cookieLogin, "Content-Type", "application/json", "Origin", partner, "Sec-Fetch-Site", "cross-site"),
			s.try(t, "GET", "/v1/ws", "", "Origin", partner, "Cookie", refreshToken+"="+s.cookie),
		} {
			if a.Header.Get("Access-Control-Allow-Credentials") != "" || a.Status == 403 {
				t.Errorf("%d %v", a.Status, a.Header)
			}
		}
	}})
	for name, origin := range strangers {
		attacks = append(attacks, attack{"CORS: " + name, func(t *testing.T) {
			for _, method := range []string{"OPTIONS", "GET"} {
				a := s.try(t, method, "/v1/balance", "", "Origin", origin, "Access-Control-Request-Method", "GET", "Authorization", bearer(s.bob))
				if a.Header.Get("Access-Control-Allow-Origin") != "" || a.Header.Get("Access-Control-Allow-Headers") != "" {
					t.Errorf("%s: it may: %v", method, a.Header)
				}
			}
			refused(t, s.try(t, "POST", "/v1/login", cookieLogin, "Content-Type", "application/json", "Origin", origin), 403)
			a := s.try(t, "GET", "/v1/ws", "", "Origin", origin, "Connection", "Upgrade", "Upgrade", "websocket", "Sec-WebSocket-Version", "13",
				"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==", "Authorization", bearer(s.bob))
			refused(t, a, 403)
		}})
	}
	return attacks
}
