package gateway_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// payloads are what an id must never be: each would do something to a subject, a header, a path or a query of the bus.
var payloads = map[string]string{
	"a wildcard": "*", "a tail wildcard": ">", "a level more": "a.b", "an empty level": "a..b", "a space": "a b", "a line break": "a\r\nPUB evt.1.x 1\r\n\r\n", "NUL": "a\x00b",
	"JetStream's own": "$JS.API.STREAM.DELETE.EVT", "a key of a bucket": "$KV.users.x", "the system's own": "$SYS.REQ", "an inbox": "_INBOX.x", "a path": "../../etc/passwd",
	"a script": "<script>", "SQL": "' OR 1=1 --", "a long text": strings.Repeat("a", 5_000), "a full-width dot": "a．b", "right-to-left": "a\u202eb", "an encoded dot": "%2e%2e",
}

// place is a field of a request that becomes part of what is asked of the bus.
type place struct {
	name string
	send func(t *testing.T, payload string) answer
	// harmless are the payloads that the place takes as plain text.
	harmless []string
}

// injections put every payload into every place.
func (s *stage) injections() []attack {
	var attacks []attack
	for _, p := range s.places() {
		for _, name := range slices.Sorted(maps.Keys(payloads)) {
			if slices.Contains(p.harmless, name) {
				continue
			}
			attacks = append(attacks, attack{fmt.Sprintf("injection: %s into %s", name, p.name), func(t *testing.T) {
				a := p.send(t, payloads[name])
				if a.Status < 400 || a.Status > 499 {
					t.Errorf("answered %d: %.300s", a.Status, a.Body)
				}
			}})
		}
	}
	return attacks
}

func (s *stage) places() []place {
	path := func(format string) func(*testing.T, string) answer {
		return func(t *testing.T, payload string) answer {
			return s.try(t, "GET", fmt.Sprintf(format, url.PathEscape(payload)), "", "Authorization", bearer(s.bob))
		}
	}
	field := func(path, good, name string) func(*testing.T, string) answer {
		return func(t *testing.T, payload string) answer {
			var body map[string]any
			if err := json.Unmarshal([]byte(good), &body); err != nil {
				t.Fatal(err)
			}
			body[name] = payload
			text, err := json.Marshal(body)
			if err != nil {
				t.Fatal(err)
			}
			return s.try(t, "POST", path, string(text), "Content-Type", "application/json", "Authorization", bearer(s.bob))
		}
	}
	plain := bodies["createOrder"]
	return []place{
		{"a path's token_id", path("/v1/orders/%s"), nil},
		{"a path's token_id before executions", path("/v1/orders/%s/executions"), nil},
		{"a path's token_id before report", path("/v1/orders/%s/report"), nil},
		{"a path's exchange", path("/v1/exchanges/%s/pairs"), nil},
		{"a path's symbol of a book", path("/v1/orderbook/binance/%s"), nil},
		{"a path's symbol of candles", path("/v1/klines/binance/%s"), nil},
		{"a query's interval", path("/v1/klines/binance/BTC-USDT?interval=%s"), nil},
		{"a query's cursor", path("/v1/orders?cursor=%s"), nil},
		{"a query's token_id", path("/v1/orders?token_id=%s"), nil},
		{"a query's symbol", path("/v1/orders?symbol=%s"), []string{"a level more", "an empty level", "an encoded dot"}},
		{"a body's token_id of a TWAP order", field("/v1/orders/twap", twap("x", ""), "token_id"), nil},
		{"a body's symbol of a TWAP order", field("/v1/orders/twap", twap("x", ""), "symbol"), nil},
		{"a body's exchange of a TWAP order", field("/v1/orders/twap", twap("x", ""), "exchange"), nil},
		{"a body's token_id of a plain order", field("/v1/orders", plain, "token_id"), nil},
		{"a body's symbol of a plain order", field("/v1/orders", plain, "symbol"), nil},
		{"a body's exchange of a plain order", field("/v1/orders", plain, "exchange"), nil},
		{"a body's asset of a deposit", field("/v1/deposit", bodies["deposit"], "asset"), nil},
		{"a body's username", field("/v1/register", bodies["register"], "username"), []string{"a level more", "an empty level", "an inbox"}},
		{"a body's scope", func(t *testing.T, payload string) answer {
			return field("/v1/api-keys", bodies["createAPIKey"], "scopes")(t, payload)
		}, nil},
	}
}

