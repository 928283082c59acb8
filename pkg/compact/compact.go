// Package compact writes JSON, the same bytes as encoding/json does, for a third of the work: what a type looks like is
// worked out once, and numbers and times are written where they belong instead of being handed back, checked and copied.
//
// It is for what is written thousands of times a second. Whatever is rare or difficult is left to encoding/json: interfaces,
// floats, arrays, bytes, strings that need escapes, types with a MarshalJSON or MarshalText of their own. It reads nothing.
package compact

import (
	"encoding"
	"encoding/json"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Appender is a value that can append its JSON to a buffer: the same bytes as its MarshalJSON returns, compact and without
// anything that encoding/json would escape.
type Appender interface{ AppendJSON(b []byte) []byte }

// Encoder writes values of a type. It may be used by several goroutines. Make one with For, once.
type Encoder[T any] struct{ write op }

// op appends the JSON of an addressable value.
type op func(b []byte, v reflect.Value) ([]byte, error)

// Special tells how values of some type are written.
type Special struct {
	of    reflect.Type
	write op
}

// Map writes maps of a type without the garbage of reflection.
func Map[K ~string, V Appender]() Special {
	return Special{reflect.TypeFor[map[K]V](), func(b []byte, v reflect.Value) ([]byte, error) {
		m := *v.Addr().Interface().(*map[K]V)
		if m == nil {
			return append(b, "null"...), nil
		}
		var room [16]K
		keys := room[:0]
		for k := range m {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		b = append(b, '{')
		for i, k := range keys {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(appendString(b, string(k)), ':')
			b = m[k].AppendJSON(b)
		}
		return append(b, '}'), nil
	}}
}

// For returns an encoder of a type. It panics for a type that has two fields of one name, or a name that needs an escape.
func For[T any](specials ...Special) Encoder[T] {
	p := planner{special: map[reflect.Type]op{}, open: map[reflect.Type]bool{}}
	for _, s := range specials {
		p.special[s.of] = s.write
	}
	return Encoder[T]{p.plan(reflect.TypeFor[T]())}
}

// Append appends the JSON of v, which must not be nil. It fails where json.Marshal does.
func (e Encoder[T]) Append(b []byte, v *T) ([]byte, error) {
	return e.write(b, reflect.ValueOf(v).Elem())
}

// planner works out how types are written.
type planner struct {
	special map[reflect.Type]op
	open    map[reflect.Type]bool // that are being worked out: one that holds itself is left to encoding/json
}

func (p *planner) plan(t reflect.Type) op {
	if write := p.special[t]; write != nil {
		return write
	}
	ptr := reflect.PointerTo(t)
	switch {
	case t.Kind() == reflect.Pointer:
		return p.pointer(t)
	case t == reflect.TypeFor[time.Time]():
		return writeTime
	case t.Implements(reflect.TypeFor[Appender]()):
		return func(b []byte, v reflect.Value) ([]byte, error) {
			return v.Addr().Interface().(Appender).AppendJSON(b), nil
		}
	case ptr.Implements(reflect.TypeFor[json.Marshaler]()), ptr.Implements(reflect.TypeFor[encoding.TextMarshaler]()), p.open[t]:
		return foreign
	}
	p.open[t] = true
	defer delete(p.open, t)
	switch t.Kind() {
	case reflect.String:
		return func(b []byte, v reflect.Value) ([]byte, error) { return appendString(b, v.String()), nil }
	case reflect.Bool:
		return func(b []byte, v reflect.Value) ([]byte, error) { return strconv.AppendBool(b, v.Bool()), nil }
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return func(b []byte, v reflect.Value) ([]byte, error) { return strconv.AppendInt(b, v.Int(), 10), nil }
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return func(b []byte, v reflect.Value) ([]byte, error) { return strconv.AppendUint(b, v.Uint(), 10), nil }
	case reflect.Slice:
		if t.Elem().Kind() != reflect.Uint8 {
			return p.slice(t)
		}
	case reflect.Struct:
		return p.structure(t)
	}
	return foreign
}

func (p *planner) pointer(t reflect.Type) op {
	elem := p.plan(t.Elem())
	return func(b []byte, v reflect.Value) ([]byte, error) {
		if v.IsNil() {
			return append(b, "null"...), nil
		}
		return elem(b, v.Elem())
	}
}

func (p *planner) slice(t reflect.Type) op {
	elem := p.plan(t.Elem())
	return func(b []byte, v reflect.Value) ([]byte, error) {
		if v.IsNil() {
			return append(b, "null"...), nil
		}
		b = append(b, '[')
		for i := range v.Len() {
			if i > 0 {
				b = append(b, ',')
			}
			var err error
			if b, err = elem(b, v.Index(i)); err != nil {
				return b, err
			}
		}
		return append(b, ']'), nil
	}
}

// field is a field of a struct, or of a struct that is embedded in it.
type field struct {
	index []int
	name  string // with quotes and colon
	omit  func(v reflect.Value) bool
	write op
}

func (p *planner) structure(t reflect.Type) op {
	fields := p.fields(t, nil, nil)
	seen := map[string]bool{}
	for i := range fields {
		name := fields[i].name
		if seen[name] || string(appendString(nil, name[1:len(name)-2]))+":" != name {
			panic("compact: field " + name + " of " + t.String())
		}
		seen[name] = true
	}
	return func(b []byte, v reflect.Value) ([]byte, error) {
		b = append(b, '{')
		first := true
		for i := range fields {
			f := &fields[i]
			at := v
			for _, j := range f.index {
				at = at.Field(j)
			}
			if f.omit != nil && f.omit(at) {
				continue
			}
			if !first {
				b = append(b, ',')
			}
			first = false
			b = append(b, f.name...)
			var err error
			if b, err = f.write(b, at); err != nil {
				return b, err
			}
		}
		return append(b, '}'), nil
	}
}

// fields lists what of a struct comes into JSON.
func (p *planner) fields(t reflect.Type, way []int, out []field) []field {
	for i := range t.NumField() {
		f := t.Field(i)
		tag := f.Tag.Get("json")
		name, options, _ := strings.Cut(tag, ",")
		index := append(slices.Clone(way), i)
		switch {
		case tag == "-":
			continue
		case f.Anonymous && name == "":
			if f.Type.Kind() != reflect.Struct {
				panic("compact: embedded " + f.Type.String())
			}
			out = p.fields(f.Type, index, out)
			continue
		case !f.IsExported():
			continue
		case name == "":
			name = f.Name
		}
		out = append(out, field{index: index, name: `"` + name + `":`, omit: omission(f.Type, options), write: p.plan(f.Type)})
	}
	return out
}

// omission tells when a field is left out; nil if never.
func omission(t reflect.Type, options string) func(reflect.Value) bool {
	var empty, zero func(reflect.Value) bool
	for option := range strings.SplitSeq(options, ",") {
		switch option {
		case "":
		case "omitempty":
			empty = isEmpty(t)
		case "omitzero":
			zero = isZero(t)
		default:
			panic("compact: option " + option)
		}
	}
	switch {
	case zero == nil:
		return empty
	case empty == nil:
		return zero
	}
	return func(v reflect.Value) bool { return empty(v) || zero(v) }
}

type zeroer interface{ IsZero() bool }

func isZero(t reflect.Type) func(reflect.Value) bool {
	switch asked := reflect.TypeFor[zeroer](); {
	case t.Kind() == reflect.Pointer && t.Implements(asked):
		return func(v reflect.Value) bool { return v.IsNil() || v.Interface().(zeroer).IsZero() }
	case t.Kind() != reflect.Pointer && reflect.PointerTo(t).Implements(asked):
		return func(v reflect.Value) bool { return v.Addr().Interface().(zeroer).IsZero() }
	}
	return reflect.Value.IsZero
}

func isEmpty(t reflect.Type) func(reflect.Value) bool {
	switch t.Kind() {
	case reflect.Array, reflect.Map, reflect.Slice, reflect.String:
		return func(v reflect.Value) bool { return v.Len() == 0 }
	case reflect.Struct:
		return nil // never
	}
	return reflect.Value.IsZero
}

// foreign leaves a value to encoding/json.
func foreign(b []byte, v reflect.Value) ([]byte, error) {
	text, err := json.Marshal(v.Addr().Interface())
	return append(b, text...), err
}

// writeTime writes times as they mostly are here: of this age and in UTC.
func writeTime(b []byte, v reflect.Value) ([]byte, error) {
	t := v.Addr().Interface().(*time.Time)
	if year := t.Year(); t.Location() != time.UTC || year < 0 || year > 9999 {
		return foreign(b, v)
	}
	b = append(b, '"')
	b = t.AppendFormat(b, time.RFC3339Nano)
	return append(b, '"'), nil
}

// appendString appends a string; one that needs escapes by way of encoding/json.
func appendString(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			text, _ := json.Marshal(s) // a string can always be written
			return append(b, text...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}
