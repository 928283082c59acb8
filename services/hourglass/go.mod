module github.com/hourglass-trading/hourglass/services/hourglass

go 1.26.0

require (
	github.com/hourglass-trading/hourglass/pkg v0.0.0
	github.com/hourglass-trading/hourglass/pkg/client v0.0.0
	github.com/hourglass-trading/hourglass/services/collector v0.0.0
	github.com/hourglass-trading/hourglass/services/executor v0.0.0
	github.com/hourglass-trading/hourglass/services/gateway v0.0.0
	github.com/hourglass-trading/hourglass/services/simulator v0.0.0
)

replace (
	github.com/hourglass-trading/hourglass/pkg => ../../pkg
	github.com/hourglass-trading/hourglass/pkg/client => ../../pkg/client
	github.com/hourglass-trading/hourglass/services/collector => ../../services/collector
	github.com/hourglass-trading/hourglass/services/executor => ../../services/executor
	github.com/hourglass-trading/hourglass/services/gateway => ../../services/gateway
	github.com/hourglass-trading/hourglass/services/simulator => ../../services/simulator
)
