package backtest

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"

	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/order"
)

// maxFaults bounds how many faults of a script are told; a person mends a few and runs it again.
const maxFaults = 20

// Faults are what is wrong with a script, by the path of the field. They are an error.
type Faults []order.FieldError

// Error implements error: a line for each fault.
func (f Faults) Error() string {
	var out bytes.Buffer
	for i, fault := range f {
		if i > 0 {
			out.WriteByte('\n')
		}
		out.WriteString(fault.Field + ": " + fault.Detail)
	}
	return out.String()
}

// reader collects faults.
type reader struct{ faults Faults }

func (r *reader) add(path, format string, args ...any) {
	if len(r.faults) < maxFaults {
		r.faults = append(r.faults, order.FieldError{Field: path, Detail: fmt.Sprintf(format, args...)})
	}
}

// decode reads a text that is one JSON object.
func (r *reader) decode(text []byte) *object {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var v any
	err := dec.Decode(&v)
	if err == nil {
		if _, more := dec.Token(); !errors.Is(more, io.EOF) {
			err = errors.New("something follows the object")
		}
	}
	if err != nil {
		at := dec.InputOffset()
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			at = syntax.Offset
		}
		r.add("line "+strconv.Itoa(1+bytes.Count(text[:min(int(at), len(text))], []byte("\n"))), "not JSON: %v", err)
		return nil
	}
	return r.object("", v)
}

// object is a JSON object whose members are asked for one by one.
type object struct {
	r       *reader
	path    string
	members map[string]any
	asked   map[string]bool
}

// object takes v as an object; where it is none, that is a fault and every member is absent.
func (r *reader) object(path string, v any) *object {
	members, ok := v.(map[string]any)
	if !ok {
		r.add(cmp.Or(path, "file"), "must be an object")
	}
	return &object{r: r, path: path, members: members, asked: map[string]bool{}}
}

func (o *object) at(name string) string {
	if o.path == "" {
		return name
	}
	return o.path + "." + name
}

// get returns a member; nil where it is absent or null.
func (o *object) get(name string) any {
	o.asked[name] = true
	return o.members[name]
}

// has reports whether a member is there, null or not.
func (o *object) has(name string) bool {
	_, ok := o.members[name]
	return ok
}

// closed complains about members that nobody asked for: a misspelt parameter must not be passed over.
func (o *object) closed() {
	var unknown []string
	for name := range o.members {
		if !o.asked[name] {
			unknown = append(unknown, name)
		}
	}
	slices.Sort(unknown)
	for _, name := range unknown {
		o.r.add(o.at(name), "is not a field of this format")
	}
}

func (o *object) child(name string) *object { return o.r.object(o.at(name), o.get(name)) }

// list returns a member that is a list; an absent one is empty.
func (o *object) list(name string) []any {
	v := o.get(name)
	if v == nil {
		return nil
	}
	out, ok := v.([]any)
	if !ok {
		o.r.add(o.at(name), "must be a list")
	}
	return out
}

func (o *object) text(name, absent string) string {
	v := o.get(name)
	if v == nil {
		return absent
	}
	s, ok := v.(string)
	if !ok {
		o.r.add(o.at(name), "must be a text")
	}
	return s
}

// whole returns a whole number from low to high, or absent where there is none.
func (o *object) whole(name string, absent, low, high int64) int64 {
	v := o.get(name)
	if v == nil {
		return absent
	}
	n, err := strconv.ParseInt(plain(v), 10, 64)
	if err != nil || n < low || n > high {
		o.r.add(o.at(name), "must be a whole number from %d to %d", low, high)
		return absent
	}
	return n
}

// need reports whether a member is there, and complains where it is not. Of what is no object that has been told already.
func (o *object) need(name string) bool {
	if o.get(name) != nil {
		return true
	}
	if o.members != nil {
		o.r.add(o.at(name), "is missing")
	}
	return false
}

// number returns an exact number, nil where there is none.
func (o *object) number(name string) *decimal.Decimal {
	v := o.get(name)
	if v == nil {
		return nil
	}
	return o.r.number(o.at(name), v)
}

// amount returns a number from zero, absent where there is none.
func (o *object) amount(name string, absent decimal.Decimal) decimal.Decimal {
	d := o.number(name)
	if d == nil {
		return absent
	}
	if d.Sign() < 0 {
		o.r.add(o.at(name), "must not be below 0")
	}
	return *d
}

// positive returns a number above zero that must be there.
func (o *object) positive(name string) decimal.Decimal {
	if !o.need(name) {
		return decimal.Decimal{}
	}
	d := o.number(name)
	if d == nil {
		return decimal.Decimal{}
	}
	if d.Sign() <= 0 {
		o.r.add(o.at(name), "must be above 0")
	}
	return *d
}

func (r *reader) number(path string, v any) *decimal.Decimal {
	d, err := decimal.Parse(plain(v))
	if err != nil {
		r.add(path, "must be a number, best in quotes: %v", err)
		return nil
	}
	return &d
}

// plain is the text of a number that is written as a string or bare; of anything else a text that is no number.
func plain(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	}
	return ""
}
