package telemetry_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	metricspb "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	tracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	spanpb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/dejahq/deja/internal/layers"
	"github.com/dejahq/deja/internal/telemetry"
)

// collector is an OTLP/HTTP receiver.
type collector struct {
	url string

	mu       sync.Mutex
	requests int
	spans    []*spanpb.Span
	resource []*commonpb.KeyValue
	metrics  map[string]float64 // of sums: name and their first value
}

func collect(t *testing.T) *collector {
	t.Helper()
	c := &collector{metrics: map[string]float64{}}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.requests++
		switch r.URL.Path {
		case "/v1/traces":
			var m tracepb.ExportTraceServiceRequest
			if err := proto.Unmarshal(b, &m); err != nil {
				t.Error(err)
			}
			for _, rs := range m.ResourceSpans {
				c.resource = rs.Resource.Attributes
				for _, ss := range rs.ScopeSpans {
					c.spans = append(c.spans, ss.Spans...)
				}
			}
		case "/v1/metrics":
			var m metricspb.ExportMetricsServiceRequest
			if err := proto.Unmarshal(b, &m); err != nil {
				t.Error(err)
			}
			for _, rm := range m.ResourceMetrics {
				for _, sm := range rm.ScopeMetrics {
					for _, one := range sm.Metrics {
						if points := one.GetSum().GetDataPoints(); len(points) > 0 {
							c.metrics[one.Name] = points[0].GetAsDouble()
						}
					}
				}
			}
		default:
			t.Errorf("a request to %s", r.URL.Path)
		}
		w.Header().Set("Content-Type", "application/x-protobuf")
	}))
	t.Cleanup(s.Close)
	c.url = s.URL
	return c
}

func (c *collector) span(t *testing.T, name string) *spanpb.Span {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	i := slices.IndexFunc(c.spans, func(s *spanpb.Span) bool { return s.Name == name })
	if i < 0 {
		var names []string
		for _, s := range c.spans {
			names = append(names, s.Name)
		}
		t.Fatalf("there is no span %q among %q", name, names)
	}
	return c.spans[i]
}

// text gives all that a span says, for what must not be in it.
func text(s *spanpb.Span) string { return s.String() }

func attr(as []*commonpb.KeyValue, key string) string {
	for _, a := range as {
		if a.Key == key {
			return a.Value.String()
		}
	}
	return ""
}

const parentTrace, parentSpan = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"

