package bus

import (
	"context"

	"github.com/nats-io/nats.go"

	"github.com/hourglass-trading/hourglass/pkg/tracing"
)

// The headers that carry where a command or an event came from. They are no part of what is decided: a message without
// them, or with others, means the same.
const (
	parentHeader  = "Traceparent"
	requestHeader = "Hourglass-Request-Id"
)

// headerOf returns the headers of a message that is sent under ctx.
func headerOf(ctx context.Context) nats.Header { return headerFrom(tracing.OriginOf(ctx)) }

// headerFrom returns the headers of a message that came from o.
func headerFrom(o tracing.Origin) nats.Header {
	header := nats.Header{"Content-Type": jsonHeader["Content-Type"]}
	if o.Parent != "" {
		header[parentHeader] = []string{o.Parent}
	}
	if o.Request != "" {
		header[requestHeader] = []string{o.Request}
	}
	return header
}

// originOf reads the headers of a message. Whoever may write to the log may write anything: what is too long is left out.
func originOf(header nats.Header) tracing.Origin {
	const most = 64 // characters; a traceparent has 55
	read := func(key string) string {
		if v := header[key]; len(v) == 1 && len(v[0]) <= most {
			return v[0]
		}
		return ""
	}
	return tracing.Origin{Parent: read(parentHeader), Request: read(requestHeader)}
}
