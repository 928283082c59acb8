package gateway_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestNoRequestGetsA5xxForItsContent sends what nobody should.
func TestNoRequestGetsA5xxForItsContent(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	token := h.user("alice")
	const jsonType, formType = "application/json", "application/x-www-form-urlencoded"
	deep := strings.Repeat("[", 5_000) + strings.Repeat("]", 5_000)
	type request struct{ name, method, path, contentType, body string }
	requests := []request{
		{"no body", "POST", "/v1/orders/twap", jsonType, ""},
		{"no content type", "POST", "/v1/orders/twap", "", twap("a", "")},
		{"wrong content type", "POST", "/v1/orders/twap", "text/xml", twap("a", "")},
		{"content type nonsense", "POST", "/v1/orders/twap", ";;;", twap("a", "")},
		{"another charset", "POST", "/v1/orders/twap", "application/json; charset=utf-16", twap("a", "")},
		{"a body too large", "POST", "/v1/orders/twap", jsonType, `{"token_id":"` + strings.Repeat("a", 70_000) + `"}`},
		{"a form for JSON", "POST", "/v1/login", formType, "username=a&password=b"},
		{"JSON for a form", "POST", "/v1/token", jsonType, `{"grant_type":"password"}`},
		{"a form that is none", "POST", "/v1/token", formType, "%zz=%"},
		{"a form without a grant", "POST", "/v1/token", formType, "username=a"},
		{"an unknown grant", "POST", "/v1/token", formType, "grant_type=magic"},
		{"a grant twice", "POST", "/v1/token", formType, "grant_type=password&grant_type=password"},
		{"a grant without a password", "POST", "/v1/token", formType, "grant_type=password&username=alice"},
		{"a refresh without a token", "POST", "/v1/token", formType, "grant_type=refresh_token"},
		{"a refresh token with dots", "POST", "/v1/token", formType, "grant_type=refresh_token&refresh_token=hgr_a.b.c"},
		{"an empty form", "POST", "/v1/token", formType, ""},
		{"NUL in a form", "POST", "/v1/token", formType, "grant_type=password&username=%00&password=%00"},
		{"a long username", "POST", "/v1/login", jsonType, `{"username":"` + strings.Repeat("a", 65) + `","password":"b"}`},
		{"NUL in a username", "POST", "/v1/register", jsonType, `{"username":"a\u0000bcd","password":"12345678"}`},
		{"a username with a dot segment", "POST", "/v1/register", jsonType, `{"username":"../*>","password":"12345678"}`},
		{"a short password", "POST", "/v1/register", jsonType, `{"username":"bob","password":"1234567"}`},
		{"a long password", "POST", "/v1/register", jsonType, `{"username":"bob","password":"` + strings.Repeat("x", 257) + `"}`},
		{"a password of a number", "POST", "/v1/register", jsonType, `{"username":"bob","password":12345678}`},
		{"one field too many", "POST", "/v1/register", jsonType, `{"username":"bob","password":"12345678","admin":true}`},
		{"login without a password", "POST", "/v1/login", jsonType, `{"username":"bob"}`},
		{"login in an array", "POST", "/v1/login", jsonType, `[]`},
		{"login with null", "POST", "/v1/login", jsonType, `null`},
		{"deposit of a word", "POST", "/v1/deposit", jsonType, `{"asset":"USDT","amount":"much"}`},
		{"deposit of nothing", "POST", "/v1/deposit", jsonType, `{"asset":"USDT","amount":null}`},
		{"deposit of a truth", "POST", "/v1/deposit", jsonType, `{"asset":"USDT","amount":true}`},
		{"deposit of an object", "POST", "/v1/deposit", jsonType, `{"asset":"USDT","amount":{"x":1}}`},
		{"deposit of a large exponent", "POST", "/v1/deposit", jsonType, `{"asset":"USDT","amount":1e999999999}`},
		{"deposit of a small exponent", "POST", "/v1/deposit", jsonType, `{"asset":"USDT","amount":1e-999999999}`},
		{"deposit beyond 38 digits", "POST", "/v1/deposit", jsonType, `{"asset":"USDT","amount":"` + strings.Repeat("9", 39) + `"}`},
		{"deposit of many digits", "POST", "/v1/deposit", jsonType, `{"asset":"USDT","amount":` + strings.Repeat("9", 5_000) + `}`},
		{"deposit of NaN", "POST", "/v1/deposit", jsonType, `{"asset":"USDT","amount":"NaN"}`},
		{"deposit of a bare NaN", "POST", "/v1/deposit", jsonType, `{"asset":"USDT","amount":NaN}`},
		{"deposit of infinity", "POST", "/v1/deposit", jsonType, `{"asset":"USDT","amount":"Infinity"}`},
		{"deposit of a hexadecimal number", "POST", "/v1/deposit", jsonType, `{"asset":"USDT","amount":"0x10"}`},
		{"deposit of less than nothing", "POST", "/v1/deposit", jsonType, `{"asset":"USDT","amount":"-5"}`},
		{"deposit of minus zero", "POST", "/v1/deposit", jsonType, `{"asset":"USDT","amount":-0}`},
		{"deposit into a subject", "POST", "/v1/deposit", jsonType, `{"asset":"USDT.>","amount":"1"}`},
		{"deposit of an empty asset", "POST", "/v1/deposit", jsonType, `{"asset":"","amount":"1"}`},
		{"a key twice", "POST", "/v1/deposit", jsonType, `{"asset":"USDT","amount":"1","amount":"2"}`},
		{"a key twice by escape", "POST", "/v1/deposit", jsonType, `{"asset":"USDT","amount":"1","\u0061mount":"2"}`},
		{"a key in another case", "POST", "/v1/deposit", jsonType, `{"asset":"USDT","Amount":"1"}`},
		{"both cases of a key", "POST", "/v1/deposit", jsonType, `{"asset":"USDT","amount":"1","AMOUNT":"2"}`},
		{"bytes that are not UTF-8", "POST", "/v1/deposit", jsonType, "{\"asset\":\"USDT\",\"amount\":\"1\xff\"}"},
		{"half a surrogate", "POST", "/v1/deposit", jsonType, `{"asset":"\ud800","amount":"1"}`},
		{"JSON cut off", "POST", "/v1/deposit", jsonType, `{"asset":"USDT","amo`},
		{"JSON with more behind", "POST", "/v1/deposit", jsonType, `{"asset":"USDT","amount":"1"}{}`},
		{"JSON with a comma too many", "POST", "/v1/deposit", jsonType, `{"asset":"USDT","amount":"1",}`},
		{"JSON with a comment", "POST", "/v1/deposit", jsonType, `{"asset":"USDT"/**/,"amount":"1"}`},
		{"deep JSON", "POST", "/v1/deposit", jsonType, `{"asset":` + deep + `,"amount":"1"}`},
		{"only depth", "POST", "/v1/orders/twap", jsonType, deep},
		{"only opening brackets", "POST", "/v1/orders/twap", jsonType, strings.Repeat("[", 15_000)},
		{"many keys", "POST", "/v1/orders/twap", jsonType, manyKeys(1_000)},
		{"a long key", "POST", "/v1/orders/twap", jsonType, `{"` + strings.Repeat("k", 15_000) + `":1}`},
		{"a NUL byte", "POST", "/v1/orders/twap", jsonType, "{\x00}"},
		{"a byte order mark", "POST", "/v1/orders/twap", jsonType, "\ufeff{}"},
		{"no field", "POST", "/v1/orders/twap", jsonType, `{}`},
		{"a number", "POST", "/v1/orders/twap", jsonType, `1`},
		{"a text", "POST", "/v1/orders/twap", jsonType, `"x"`},
		{"the inner name of exchange", "POST", "/v1/orders/twap", jsonType, twap("a", `,"exchanges":["binance"]`)},
		{"a token_id with a slash", "POST", "/v1/orders/twap", jsonType, twap("a/b", "")},
		{"an empty token_id", "POST", "/v1/orders/twap", jsonType, twap("", "")},
		{"a long token_id", "POST", "/v1/orders/twap", jsonType, twap(strings.Repeat("a", 65), "")},
		{"a token_id of a number", "POST", "/v1/orders/twap", jsonType, strings.Replace(twap("a", ""), `"a"`, `7`, 1)},
		{"an unknown side", "POST", "/v1/orders/twap", jsonType, strings.Replace(twap("a", ""), "buy", "hold", 1)},
		{"an unknown symbol", "POST", "/v1/orders/twap", jsonType, strings.Replace(twap("a", ""), "BTC-USDT", "BTC-XYZ", 1)},
		{"a symbol of wildcards", "POST", "/v1/orders/twap", jsonType, strings.Replace(twap("a", ""), "BTC-USDT", "*.>", 1)},
		{"an empty symbol", "POST", "/v1/orders/twap", jsonType, strings.Replace(twap("a", ""), "BTC-USDT", "", 1)},
		{"an unknown exchange", "POST", "/v1/orders/twap", jsonType, twap("a", `,"exchange":"nyse"`)},
		{"no exchange", "POST", "/v1/orders/twap", jsonType, twap("a", `,"exchange":[]`)},
		{"an exchange twice", "POST", "/v1/orders/twap", jsonType, twap("a", `,"exchange":["binance","binance"]`)},
		{"all beside one", "POST", "/v1/orders/twap", jsonType, twap("a", `,"exchange":["all","binance"]`)},
		{"an exchange of a number", "POST", "/v1/orders/twap", jsonType, twap("a", `,"exchange":7`)},
		{"exchanges in lists", "POST", "/v1/orders/twap", jsonType, twap("a", `,"exchange":[["binance"]]`)},
		{"seventeen exchanges", "POST", "/v1/orders/twap", jsonType, twap("a", `,"exchange":["a`+strings.Repeat(`","a`, 16)+`"]`)},
		{"an exchange of wildcards", "POST", "/v1/orders/twap", jsonType, twap("a", `,"exchange":">"`)},
		{"no quantity", "POST", "/v1/orders/twap", jsonType, strings.Replace(twap("a", ""), `"0.5"`, `null`, 1)},
		{"a quantity of zero", "POST", "/v1/orders/twap", jsonType, strings.Replace(twap("a", ""), `"0.5"`, `0`, 1)},
		{"a quantity in a list", "POST", "/v1/orders/twap", jsonType, strings.Replace(twap("a", ""), `"0.5"`, `["1"]`, 1)},
		{"a duration of zero", "POST", "/v1/orders/twap", jsonType, strings.Replace(twap("a", ""), "600", "0", 1)},
		{"a duration of two days", "POST", "/v1/orders/twap", jsonType, strings.Replace(twap("a", ""), "600", "172800", 1)},
		{"a broken duration", "POST", "/v1/orders/twap", jsonType, strings.Replace(twap("a", ""), "600", "600.5", 1)},
		{"a duration of a whole fraction", "POST", "/v1/orders/twap", jsonType, strings.Replace(twap("a", ""), "600", "600.0", 1)},
		{"a huge duration", "POST", "/v1/orders/twap", jsonType, strings.Replace(twap("a", ""), "600", "1e300", 1)},
		{"a duration of a text", "POST", "/v1/orders/twap", jsonType, strings.Replace(twap("a", ""), "600", `"600"`, 1)},
		{"interval and slices", "POST", "/v1/orders/twap", jsonType, twap("a", `,"interval_seconds":10,"slices":5`)},
		{"a limit price of zero", "POST", "/v1/orders/twap", jsonType, twap("a", `,"limit_price":0`)},
		{"a limit price of a text", "POST", "/v1/orders/twap", jsonType, twap("a", `,"limit_price":"market"`)},
		{"too much slippage", "POST", "/v1/orders/twap", jsonType, twap("a", `,"max_slippage_bps":10001`)},
		{"a participation of two", "POST", "/v1/orders/twap", jsonType, twap("a", `,"participation_cap":"2"`)},
		{"an unknown catch-up", "POST", "/v1/orders/twap", jsonType, twap("a", `,"catch_up":"later"`)},
		{"catch-up of null", "POST", "/v1/orders/twap", jsonType, twap("a", `,"catch_up":null`)},
		{"a multiple of eleven", "POST", "/v1/orders/twap", jsonType, twap("a", `,"catch_up_max_multiple":11`)},
		{"a negative seed", "POST", "/v1/orders/twap", jsonType, twap("a", `,"seed":-1`)},
		{"a seed beyond 64 bits", "POST", "/v1/orders/twap", jsonType, twap("a", `,"seed":"18446744073709551616"`)},
		{"a seed of a word", "POST", "/v1/orders/twap", jsonType, twap("a", `,"seed":"lucky"`)},
		{"a start in the past", "POST", "/v1/orders/twap", jsonType, twap("a", `,"starts_at":"2020-01-01T00:00:00Z"`)},
		{"a start far ahead", "POST", "/v1/orders/twap", jsonType, twap("a", `,"starts_at":"9999-12-31T23:59:59Z"`)},
		{"a start without a zone", "POST", "/v1/orders/twap", jsonType, twap("a", `,"starts_at":"2026-01-01T00:00:00"`)},
		{"a start of a number", "POST", "/v1/orders/twap", jsonType, twap("a", `,"starts_at":1760000000`)},
		{"an unknown field", "POST", "/v1/orders/twap", jsonType, twap("a", `,"leverage":10`)},
		{"a limit of a word", "GET", "/v1/orders?limit=many", "", ""},
		{"a limit of zero", "GET", "/v1/orders?limit=0", "", ""},
		{"a limit beyond 64 bits", "GET", "/v1/orders?limit=99999999999999999999", "", ""},
		{"a limit with a sign", "GET", "/v1/orders?limit=%2B5", "", ""},
		{"an empty limit", "GET", "/v1/orders?limit=", "", ""},
		{"two limits", "GET", "/v1/orders?limit=1&limit=2", "", ""},
		{"a cursor that is none", "GET", "/v1/orders?cursor=abc", "", ""},
		{"a cursor of another kind", "GET", "/v1/orders?cursor=%00", "", ""},
		{"a negative cursor", "GET", "/v1/orders?cursor=bi01", "", ""},
		{"an unknown status", "GET", "/v1/orders?status=lost", "", ""},
		{"a query that is none", "GET", "/v1/orders?limit=%zz", "", ""},
		{"a semicolon in a query", "GET", "/v1/orders?limit=1;status=open", "", ""},
		{"a token_id of wildcards", "GET", "/v1/orders/%3E", "", ""},
		{"a token_id of NUL", "GET", "/v1/orders/%00", "", ""},
		{"a token_id of a slash", "GET", "/v1/orders/a%2Fb", "", ""},
		{"a doubly encoded token_id", "GET", "/v1/orders/a%252Fb", "", ""},
		{"a token_id of a percent sign", "GET", "/v1/orders/a%25zz", "", ""},
		{"a token_id that is not UTF-8", "GET", "/v1/orders/%ff", "", ""},
		{"a long path", "GET", "/v1/orders/" + strings.Repeat("a", 8_000), "", ""},
		{"a symbol of NUL", "GET", "/v1/orderbook/binance/%00", "", ""},
		{"a symbol of wildcards in a path", "GET", "/v1/orderbook/binance/*", "", ""},
		{"a symbol of dots", "GET", "/v1/orderbook/binance/BTC..USDT.%3E", "", ""},
		{"a long symbol", "GET", "/v1/klines/binance/" + strings.Repeat("A", 5_000), "", ""},
		{"an exchange of NUL", "GET", "/v1/orderbook/%00/BTC-USDT", "", ""},
		{"an exchange in upper case", "GET", "/v1/orderbook/BINANCE/BTC-USDT", "", ""},
		{"an exchange of emoji", "GET", "/v1/exchanges/%F0%9F%92%A9/pairs", "", ""},
		{"a depth below one", "GET", "/v1/orderbook/binance/BTC-USDT?depth=-1", "", ""},
		{"a detail of maybe", "GET", "/v1/exchanges?detail=maybe", "", ""},
		{"an interval of a year", "GET", "/v1/klines/binance/BTC-USDT?interval=99999999d", "", ""},
		{"an interval of nothing", "GET", "/v1/klines/binance/BTC-USDT?interval=", "", ""},
		{"a start of many digits", "GET", "/v1/klines/binance/BTC-USDT?start=9999999999999999999", "", ""},
		{"an end before the start", "GET", "/v1/klines/binance/BTC-USDT?start=2026-01-02T00:00:00Z&end=2026-01-01T00:00:00Z", "", ""},
		{"a delete of everything unknown", "DELETE", "/v1/orders/none", "", ""},
		{"a method nobody knows", "BREW", "/v1/orders", "", ""},
	}
	for _, r := range requests {
		t.Run(r.name, func(t *testing.T) {
			a, err := h.raw(r.method, r.path, token, r.contentType, r.body)
			if err != nil {
				t.Fatal(err)
			}
			if a.Status < 400 || a.Status >= 500 {
				t.Errorf("%s %.80s: %d %.300s", r.method, r.path, a.Status, a.Body)
			}
		})
	}
	t.Logf("%d requests", len(requests))
	if a := h.get("/v1/orders", token); string(a.Body) != `{"orders":[]}`+"\n" {
		t.Errorf("something was left behind: %s", a.Body)
	}
}

