package rest

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestEveryRouteIsDocumentedAndEveryDocumentedRouteIsThere holds the registered routes against the document, both ways.
func TestEveryRouteIsDocumentedAndEveryDocumentedRouteIsThere(t *testing.T) {
	e, err := newEcho(Parts{
		Log: slog.New(slog.DiscardHandler), Stream: func(http.ResponseWriter, *http.Request, netip.Addr) {},
		Ready: func(context.Context) map[string]string { return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	c, err := loadContract()
	if err != nil {
		t.Fatal(err)
	}
	registered := map[string]bool{}
	for _, r := range e.Routes() {
		if strings.HasPrefix(r.Path, "/docs/") || r.Path == "/" || r.Path == "/index.html" {
			continue // pages, not the interface
		}
		registered[r.Method+" "+r.Path] = true
		if c.operations[r.Method+" "+r.Path] == nil {
			t.Errorf("%s %s is not documented", r.Method, r.Path)
		}
	}
	for route := range c.operations {
		if !registered[route] {
			t.Errorf("%s is documented, but not there", route)
		}
	}
	if len(registered) < 30 {
		t.Errorf("only %d routes", len(registered))
	}
}

func FuzzCheckJSON(f *testing.F) {
	for _, seed := range []string{`{"a":1}`, `{"a":1,"a":2}`, `[1e999]`, `"\ud800"`, `{`, ``, `[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]`, `{"a":{"b":[1,2,{"c":null}]}}`} {
		f.Add([]byte(seed))
	}
	c, err := loadContract()
	if err != nil {
		f.Fatal(err)
	}
	create := c.operations["POST /v1/orders/twap"]
	f.Fuzz(func(t *testing.T, body []byte) {
		value, err := create.parse(body)
		if err != nil || len(faultsOf(create.body.Validate(value))) > 0 {
			return
		}
		var into twapRequest
		into.setDefaults()
		decodeFields(body, &into)
	})
}
