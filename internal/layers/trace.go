package layers

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// Trace collects what each layer did for one request: the source of the
// Server-Timing header, of the metrics and of the page's waterfall.
type Trace struct {
	start time.Time
	mu    sync.Mutex
	spans []Span

	endless atomic.Bool
}

// Span is one layer's part in a request.
type Span struct {
	Layer   string        // a layer's name, or "model", "store", "query_data"
	Source  string        // memory, redis, shared, load (a miss), or what the layer says of itself
	Hit     bool          // answered without going to the layer's source
	Start   time.Duration // since the request began
	Elapsed time.Duration
	Key     string
	ID      string // the key without prefix and layer: what the layer was asked for
	Queries int64  // store queries that a hit avoided, or that a miss took
}

type traceKey struct{}

// WithTrace gives a context whose layer calls are recorded.
func WithTrace(ctx context.Context) (context.Context, *Trace) {
	t := &Trace{start: time.Now()}
	return context.WithValue(ctx, traceKey{}, t), t
}

// TraceFrom gives the context's trace, or nil; a nil trace records nothing.
func TraceFrom(ctx context.Context) *Trace {
	t, _ := ctx.Value(traceKey{}).(*Trace)
	return t
}

// Record adds a span that began at the given time and ends now.
func (t *Trace) Record(began time.Time, s Span) {
	if t == nil {
		return
	}
	s.Start, s.Elapsed = began.Sub(t.start), time.Since(began)
	t.mu.Lock()
	t.spans = append(t.spans, s)
	t.mu.Unlock()
}

// Endless says that the request lasts for as long as its client likes, so that
// its time tells nothing.
func (t *Trace) Endless() {
	if t != nil {
		t.endless.Store(true)
	}
}

// IsEndless reports whether Endless was called.
func (t *Trace) IsEndless() bool { return t != nil && t.endless.Load() }

// Began gives the time from which the spans' Start counts.
func (t *Trace) Began() time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.start
}

// Spans gives a copy of what has been recorded so far.
func (t *Trace) Spans() []Span {
	if t == nil {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]Span(nil), t.spans...)
}