func manyKeys(n int) string {
	var b strings.Builder
	b.WriteString("{")
	for i := range n {
		fmt.Fprintf(&b, `"k%d":1,`, i)
	}
	b.WriteString(`"z":1}`)
	return b.String()
}

// raw sends a request as it is written, which the client would refuse to do.
func (h *house) raw(method, path, token, contentType, body string) (answer, error) {
	conn, err := net.Dial("tcp", strings.TrimPrefix(h.url, "http://"))
	if err != nil {
		return answer{}, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		return answer{}, err
	}
	head := fmt.Sprintf("%s %s HTTP/1.1\r\nHost: test\r\nConnection: close\r\nContent-Length: %d\r\nAuthorization: Bearer %s\r\n", method, path, len(body), token)
	if contentType != "" {
		head += "Content-Type: " + contentType + "\r\n"
	}
	// The server may answer and close before it has read all: that the rest cannot be written is no failure.
	_, _ = conn.Write([]byte(head + "\r\n" + body))
	req, err := http.NewRequestWithContext(h.t.Context(), "GET", h.url, nil)
	if err != nil {
		return answer{}, err
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), req)
	if err != nil {
		return answer{}, err
	}
	defer res.Body.Close()
	a := answer{Status: res.StatusCode, Header: res.Header}
	a.Body = make([]byte, 2_000)
	n, _ := res.Body.Read(a.Body)
	a.Body = a.Body[:n]
	return a, nil
}
