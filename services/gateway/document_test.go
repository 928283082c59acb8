package gateway_test

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/hourglass-trading/hourglass/services/gateway/apitest"
)

// document is the interface's own description, which every answer of every test is held against.
var document = sync.OnceValues(func() (*apitest.Interface, error) {
	text, err := os.ReadFile("internal/rest/openapi.yaml")
	if err != nil {
		return nil, err
	}
	return apitest.Load(text)
})

func validate(t *testing.T, req *http.Request, a answer) {
	t.Helper()
	if a.Header.Get("X-Request-Id") == "" && a.Status != http.StatusBadRequest { // the server's own 400 knows no id
		t.Errorf("%s %s: answer %d without X-Request-Id", req.Method, req.URL, a.Status)
	}
	if a.Status >= 400 && !strings.HasPrefix(a.Header.Get("Content-Type"), "application/problem+json") && a.Header.Get("X-Request-Id") != "" {
		t.Errorf("%s %s: error %d is no problem but %s", req.Method, req.URL, a.Status, a.Header.Get("Content-Type"))
	}
	doc, err := document()
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
	if err := doc.Check(req, a.Status, a.Header, a.Body); err != nil {
		t.Errorf("%s %s: answer %d is not as documented: %v\n%s", req.Method, req.URL, a.Status, err, a.Body)
	}
}

// documentedCodes are the codes of errors that the document lists.
var documentedCodes = sync.OnceValue(func() map[string]bool {
	doc, err := document()
	if err != nil {
		return nil
	}
	return doc.Codes()
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
