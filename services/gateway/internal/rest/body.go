package rest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/order"
)

// Bounds of a JSON body beyond its size. A number's exponent is bounded because the schema validator and the decimal
// parser would both have to write the number out: 1e999999999 is eleven bytes and a gigabyte.
const (
	maxDepth    = 16
	maxNumber   = 128 // characters
	maxExponent = 400
)

// checkJSON reports what is wrong with a text as JSON: its syntax, bytes that are not UTF-8, a key twice in an object,
// nesting or numbers beyond any use. The standard decoder lets most of these pass.
func checkJSON(body []byte) error {
	if !utf8.Valid(body) {
		return errors.New("the body is not UTF-8")
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	if err := checkValue(dec, 0); err != nil {
		return err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the JSON value")
	}
	return nil
}

func checkValue(dec *json.Decoder, depth int) error {
	token, err := dec.Token()
	if err != nil {
		return syntax(err)
	}
	switch t := token.(type) {
	case json.Number:
		return checkNumber(string(t))
	case json.Delim:
		if depth++; depth > maxDepth {
			return fmt.Errorf("nested more than %d deep", maxDepth)
		}
		if t == '{' {
			return checkObject(dec, depth)
		}
		for dec.More() {
			if err := checkValue(dec, depth); err != nil {
				return err
			}
		}
		return closing(dec)
	}
	return nil
}

func checkObject(dec *json.Decoder, depth int) error {
	seen := map[string]bool{}
	for dec.More() {
		token, err := dec.Token()
		if err != nil {
			return syntax(err)
		}
		key, _ := token.(string)
		if seen[key] {
			return fmt.Errorf("field %.40q is there twice", key)
		}
		seen[key] = true
		if err := checkValue(dec, depth); err != nil {
			return err
		}
	}
	return closing(dec)
}

func closing(dec *json.Decoder) error {
	if _, err := dec.Token(); err != nil {
		return syntax(err)
	}
	return nil
}

func checkNumber(text string) error {
	if len(text) > maxNumber {
		return fmt.Errorf("a number has more than %d characters", maxNumber)
	}
	if i := strings.IndexAny(text, "eE"); i >= 0 {
		if e, err := strconv.Atoi(text[i+1:]); err != nil || e > maxExponent || e < -maxExponent {
			return fmt.Errorf("the exponent of %.40s is out of bounds", text)
		}
	}
	return nil
}

func syntax(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("the JSON value ends too early")
	}
	return errors.New(strings.TrimPrefix(err.Error(), "json: "))
}

// decodeFields decodes the members of a JSON object into a struct one by one, so that each fault names its field and all
// are told together. The names were checked against the schema before.
func decodeFields(body []byte, into any) []order.FieldError {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(body, &fields); err != nil {
		return []order.FieldError{{Field: "", Detail: "must be an object"}}
	}
	var faults []order.FieldError
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		one, err := json.Marshal(map[string]json.RawMessage{name: fields[name]})
		if err == nil {
			dec := json.NewDecoder(bytes.NewReader(one))
			dec.DisallowUnknownFields()
			err = dec.Decode(into)
		}
		if err != nil {
			faults = append(faults, faultAt([]string{name}, faultOf(err)))
		}
	}
	return faults
}

// faultOf says what is wrong with a value, in words for a client.
func faultOf(err error) string {
	var kind *json.UnmarshalTypeError
	switch {
	case errors.Is(err, decimal.ErrOverflow):
		return "does not fit 38 digits exactly"
	case errors.Is(err, decimal.ErrSyntax):
		return "must be a decimal number"
	case errors.As(err, &kind):
		return "cannot be " + kind.Value
	case strings.HasPrefix(err.Error(), "json: unknown field"):
		return "unknown field"
	}
	return "is not valid: " + err.Error()
}
