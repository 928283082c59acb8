package rest

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/hourglass-trading/hourglass/services/gateway/internal/auth"
)

// dashboardPolicy lets the dashboard load what we serve and talk to us, nothing else; no script or style stands in a page.
const dashboardPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

const indexFile = "index.html"

// notBuilt stands in for a dashboard that nobody has built: the service is complete without it.
const notBuilt = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Hourglass</title>
<h1>Hourglass</h1>
<p>The gateway works. Its dashboard has not been built into this binary: run <code>make web</code>, which needs Node, and build again.</p>
<p>The interface is described at <a href="/docs">/docs</a>.</p>
</html>
`

// page is a file of the dashboard, ready to be sent.
type page struct {
	body, gzipped []byte // gzipped is nil where it would save nothing
	kind, etag    string
	hashed        bool // its name changes with its content
}

// dashboard holds the files of the dashboard by their path. They are read once, so a request is a look into a map and
// cannot name a file that is not one of them.
type dashboard map[string]*page

func newDashboard(files fs.FS) (dashboard, error) {
	d := dashboard{}
	if files != nil {
		err := fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || strings.HasPrefix(entry.Name(), ".") {
				return err
			}
			body, err := fs.ReadFile(files, name)
			if err != nil {
				return err
			}
			d[name], err = newPage(name, body)
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("read the dashboard: %w", err)
		}
	}
	if d[indexFile] == nil {
		var err error
		if d[indexFile], err = newPage(indexFile, []byte(notBuilt)); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// compressible are the kinds of files that gzip makes smaller.
var compressible = []string{".html", ".js", ".css", ".svg", ".json", ".map", ".txt"}

func newPage(name string, body []byte) (*page, error) {
	sum := sha256.Sum256(body)
	p := &page{
		body: body, kind: mime.TypeByExtension(path.Ext(name)), etag: `"` + hex.EncodeToString(sum[:8]) + `"`,
		hashed: strings.HasPrefix(name, "assets/"), // Vite puts a hash into the names there, and nowhere else
	}
	if p.kind == "" {
		p.kind = echo.MIMEOctetStream
	}
	if !slices.Contains(compressible, path.Ext(name)) {
		return p, nil
	}
	var packed bytes.Buffer
	w, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		return nil, fmt.Errorf("compress %s: %w", name, err)
	}
	if _, err := w.Write(body); err != nil {
		return nil, fmt.Errorf("compress %s: %w", name, err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("compress %s: %w", name, err)
	}
	if packed.Len() < len(body) {
		p.gzipped = packed.Bytes()
	}
	return p, nil
}

// register serves the files under their names, the index at the root, and the index for the addresses that the
// dashboard makes up as one moves through it.
func (d dashboard) register(e *echo.Echo, s *server) {
	serve := func(name string) echo.HandlerFunc {
		return func(ctx echo.Context) error {
			if err := s.count(ctx, &operation{}, auth.Identity{}); err != nil {
				return err
			}
			return d[name].send(ctx)
		}
	}
	both := []string{http.MethodGet, http.MethodHead}
	e.Match(both, "/", serve(indexFile))
	for name := range d {
		e.Match(both, "/"+name, serve(name))
	}
	index := serve(indexFile)
	e.Use(func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(ctx echo.Context) error {
			if navigates(ctx.Request()) {
				return index(ctx)
			}
			err := next(ctx)
			if errors.Is(err, echo.ErrNotFound) && forPeople(ctx.Request()) {
				return index(ctx)
			}
			return err
		}
	})
}

// navigates reports whether a browser is being sent to /orders/x: it wants the page and not the order. No program says so.
func navigates(req *http.Request) bool {
	at := req.URL.Path
	return req.Method == http.MethodGet && req.Header.Get("Sec-Fetch-Mode") == "navigate" && req.Header.Get("Sec-Fetch-Dest") == "document" &&
		(at == "/orders" || strings.HasPrefix(at, "/orders/"))
}

// forPeople reports whether a request for what is no route is a browser's for a place in the dashboard.
func forPeople(req *http.Request) bool {
	at := req.URL.Path
	return req.Method == http.MethodGet && strings.Contains(req.Header.Get(echo.HeaderAccept), echo.MIMETextHTML) &&
		at != versioned && !strings.HasPrefix(at, versioned+"/") && !strings.HasPrefix(at, "/docs/") && !strings.HasPrefix(at, "/assets/") &&
		path.Ext(at) == ""
}

func (p *page) send(ctx echo.Context) error {
	h := ctx.Response().Header()
	h.Set("Content-Security-Policy", dashboardPolicy)
	h.Set(echo.HeaderCacheControl, "no-cache")
	if p.hashed {
		h.Set(echo.HeaderCacheControl, "public, max-age=31536000, immutable")
	}
	h.Set("ETag", p.etag)
	h.Set(echo.HeaderVary, echo.HeaderAcceptEncoding)
	if ctx.Request().Header.Get("If-None-Match") == p.etag {
		return ctx.NoContent(http.StatusNotModified)
	}
	body := p.body
	if p.gzipped != nil && acceptsGzip(ctx.Request().Header.Get(echo.HeaderAcceptEncoding)) {
		h.Set(echo.HeaderContentEncoding, "gzip")
		body = p.gzipped
	}
	return ctx.Blob(http.StatusOK, p.kind, body)
}

// acceptsGzip reads an Accept-Encoding header: gzip is named, and not with a weight of 0.
func acceptsGzip(header string) bool {
	for part := range strings.SplitSeq(header, ",") {
		name, weight, _ := strings.Cut(part, ";")
		if strings.TrimSpace(name) == "gzip" {
			q := strings.TrimPrefix(strings.ReplaceAll(weight, " ", ""), "q=")
			return strings.Trim(q, "0.") != "" || q == ""
		}
	}
	return false
}
