package telemetry

import (
	"io"
	"net/http"
	"strconv"
	"sync"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// Transport makes a span of each request that next sends, up to the end of its
// answer's body, and tells the server of the trace (W3C traceparent). Without
// traces it is next itself.
func (t *Telemetry) Transport(next http.RoundTripper) http.RoundTripper {
	if !t.Tracing() {
		return next
	}
	return transport{t, next}
}

type transport struct {
	t    *Telemetry
	next http.RoundTripper
}

func (s transport) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx, span := s.t.tracer.Start(r.Context(), "model "+r.URL.Host, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(
		attribute.String("http.request.method", r.Method),
		attribute.String("server.address", r.URL.Hostname()),
	))
	if port, err := strconv.Atoi(r.URL.Port()); err == nil {
		span.SetAttributes(attribute.Int("server.port", port))
	}
	r = r.Clone(ctx) // a RoundTripper must not change its request
	s.t.carry.Inject(ctx, propagation.HeaderCarrier(r.Header))
	res, err := s.next.RoundTrip(r)
	if err != nil {
		// The error may quote what was sent; its presence is enough.
		span.SetStatus(codes.Error, "the server was not reached")
		span.End()
		return res, err
	}
	span.SetAttributes(attribute.Int("http.response.status_code", res.StatusCode))
	if res.StatusCode >= 400 {
		span.SetStatus(codes.Error, "")
	}
	res.Body = &tracedBody{ReadCloser: res.Body, span: span}
	return res, nil
}

// tracedBody ends its span with the body.
type tracedBody struct {
	io.ReadCloser
	span trace.Span
	once sync.Once
}

func (b *tracedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil {
		b.once.Do(func() {
			if err != io.EOF {
				b.span.SetStatus(codes.Error, "the answer was cut")
			}
			b.span.End()
		})
	}
	return n, err
}

func (b *tracedBody) Close() error {
	b.once.Do(func() { b.span.End() })
	return b.ReadCloser.Close()
}
