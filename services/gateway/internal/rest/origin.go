package rest

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"
)

// allowOrigins lets pages of the listed sites read our answers. They have no part in our cookie: a browser neither sends it
// with their requests nor keeps it from their answers.
func (s *server) allowOrigins(e *echo.Echo) error {
	if len(s.Origins) == 0 {
		return nil
	}
	for _, origin := range s.Origins {
		if err := s.pages.AddTrustedOrigin(origin); err != nil {
			return fmt.Errorf("allow the pages of %s: %w", origin, err)
		}
	}
	e.Use(middleware.CORSWithConfig(middleware.CORSConfig{
		AllowOrigins: s.Origins,
		AllowMethods: []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodDelete},
		AllowHeaders: []string{"Authorization", "Content-Type", "Idempotency-Key", "If-Match", "Last-Event-ID"},
		ExposeHeaders: []string{
			"ETag", "Idempotency-Replayed", "Location", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset", "Retry-After", "X-Request-Id",
		},
		MaxAge: 600, // seconds for which a browser need not ask again
	}))
	return nil
}

// knownOrigin reports whether a request comes from a page of ours or of a listed site, as far as its Origin says: without
// one it is no browser's, or a browser's own navigation.
func (s *server) knownOrigin(req *http.Request) bool {
	origin := req.Header.Get("Origin")
	if origin == "" || slices.Contains(s.Origins, strings.ToLower(origin)) {
		return true
	}
	from, err := url.Parse(origin)
	return err == nil && from.Host != "" && strings.EqualFold(from.Host, req.Host)
}

// errCrossOrigin refuses what a page of another site has a browser do.
var errCrossOrigin = newProblem(http.StatusForbidden, "cross_origin", "a page of another site may not ask for this")

// checkUpgrade reports what is wrong with a request for a WebSocket. The library that takes the connection over checks the
// same, but answers in plain text.
func (s *server) checkUpgrade(req *http.Request) error {
	h := req.Header
	key, err := base64.StdEncoding.DecodeString(h.Get("Sec-WebSocket-Key"))
	switch {
	case !listed(h, "Connection", "upgrade") || !listed(h, "Upgrade", "websocket"):
		return newProblem(http.StatusUpgradeRequired, "upgrade_required", "this is a WebSocket: ask for an upgrade")
	case req.ProtoMajor != 1 || req.ProtoMinor < 1 || h.Get("Sec-WebSocket-Version") != "13":
		return newProblem(http.StatusUpgradeRequired, "upgrade_required", "the WebSocket is of version 13, over HTTP/1.1")
	case err != nil || len(key) != 16 || len(h.Values("Sec-WebSocket-Key")) != 1:
		return badRequest("invalid_parameter", "Sec-WebSocket-Key must be 16 bytes in base64, once")
	case !s.knownOrigin(req):
		return errCrossOrigin
	}
	return nil
}

// listed reports whether a header has a word in its comma-separated list.
func listed(h http.Header, name, word string) bool {
	for _, line := range h.Values(name) {
		for text := range strings.SplitSeq(line, ",") {
			if strings.EqualFold(strings.TrimSpace(text), word) {
				return true
			}
		}
	}
	return false
}
