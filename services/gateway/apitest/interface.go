// Package apitest is for tests of whatever serves the REST interface: it holds answers against the interface's OpenAPI
// document, and makes requests from it, good ones and mutated ones.
//
// An Interface may be used by many goroutines at once, a Source by one. Neither sends anything.
package apitest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Interface is an OpenAPI document, ready to hold answers against.
type Interface struct {
	Document *openapi3.T

	router   routers.Router
	mu       sync.Mutex // guards what follows
	compiler *jsonschema.Compiler
	schemas  map[string]*jsonschema.Schema // each compiled at its first use, which costs a thousand times what a use does
}

const root = "https://hourglass.invalid/openapi.json"

// Load reads a document, in JSON or YAML, and checks it.
func Load(text []byte) (*Interface, error) {
	doc, err := openapi3.NewLoader().LoadFromData(text)
	if err != nil {
		return nil, fmt.Errorf("load the document: %w", err)
	}
	if err := doc.Validate(context.Background(), openapi3.IsOpenAPI31OrLater()); err != nil {
		return nil, fmt.Errorf("check the document: %w", err)
	}
	i := &Interface{Document: doc, compiler: jsonschema.NewCompiler(), schemas: map[string]*jsonschema.Schema{}}
	if i.router, err = gorillamux.NewRouter(doc); err != nil {
		return nil, fmt.Errorf("find the routes: %w", err)
	}
	encoded, err := doc.MarshalJSON()
	if err != nil {
		return nil, fmt.Errorf("encode the document: %w", err)
	}
	tree, err := jsonschema.UnmarshalJSON(bytes.NewReader(encoded))
	if err != nil {
		return nil, fmt.Errorf("decode the document: %w", err)
	}
	i.compiler.DefaultDraft(jsonschema.Draft2020)
	i.compiler.AssertFormat()
	if err := i.compiler.AddResource(root, tree); err != nil {
		return nil, fmt.Errorf("compile the document: %w", err)
	}
	return i, nil
}

// Check holds an answer against what the document says of its route: the status, the content type, the body, and the
// headers that have a list of values. An answer to what is no route of the document is not judged.
func (i *Interface) Check(req *http.Request, status int, header http.Header, body []byte) error {
	route, _, err := i.router.FindRoute(req)
	if err != nil {
		return nil //nolint:nilerr // that there is no such route is what the caller may want to know, not a fault
	}
	at := []string{"paths", route.Path, strings.ToLower(route.Method), "responses", strconv.Itoa(status)}
	said := route.Operation.Responses.Status(status)
	if said == nil {
		said, at[4] = route.Operation.Responses.Default(), "default"
	}
	if said == nil {
		return errors.New("the status is not listed")
	}
	if said.Ref != "" {
		at = parts(said.Ref)
	}
	for name, h := range said.Value.Headers {
		text := header.Get(name)
		if s := h.Value.Schema; text != "" && s != nil && len(s.Value.Enum) > 0 && !slices.Contains(s.Value.Enum, any(text)) {
			return fmt.Errorf("header %s is %q", name, text)
		}
	}
	return i.checkBody(said.Value.Content, at, header, body)
}

func (i *Interface) checkBody(content openapi3.Content, at []string, header http.Header, body []byte) error {
	if len(content) == 0 {
		if len(body) > 0 {
			return errors.New("it has a body")
		}
		return nil
	}
	media, _, err := mime.ParseMediaType(header.Get("Content-Type"))
	if err != nil {
		return fmt.Errorf("content type: %w", err)
	}
	if content[media] == nil {
		return fmt.Errorf("the content type %s is not listed", media)
	}
	if !strings.HasSuffix(media, "json") {
		return nil
	}
	schema, err := i.schema(append(at, "content", media, "schema"))
	if err != nil {
		return fmt.Errorf("compile: %w", err)
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("decode: %w", err)
	}
	return schema.Validate(value)
}

func (i *Interface) schema(path []string) (*jsonschema.Schema, error) {
	escape := strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D")
	address := root + "#"
	for _, part := range path {
		address += "/" + escape.Replace(part)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if known := i.schemas[address]; known != nil {
		return known, nil
	}
	schema, err := i.compiler.Compile(address)
	if err == nil {
		i.schemas[address] = schema
	}
	return schema, err
}

func parts(ref string) []string { return strings.Split(strings.TrimPrefix(ref, "#/"), "/") }

// Codes are the codes of errors that the document lists.
func (i *Interface) Codes() map[string]bool {
	codes := map[string]bool{}
	problem := i.Document.Components.Schemas["Problem"]
	if problem == nil || problem.Value.Properties["code"] == nil {
		return codes
	}
	listed, _ := problem.Value.Properties["code"].Value.Extensions["x-codes"].(map[string]any)
	for code := range listed {
		codes[code] = true
	}
	return codes
}
