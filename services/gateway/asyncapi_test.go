package gateway_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/hourglass-trading/hourglass/pkg/order"
)

// streams is the description of the streams, which every frame of every test is held against.
var streams = sync.OnceValues(func() (func(schema string) (*jsonschema.Schema, error), error) {
	text, err := os.ReadFile("internal/stream/asyncapi.json")
	if err != nil {
		return nil, err
	}
	tree, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	const url = "https://hourglass.invalid/asyncapi.json"
	if err := compiler.AddResource(url, tree); err != nil {
		return nil, err
	}
	var mu sync.Mutex // the compiler keeps what it has compiled
	return func(schema string) (*jsonschema.Schema, error) {
		mu.Lock()
		defer mu.Unlock()
		return compiler.Compile(url + "#/components/schemas/" + schema)
	}, nil
})

// documented reports what is not as the description says of a schema's values.
func documented(schema string, data []byte) error {
	find, err := streams()
	if err != nil {
		return err
	}
	s, err := find(schema)
	if err != nil {
		return err
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		return err
	}
	return s.Validate(value)
}

func TestWhatTheBusCarriesIsDocumented(t *testing.T) {
	files, err := filepath.Glob("../../pkg/bus/testdata/*.json")
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, file := range files {
		name, _ := strings.CutSuffix(filepath.Base(file), ".json")
		switch {
		case strings.HasPrefix(name, "md."):
			name = strings.ReplaceAll(name, ".", "_")
		case strings.HasPrefix(name, "evt."):
			name = "usr"
		default:
			continue // between services
		}
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := documented(name, data); err != nil {
			t.Errorf("%s: %v", file, err)
		}
		checked++
	}
	if checked < 8 {
		t.Errorf("only %d messages were checked", checked)
	}
}

func TestTheStreamsDocumentIsServed(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	for _, path := range []string{"/asyncapi.json", "/v1/asyncapi.json"} {
		if a := h.get(path, ""); a.Status != 200 || a.field(t, "asyncapi") != "3.0.0" {
			t.Errorf("%s: %d %.80s", path, a.Status, a.Body)
		}
	}
	for _, event := range []order.EventType{
		order.AccountOpened, order.Deposited, order.CommandRejected, order.OrderAccepted, order.OrderStarted, order.SliceDecided, order.SliceArrived,
		order.OrderMatched, order.OrderPaused, order.OrderResumed, order.OrderAmended, order.OrderEnded, order.OrderReported,
	} {
		if err := documented("frame_orders", []byte(`{"type":"orders","stream":"orders","seq":1,"ts":"2026-01-01T00:00:00Z","event":"`+string(event)+`"}`)); err != nil {
			t.Errorf("%s: %v", event, err)
		}
	}
}
