package rest

import (
	"bytes"
	_ "embed"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/hourglass-trading/hourglass/pkg/order"
	"github.com/hourglass-trading/hourglass/services/gateway/internal/auth"
)

//go:embed openapi.yaml
var source []byte

// The two prefixes that a route can stand under; which ones it has is said by the servers of its path.
const (
	versioned  = "/v1"
	unprefixed = ""
)

// contract is openapi.yaml, ready for use: the document to serve, and what each route takes. The schemas are compiled
// once, straight from the document, which OpenAPI 3.1 allows because its schemas are JSON Schema 2020-12; kin-openapi's
// own validator would compile them anew at each request.
type contract struct {
	document   []byte
	operations map[string]*operation // by method and route as Echo writes it: "GET /v1/orders/:token_id"
}

// operation is what a route takes.
type operation struct {
	id      string
	public  bool // answers without a token
	scope   auth.Scope
	byHand  bool // not among the generated handlers
	params  []param
	media   string             // content type of the body, "" if it takes none
	body    *jsonschema.Schema // nil if it takes none
	maxBody int64              // bytes
	// judge says what is wrong with a body beyond its schema, as far as that can be said of one that the schema refuses; nil
	// where the schema says it all.
	judge    func(body []byte) []order.FieldError
	prefixes []string
	route    string // as Echo writes it, without the prefix
	method   string
}

// sendsOrder reports whether a request may place an order.
func (o *operation) sendsOrder() bool { return o.id == "createTWAP" || o.id == "createOrder" }

type param struct {
	name     string
	in       string // path, query, header or cookie
	required bool
	kind     string // integer, boolean or string
	schema   *jsonschema.Schema
}

const documentURL = "https://hourglass.invalid/openapi.json"

// loadContract reads the embedded document. It fails only if the document is at fault, which a test excludes.
func loadContract() (*contract, error) {
	doc, err := openapi3.NewLoader().LoadFromData(source)
	if err != nil {
		return nil, fmt.Errorf("load the interface: %w", err)
	}
	c := &contract{operations: map[string]*operation{}}
	if c.document, err = doc.MarshalJSON(); err != nil {
		return nil, fmt.Errorf("encode the interface: %w", err)
	}
	tree, err := jsonschema.UnmarshalJSON(bytes.NewReader(c.document))
	if err != nil {
		return nil, fmt.Errorf("decode the interface: %w", err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft2020)
	compiler.AssertFormat()
	if err := compiler.AddResource(documentURL, tree); err != nil {
		return nil, fmt.Errorf("compile the interface: %w", err)
	}
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			o, err := newOperation(compiler, path, method, item, op)
			if err != nil {
				return nil, fmt.Errorf("compile %s %s: %w", method, path, err)
			}
			for _, prefix := range o.prefixes {
				c.operations[method+" "+prefix+o.route] = o
			}
		}
	}
	return c, nil
}

func newOperation(compiler *jsonschema.Compiler, path, method string, item *openapi3.PathItem, op *openapi3.Operation) (*operation, error) {
	o := &operation{
		id: op.OperationID, method: method, route: echoRoute(path), prefixes: []string{versioned},
		public: op.Security != nil && len(*op.Security) == 0, byHand: slices.Contains(op.Tags, "by-hand"),
	}
	switch scope, _ := op.Extensions["x-scope"].(string); {
	case scope != "":
		o.scope = auth.Scope(scope)
	case method == http.MethodGet:
		o.scope = auth.Read
	default:
		o.scope = auth.Trade
	}
	for _, server := range item.Servers {
		if server.URL == "/" {
			o.prefixes = append(o.prefixes, unprefixed)
		}
	}
	here := []string{"paths", path, strings.ToLower(method)}
	for i, ref := range op.Parameters {
		at := append(slices.Clone(here), "parameters", fmt.Sprint(i), "schema")
		if ref.Ref != "" {
			at = append(strings.Split(strings.TrimPrefix(ref.Ref, "#/"), "/"), "schema")
		}
		schema, err := compiler.Compile(pointer(at...))
		if err != nil {
			return nil, fmt.Errorf("parameter %s: %w", ref.Value.Name, err)
		}
		o.params = append(o.params, param{
			name: ref.Value.Name, in: ref.Value.In, required: ref.Value.Required, kind: ref.Value.Schema.Value.Type.Slice()[0], schema: schema,
		})
	}
	if op.RequestBody == nil {
		return o, nil
	}
	o.maxBody, o.judge = maxBody, judges[o.id]
	if most, ok := op.Extensions["x-max-body"].(float64); ok {
		o.maxBody = int64(most)
	}
	for media := range op.RequestBody.Value.Content {
		o.media = media // each of ours has one
	}
	var err error
	o.body, err = compiler.Compile(pointer(append(here, "requestBody", "content", o.media, "schema")...))
	return o, err
}

// pointer returns the address of a part of the document.
func pointer(path ...string) string {
	escape := strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D")
	text := documentURL + "#"
	for _, p := range path {
		text += "/" + escape.Replace(p)
	}
	return text
}

// echoRoute writes /orders/{token_id} as /orders/:token_id.
func echoRoute(path string) string {
	return strings.NewReplacer("{", ":", "}", "").Replace(path)
}
