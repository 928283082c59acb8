// Package scan reads JSON messages without building anything: a Cursor walks over the bytes, its user asks for what it
// knows and skips the rest, in whatever order the keys come.
//
// A Cursor belongs to one goroutine. It checks what it walks through only as far as its user needs: a skipped value must
// be balanced, not valid. It never panics and never reads beyond the message. The first error sticks and makes every
// further answer empty, so that its user checks once, at the end.
package scan

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
)

// ErrSyntax says that a message is not the JSON that its reader asked for.
var ErrSyntax = errors.New("not the JSON expected")

// maxDepth bounds how deeply a skipped value may nest. The exchanges stay below ten.
const maxDepth = 64

// Cursor walks over one message.
type Cursor struct {
	data  []byte
	pos   int
	fresh bool // just behind an opening bracket: no comma is due
	err   error
}

// New returns a cursor at the start of a message, which must not change while it is read.
func New(message []byte) Cursor { return Cursor{data: message} }

// Err returns the first error.
func (c *Cursor) Err() error { return c.err }

// Fail makes err the cursor's error unless it has one.
func (c *Cursor) Fail(err error) {
	if c.err == nil {
		c.err = err
	}
}

func (c *Cursor) fail(want string) {
	if c.err == nil {
		c.err = fmt.Errorf("%w: %s at byte %d of %d", ErrSyntax, want, c.pos, len(c.data))
	}
}

// Peek returns the first byte of the next value, or 0 at the end.
func (c *Cursor) Peek() byte {
	for c.err == nil && c.pos < len(c.data) {
		switch b := c.data[c.pos]; b {
		case ' ', '\t', '\n', '\r':
			c.pos++
		default:
			return b
		}
	}
	return 0
}

// Enter steps into an object ('{') or an array ('[').
func (c *Cursor) Enter(open byte) {
	if c.Peek() != open {
		c.fail("expected " + string(rune(open)))
		return
	}
	c.pos++
	c.fresh = true
}

// More reports whether another member follows before the closing bracket, and steps over the comma or the bracket.
func (c *Cursor) More(closing byte) bool {
	next := c.Peek()
	switch {
	case next == closing && closing != 0:
		c.pos++
		c.fresh = false
		return false
	case c.fresh:
		c.fresh = false
	case next == ',':
		c.pos++
	default:
		c.fail("expected , or " + string(rune(closing)))
	}
	return c.err == nil
}

// Key reads an object's key and its colon. It is valid until the message changes.
func (c *Cursor) Key() []byte {
	key := c.Str()
	if c.Peek() != ':' {
		c.fail("expected :")
		return nil
	}
	c.pos++
	return key
}

// Str reads a string. Without escapes it is a part of the message, else a copy.
func (c *Cursor) Str() []byte {
	if c.Peek() != '"' {
		c.fail("expected a string")
		return nil
	}
	start := c.pos
	escaped := c.skipString()
	if c.err != nil {
		return nil
	}
	if !escaped {
		return c.data[start+1 : c.pos-1]
	}
	var s string
	if err := json.Unmarshal(c.data[start:c.pos], &s); err != nil {
		c.fail("expected a string")
	}
	return []byte(s)
}

// Text reads the text of a string or of a number.
func (c *Cursor) Text() []byte {
	if c.Peek() == '"' {
		return c.Str()
	}
	start := c.pos
	for c.pos < len(c.data) && isNumber(c.data[c.pos]) {
		c.pos++
	}
	if c.err == nil && c.pos == start {
		c.fail("expected a number")
	}
	if c.err != nil {
		return nil
	}
	return c.data[start:c.pos]
}

func isNumber(b byte) bool {
	return b >= '0' && b <= '9' || b == '.' || b == '-' || b == '+' || b == 'e' || b == 'E'
}

// Uint reads an unsigned integer, bare or as a string.
func (c *Cursor) Uint() uint64 {
	text := c.Text()
	if c.err != nil {
		return 0
	}
	var n uint64
	for _, b := range text {
		d := uint64(b - '0')
		if d > 9 || n > (1<<64-1-d)/10 {
			c.fail("expected a whole number")
			return 0
		}
		n = n*10 + d
	}
	if len(text) == 0 {
		c.fail("expected a whole number")
	}
	return n
}

// Int reads an integer, bare or as a string.
func (c *Cursor) Int() int64 {
	text := c.Text()
	if c.err != nil {
		return 0
	}
	n, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil {
		c.fail("expected a whole number")
	}
	return n
}

// Bool reads true or false.
func (c *Cursor) Bool() bool {
	word := c.Raw()
	switch {
	case string(word) == "true":
		return true
	case string(word) == "false":
		return false
	}
	c.fail("expected true or false")
	return false
}

// Raw skips a value and returns its bytes.
func (c *Cursor) Raw() []byte {
	c.Peek()
	start := c.pos
	c.Skip()
	if c.err != nil {
		return nil
	}
	return bytes.TrimSpace(c.data[start:c.pos])
}

// Skip steps over a value.
func (c *Cursor) Skip() {
	depth := 0
	for {
		switch b := c.Peek(); b {
		case 0:
			c.fail("expected a value")
			return
		case '"':
			c.skipString()
		case '{', '[':
			depth++
			c.pos++
		case '}', ']':
			depth--
			c.pos++
		case ',', ':':
			if depth == 0 {
				c.fail("expected a value")
				return
			}
			c.pos++
			continue
		default:
			c.skipWord()
		}
		if c.err != nil {
			return
		}
		if depth < 0 || depth > maxDepth {
			c.fail("expected balanced brackets")
			return
		}
		if depth == 0 {
			return
		}
	}
}

func (c *Cursor) skipString() (escaped bool) {
	for i := c.pos + 1; i < len(c.data); i++ {
		switch c.data[i] {
		case '\\':
			escaped = true
			i++
		case '"':
			c.pos = i + 1
			return escaped
		}
	}
	c.fail("expected the end of a string")
	return escaped
}

func (c *Cursor) skipWord() {
	start := c.pos
	for c.pos < len(c.data) && (isNumber(c.data[c.pos]) || c.data[c.pos] >= 'a' && c.data[c.pos] <= 'z') {
		c.pos++
	}
	if c.pos == start {
		c.fail("expected a value")
	}
}

// End checks that nothing follows.
func (c *Cursor) End() {
	if c.Peek() != 0 || c.err == nil && c.pos < len(c.data) {
		c.fail("expected the end")
	}
}
