package order

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// CSV returns the report as a table of section, item, field and value, with a header: whatever the JSON holds, a line each,
// in its order. Section is the member (figure for those of the report itself), item counts the entries of a list from 1,
// field is the path inside, with dots. What is not known has an empty value.
func (x *Execution) CSV() ([]byte, error) {
	body, err := json.Marshal(x)
	if err != nil {
		return nil, fmt.Errorf("encode report of order %s: %w", x.OrderID, err)
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	var out bytes.Buffer
	t := table{dec: dec, w: csv.NewWriter(&out)}
	if err := t.w.Write([]string{"section", "item", "field", "value"}); err != nil {
		return nil, fmt.Errorf("write report: %w", err)
	}
	if err := t.value(nil, ""); err != nil {
		return nil, fmt.Errorf("write report of order %s: %w", x.OrderID, err)
	}
	t.w.Flush()
	return out.Bytes(), t.w.Error()
}

// table writes the members of a JSON text as lines.
type table struct {
	dec *json.Decoder
	w   *csv.Writer
}

var errShape = errors.New("not the JSON that was expected")

// value writes the next value, which stands at a path and is an entry of a list or not.
func (t *table) value(path []string, item string) error {
	token, err := t.dec.Token()
	if err != nil {
		return err
	}
	switch token {
	case json.Delim('{'):
		for t.dec.More() {
			name, err := t.dec.Token()
			if err != nil {
				return err
			}
			if err := t.value(append(path, fmt.Sprint(name)), item); err != nil {
				return err
			}
		}
	case json.Delim('['):
		for i := 1; t.dec.More(); i++ {
			at, below := strconv.Itoa(i), path
			if item != "" { // a list in a list has its number in the field
				at, below = item, append(slices.Clone(path), at)
			}
			if err := t.value(below, at); err != nil {
				return err
			}
		}
	case nil:
		return t.line(path, item, "")
	default:
		return t.line(path, item, fmt.Sprint(token))
	}
	_, err = t.dec.Token() // the closing one
	return err
}

func (t *table) line(path []string, item, value string) error {
	switch {
	case len(path) == 0:
		return errShape
	case len(path) == 1 && item == "":
		path = []string{"figure", path[0]}
	}
	return t.w.Write([]string{path[0], item, strings.Join(path[1:], "."), value})
}
