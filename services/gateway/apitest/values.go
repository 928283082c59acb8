package apitest

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
)

// maxDepth bounds how deep a made value is; no schema of ours needs more.
const maxDepth = 6

// value makes a value that a schema allows.
func (s *Source) value(schema *openapi3.Schema, name string, depth int) any {
	if depth > maxDepth {
		return nil
	}
	if len(schema.OneOf) > 0 {
		return s.value(pick(s.rand, schema.OneOf).Value, name, depth+1)
	}
	if len(schema.Enum) > 0 {
		return pick(s.rand, schema.Enum)
	}
	switch kind := s.kind(schema); kind {
	case "object":
		return s.object(schema, depth)
	case "array":
		return s.array(schema, name, depth)
	case "boolean":
		return s.rand.IntN(2) == 0
	case "integer":
		return s.integer(schema)
	case "number":
		return json.Number(s.decimal())
	case "null":
		return nil
	default:
		return s.text(schema, name)
	}
}

func (s *Source) kind(schema *openapi3.Schema) string {
	if schema.Type == nil || len(schema.Type.Slice()) == 0 {
		return "string"
	}
	return pick(s.rand, schema.Type.Slice())
}

// object makes the required members and each other one half of the time.
func (s *Source) object(schema *openapi3.Schema, depth int) map[string]any {
	made := map[string]any{}
	names := make([]string, 0, len(schema.Properties))
	for name := range schema.Properties {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if slices.Contains(schema.Required, name) || s.rand.IntN(4) == 0 {
			made[name] = s.value(schema.Properties[name].Value, name, depth+1)
		}
	}
	if len(made) == 0 && schema.MinProps > 0 {
		name := pick(s.rand, names)
		made[name] = s.value(schema.Properties[name].Value, name, depth+1)
	}
	return made
}

func (s *Source) array(schema *openapi3.Schema, name string, depth int) []any {
	n, made := int(schema.MinItems)+s.rand.IntN(2), []any{}
	if schema.MaxItems != nil {
		n = min(n, int(*schema.MaxItems))
	}
	for range n {
		v := s.value(schema.Items.Value, name, depth+1)
		if !slices.ContainsFunc(made, func(have any) bool { return fmt.Sprint(have) == fmt.Sprint(v) }) {
			made = append(made, v)
		}
	}
	return made
}

func (s *Source) integer(schema *openapi3.Schema) json.Number {
	low, high := int64(0), int64(1_000)
	if schema.Min != nil {
		low = int64(*schema.Min)
	}
	if schema.Max != nil && *schema.Max < math.MaxInt64 {
		high = int64(*schema.Max)
	}
	n := low + s.rand.Int64N(max(1, high-low+1))
	switch s.rand.IntN(8) {
	case 0:
		n = low
	case 1:
		n = high
	}
	return json.Number(strconv.FormatInt(n, 10))
}

func (s *Source) decimal() string {
	switch s.rand.IntN(6) {
	case 0:
		return strconv.Itoa(1 + s.rand.IntN(100_000))
	case 1:
		return fmt.Sprintf("%d.%0*d", s.rand.IntN(70_000), 1+s.rand.IntN(12), s.rand.IntN(1_000_000_000))
	case 2:
		return fmt.Sprintf("%de%d", 1+s.rand.IntN(9), s.rand.IntN(12)-6)
	}
	return fmt.Sprintf("0.%04d", 1+s.rand.IntN(9_999))
}

// text makes a text that a schema allows, or a name that there is.
func (s *Source) text(schema *openapi3.Schema, name string) string {
	if known := s.names[name]; len(known) > 0 && s.rand.IntN(10) > 0 {
		return pick(s.rand, known)
	}
	if len(schema.Enum) > 0 {
		return fmt.Sprint(pick(s.rand, schema.Enum))
	}
	switch {
	case schema.Type != nil && schema.Type.Is("integer"):
		return s.integer(schema).String()
	case schema.Type != nil && schema.Type.Is("boolean"):
		return strconv.FormatBool(s.rand.IntN(2) == 0)
	case schema.Format == "date-time":
		return time.Now().UTC().Add(time.Duration(s.rand.IntN(7_200)-60) * time.Second).Format(time.RFC3339Nano)
	case strings.Contains(schema.Pattern, `(\.[0-9]+)?`):
		return s.decimal()
	}
	const letters = "abcdefghijklmnopqrstuvwxyz0123456789"
	n := int(schema.MinLength) + 1 + s.rand.IntN(12)
	if schema.MaxLength != nil {
		n = min(n, int(*schema.MaxLength))
	}
	var b strings.Builder
	for range n {
		b.WriteByte(letters[s.rand.IntN(len(letters))])
	}
	return b.String()
}
