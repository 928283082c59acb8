module github.com/hourglass-trading/hourglass/services/simulator

go 1.26.0

require github.com/google/go-cmp v0.7.0

replace github.com/hourglass-trading/hourglass/pkg => ../../pkg
