package client

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// APIKey lets a program act for a user. Key is told once, when it is made.
type APIKey struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	Key       string    `json:"key,omitempty"`
	CreatedAt time.Time `json:"created_at"`
}

// APIKeys lists the caller's keys.
func (c *Client) APIKeys(ctx context.Context) ([]APIKey, error) {
	var list struct {
		Keys []APIKey `json:"api_keys"`
	}
	err := c.do(ctx, call{build: route(http.MethodGet, "api-keys"), repeatable: true}, &list)
	return list.Keys, err
}

// CreateAPIKey makes a key. It is sent once: of a lost answer the key is listed, but nobody knows its secret; revoke it.
func (c *Client) CreateAPIKey(ctx context.Context, name string) (APIKey, error) {
	var k APIKey
	err := c.do(ctx, call{build: route(http.MethodPost, "api-keys"), body: map[string]string{"name": name}}, &k)
	return k, err
}

// RevokeAPIKey ends a key.
func (c *Client) RevokeAPIKey(ctx context.Context, id string) error {
	err := c.do(ctx, call{build: route(http.MethodDelete, "api-keys/"+url.PathEscape(id)), repeatable: true}, nil)
	return err
}
