package account

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
)

// meaning is raised when a State means something else by the same fields.
const meaning = 2

// Layout names the form of a snapshot: what a State holds, by name and type, and what it means by it. A snapshot of another
// form is not read.
func Layout() string {
	h := sha256.New()
	describe(h, reflect.TypeFor[State](), map[reflect.Type]bool{})
	return fmt.Sprintf("%d-%s", meaning, hex.EncodeToString(h.Sum(nil)[:8]))
}

// describe writes what of a type comes into JSON.
func describe(w io.Writer, t reflect.Type, seen map[reflect.Type]bool) {
	_, _ = fmt.Fprintf(w, "%s ", t) // a hash takes all
	if seen[t] || t.Implements(reflect.TypeFor[json.Marshaler]()) {
		return
	}
	seen[t] = true
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array:
		describe(w, t.Elem(), seen)
	case reflect.Map:
		describe(w, t.Key(), seen)
		describe(w, t.Elem(), seen)
	case reflect.Struct:
		for f := range t.Fields() {
			if f.IsExported() {
				_, _ = fmt.Fprintf(w, "%s %s ", f.Name, f.Tag)
				describe(w, f.Type, seen)
			}
		}
	}
}
