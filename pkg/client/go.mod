module github.com/hourglass-trading/hourglass/pkg/client

go 1.26.0

require (
	github.com/coder/websocket v1.8.15
	github.com/hourglass-trading/hourglass/pkg v0.0.0
	github.com/oapi-codegen/runtime v1.8.0
)

require (
	github.com/apapsch/go-jsonmerge/v2 v2.0.0 // indirect
	github.com/google/uuid v1.6.0 // indirect
)

replace github.com/hourglass-trading/hourglass/pkg => ../../pkg
