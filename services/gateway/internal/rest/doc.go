// Package rest is the REST interface: routes, validation, problems and limits.
//
// openapi.yaml is the source. Routes and types are generated from it, each request is validated against it before a
// handler sees it, and it is served as it is. A handler turns a request into a look at the view or into a command for the
// account's owner, whose one event answers it. One table (problem.go) maps what can go wrong to status and code.
//
// A handler may run any number of times at once. The package holds no state of the platform, knows no trading rule, and
// never answers for the owner of an account: what it does not hear in time is pending.
package rest

//go:generate go run github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen@v2.8.2 -config oapi-codegen.yaml openapi.yaml
