package main

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestOnly200IsWell(t *testing.T) {
	for name, test := range map[string]struct {
		status int
		well   bool
	}{
		"200": {http.StatusOK, true},
		"204": {http.StatusNoContent, false},
		"503": {http.StatusServiceUnavailable, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(test.status) }))
			defer s.Close()
			if err := probe(t.Context(), s.URL); (err == nil) != test.well {
				t.Errorf("ends with %v", err)
			}
		})
	}
	if err := probe(t.Context(), "http://127.0.0.1:1/"); err == nil {
		t.Error("an address where nobody answers is well")
	}
}
