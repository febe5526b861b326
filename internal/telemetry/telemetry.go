// Package telemetry sends traces and metrics to OpenTelemetry collectors, as
// the standard environment variables say:
// https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
//
// Traces are sent when OTEL_TRACES_EXPORTER names an exporter (otlp, console),
// or when it is not set and OTEL_EXPORTER_OTLP_ENDPOINT or
// OTEL_EXPORTER_OTLP_TRACES_ENDPOINT is; metrics likewise. Without any of them
// nothing is made, sent or paid for. The protocols are http/protobuf, the
// default, and grpc. OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES,
// OTEL_TRACES_SAMPLER, OTEL_BSP_*, OTEL_METRIC_EXPORT_* and the other
// OTEL_EXPORTER_OTLP_* mean what they mean everywhere; OTEL_SDK_DISABLED=true
// switches all of it off.
//
// A request is a span, named by its route; each layer of the cache that it
// looked into and each call to a model's server is a span below it. Attributes
// are names and numbers out of bounded sets: no keys, no questions, no
// answers, nobody's identity. Context is taken from requests and given to the
// model's server as W3C traceparent; baggage is not passed on, because what
// clients put in there is not for the model's provider.
package telemetry

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	bridge "go.opentelemetry.io/contrib/bridges/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// Options configure Telemetry.
type Options struct {
	Version string // of deja
	Node    string // this node's name

	// Metrics are what is exported as metrics: the same that /metrics shows.
	// nil: none.
	Metrics prometheus.Gatherer

	Logger *slog.Logger // is told what could not be sent; default discards
}

// Telemetry sends. All methods are safe for concurrent use, and do nothing on
// a nil Telemetry.
type Telemetry struct {
	traces  *sdktrace.TracerProvider // nil: no traces
	metrics *sdkmetric.MeterProvider // nil: no metrics
	tracer  trace.Tracer
	carry   propagation.TextMapPropagator
	log     *slog.Logger
}

// Open reads the environment. It gives nil when that names nowhere to send to,
// and an error when it cannot be understood; a collector that is away is none.
func Open(ctx context.Context, o Options) (*Telemetry, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if strings.EqualFold(os.Getenv("OTEL_SDK_DISABLED"), "true") {
		return nil, nil
	}
	spans, err := spanExporter(ctx, o.Logger)
	if err != nil {
		return nil, err
	}
	points, err := metricExporter(ctx, o.Logger)
	if err != nil {
		return nil, errors.Join(err, closeSpans(ctx, spans))
	}
	if spans == nil && (points == nil || o.Metrics == nil) {
		return nil, nil
	}
	// What the environment says comes last, and so wins.
	res, err := resource.New(ctx,
		resource.WithAttributes(
			attribute.String("service.name", "deja"),
			attribute.String("service.version", o.Version),
			attribute.String("service.instance.id", o.Node),
		),
		resource.WithTelemetrySDK(), resource.WithFromEnv(),
	)
	if err != nil {
		o.Logger.Warn("OTEL_RESOURCE_ATTRIBUTES cannot be read as a whole", "error", err)
	}
	t := &Telemetry{carry: propagation.TraceContext{}, log: o.Logger}
	if spans != nil {
		t.traces = sdktrace.NewTracerProvider(sdktrace.WithBatcher(spans), sdktrace.WithResource(res))
		t.tracer = t.traces.Tracer("github.com/dejahq/deja")
	}
	if points != nil && o.Metrics != nil {
		reader := sdkmetric.NewPeriodicReader(points, sdkmetric.WithProducer(bridge.NewMetricProducer(bridge.WithGatherer(o.Metrics))))
		t.metrics = sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader), sdkmetric.WithResource(res))
	}
	return t, nil
}

func closeSpans(ctx context.Context, e sdktrace.SpanExporter) error {
	if e == nil {
		return nil
	}
	return e.Shutdown(ctx)
}

// Tracing reports whether traces are sent.
func (t *Telemetry) Tracing() bool { return t != nil && t.tracer != nil }

// Flush sends what is waiting.
func (t *Telemetry) Flush(ctx context.Context) error {
	var errs []error
	if t != nil && t.traces != nil {
		errs = append(errs, t.traces.ForceFlush(ctx))
	}
	if t != nil && t.metrics != nil {
		errs = append(errs, t.metrics.ForceFlush(ctx))
	}
	return errors.Join(errs...)
}

// Close sends what is waiting, as long as ctx allows, and ends. It is
// idempotent.
func (t *Telemetry) Close(ctx context.Context) error {
	var errs []error
	if t != nil && t.traces != nil {
		errs = append(errs, t.traces.Shutdown(ctx))
	}
	if t != nil && t.metrics != nil {
		if err := t.metrics.Shutdown(ctx); !errors.Is(err, sdkmetric.ErrReaderShutdown) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
