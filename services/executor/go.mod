module github.com/hourglass-trading/hourglass/services/executor

go 1.26.0

require github.com/hourglass-trading/hourglass/pkg v0.0.0

require (
	github.com/klauspost/compress v1.20.0 // indirect
	github.com/lmittmann/tint v1.2.1 // indirect
	github.com/nats-io/nkeys v0.4.16 // indirect
	github.com/nats-io/nuid v1.0.1 // indirect
	golang.org/x/crypto v0.57.0 // indirect
	golang.org/x/sys v0.48.0 // indirect
)

require (
	github.com/cenkalti/backoff/v5 v5.0.3
	github.com/google/go-cmp v0.7.0
	github.com/nats-io/nats.go v1.55.0
	pgregory.net/rapid v1.3.0
)

replace github.com/hourglass-trading/hourglass/pkg => ../../pkg
