package integration

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	collect "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"
)

// span is what a receiver of traces was told.
type span struct{ trace, id, parent, service, name string }

// receiver takes traces as OpenTelemetry's own collector would.
type receiver struct {
	mu    sync.Mutex // guards spans
	spans []span
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	var told collect.ExportTraceServiceRequest
	if err != nil || req.URL.Path != "/v1/traces" || proto.Unmarshal(body, &told) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, resource := range told.ResourceSpans {
		service := ""
		for _, a := range resource.Resource.Attributes {
			if a.Key == "service.name" {
				service = a.Value.GetStringValue()
			}
		}
		for _, scope := range resource.ScopeSpans {
			for _, s := range scope.Spans {
				r.spans = append(r.spans, span{string(s.TraceId), string(s.SpanId), string(s.ParentSpanId), service, s.Name})
			}
		}
	}
}

// named returns the spans of a name, of one trace unless trace is empty.
func (r *receiver) named(trace, name string) []span {
	r.mu.Lock()
	defer r.mu.Unlock()
	var found []span
	for _, s := range r.spans {
		if s.name == name && (trace == "" || s.trace == trace) {
			found = append(found, s)
		}
	}
	return found
}

func TestOneTraceShowsTheWholeWayOfAnOrder(t *testing.T) {
	var r receiver
	server := httptest.NewServer(&r)
	defer server.Close()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", server.URL)
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "100") // ms; the processes inherit it
	t.Setenv("HOURGLASS_LOG_LEVEL", "debug")
	t.Setenv("HOURGLASS_LOG_FORMAT", "json")
	p := up(t, "--market", "sim", "--data", t.TempDir())
	u := p.signUp("ann")

	conn, _, err := websocket.Dial(t.Context(), "ws"+strings.TrimPrefix(p.url, "http")+"/v1/ws",
		&websocket.DialOptions{HTTPHeader: http.Header{"Authorization": {"Bearer " + u.token}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Write(t.Context(), websocket.MessageText, []byte(`{"action":"subscribe","stream":"orders"}`)); err != nil {
		t.Fatal(err)
	}
	for subscribed := false; !subscribed; {
		_, frame, err := conn.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		subscribed = strings.Contains(string(frame), `"ack"`)
	}
	reading := make(chan struct{})
	go func() {
		defer close(reading)
		for { // frames are read and dropped from here on
			if _, _, err := conn.Read(t.Context()); err != nil {
				return
			}
		}
	}()
	defer func() { _ = conn.CloseNow(); <-reading }()

	var placed answer
	p.await("acceptance", 30*time.Second, func() bool {
		placed = u.do("POST", "/v1/orders/twap", twap{
			"token_id": "traced", "symbol": "BTC-USDT", "side": "buy", "quantity": "0.1", "duration_seconds": 2, "interval_seconds": 1,
		})
		return placed.status == http.StatusCreated
	})
	request := placed.header.Get("X-Request-Id")
	var command span
	p.await("the command's span", 20*time.Second, func() bool {
		commands := r.named("", "command create_twap")
		if len(commands) > 0 {
			command = commands[0]
		}
		return len(commands) > 0
	})
	for _, name := range []string{"POST /v1/orders/twap", "event order_accepted", "event slice_decided", "event slice_arrived", "event order_reported", "frame"} {
		p.await("the span "+name+" in the order's trace", 30*time.Second, func() bool { return len(r.named(command.trace, name)) > 0 })
	}
	root := r.named(command.trace, "POST /v1/orders/twap")[0]
	if root.service != "hourglass-gateway" || command.service != "hourglass-executor" || command.parent != root.id {
		t.Errorf("the command %+v does not follow from the request %+v", command, root)
	}
	events := map[string]bool{}
	for _, s := range r.named(command.trace, "event slice_arrived") {
		events[s.id] = true
	}
	told := false
	for _, s := range r.named(command.trace, "frame") {
		told = told || events[s.parent] && s.service == "hourglass-gateway"
	}
	if !told {
		t.Error("no frame follows from a fill")
	}

	if _, err := p.terminate(); err != nil {
		t.Error(err)
	}
	for service, message := range map[string]string{"gateway": "request", "executor": "event stored"} {
		if !logged(p.log.String(), service, message, request) {
			t.Errorf("the %s's log has no %q of request %s", service, message, request)
		}
	}
}

// logged reports whether a service has logged a message about a request.
func logged(log, service, message, request string) bool {
	for line := range strings.Lines(log) {
		if strings.Contains(line, `"service":"`+service+`"`) && strings.Contains(line, `"msg":"`+message+`"`) && strings.Contains(line, `"request_id":"`+request+`"`) {
			return true
		}
	}
	return false
}
