module github.com/hourglass-trading/hourglass/services/simulator

go 1.26.0

require github.com/hourglass-trading/hourglass/pkg v0.0.0

require (
	github.com/coder/websocket v1.8.15 // indirect
	github.com/google/go-cmp v0.7.0 // indirect
	go.uber.org/goleak v1.3.0 // indirect
)

replace github.com/hourglass-trading/hourglass/pkg => ../../pkg