// requestAttacks are about the request around the body: its head, its path, its method.
func (s *stage) requestAttacks() []attack {
	head := func(name, request string, want ...int) attack {
		return attack{"request: " + name, func(t *testing.T) {
			a, err := s.bytes(strings.ReplaceAll(request, "TOKEN", s.bob))
			if err != nil {
				if slices.Contains(want, 0) {
					return // closed without an answer
				}
				t.Fatal(err)
			}
			refused(t, a, want...)
		}}
	}
	const get, end = "GET /v1/balance HTTP/1.1\r\nHost: x\r\nConnection: close\r\n", "\r\n"
	const auth = "Authorization: Bearer TOKEN\r\n"
	post := "POST /v1/deposit HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + auth + "Content-Type: application/json\r\n"
	chunk := "2d\r\n" + `{"asset":"USDT","amount":"1","smuggled":true}` + "\r\n0\r\n\r\n"
	attacks := []attack{
		head("a head of 32 KiB", get+"X-A: "+strings.Repeat("a", 32<<10)+"\r\n"+end, 431, 400, 0), head("a thousand headers", get+strings.Repeat("X-A: b\r\n", 5_000)+end, 431, 400, 0),
		head("two lengths", post+"Content-Length: 2\r\nContent-Length: 3\r\n"+end+"{}x", 400), head("a length and chunks", post+"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n"+end+chunk, 400, 422),
		head("chunks of nonsense", post+"Transfer-Encoding: chunked\r\n"+end+"zz\r\n", 400), head("chunks twice", post+"Transfer-Encoding: chunked, chunked\r\n"+end+chunk, 400, 501),
		head("an unknown transfer encoding", post+"Transfer-Encoding: xchunked\r\n"+end+chunk, 400, 501), head("a length below zero", post+"Content-Length: -1\r\n"+end, 400),
		head("a length with a sign", post+"Content-Length: +2\r\n"+end+"{}", 400), head("a length beyond 64 bits", post+"Content-Length: 99999999999999999999\r\n"+end, 400),
		head("no host", "GET /v1/balance HTTP/1.1\r\n"+auth+end, 400), head("two hosts", get+"Host: y\r\n"+auth+end, 400), head("a host with a space", "GET /v1/balance HTTP/1.1\r\nHost: x y\r\n"+end, 400),
		head("a space before the colon", get+"Authorization : Bearer TOKEN\r\n"+end, 400), head("a folded header", get+"Authorization:\r\n Bearer x\r\n"+end, 400, 401), head("NUL in a header", get+"Authorization: Bearer \x00\r\n"+end, 400),
		head("a bare line feed in a header", get+"X-A: a\rb\r\n"+end, 400), head("a method with a space", "GET  /v1/balance HTTP/1.1\r\nHost: x\r\n"+end, 400, 401), head("HTTP/0.9", "GET /v1/balance\r\n\r\n", 400, 0),
		head("HTTP/3.0 in words", "GET /v1/balance HTTP/3.0\r\nHost: x\r\n"+end, 400, 505), head("an absolute address of another", "GET http://evil.example/v1/balance HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n"+end, 401, 404),
		head("CONNECT", "CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\nConnection: close\r\n"+end, 404, 405), head("TRACE", "TRACE /v1/balance HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"+auth+end, 404, 405),
		head("two Authorization headers, the second good", get+"Authorization: Bearer x\r\n"+auth+end, 401), head("two idempotency keys", post+"Idempotency-Key: a\r\nIdempotency-Key: b\r\nContent-Length: 29\r\n"+end+bodies["deposit"], 400),
	}
	for name, path := range map[string]string{
		"a dot segment": "/v1/../v1/balance", "an encoded dot segment": "/v1/%2e%2e/v1/balance", "an encoded slash": "/v1%2Fbalance", "two slashes": "/v1//balance", "a slash behind": "/v1/balance/",
		"a semicolon": "/v1/balance;x=1", "upper case": "/V1/BALANCE", "NUL behind": "/v1/balance%00", "a suffix": "/v1/balance.json", "a backslash": "/v1\\balance", "an encoded letter behind an encoded percent": "/v1/b%2561lance",
		"the bus's page": "/v1/varz", "metrics": "/metrics", "the profiler": "/debug/pprof/", "variables": "/debug/vars", "the environment": "/.env", "the repository": "/.git/config", "a file of the host": "/docs/../../../etc/passwd",
		"an encoded file of the host": "/docs/%2e%2e%2f%2e%2e%2fetc%2fpasswd", "an asset outside": "/assets/..%2f..%2findex.html",
	} {
		attacks = append(attacks, head("path of "+name, "GET "+path+" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"+end, 400, 404, 401))
	}
	for _, header := range []string{"X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"} {
		attacks = append(attacks, attack{"request: a method by " + header, func(t *testing.T) {
			a := s.try(t, "POST", "/v1/orders/"+s.order, "", header, "DELETE", "Authorization", bearer(s.alice), "Content-Type", "application/json")
			refused(t, a, 405)
		}})
	}
	for _, header := range []string{"X-Original-URL", "X-Rewrite-URL", "X-Forwarded-Prefix", "X-Forwarded-Path"} {
		attacks = append(attacks, attack{"request: a path by " + header, func(t *testing.T) {
			refused(t, s.try(t, "GET", "/v1/nowhere", "", header, "/v1/info"), 404)
		}})
	}
	for field, value := range map[string]string{"Idempotency-Key": "a b", "Last-Event-ID": "-1", "If-Match": `W/"1"`} {
		for name, text := range map[string]string{"no form of it": value, "a long text": strings.Repeat("1", 5_000), "not ASCII": "\u00e9", "a comma": `"1","2",`} {
			attacks = append(attacks, attack{fmt.Sprintf("request: %s of %s", field, name), func(t *testing.T) {
				method, path, body := "POST", "/v1/deposit", bodies["deposit"]
				switch {
				case field == "Last-Event-ID":
					method, path, body = "GET", "/v1/events", ""
				case field == "If-Match":
					method, path, body = "PUT", "/v1/orders/"+s.order, bodies["amendOrder"]
				case name == "a comma":
					text += strings.Repeat("x", 128)
				}
				refused(t, s.try(t, method, path, body, field, text, "Authorization", bearer(s.alice), "Content-Type", "application/json"), 400)
			}})
		}
	}
	return attacks
}
