package telemetry

import (
	"context"
	"net/http"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/dejahq/deja/internal/layers"
)

// Request is the span of one request. A nil Request does nothing.
type Request struct {
	t     *Telemetry
	ctx   context.Context
	span  trace.Span
	began time.Time
}

// Begin starts a request's span, below the one that the client names in its
// traceparent, and gives the context for the rest of the request.
func (t *Telemetry) Begin(r *http.Request) (context.Context, *Request) {
	if !t.Tracing() {
		return r.Context(), nil
	}
	ctx := t.carry.Extract(r.Context(), propagation.HeaderCarrier(r.Header))
	began := time.Now()
	ctx, span := t.tracer.Start(ctx, "request", trace.WithSpanKind(trace.SpanKindServer), trace.WithTimestamp(began))
	return ctx, &Request{t: t, ctx: ctx, span: span, began: began}
}

// TraceID gives the request's trace, "" when it is not recorded.
func (r *Request) TraceID() string {
	if r == nil || !r.span.SpanContext().IsSampled() {
		return ""
	}
	return r.span.SpanContext().TraceID().String()
}

// Ended says what came of a request.
type Ended struct {
	Method  string // of the known ones
	Route   string // pattern, with the method
	Status  int
	Outcome string        // X-Deja-Cache, if any
	Layers  []layers.Span // Start counts from Began
	Began   time.Time
}

// maxLayerSpans bounds the spans of one request: a warm-up of a thousand
// assistants is one request.
const maxLayerSpans = 64

// End ends the span, and adds those of the layers below it.
func (r *Request) End(e Ended) {
	if r == nil {
		return
	}
	if r.span.IsRecording() {
		for _, l := range e.Layers[:min(len(e.Layers), maxLayerSpans)] {
			r.layer(e.Began.Add(l.Start), l)
		}
		r.span.SetName(e.Route)
		r.span.SetAttributes(
			attribute.String("http.request.method", e.Method),
			attribute.Int("http.response.status_code", e.Status),
		)
		// The convention wants the pattern alone; what no pattern matched has none.
		if _, pattern, matched := strings.Cut(e.Route, " "); matched {
			r.span.SetAttributes(attribute.String("http.route", pattern))
		}
		if e.Outcome != "" {
			r.span.SetAttributes(attribute.String("deja.cache", e.Outcome))
		}
		if e.Status >= 500 {
			r.span.SetStatus(codes.Error, "")
		}
	}
	r.span.End()
}

func (r *Request) layer(began time.Time, l layers.Span) {
	_, span := r.t.tracer.Start(r.ctx, "layer "+l.Layer, trace.WithTimestamp(began), trace.WithAttributes(
		attribute.String("deja.layer", l.Layer),
		attribute.String("deja.source", l.Source),
		attribute.Bool("deja.hit", l.Hit),
		attribute.Int64("deja.queries", l.Queries),
	))
	span.End(trace.WithTimestamp(began.Add(l.Elapsed)))
}
