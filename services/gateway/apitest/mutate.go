package apitest

import (
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// nasty are values that something may stumble over.
var nasty = []any{
	nil, true, false, "", " ", "\x00", "*", ">", "a.b", "../..", "$JS.API.>", "NaN", "Infinity", "-0", "1e400", "0x10", "١٢", "\u202e", "\U0001f4a9", "a\r\nb", strings.Repeat("a", 300), strings.Repeat("9", 80), []any{}, map[string]any{},
	[]any{nil}, []any{[]any{[]any{}}}, map[string]any{"": nil}, map[string]any{"a": map[string]any{"b": 1}}, json.Number("0"), json.Number("-1"), json.Number("0.5"), json.Number("1e308"), json.Number("1e-400"), json.Number("9223372036854775808"),
	json.Number("-9223372036854775809"), json.Number("18446744073709551616"), json.Number("1e999999"), json.Number("99999999999999999999999999999999999999999"), "2026-02-30T00:00:00Z", "0000-01-01T00:00:00Z", "9999-12-31T23:59:60Z", "all", "binance", "BTC-USDT",
}

// mutate changes one thing of a value, somewhere in it.
func (s *Source) mutate(v any, depth int) any {
	switch v := v.(type) {
	case map[string]any:
		if len(v) > 0 && depth < maxDepth {
			return s.mutateObject(v, depth)
		}
	case []any:
		if len(v) > 0 && s.rand.IntN(2) == 0 {
			v = slices.Clone(v)
			i := s.rand.IntN(len(v))
			v[i] = s.mutate(v[i], depth+1)
			return v
		}
		if s.rand.IntN(4) == 0 {
			return slices.Repeat(append(v, "x"), 40)
		}
	case string:
		if s.rand.IntN(2) == 0 {
			return s.hostile(v)
		}
	}
	return pick(s.rand, nasty)
}

func (s *Source) mutateObject(v map[string]any, depth int) any {
	v = maps.Clone(v)
	names := slices.Sorted(maps.Keys(v))
	name := pick(s.rand, names)
	switch s.rand.IntN(8) {
	case 0:
		delete(v, name)
	case 1:
		v[s.hostile(name)] = pick(s.rand, nasty)
	case 2:
		v[strings.ToUpper(name)] = v[name]
	case 3:
		v[name] = v[pick(s.rand, names)]
	default:
		v[name] = s.mutate(v[name], depth+1)
	}
	return v
}

// hostile turns a text into one that is nearly it, or nothing like it.
func (s *Source) hostile(text string) string {
	switch s.rand.IntN(6) {
	case 0:
		if other, ok := pick(s.rand, nasty).(string); ok {
			return other
		}
		return ""
	case 1:
		return text + pick(s.rand, []string{" ", "\x00", ".", "/", "%", "\n", "é", "\xff", "'", "\""})
	case 2:
		return strings.ToUpper(text)
	case 3:
		return strings.Repeat(text+"x", 1+s.rand.IntN(60))
	case 4:
		return url.QueryEscape(url.QueryEscape(text + "/"))
	}
	return s.scramble(text)
}

// scramble changes the bytes of a text.
func (s *Source) scramble(text string) string {
	if text == "" {
		return "\x00"
	}
	b := []byte(text)
	at := s.rand.IntN(len(b))
	switch s.rand.IntN(5) {
	case 0:
		return string(b[:at])
	case 1:
		b[at] ^= byte(1 << s.rand.IntN(8))
	case 2:
		b[at] = byte(s.rand.IntN(256))
	case 3:
		return string(b[:at]) + string(b[s.rand.IntN(len(b)):])
	default:
		return string(slices.Insert(b, at, []byte(`"{[,:]}\`)[s.rand.IntN(8)]))
	}
	return string(b)
}

// head changes something around the body.
func (s *Source) head(r *Request, path *string, query url.Values) {
	switch s.rand.IntN(7) {
	case 0:
		r.Method = pick(s.rand, []string{"GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE"})
	case 1:
		r.Header["Content-Type"] = pick(s.rand, []string{"", "text/plain", "application/json; charset=utf-16", "application/x-www-form-urlencoded", ";", "multipart/form-data; boundary=x", "application/json"})
	case 2:
		r.Header["Authorization"] = pick(s.rand, []string{"", "Bearer", "Bearer x.y.z", "Basic YTpi", "Bearer " + strings.Repeat("a", 5_000), "bearer\tx"})
	case 3:
		query.Add(pick(s.rand, []string{"limit", "cursor", "status", "depth", "x", ""}), s.hostile("1"))
	case 4:
		*path = pick(s.rand, []string{"/", "/v2", "/v1/v1", "", "/.", "//"}) + *path
	case 5:
		*path += pick(s.rand, []string{"/", "/x", "%00", ";a=b", ".json", "%2F", "/.."})
	case 6:
		r.Header[pick(s.rand, []string{"Idempotency-Key", "If-Match", "Last-Event-ID", "Accept", "Accept-Encoding", "X-Forwarded-For", "Cookie", "Range"})] = strings.Map(visible, s.hostile("*"))
	}
}

// visible drops what no header can carry.
func visible(r rune) rune {
	if r < ' ' || r == 0x7f || r == '\ufffd' {
		return -1
	}
	return r
}
