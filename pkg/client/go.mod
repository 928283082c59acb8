module github.com/hourglass-trading/hourglass/pkg/client

go 1.26.0
