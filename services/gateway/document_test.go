package gateway_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// described is the interface's own description.
var described = sync.OnceValues(func() (*openapi3.T, error) {
	text, err := os.ReadFile("internal/rest/openapi.yaml")
	if err != nil {
		return nil, err
	}
	doc, err := openapi3.NewLoader().LoadFromData(text)
	if err != nil {
		return nil, err
	}
	if err := doc.Validate(context.Background(), openapi3.IsOpenAPI31OrLater()); err != nil {
		return nil, err
	}
	return doc, nil
})

// document is what every answer of every test is held against.
var document = sync.OnceValues(func() (routers.Router, error) {
	doc, err := described()
	if err != nil {
		return nil, err
	}
	return gorillamux.NewRouter(doc)
})

func validate(t *testing.T, req *http.Request, a answer) {
	t.Helper()
	if a.Header.Get("X-Request-Id") == "" && a.Status != http.StatusBadRequest { // the server's own 400 knows no id
		t.Errorf("%s %s: answer %d without X-Request-Id", req.Method, req.URL, a.Status)
	}
	if a.Status >= 400 && !strings.HasPrefix(a.Header.Get("Content-Type"), "application/problem+json") && a.Header.Get("X-Request-Id") != "" {
		t.Errorf("%s %s: error %d is no problem but %s", req.Method, req.URL, a.Status, a.Header.Get("Content-Type"))
	}
	router, err := document()
	if err != nil {
		t.Fatal(err)
	}
	if strings.HasPrefix(a.Header.Get("Content-Type"), "application/problem+json") {
		if code, _ := a.field(t, "code").(string); !documentedCodes()[code] {
			t.Errorf("%s %s: code %q is not listed in the document", req.Method, req.URL, code)
		}
	}
	if strings.HasPrefix(a.Header.Get("Content-Type"), "text/html") {
		return // nothing to decode
	}
	route, _, err := router.FindRoute(req)
	if err != nil {
		return // not a documented route; the answer is a 404 or a 405, which the caller expects
	}
	if err := conforms(route, a); err != nil {
		t.Errorf("%s %s: answer %d is not as documented: %v\n%s", req.Method, req.URL, a.Status, err, a.Body)
	}
}

// conforms holds an answer against what the description says of its route: the status, the content type, the body and the
// headers.
func conforms(route *routers.Route, a answer) error {
	responses := route.Operation.Responses
	at := []string{"paths", route.Path, strings.ToLower(route.Method), "responses", strconv.Itoa(a.Status)}
	ref := responses.Status(a.Status)
	if ref == nil {
		ref, at[4] = responses.Default(), "default"
	}
	if ref == nil {
		return errors.New("the status is not listed")
	}
	if ref.Ref != "" {
		at = strings.Split(strings.TrimPrefix(ref.Ref, "#/"), "/")
	}
	for name, header := range ref.Value.Headers {
		text := a.Header.Get(name)
		if text != "" && header.Value.Schema != nil && len(header.Value.Schema.Value.Enum) > 0 && !slices.Contains(header.Value.Schema.Value.Enum, any(text)) {
			return fmt.Errorf("header %s is %q", name, text)
		}
	}
	if len(ref.Value.Content) == 0 {
		if len(a.Body) > 0 {
			return errors.New("it has a body")
		}
		return nil
	}
	media, _, err := mime.ParseMediaType(a.Header.Get("Content-Type"))
	if err != nil {
		return fmt.Errorf("content type: %w", err)
	}
	if ref.Value.Content[media] == nil {
		return fmt.Errorf("the content type %s is not listed", media)
	}
	if !strings.HasSuffix(media, "json") {
		return nil
	}
	schema, err := schemaAt(append(at, "content", media, "schema"))
	if err != nil {
		return err
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(a.Body))
	if err != nil {
		return err
	}
	return schema.Validate(value)
}

// compiled are the schemas of the description, each compiled at its first use: that costs a thousand times what a use does.
var compiled struct {
	mu       sync.Mutex // guards what follows
	compiler *jsonschema.Compiler
	schemas  map[string]*jsonschema.Schema
}

func schemaAt(path []string) (*jsonschema.Schema, error) {
	const root = "https://hourglass.invalid/openapi.json"
	compiled.mu.Lock()
	defer compiled.mu.Unlock()
	if compiled.compiler == nil {
		doc, err := described()
		if err != nil {
			return nil, err
		}
		text, err := doc.MarshalJSON()
		if err != nil {
			return nil, err
		}
		tree, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		if err != nil {
			return nil, err
		}
		compiled.compiler, compiled.schemas = jsonschema.NewCompiler(), map[string]*jsonschema.Schema{}
		compiled.compiler.DefaultDraft(jsonschema.Draft2020)
		compiled.compiler.AssertFormat()
		if err := compiled.compiler.AddResource(root, tree); err != nil {
			return nil, err
		}
	}
	escape := strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D")
	address := root + "#"
	for _, part := range path {
		address += "/" + escape.Replace(part)
	}
	if known := compiled.schemas[address]; known != nil {
		return known, nil
	}
	schema, err := compiled.compiler.Compile(address)
	if err == nil {
		compiled.schemas[address] = schema
	}
	return schema, err
}

// documentedCodes are the codes of errors that the document lists.
var documentedCodes = sync.OnceValue(func() map[string]bool {
	codes := map[string]bool{}
	text, err := os.ReadFile("internal/rest/openapi.yaml")
	if err != nil {
		return codes
	}
	_, list, _ := strings.Cut(string(text), "          x-codes:\n")
	for line := range strings.Lines(list) {
		code, _, found := strings.Cut(strings.TrimPrefix(line, "            "), ": \"")
		if !found || strings.HasPrefix(code, " ") || !strings.HasPrefix(line, "            ") {
			break
		}
		codes[code] = true
	}
	return codes
})

// inSource finds the codes where an answer is made of one.
var inSource = regexp.MustCompile(`(?:Code: |newProblem\([^"\n]*|badRequest\(|tooMany\(|conflict\(|unavailable\(|http\.Status\w+, )"([a-z]+(?:_[a-z]+)*)"`)

// TestTheListOfErrorCodesIsComplete reads the code of the services that answer clients. What a test provokes is held
// against the list besides.
func TestTheListOfErrorCodesIsComplete(t *testing.T) {
	found := 0
	for _, pattern := range []string{"internal/rest/*.go", "internal/view/*.go", "../executor/*.go", "../executor/internal/*/*.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") || strings.HasSuffix(file, ".gen.go") {
				continue
			}
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range inSource.FindAllStringSubmatch(string(text), -1) {
				found++
				if !documentedCodes()[m[1]] {
					t.Errorf("%s: code %q is not listed in the document", file, m[1])
				}
			}
		}
	}
	if found < 40 {
		t.Errorf("only %d codes were found", found)
	}
}
