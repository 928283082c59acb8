package tracing_test

import (
	"context"
	"testing"

	"github.com/hourglass-trading/hourglass/pkg/tracing"
)

func TestAnOriginContinuesTheTrace(t *testing.T) {
	seen := tracing.NewRecorder()
	open := func(service string) *tracing.Tracer {
		tracer, err := tracing.New(t.Context(), tracing.Config{Recorder: seen}, service, "v1")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(tracer.Close)
		return tracer
	}
	here, there := open("here"), open("there")
	ctx, end := here.Start(tracing.WithRequest(t.Context(), "r-1"), "ask", "kind", "test")
	origin := tracing.OriginOf(ctx)
	end()
	ctx = origin.Context(context.Background())
	if tracing.Request(ctx) != "r-1" {
		t.Errorf("request %q", tracing.Request(ctx))
	}
	_, end = there.Start(ctx, "answer")
	end()
	spans := seen.Spans()
	if len(spans) != 2 || spans[0].Trace != spans[1].Trace || spans[1].Parent != spans[0].Span || spans[1].Service != "hourglass-there" {
		t.Errorf("spans: %+v", spans)
	}
}

func TestWithoutAReceiverOnlyTheRequestGoesOn(t *testing.T) {
	tracer, err := tracing.New(t.Context(), tracing.Config{}, "here", "v1")
	if err != nil || tracer != nil {
		t.Fatalf("tracer %v, error %v", tracer, err)
	}
	ctx, end := tracer.Start(tracing.WithRequest(t.Context(), "r-1"), "ask")
	end()
	tracer.Close()
	if o := tracing.OriginOf(ctx); o != (tracing.Origin{Request: "r-1"}) {
		t.Errorf("origin %+v", o)
	}
}

func TestAMalformedParentIsNoParent(t *testing.T) {
	for _, parent := range []string{"", "x", "00-00000000000000000000000000000000-0000000000000000-01", "ff-0-0-0\r\n"} {
		if o := tracing.OriginOf(tracing.Origin{Parent: parent}.Context(t.Context())); o.Known() {
			t.Errorf("%q became %+v", parent, o)
		}
	}
}
