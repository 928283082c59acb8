package client

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// Scope is what an API key may do.
type Scope string

// The scopes of API keys.
const (
	ScopeRead  Scope = "read"  // look at orders, funds and streams
	ScopeTrade Scope = "trade" // change them
)

// APIKey lets a program act for a user. Key is told once, when it is made.
type APIKey struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	Scopes    []Scope   `json:"scopes"`
	Key       string    `json:"key,omitempty"`
	CreatedAt time.Time `json:"created_at"`
}

// APIKeys lists the caller's keys.
func (c *Client) APIKeys(ctx context.Context) ([]APIKey, error) {
	var list struct {
		Keys []APIKey `json:"keys"`
	}
	err := c.do(ctx, call{build: route(http.MethodGet, "api-keys"), repeatable: true}, &list)
	return list.Keys, err
}

// CreateAPIKey makes a key with scopes, at least one. It is sent once: of a lost answer the key is listed, but nobody knows
// its secret; revoke it.
func (c *Client) CreateAPIKey(ctx context.Context, name string, scopes ...Scope) (APIKey, error) {
	var k APIKey
	body := struct {
		Name   string  `json:"name"`
		Scopes []Scope `json:"scopes"`
	}{name, scopes}
	err := c.do(ctx, call{build: route(http.MethodPost, "api-keys"), body: body}, &k)
	return k, err
}

// RevokeAPIKey ends a key.
func (c *Client) RevokeAPIKey(ctx context.Context, id string) error {
	return c.do(ctx, call{build: route(http.MethodDelete, "api-keys/"+url.PathEscape(id)), repeatable: true}, nil)
}
