package rest

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"net/netip"
	"runtime/debug"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/oklog/ulid/v2"
	"github.com/swaggest/swgui/v5emb"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/pkg/order"
	"github.com/hourglass-trading/hourglass/pkg/tracing"
	"github.com/hourglass-trading/hourglass/services/gateway/internal/auth"
	"github.com/hourglass-trading/hourglass/services/gateway/internal/view"
)

// Bus is what the handlers need of the bus beyond the view.
type Bus interface {
	AppendCommand(ctx context.Context, cmd *order.Command) (uint64, error)
	Ask(ctx context.Context, subject string, request, reply any) error
}

// Parts is what the interface is made of.
type Parts struct {
	Bus      Bus
	Auth     *auth.Service
	Catalog  *view.Catalog
	Market   *view.Market
	Statuses *view.Statuses
	Accounts *view.Accounts
	// Stream serves /ws for a client at an address, authentication included.
	Stream  func(w http.ResponseWriter, r *http.Request, from netip.Addr)
	Streams []byte // the description of the streams
	// Events sends an account's events behind the version last, until something ends it.
	Events  func(w http.ResponseWriter, r *http.Request, id auth.Identity, last *uint64) error
	Pages   fs.FS                                   // the dashboard as it was built; nil or without an index: a page says so
	Ready   func(context.Context) map[string]string // what works ("ok") and what does not
	Limits  Limits
	Direct  []string       // where users subscribe to NATS; empty: nowhere
	Proxies []netip.Prefix // whose X-Forwarded-For is believed
	Origins []string       // scheme://host of the other sites whose pages may ask with a token of their own
	Kind    string         // live, sim or replay
	Version string
	Metrics Metrics
	Tracer  *tracing.Tracer
	Log     *slog.Logger
}

// requestTimeout bounds a request: longer than any wait inside it, so that the cause is told and not the time.
const requestTimeout = 15 * time.Second

type server struct {
	Parts
	log      *slog.Logger
	contract *contract
	pages    http.CrossOriginProtection // knows ours from those of other sites
	perIP    *limiter
	perUser  *limiter
	orders   *limiter
	logins   *limiter
	signups  *limiter
	connects *limiter
	guard    guard
	turns    turns
}

// New returns the handler of the whole interface.
func New(parts Parts) (http.Handler, error) {
	e, err := newEcho(parts)
	if err != nil {
		return nil, err
	}
	return e, nil
}

func newEcho(parts Parts) (*echo.Echo, error) {
	c, err := loadContract()
	if err != nil {
		return nil, err
	}
	limits := parts.Limits
	s := &server{
		Parts: parts, log: parts.Log, contract: c,
		perIP: newLimiter(limits.IPRate, limits.IPBurst), perUser: newLimiter(limits.AccountRate, limits.AccountBurst),
		orders:   newLimiter(limits.OrderRate, limits.OrderBurst),
		logins:   nearLimiter(limits.LoginRate, limits.LoginBurst, limits.NearFactor),
		signups:  nearLimiter(limits.SignupRate, limits.SignupBurst, limits.NearFactor),
		connects: nearLimiter(limits.ConnectRate, limits.ConnectBurst, limits.NearFactor),
		guard:    newGuard(limits.LongestDelay), turns: turns{taken: map[string]chan struct{}{}},
	}
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.Binder = binder{}
	e.HTTPErrorHandler = s.fail
	e.IPExtractor = clientAddress(parts.Proxies)
	e.Use(s.identify, s.recover, s.secure)
	if err := s.allowOrigins(e); err != nil {
		return nil, err
	}

	checks := make(map[string][]echo.MiddlewareFunc, len(c.operations))
	for _, op := range c.operations {
		checks[op.id] = []echo.MiddlewareFunc{wholePath, s.admit(op), op.validate}
	}
	for _, id := range []string{"login", "token", "logout"} {
		checks[id] = append(checks[id], s.fromOwnPage)
	}
	checks["getReport"] = append(checks["getReport"], negotiate)
	handlers := NewStrictHandler(s, nil)
	RegisterHandlersWithOptions(e, handlers, RegisterHandlersOptions{BaseURL: versioned, OperationMiddlewares: checks})
	RegisterHandlersWithOptions(&selected{Echo: e, contract: c}, handlers, RegisterHandlersOptions{OperationMiddlewares: checks})
	s.registerByHand(e, checks)
	pages, err := newDashboard(parts.Pages)
	if err != nil {
		return nil, err
	}
	pages.register(e, s)
	return e, nil
}

