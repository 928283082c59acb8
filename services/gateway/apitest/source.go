package apitest

import (
	"encoding/json"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// Request is a request to be sent.
type Request struct {
	Method string
	Target string // path and query
	Header map[string]string
	Body   string
	// Public says that the operation asks for no token.
	Public bool
	// Operation is the operationId.
	Operation string
	// Mutated says that something was done to it; else it is as the document wants it.
	Mutated bool
}

// Source makes requests: the same seed and names, the same requests.
type Source struct {
	rand  *rand.Rand
	names map[string][]string
	ops   []operation
}

type operation struct {
	method, path string
	prefixes     []string
	spec         *openapi3.Operation
}

// NewSource returns a source of requests to all operations but those whose id is left out. The names are the values to
// choose from for a parameter or a member of that name, so that a request is about something that there is; where there
// are none, the schema alone says what is good.
func (i *Interface) NewSource(seed uint64, names map[string][]string, leaveOut ...string) *Source {
	s := &Source{rand: rand.New(rand.NewPCG(seed, seed)), names: names}
	for _, path := range i.Document.Paths.InMatchingOrder() {
		item := i.Document.Paths.Value(path)
		prefixes := []string{"/v1"}
		if slices.ContainsFunc(item.Servers, func(s *openapi3.Server) bool { return s.URL == "/" }) {
			prefixes = append(prefixes, "")
		}
		for method, spec := range item.Operations() {
			if !slices.Contains(leaveOut, spec.OperationID) {
				s.ops = append(s.ops, operation{method, path, prefixes, spec})
			}
		}
	}
	slices.SortFunc(s.ops, func(a, b operation) int { return strings.Compare(a.method+a.path, b.method+b.path) })
	return s
}

// Operations is how many operations requests are made to.
func (s *Source) Operations() int { return len(s.ops) }

// Next makes a request; three in five are mutated.
func (s *Source) Next() Request {
	op := s.ops[s.rand.IntN(len(s.ops))]
	r := Request{
		Method: op.method, Header: map[string]string{}, Operation: op.spec.OperationID, Mutated: s.rand.IntN(5) < 3,
		Public: op.spec.Security != nil && len(*op.spec.Security) == 0,
	}
	mutations := 0
	if r.Mutated {
		mutations = 1 + s.rand.IntN(3)
	}
	path, query := pick(s.rand, op.prefixes)+op.path, url.Values{}
	for _, ref := range op.spec.Parameters {
		p := ref.Value
		if !p.Required && s.rand.IntN(2) == 0 {
			continue
		}
		text := s.text(p.Schema.Value, p.Name)
		if mutations > 0 && s.rand.IntN(3) == 0 {
			text, mutations = s.hostile(text), mutations-1
		}
		switch p.In {
		case "path":
			path = strings.ReplaceAll(path, "{"+p.Name+"}", url.PathEscape(text))
		case "query":
			query.Add(p.Name, text)
		case "header":
			r.Header[p.Name] = text
		}
	}
	s.body(&r, op.spec.RequestBody, &mutations)
	if mutations > 0 {
		s.head(&r, &path, query)
	}
	r.Target = path
	if len(query) > 0 {
		r.Target += "?" + query.Encode()
	}
	return r
}

// body writes the body of a request, and what is left of its mutations into it.
func (s *Source) body(r *Request, ref *openapi3.RequestBodyRef, mutations *int) {
	if ref == nil {
		return
	}
	for media, content := range ref.Value.Content {
		r.Header["Content-Type"] = media
		value := s.value(content.Schema.Value, "", 0)
		if media != "application/json" {
			form := url.Values{}
			members, _ := value.(map[string]any)
			for name, v := range members {
				text, _ := v.(string)
				if *mutations > 0 && s.rand.IntN(2) == 0 {
					text = s.hostile(text)
					*mutations--
				}
				form.Set(name, text)
			}
			r.Body = form.Encode()
			return
		}
		for *mutations > 0 && s.rand.IntN(5) > 0 {
			value = s.mutate(value, 0)
			*mutations--
		}
		text, err := json.Marshal(value)
		if err != nil {
			panic(err) // all of it is our own
		}
		r.Body = string(text)
		for *mutations > 0 && s.rand.IntN(2) == 0 {
			r.Body = s.scramble(r.Body)
			*mutations--
		}
	}
}

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }
