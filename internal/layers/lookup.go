package layers

import (
	"context"
	"errors"
	"time"

	"github.com/dejahq/deja"
	"github.com/dejahq/deja/cache"
)

// lookup reads through one layer, counts the queries that a load takes (they
// are the entry's cost), and records the outcome.
func lookup[V any](ctx context.Context, l *Layers, layer *cache.Layer[V], name, id string, load cache.Loader[V], opts ...cache.Option) (V, error) {
	began := time.Now()
	counted := func(ctx context.Context, f *cache.Fill) (V, error) {
		ctx, queries := deja.CountQueries(ctx)
		v, err := load(ctx, f)
		f.Cost = queries.Reads.Load()
		if err != nil && deja.ErrorCode(err) == deja.CodeNotFound {
			err = errors.Join(cache.ErrNotFound, err)
		}
		return v, err
	}
	if l.o.Off {
		var f cache.Fill
		v, err := counted(ctx, &f)
		l.record(ctx, began, Span{Layer: name, Source: string(cache.FromLoad), Key: layer.Key(id), ID: id, Queries: f.Cost})
		return v, err
	}
	e, err := layer.Lookup(ctx, id, counted, opts...)
	hit := e.Source != "" && e.Source != cache.FromLoad
	l.record(ctx, began, Span{Layer: name, Source: string(e.Source), Hit: hit, Key: layer.Key(id), ID: id, Queries: e.Cost})
	return e.Value, err
}

// record puts a lookup into the request's trace and the debug log.
func (l *Layers) record(ctx context.Context, began time.Time, s Span) {
	TraceFrom(ctx).Record(began, s)
	said := "cache miss"
	if s.Hit {
		said = "cache hit"
	}
	l.log.DebugContext(ctx, said, "layer", s.Layer, "source", s.Source, "key", s.Key, "elapsed", time.Since(began))
}

// assistantGroup holds everything whose truth depends on an assistant.
func assistantGroup(id string) string { return "assistant:" + id }

// threadGroup holds a thread's context and answers.
func threadGroup(id string) string { return "thread:" + id }