func TestARequestWithItsLayersAndUpstreamCalls(t *testing.T) {
	c := collect(t)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", c.url)
	t.Setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test")
	registry := prometheus.NewRegistry()
	counter := prometheus.NewCounter(prometheus.CounterOpts{Name: "deja_test_total", Help: "For the test."})
	registry.MustRegister(counter)
	counter.Add(42)
	tel, err := telemetry.Open(t.Context(), telemetry.Options{Version: "v1.2.3", Node: "node-1", Metrics: registry})
	if err != nil || tel == nil {
		t.Fatalf("%v, %v", tel, err)
	}

	var told http.Header
	model := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		told = r.Header.Clone()
		io.WriteString(w, "an answer")
	}))
	defer model.Close()
	upstream := &http.Client{Transport: tel.Transport(http.DefaultTransport)}

	r := httptest.NewRequest(http.MethodPost, "/v1/chat/completions?x=query-secret", strings.NewReader("question-secret"))
	r.Header.Set("Traceparent", "00-"+parentTrace+"-"+parentSpan+"-01")
	r.Header.Set("Baggage", "customer=baggage-secret")
	ctx, request := tel.Begin(r)
	if request.TraceID() != parentTrace {
		t.Errorf("trace %q", request.TraceID())
	}
	began := time.Now()
	call, err := http.NewRequestWithContext(ctx, http.MethodPost, model.URL+"/v1/path-secret", strings.NewReader("question-secret"))
	if err != nil {
		t.Fatal(err)
	}
	call.Header.Set("Authorization", "Bearer key-secret")
	res, err := upstream.Do(call)
	if err != nil {
		t.Fatal(err)
	}
	io.Copy(io.Discard, res.Body)
	res.Body.Close()
	if _, changed := call.Header["Traceparent"]; changed {
		t.Error("the caller's request was changed")
	}
	request.End(telemetry.Ended{
		Method: "POST", Route: "POST /v1/chat/completions", Status: 200, Outcome: "miss", Began: began,
		Layers: []layers.Span{{
			Layer: "message", Source: "load", Key: "message:asst_1:key-secret", Queries: 3,
			Start: 5 * time.Millisecond, Elapsed: 20 * time.Millisecond,
		}},
	})
	if err := tel.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}

	server := c.span(t, "POST /v1/chat/completions")
	if got := attr(server.Attributes, "deja.cache"); !strings.Contains(got, "miss") || server.Kind != spanpb.Span_SPAN_KIND_SERVER {
		t.Errorf("%v", server)
	}
	hex := func(b []byte) string {
		const digits = "0123456789abcdef"
		var s strings.Builder
		for _, x := range b {
			s.WriteByte(digits[x>>4])
			s.WriteByte(digits[x&15])
		}
		return s.String()
	}
	if hex(server.TraceId) != parentTrace || hex(server.ParentSpanId) != parentSpan {
		t.Errorf("the request's span is not below the client's: %v", server)
	}
	layer := c.span(t, "layer message")
	if hex(layer.ParentSpanId) != hex(server.SpanId) || layer.EndTimeUnixNano-layer.StartTimeUnixNano != uint64(20*time.Millisecond) ||
		layer.StartTimeUnixNano != uint64(began.Add(5*time.Millisecond).UnixNano()) {
		t.Errorf("%v", layer)
	}
	sent := c.span(t, "model "+strings.TrimPrefix(model.URL, "http://"))
	if hex(sent.ParentSpanId) != hex(server.SpanId) || sent.Kind != spanpb.Span_SPAN_KIND_CLIENT {
		t.Errorf("%v", sent)
	}
	address := strings.Split(strings.TrimPrefix(model.URL, "http://"), ":")
	for _, said := range []struct {
		span      *spanpb.Span
		key, want string
	}{
		{server, "http.request.method", "POST"},
		{server, "http.route", "/v1/chat/completions"},
		{sent, "server.address", address[0]},
		{sent, "server.port", address[1]},
	} {
		got := ""
		for _, a := range said.span.Attributes {
			switch v := a.Value.Value.(type) {
			case *commonpb.AnyValue_StringValue:
				if a.Key == said.key {
					got = v.StringValue
				}
			case *commonpb.AnyValue_IntValue:
				if a.Key == said.key {
					got = strconv.FormatInt(v.IntValue, 10)
				}
			}
		}
		if got != said.want {
			t.Errorf("%s of %s is %q, want %q", said.key, said.span.Name, got, said.want)
		}
	}
	if want := "00-" + parentTrace + "-" + hex(sent.SpanId) + "-01"; told.Get("Traceparent") != want || told.Get("Baggage") != "" {
		t.Errorf("the model's server was told %v, want traceparent %s", told, want)
	}
	for _, s := range []*spanpb.Span{server, layer, sent} {
		if strings.Contains(text(s), "secret") {
			t.Errorf("a span tells a secret: %v", s)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.metrics["deja_test_total"] != 42 {
		t.Errorf("metrics: %v", c.metrics)
	}
	for key, want := range map[string]string{
		"service.name": "deja", "service.version": "v1.2.3", "service.instance.id": "node-1", "deployment.environment.name": "test",
	} {
		if got := attr(c.resource, key); !strings.Contains(got, want) {
			t.Errorf("resource %s is %q", key, got)
		}
	}
}

// Without variables nothing is made: the transport is the one that was given,
// and the request's context too.
func TestNothingWithoutVariables(t *testing.T) {
	for name, set := range map[string][2]string{
		"none":     {"OTEL_SERVICE_NAME", "deja"},
		"disabled": {"OTEL_SDK_DISABLED", "true"},
	} {
		t.Run(name, func(t *testing.T) {
			c := collect(t)
			t.Setenv(set[0], set[1])
			if name == "disabled" {
				t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", c.url)
			}
			tel, err := telemetry.Open(t.Context(), telemetry.Options{Metrics: prometheus.NewRegistry()})
			if tel != nil || err != nil {
				t.Fatalf("%v, %v", tel, err)
			}
			r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
			ctx, request := tel.Begin(r)
			if ctx != r.Context() || request.TraceID() != "" {
				t.Error("the request is traced")
			}
			if tel.Transport(http.DefaultTransport) != http.DefaultTransport {
				t.Error("the transport is wrapped")
			}
			allocs := testing.AllocsPerRun(100, func() {
				_, request := tel.Begin(r)
				request.End(telemetry.Ended{})
			})
			if allocs != 0 {
				t.Errorf("%v allocations", allocs)
			}
			if err := tel.Close(t.Context()); err != nil || c.requests != 0 {
				t.Errorf("%v, %d requests", err, c.requests)
			}
		})
	}
}

func TestWhatTheEnvironmentSays(t *testing.T) {
	c := collect(t)
	for name, test := range map[string]struct {
		env     map[string]string
		wrong   string // in the error
		tracing bool
	}{
		"traces only":          {map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": c.url + "/v1/traces"}, "", true},
		"metrics only":         {map[string]string{"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": c.url + "/v1/metrics"}, "", false},
		"traces none":          {map[string]string{"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": c.url}, "", false},
		"grpc":                 {map[string]string{"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "", true},
		"an unknown exporter":  {map[string]string{"OTEL_TRACES_EXPORTER": "zipkin"}, "OTEL_TRACES_EXPORTER", false},
		"an unknown protocol":  {map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": c.url, "OTEL_EXPORTER_OTLP_PROTOCOL": "carrier-pigeon"}, "carrier-pigeon", false},
		"both switched to one": {map[string]string{"OTEL_METRICS_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": c.url}, "", true},
	} {
		t.Run(name, func(t *testing.T) {
			for k, v := range test.env {
				t.Setenv(k, v)
			}
			tel, err := telemetry.Open(t.Context(), telemetry.Options{})
			if test.wrong != "" {
				if err == nil || !strings.Contains(err.Error(), test.wrong) {
					t.Errorf("error %v", err)
				}
				return
			}
			if err != nil || tel.Tracing() != test.tracing {
				t.Errorf("tracing %v, %v", tel.Tracing(), err)
			}
			ended, cancel := context.WithCancel(t.Context())
			cancel() // nothing is waiting, and a collector that is away holds nobody
			_ = tel.Close(ended)
		})
	}
}

// A collector that is away is told in the log, and costs requests nothing.
func TestCollectorAway(t *testing.T) {
	s := httptest.NewServer(http.NotFoundHandler())
	s.Close()
	t.Setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", s.URL)
	t.Setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "200")
	var log strings.Builder
	tel, err := telemetry.Open(t.Context(), telemetry.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	_, request := tel.Begin(httptest.NewRequest(http.MethodGet, "/", http.NoBody))
	request.End(telemetry.Ended{Route: "GET /"})
	if err := tel.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if !strings.Contains(log.String(), "traces could not be sent") {
		t.Errorf("log: %s", log.String())
	}
	if err := tel.Close(t.Context()); err != nil {
		t.Errorf("closed twice: %v", err)
	}
}
