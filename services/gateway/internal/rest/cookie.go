package rest

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/hourglass-trading/hourglass/services/gateway/internal/auth"
)

// refreshCookie holds a browser's refresh token, where no script reads it. By the prefix the browser takes it only from
// this very host, over TLS or on its own machine; a page of another site neither sends nor replaces it.
const refreshCookie = "__Host-rt"

// cookieOf is the header that keeps a refresh token, as long as it is good.
func cookieOf(t auth.Tokens) *string { return setCookie(t.Refresh, seconds(t.RefreshIn)) }

// noCookie is the header that removes the cookie where there is one.
func noCookie(given *RefreshToken) *string {
	if given == nil {
		return nil
	}
	return setCookie("", -1)
}

func setCookie(value string, seconds int) *string {
	text := (&http.Cookie{
		Name: refreshCookie, Value: value, Path: "/", MaxAge: seconds, Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode,
	}).String()
	return &text
}

// fromOwnPage refuses what a page of another site has a browser do. SameSite keeps the cookie from being sent then; this also
// keeps such a page from logging its victim in as somebody else. A request that is no browser's passes.
func (s *server) fromOwnPage(next echo.HandlerFunc) echo.HandlerFunc {
	return func(ctx echo.Context) error {
		if s.pages.Check(ctx.Request()) != nil {
			return errCrossOrigin
		}
		return next(ctx)
	}
}
