module github.com/hourglass-trading/hourglass/services/simulator

go 1.26.0

require (
	github.com/google/go-cmp v0.7.0
	go.uber.org/goleak v1.3.0
)

require (
	github.com/coder/websocket v1.8.15
	github.com/hourglass-trading/hourglass/pkg v0.0.0
)

require github.com/lmittmann/tint v1.2.1 // indirect

replace github.com/hourglass-trading/hourglass/pkg => ../../pkg
