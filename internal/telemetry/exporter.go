package telemetry

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/exporters/stdout/stdoutmetric"
	"go.opentelemetry.io/otel/exporters/stdout/stdouttrace"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// chosen gives the exporter that the environment names for a signal (TRACES or
// METRICS): otlp, console or none; and the protocol of otlp.
func chosen(signal string) (exporter, protocol string, err error) {
	name := "OTEL_" + signal + "_EXPORTER"
	exporter = strings.ToLower(strings.TrimSpace(os.Getenv(name)))
	if exporter == "" {
		exporter = "none"
		if os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT") != "" || os.Getenv("OTEL_EXPORTER_OTLP_"+signal+"_ENDPOINT") != "" {
			exporter = "otlp"
		}
	}
	switch exporter {
	case "otlp", "console", "none":
	default:
		return "", "", fmt.Errorf("%s: %.40q is not known; known are otlp, console, none", name, exporter)
	}
	name = "OTEL_EXPORTER_OTLP_" + signal + "_PROTOCOL"
	protocol = cmp.Or(os.Getenv(name), os.Getenv("OTEL_EXPORTER_OTLP_PROTOCOL"), "http/protobuf")
	if protocol != "grpc" && protocol != "http/protobuf" {
		return "", "", fmt.Errorf("OTEL_EXPORTER_OTLP_PROTOCOL or %s: %.40q is not known; known are http/protobuf, grpc", name, protocol)
	}
	return exporter, protocol, nil
}

// spanExporter gives nil for none.
func spanExporter(ctx context.Context, log *slog.Logger) (sdktrace.SpanExporter, error) {
	exporter, protocol, err := chosen("TRACES")
	if err != nil {
		return nil, err
	}
	var e sdktrace.SpanExporter
	switch {
	case exporter == "none":
		return nil, nil
	case exporter == "console":
		e, err = stdouttrace.New(stdouttrace.WithWriter(os.Stderr))
	case protocol == "grpc":
		e, err = otlptracegrpc.New(ctx)
	default:
		e, err = otlptracehttp.New(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("OTEL_EXPORTER_OTLP_*: traces cannot be exported so: %w", err)
	}
	return spanLogger{e, log}, nil
}

// metricExporter gives nil for none.
func metricExporter(ctx context.Context, log *slog.Logger) (sdkmetric.Exporter, error) {
	exporter, protocol, err := chosen("METRICS")
	if err != nil {
		return nil, err
	}
	var e sdkmetric.Exporter
	switch {
	case exporter == "none":
		return nil, nil
	case exporter == "console":
		e, err = stdoutmetric.New(stdoutmetric.WithWriter(os.Stderr))
	case protocol == "grpc":
		e, err = otlpmetricgrpc.New(ctx)
	default:
		e, err = otlpmetrichttp.New(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("OTEL_EXPORTER_OTLP_*: metrics cannot be exported so: %w", err)
	}
	return metricLogger{e, log}, nil
}

// spanLogger says in our log what could not be sent. By itself the SDK tells
// the process's one error handler, which writes past all loggers.
type spanLogger struct {
	sdktrace.SpanExporter
	log *slog.Logger
}

func (l spanLogger) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	if err := l.SpanExporter.ExportSpans(ctx, spans); err != nil {
		l.log.WarnContext(ctx, "traces could not be sent", "spans", len(spans), "error", err)
	}
	return nil
}

type metricLogger struct {
	sdkmetric.Exporter
	log *slog.Logger
}

func (l metricLogger) Export(ctx context.Context, m *metricdata.ResourceMetrics) error {
	if err := l.Exporter.Export(ctx, m); err != nil {
		l.log.WarnContext(ctx, "metrics could not be sent", "error", err)
	}
	return nil
}
