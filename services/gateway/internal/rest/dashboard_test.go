package rest

import (
	"compress/gzip"
	"io"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/labstack/echo/v4"
)

func newPages(t *testing.T, files fstest.MapFS) *echo.Echo {
	t.Helper()
	e, err := newEcho(Parts{Pages: files, Limits: Limits{Off: true}, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestTheDashboardIsServed(t *testing.T) {
	script := strings.Repeat("let a = 1;\n", 500)
	e := newPages(t, fstest.MapFS{
		"index.html":         {Data: []byte("<title>built</title>")},
		"icon.svg":           {Data: []byte("<svg/>")},
		"assets/app-1a2b.js": {Data: []byte(script)},
		".gitkeep":           {Data: []byte("")},
	})
	get := func(path string, header ...string) *httptest.ResponseRecorder {
		req := httptest.NewRequestWithContext(t.Context(), "GET", path, nil)
		for i := 0; i < len(header); i += 2 {
			req.Header.Set(header[i], header[i+1])
		}
		w := httptest.NewRecorder()
		e.ServeHTTP(w, req)
		return w
	}
	navigate := []string{"Accept", "text/html,*/*", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}
	for name, is := range map[string]struct {
		path   string
		header []string
		status int
		body   string
	}{
		"the root is the index":                           {"/", nil, 200, "built"},
		"a place in the dashboard is the index":           {"/market/BTC-USDT", navigate, 200, "built"},
		"an order's place is the index in a browser":      {"/orders/one", navigate, 200, "built"},
		"an order's address is the interface to programs": {"/orders/one", nil, 401, "missing_token"},
		"the interface is never the index":                {"/v1/nothing", navigate, 404, "unknown_route"},
		"what is no page is told so to programs":          {"/nothing", []string{"Accept", "*/*"}, 404, "unknown_route"},
		"a file that is not there is not the index":       {"/assets/gone.js", navigate, 404, "unknown_route"},
		"nor is a picture":                                {"/gone.png", navigate, 404, "unknown_route"},
		"a file beside the index":                         {"/icon.svg", nil, 200, "<svg/>"},
		"the placeholder is no file":                      {"/.gitkeep", nil, 404, "unknown_route"},
		"no way out of the folder":                        {"/assets/../../go.mod", nil, 404, "unknown_route"},
		"no way out of the folder by escapes":             {"/assets/..%2f..%2fgo.mod", nil, 404, "unknown_route"},
		"no way out of the folder by double escapes":      {"/assets/%252e%252e/go.mod", nil, 404, "unknown_route"},
		"no listing": {"/assets/", nil, 404, "unknown_route"},
	} {
		w := get(is.path, is.header...)
		if w.Code != is.status || !strings.Contains(w.Body.String(), is.body) {
			t.Errorf("%s: GET %s = %d %s", name, is.path, w.Code, w.Body)
		}
	}
	w := get("/")
	policy := w.Header().Get("Content-Security-Policy")
	if w.Header().Get("Cache-Control") != "no-cache" || !strings.HasPrefix(policy, "default-src 'none'; script-src 'self'; style-src 'self';") || strings.Contains(policy, "unsafe") {
		t.Errorf("index: %v", w.Header())
	}
	if again := get("/", "If-None-Match", w.Header().Get("ETag")); again.Code != 304 || again.Body.Len() > 0 {
		t.Errorf("unchanged index: %d", again.Code)
	}
	if w = get("/assets/app-1a2b.js"); w.Body.String() != script || !strings.Contains(w.Header().Get("Cache-Control"), "immutable") ||
		!strings.HasPrefix(w.Header().Get("Content-Type"), "text/javascript") {
		t.Errorf("script: %v", w.Header())
	}
	w = get("/assets/app-1a2b.js", "Accept-Encoding", "br, gzip;q=0.8")
	r, err := gzip.NewReader(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(r); err != nil || string(text) != script {
		t.Errorf("compressed: %v, %.40s", err, text)
	}
	if w = get("/assets/app-1a2b.js", "Accept-Encoding", "gzip;q=0"); w.Header().Get("Content-Encoding") != "" {
		t.Error("compressed though the client refuses it")
	}
	req := httptest.NewRequestWithContext(t.Context(), "POST", "/nothing", nil)
	w = httptest.NewRecorder()
	if e.ServeHTTP(w, req); w.Code != 404 {
		t.Errorf("POST of what is not there: %d", w.Code)
	}
}

func TestAGatewayWithoutADashboardSaysHowToBuildIt(t *testing.T) {
	e := newPages(t, fstest.MapFS{".gitkeep": {}})
	w := httptest.NewRecorder()
	e.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/", nil))
	if w.Code != 200 || !strings.Contains(w.Body.String(), "make web") {
		t.Errorf("GET / = %d %s", w.Code, w.Body)
	}
}
