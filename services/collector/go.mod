module github.com/hourglass-trading/hourglass/services/collector

go 1.26.0

require github.com/hourglass-trading/hourglass/pkg v0.0.0

replace github.com/hourglass-trading/hourglass/pkg => ../../pkg