// selected registers without a prefix only what the contract serves so. The rest is refused as unknown.
type selected struct {
	*echo.Echo
	contract *contract
}

func (s *selected) add(method, path string, h echo.HandlerFunc, m []echo.MiddlewareFunc) *echo.Route {
	if s.contract.operations[method+" "+path] == nil {
		return nil // the generated code does not look at it
	}
	return s.Add(method, path, h, m...)
}

// GET, POST, PUT and DELETE are the methods that the contract uses. GET registers a route.
func (s *selected) GET(path string, h echo.HandlerFunc, m ...echo.MiddlewareFunc) *echo.Route {
	return s.add(http.MethodGet, path, h, m)
}

// POST registers a route; see GET.
func (s *selected) POST(path string, h echo.HandlerFunc, m ...echo.MiddlewareFunc) *echo.Route {
	return s.add(http.MethodPost, path, h, m)
}

// PUT registers a route; see GET.
func (s *selected) PUT(path string, h echo.HandlerFunc, m ...echo.MiddlewareFunc) *echo.Route {
	return s.add(http.MethodPut, path, h, m)
}

// DELETE registers a route; see GET.
func (s *selected) DELETE(path string, h echo.HandlerFunc, m ...echo.MiddlewareFunc) *echo.Route {
	return s.add(http.MethodDelete, path, h, m)
}

// registerByHand registers what is no JSON request and answer.
func (s *server) registerByHand(e *echo.Echo, checks map[string][]echo.MiddlewareFunc) {
	docs := echo.WrapHandler(v5emb.New("Hourglass", "/openapi.json", "/docs"))
	page := func(ctx echo.Context) error {
		// Swagger UI configures itself by a script in its page and styles its parts one by one.
		ctx.Response().Header().Set("Content-Security-Policy",
			"default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "+
				"connect-src 'self'; base-uri 'none'; frame-ancestors 'none'")
		return docs(ctx)
	}
	// The index is served for both addresses under the one that its links are relative to.
	index := func(ctx echo.Context) error {
		ctx.Request().URL.Path = "/docs"
		return page(ctx)
	}
	stream := func(ctx echo.Context) error {
		if err := s.countConnect(ctx); err != nil {
			return err
		}
		if err := s.checkUpgrade(ctx.Request()); err != nil {
			return err
		}
		s.Stream(ctx.Response(), ctx.Request(), auth.ParseAddress(ctx.RealIP()))
		return nil
	}
	for _, prefix := range []string{versioned, unprefixed} {
		e.GET(prefix+"/openapi.json", func(ctx echo.Context) error {
			return ctx.Blob(http.StatusOK, echo.MIMEApplicationJSON, s.contract.document)
		}, checks["getOpenAPI"]...)
		e.GET(prefix+"/asyncapi.json", func(ctx echo.Context) error {
			return ctx.Blob(http.StatusOK, echo.MIMEApplicationJSON, s.Streams)
		}, checks["getAsyncAPI"]...)
		e.GET(prefix+"/docs", index, checks["getDocs"]...)
		e.GET(prefix+"/ws", stream) // it knows other ways to say who one is, and lasts longer than a request
	}
	// It outlives a request's time, so it is let in by hand.
	events := s.contract.operations["GET /v1/events"]
	e.GET(versioned+"/events", s.events(events), wholePath, events.validate)
	e.GET("/docs/*", page, s.admit(s.contract.operations["GET /docs"]))
}

// identify gives each request an id, which its answer and our log carry. A client's own is not taken: it could be made to
// look like another's.
func (s *server) identify(next echo.HandlerFunc) echo.HandlerFunc {
	return func(ctx echo.Context) error {
		id, began := ulid.Make().String(), time.Now()
		ctx.Response().Header().Set(echo.HeaderXRequestID, id)
		req := ctx.Request()
		within, end := s.Tracer.Start(tracing.WithRequest(req.Context(), id), req.Method+" "+ctx.Path())
		defer end()
		ctx.SetRequest(req.WithContext(within))
		if err := next(ctx); err != nil {
			ctx.Error(err) // answered here, so that the status is known
		}
		s.Metrics.answered(ctx, time.Since(began))
		s.log.Debug("request", "request_id", id, "method", ctx.Request().Method, "route", ctx.Path(), "status", ctx.Response().Status, "took", time.Since(began))
		return nil
	}
}

