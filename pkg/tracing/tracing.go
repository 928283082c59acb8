// Package tracing follows a request through all services: from the gateway's answer over the command and the events that
// came of it to the frame that told the client, as one trace and under one request id.
//
// A context carries where it is; an Origin is the same in two words, for the headers of a message. A Tracer may be used by
// any number of goroutines. It sends what it saw in batches from a goroutine of OpenTelemetry's own, which Close ends; what
// the receiver does not take is dropped, never waited for.
//
// Off, which is the default, it records nothing and costs next to nothing; request ids go their way all the same. No span
// holds a price, a quantity, a name or a token.
package tracing

import (
	"context"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	api "go.opentelemetry.io/otel/trace"
)

// Config says where spans go; the zero Config records none.
type Config struct {
	Endpoint string    // of an OTLP receiver over HTTP, such as http://collector:4318
	Recorder *Recorder // keeps them in memory instead, for a test
}

// Recorder keeps spans in memory.
type Recorder struct{ exporter *tracetest.InMemoryExporter }

// NewRecorder returns an empty recorder.
func NewRecorder() *Recorder { return &Recorder{tracetest.NewInMemoryExporter()} }

// Seen is a span that has ended.
type Seen struct{ Trace, Span, Parent, Service, Name string }

// Spans returns what has ended so far.
func (r *Recorder) Spans() []Seen {
	var seen []Seen
	for _, s := range r.exporter.GetSpans() {
		service, _ := s.Resource.Set().Value("service.name")
		seen = append(seen, Seen{
			Trace: s.SpanContext.TraceID().String(), Span: s.SpanContext.SpanID().String(),
			Parent: s.Parent.SpanID().String(), Service: service.AsString(), Name: s.Name,
		})
	}
	return seen
}

// Tracer records the spans of one service. A nil Tracer records none.
type Tracer struct {
	provider *trace.TracerProvider
	tracer   api.Tracer
}

// New returns the tracer of a service, nil where the configuration names no receiver. Close must be called.
func New(ctx context.Context, cfg Config, service, version string) (*Tracer, error) {
	var out trace.TracerProviderOption
	switch {
	case cfg.Recorder != nil:
		out = trace.WithSyncer(cfg.Recorder.exporter)
	case cfg.Endpoint != "":
		exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(cfg.Endpoint+"/v1/traces"))
		if err != nil {
			return nil, fmt.Errorf("open the receiver of traces: %w", err)
		}
		out = trace.WithBatcher(exporter) // 2,048 spans at most wait; further ones are dropped
	default:
		return nil, nil
	}
	p := trace.NewTracerProvider(out, trace.WithResource(resource.NewSchemaless(
		attribute.String("service.name", "hourglass-"+service), attribute.String("service.version", version))))
	return &Tracer{p, p.Tracer("hourglass")}, nil
}

// closeTimeout bounds the sending of the last spans.
const closeTimeout = 2 * time.Second

// Close sends what is left, for two seconds at most, and drops the rest.
func (t *Tracer) Close() {
	if t == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	_ = t.provider.Shutdown(ctx) // a receiver that is away must not make a clean stop a failure
}

// Start begins a span below the one that ctx carries; attributes are keys and values in turn. end must be called.
func (t *Tracer) Start(ctx context.Context, name string, attributes ...string) (_ context.Context, end func()) {
	if t == nil {
		return ctx, nothing
	}
	set := make([]attribute.KeyValue, 0, len(attributes)/2+1)
	for i := 0; i+1 < len(attributes); i += 2 {
		set = append(set, attribute.String(attributes[i], attributes[i+1]))
	}
	if id := Request(ctx); id != "" {
		set = append(set, attribute.String("request_id", id))
	}
	ctx, span := t.tracer.Start(ctx, name, api.WithAttributes(set...))
	return ctx, func() { span.End() }
}

func nothing() {}

type requestKey struct{}

// WithRequest returns a context that carries a request's id.
func WithRequest(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, requestKey{}, id)
}

// Request returns the id of the request that ctx is about, "" if there is none.
func Request(ctx context.Context) string {
	id, _ := ctx.Value(requestKey{}).(string)
	return id
}

// Origin is where a message came from. The zero Origin is that of a message whose way is not known.
type Origin struct {
	Parent  string // W3C traceparent
	Request string // id of the request
}

// parentKey is the header's name in W3C Trace Context.
const parentKey = "traceparent"

// OriginOf returns the origin of what is sent under ctx.
func OriginOf(ctx context.Context) Origin {
	o := Origin{Request: Request(ctx)}
	if api.SpanContextFromContext(ctx).IsValid() {
		carrier := propagation.MapCarrier{}
		propagation.TraceContext{}.Inject(ctx, carrier)
		o.Parent = carrier[parentKey]
	}
	return o
}

// Known reports whether an origin says anything.
func (o Origin) Known() bool { return o != Origin{} }

// Context returns a context under which spans continue the origin's trace. A parent that is not well formed begins a new one.
func (o Origin) Context(ctx context.Context) context.Context {
	if o.Request != "" {
		ctx = WithRequest(ctx, o.Request)
	}
	if o.Parent != "" {
		ctx = propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{parentKey: o.Parent})
	}
	return ctx
}
