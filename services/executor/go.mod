module github.com/hourglass-trading/hourglass/services/executor

go 1.26.0

require github.com/hourglass-trading/hourglass/pkg v0.0.0

require github.com/cenkalti/backoff/v5 v5.0.3 // indirect

replace github.com/hourglass-trading/hourglass/pkg => ../../pkg
