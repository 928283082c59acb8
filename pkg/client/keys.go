package client

import (
	"context"
	"net/http"
	"net/netip"
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
	ID              string         `json:"id"`
	Name            string         `json:"name"`
	Scopes          []Scope        `json:"scopes"`
	AllowedNetworks []netip.Prefix `json:"allowed_networks,omitempty"` // where it may be used from; none: from anywhere
	Key             string         `json:"key,omitempty"`
	CreatedAt       time.Time      `json:"created_at"`
	ExpiresAt       time.Time      `json:"expires_at,omitzero"`   // zero: never
	LastUsedAt      time.Time      `json:"last_used_at,omitzero"` // up to a minute early; zero: never
}

// NewAPIKey is a key to be made.
type NewAPIKey struct {
	Name            string         `json:"name"`                       // 1–64 characters
	Scopes          []Scope        `json:"scopes"`                     // at least one
	AllowedNetworks []netip.Prefix `json:"allowed_networks,omitempty"` // where it may be used from, at most 16; none: from anywhere
	ExpiresAt       time.Time      `json:"expires_at,omitzero"`        // zero: never
}

// APIKeys lists the caller's keys.
func (c *Client) APIKeys(ctx context.Context) ([]APIKey, error) {
	var list struct {
		Keys []APIKey `json:"keys"`
	}
	err := c.do(ctx, call{build: route(http.MethodGet, "api-keys"), repeatable: true}, &list)
	return list.Keys, err
}

// CreateAPIKey makes a key. It is sent once: of a lost answer the key is listed, but nobody knows its secret; revoke it.
func (c *Client) CreateAPIKey(ctx context.Context, wanted NewAPIKey) (APIKey, error) {
	var k APIKey
	err := c.do(ctx, call{build: route(http.MethodPost, "api-keys"), body: wanted}, &k)
	return k, err
}

// RevokeAPIKey ends a key.
func (c *Client) RevokeAPIKey(ctx context.Context, id string) error {
	return c.do(ctx, call{build: route(http.MethodDelete, "api-keys/"+url.PathEscape(id)), repeatable: true}, nil)
}
