package gateway_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// routeAttacks ask each route without a right to it. They are made from the interface's description, so a new route is
// attacked without a word here.
func (s *stage) routeAttacks() []attack {
	keys := map[string]string{"read": s.trader, "trade": s.reader, "manage": s.reader} // which lack the scope
	var attacks []attack
	for _, r := range s.routes {
		if r.scope == "" {
			continue
		}
		for _, is := range []struct {
			with, authorization string
			want                int
		}{
			{"no token", "", 401}, {"nonsense for a token", bearer("nonsense"), 401}, {"another scheme", "Basic YWxpY2U6eA==", 401},
			{"an API key without the scope " + r.scope, bearer(keys[r.scope]), 403},
		} {
			attacks = append(attacks, attack{fmt.Sprintf("right: %s with %s", r, is.with), func(t *testing.T) {
				refused(t, s.try(t, r.method, s.at(r), bodies[r.id], "Content-Type", r.media, "Authorization", is.authorization), is.want)
			}})
		}
	}
	return attacks
}

// foreignAttacks use the victim's ids with the attacker's token: on each route that takes one, and in each stream.
func (s *stage) foreignAttacks() []attack {
	var attacks []attack
	for _, r := range s.routes {
		if !strings.Contains(r.path, "{token_id}") && !strings.Contains(r.path, "{key_id}") {
			continue
		}
		attacks = append(attacks, attack{fmt.Sprintf("foreign id: %s", r), func(t *testing.T) {
			refused(t, s.try(t, r.method, s.at(r), bodies[r.id], "Content-Type", r.media, "Authorization", bearer(s.bob)), 404)
		}})
	}
	for _, prefix := range []string{"/v1", ""} {
		attacks = append(attacks, attack{"foreign id: GET " + prefix + "/orders filtered by it", func(t *testing.T) {
			a := s.try(t, "GET", prefix+"/orders?token_id="+s.order, "", "Authorization", bearer(s.bob))
			if a.Status != 200 || string(a.Body) != `{"orders":[]}`+"\n" {
				t.Errorf("%d %s", a.Status, a.Body)
			}
		}})
	}
	return append(attacks, attack{"foreign id: the stream orders, filtered by it, from the beginning", func(t *testing.T) {
		w := s.dial(s.bob)
		w.hello()
		w.send(`{"action":"subscribe","stream":"orders","token_id":%q,"from_seq":0}`, s.order)
		w.next("ack")
		s.silent(t, w)
	}}, attack{"foreign id: the stream orders from a place of the victim's", func(t *testing.T) {
		w := s.dial(s.bob)
		w.hello()
		w.send(`{"action":"subscribe","stream":"orders","from_seq":1}`)
		w.next("ack")
		s.silent(t, w)
	}}, attack{"foreign id: GET /v1/events from the beginning", func(t *testing.T) {
		l := s.listen(s.bob, "0")
		defer func() { _ = l.close() }()
		if _, _, data, ok := l.next(); !ok || strings.Contains(data, s.order) { // bob's own account was opened
			t.Errorf("the first event: %s", data)
		}
	}})
}

// silent fails if a stream carries the victim's order although the victim is busy.
func (s *stage) silent(t *testing.T, w *wire) {
	t.Helper()
	if err := s.executor.fill(t.Context(), s.account(t, s.order), s.order, 1); err != nil {
		t.Fatal(err)
	}
	s.pause()
	w.send(`{"action":"ping"}`)
	for {
		f, err := w.read()
		if err != nil || f["type"] == "pong" {
			return
		}
		if strings.Contains(fmt.Sprint(f), s.order) {
			t.Errorf("the victim's order: %v", f)
		}
	}
}

// bodyAttacks send each route that takes a body what is none.
func (s *stage) bodyAttacks() []attack {
	type trial struct {
		name, media, body string
		want              []int
	}
	var attacks []attack
	for _, r := range s.routes {
		good, known := bodies[r.id]
		if r.media == "" || !strings.HasPrefix(r.path, "/v1/") {
			continue
		}
		if !known {
			s.t.Errorf("%s takes a body of which the test has no example", r)
			continue
		}
		other := "application/x-www-form-urlencoded"
		if r.media == other {
			other = "application/json"
		}
		trials := []trial{
			{"text/plain", "text/plain", good, []int{415}}, {"multipart/form-data", "multipart/form-data; boundary=x", good, []int{415}},
			{"no content type", "", good, []int{415}}, {other, other, good, []int{415}}, {"another charset", r.media + "; charset=utf-16", good, []int{415}},
			{"a content type that is none", ";;;", good, []int{415}},
			{"20 KiB", r.media, strings.Repeat(" ", 20<<10) + good, []int{413}}, {"nothing", r.media, "", []int{400, 422}}, {"a NUL byte", r.media, "\x00", []int{400, 422}},
		}
		if r.media == "application/json" {
			for _, is := range [][2]string{
				{"a list", "[" + good + "]"}, {"null", "null"}, {"a text", `"x"`}, {"a number", "1"}, {"JSON cut off", good[:len(good)-1]}, {"JSON with more behind", good + "{}"},
				{"an unknown field", `{"admin":true,` + good[1:]}, {"a prototype", `{"__proto__":{"admin":true},` + good[1:]}, {"a field twice", good[:len(good)-1] + `,"x":1,"x":2}`},
				{"deep JSON", `{"x":` + strings.Repeat("[", 2_000) + strings.Repeat("]", 2_000) + "}"}, {"a huge exponent", `{"x":1e999999999}`}, {"bytes that are not UTF-8", "{\"x\":\"\xff\"}"},
			} {
				trials = append(trials, trial{is[0], r.media, is[1], []int{400, 422}})
			}
		}
		for _, is := range trials {
			attacks = append(attacks, attack{fmt.Sprintf("body: %s of %s", r, is.name), func(t *testing.T) {
				refused(t, s.try(t, r.method, s.at(r), is.body, "Content-Type", is.media, "Authorization", bearer(s.bob)), is.want...)
			}})
		}
	}
	return slices.Clip(attacks)
}
