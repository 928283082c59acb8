// Package api builds the requests of the REST interface. It is generated from the interface's document, so that a route or
// a parameter that is not in it does not compile.
//
// Its functions may be called concurrently. It sends nothing and knows no body: that is the client's.
package api

//go:generate go run github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen@v2.8.2 -config oapi-codegen.yaml ../../../../services/gateway/internal/rest/openapi.yaml
