package scan

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/hourglass-trading/hourglass/pkg/fuzztest"
)

func TestACursorReadsWhatItIsAskedFor(t *testing.T) {
	c := New([]byte(` { "a" : "x\"y" , "b":[1, -2.5e3 ,"3"], "skip":{"deep":[{"]":"}"}],"n":null}, "t":true,"u":18446744073709551615} `))
	var got []string
	c.Enter('{')
	for c.More('}') {
		switch key := c.Key(); string(key) {
		case "a":
			got = append(got, string(c.Str()))
		case "b":
			c.Enter('[')
			for c.More(']') {
				got = append(got, string(c.Text()))
			}
		case "t":
			if c.Bool() {
				got = append(got, "yes")
			}
		case "u":
			if c.Uint() == 1<<64-1 {
				got = append(got, "most")
			}
		default:
			got = append(got, string(c.Raw()))
		}
	}
	c.End()
	if want := `x"y 1 -2.5e3 3 {"deep":[{"]":"}"}],"n":null} yes most`; c.Err() != nil || strings.Join(got, " ") != want {
		t.Errorf("%q, %v", got, c.Err())
	}
}

func TestWhatIsWrongStaysWrong(t *testing.T) {
	read := map[string]func(c *Cursor){
		`[1 2]`: func(c *Cursor) {
			c.Enter('[')
			for c.More(']') {
				c.Uint()
			}
		},
		`{"a"1}`:                 func(c *Cursor) { c.Enter('{'); c.More('}'); c.Key() },
		`"no end`:                func(c *Cursor) { c.Str() },
		`"\x"`:                   func(c *Cursor) { c.Str() },
		`18446744073709551616`:   func(c *Cursor) { c.Uint() },
		`""`:                     func(c *Cursor) { c.Uint() },
		`1.5`:                    func(c *Cursor) { c.Int() },
		`yes`:                    func(c *Cursor) { c.Bool() },
		`]`:                      func(c *Cursor) { c.Skip() },
		`,`:                      func(c *Cursor) { c.Skip() },
		`{"a":`:                  func(c *Cursor) { c.Skip() },
		strings.Repeat("[", 100): func(c *Cursor) { c.Skip() },
		`{} {}`:                  func(c *Cursor) { c.Skip(); c.End() },
		``:                       func(c *Cursor) { c.Enter('{') },
		`[`:                      func(c *Cursor) { c.Enter('['); c.More(']'); c.Str() },
		`!`:                      func(c *Cursor) { c.Skip() },
	}
	for text, ask := range read {
		c := New([]byte(text))
		ask(&c)
		first := c.Err()
		if !errors.Is(first, ErrSyntax) {
			t.Errorf("%s: %v", text, first)
		}
		c.Fail(errors.New("later"))
		if !errors.Is(c.Err(), first) || c.More('}') || c.Str() != nil || c.Text() != nil || c.Raw() != nil || c.Uint() != 0 || c.Peek() != 0 {
			t.Errorf("%s: goes on after %v", text, first)
		}
	}
}

// FuzzCursor skips anything: what encoding/json takes for valid must be skipped whole.
func FuzzCursor(f *testing.F) {
	for _, text := range []string{`{"a":[1,2,{"b":null}]}`, `"\u00e9\\"`, `-1.5e-7`, ` [ ] `, `{`, `[[[[`, `"\`} {
		f.Add([]byte(text))
	}
	fuzztest.Seed(f)
	f.Fuzz(func(t *testing.T, text []byte) {
		c := New(text)
		c.Skip()
		c.End()
		nested := strings.Count(string(text), "[") + strings.Count(string(text), "{")
		if json.Valid(text) && c.Err() != nil && nested <= maxDepth {
			t.Fatalf("%q: %v", text, c.Err())
		}
		for _, open := range []byte("{[") {
			c := New(text)
			c.Enter(open)
			for c.More(open + 2) { // the closing one of either
				if open == '{' {
					c.Key()
				}
				c.Raw()
			}
			if c.End(); c.Err() == nil && text[len(text)-1] == open {
				t.Fatalf("%q passes", text)
			}
		}
	})
}
