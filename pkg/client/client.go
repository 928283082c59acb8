// Package client is the Go SDK of Hourglass: the REST interface with types, and the streams as sequences that survive a
// lost connection. It logs in and renews its tokens by itself, repeats a request only where that cannot do a thing twice,
// and resumes order events without a hole.
//
// A Client may be used by any number of goroutines. A sequence belongs to the goroutine that ranges over it: what it is too
// slow for is conflated by the server (books, touches), or waits there (order events). Every call ends with its context.
//
// Numbers are exact (pkg/decimal), errors are told apart by errors.Is and errors.As. The package keeps no files, logs
// nothing, and speaks to the gateway only: it needs neither NATS nor any of the services' code.
package client

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// DefaultURL is where `hourglass up` listens.
const DefaultURL = "http://127.0.0.1:8000"

// Client speaks to one gateway.
type Client struct {
	base     string // with the version and a slash at the end
	http     *http.Client
	session  Session
	apiKey   string
	username string
	password string
	agent    string
	retryFor time.Duration
	now      func() time.Time
}

// Option changes how a Client works.
type Option func(*Client)

// WithPassword lets the client log in by itself, at the first call that needs it and whenever its session has ended.
func WithPassword(username, password string) Option {
	return func(c *Client) { c.username, c.password = username, password }
}

// WithAPIKey has the client use an API key, which neither expires nor is renewed.
func WithAPIKey(key string) Option { return func(c *Client) { c.apiKey = key } }

// WithSession keeps the tokens in s instead of memory, so that they outlive the process.
func WithSession(s Session) Option { return func(c *Client) { c.session = s } }

// WithHTTPClient sends requests and opens streams through h, for proxies and certificates of one's own. Its timeout must be
// 0 if streams are used: it would end them.
func WithHTTPClient(h *http.Client) Option { return func(c *Client) { c.http = h } }

// WithUserAgent names the program to the server.
func WithUserAgent(agent string) Option { return func(c *Client) { c.agent = agent } }

// WithRetries bounds for how long a call is repeated, where it may be, before its error is returned; 0: never. The
// default is DefaultRetries. The call's context bounds it too.
func WithRetries(within time.Duration) Option { return func(c *Client) { c.retryFor = within } }

// DefaultRetries outlasts the restart of a gateway.
const DefaultRetries = 15 * time.Second

// ErrURL says that the address of the gateway cannot be used.
var ErrURL = errors.New("not the address of a gateway")

// New returns a client of the gateway at address, such as http://127.0.0.1:8000. It connects to nothing yet.
func New(address string, options ...Option) (*Client, error) {
	u, err := url.Parse(address)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrURL, err)
	case u.Scheme != "http" && u.Scheme != "https", u.Host == "", u.User != nil, u.RawQuery != "", u.Fragment != "":
		return nil, fmt.Errorf("%w: %q must be http://host:port or https://host", ErrURL, u.Redacted())
	}
	c := &Client{
		base: strings.TrimRight(u.String(), "/") + "/v1/", http: &http.Client{}, session: newMemory(),
		agent: "hourglass-go", retryFor: DefaultRetries, now: time.Now,
	}
	for _, option := range options {
		option(c)
	}
	return c, nil
}
