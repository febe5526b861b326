package layers

import (
	"context"
	"errors"
	"time"

	"github.com/dejahq/deja"
	"github.com/dejahq/deja/cache"
)

// lookup reads through one layer, counts the queries that a load takes (they
// are the entry's cost), and records the outcome in the request's trace.
func lookup[V any](ctx context.Context, l *Layers, layer *cache.Layer[V], name, id string, load cache.Loader[V], opts ...cache.Option) (V, error) {
	began := time.Now()
	e, err := layer.Lookup(ctx, id, func(ctx context.Context, f *cache.Fill) (V, error) {
		ctx, queries := deja.CountQueries(ctx)
		v, err := load(ctx, f)
		f.Cost = queries.Reads.Load()
		if deja.ErrorCode(err) == deja.CodeNotFound {
			err = errors.Join(cache.ErrNotFound, err)
		}
		return v, err
	}, opts...)
	hit := err == nil && e.Source != cache.FromLoad
	TraceFrom(ctx).Record(began, Span{Layer: name, Source: string(e.Source), Hit: hit, Key: layer.Key(id), Queries: e.Cost})
	return e.Value, err
}

// assistantGroup holds everything whose truth depends on an assistant.
func assistantGroup(id string) string { return "assistant:" + id }

// threadGroup holds a thread's context and answers.
func threadGroup(id string) string { return "thread:" + id }