// recover answers a panic, which is a fault of ours, with a 500; the other requests go on.
func (s *server) recover(next echo.HandlerFunc) echo.HandlerFunc {
	return func(ctx echo.Context) (err error) {
		defer func() {
			if v := recover(); v != nil {
				s.log.Error("handler broken", "route", ctx.Path(), "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
				err = fmt.Errorf("panic: %v", v)
			}
		}()
		return next(ctx)
	}
}

// secure sets the headers that keep a browser from doing more with an answer than it should.
func (s *server) secure(next echo.HandlerFunc) echo.HandlerFunc {
	return func(ctx echo.Context) error {
		h := ctx.Response().Header()
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), interest-cohort=(), microphone=(), payment=(), usb=()")
		if s.overTLS(ctx.Request()) {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		if !strings.HasPrefix(ctx.Path(), "/docs/") {
			h.Set("Cache-Control", "no-store")
		}
		return next(ctx)
	}
}

type identityKey struct{}

// caller returns whom a request speaks for; admit has made sure that there is somebody.
func caller(ctx context.Context) auth.Identity {
	id, _ := ctx.Value(identityKey{}).(auth.Identity)
	return id
}

type clientContext struct{}

// client returns where a request comes from, its address as it is counted.
func client(ctx context.Context) auth.Client {
	from, _ := ctx.Value(clientContext{}).(auth.Client)
	return from
}

// admit finds out who calls, asks for a token where the contract does, and counts the request against its limit.
func (s *server) admit(op *operation) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(ctx echo.Context) error {
			req := ctx.Request()
			within, cancel := context.WithTimeout(req.Context(), requestTimeout)
			defer cancel()
			id, err := s.let(within, ctx, op)
			if err != nil {
				return err
			}
			known := context.WithValue(within, identityKey{}, id)
			from := auth.Client{Address: addressKey(ctx.RealIP()), UserAgent: req.UserAgent()}
			ctx.SetRequest(req.WithContext(context.WithValue(known, clientContext{}, from)))
			return next(ctx)
		}
	}
}

// let returns who calls, or why the request is not let in.
func (s *server) let(within context.Context, ctx echo.Context, op *operation) (auth.Identity, error) {
	id, fault := s.identity(within, ctx) // of a public route a token only says whose limit it is
	if err := s.count(ctx, op, id); err != nil {
		return id, err
	}
	switch {
	case op.public:
		return id, nil
	case fault != nil:
		return id, fault
	case !id.May(op.scope):
		return id, newProblem(http.StatusForbidden, "insufficient_scope", "the token is not for this: it lacks "+string(op.scope))
	}
	return id, nil
}

func (s *server) identity(within context.Context, ctx echo.Context) (auth.Identity, error) {
	header := ctx.Request().Header.Get(echo.HeaderAuthorization)
	if header == "" {
		return auth.Identity{}, newProblem(http.StatusUnauthorized, "missing_token", "send Authorization: Bearer <access token>")
	}
	scheme, token, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return auth.Identity{}, auth.ErrToken
	}
	return s.Auth.Verify(within, strings.TrimSpace(token), auth.ParseAddress(ctx.RealIP()))
}

// count takes a token from the bucket that a request belongs to.
func (s *server) count(ctx echo.Context, op *operation, id auth.Identity) error {
	switch {
	case s.Limits.Off, op.id == "getHealth", op.id == "getReadiness":
		return nil
	case id.Account != "":
		return s.limitAccount(ctx, op, string(id.Account))
	}
	return s.perIP.limit(ctx, addressKey(ctx.RealIP()))
}

// countConnect counts an attempt to open a WebSocket.
func (s *server) countConnect(ctx echo.Context) error {
	if s.Limits.Off {
		return nil
	}
	return s.connects.limit(ctx, addressKey(ctx.RealIP()))
}

// The view's and the bus's types meet the handlers' needs; said here so that a change shows where it hurts.
var _ Bus = (*bus.Conn)(nil)
