package deja

import (
	"context"
	"sync/atomic"
)

// QueryCount counts the store queries made under a context, exactly: stores
// add to it, see [CountQueries].
type QueryCount struct {
	Reads  atomic.Int64
	Writes atomic.Int64
	parent *QueryCount
}

type (
	queryCountKey struct{}
	writingKey    struct{}
)

// Writing marks a context in which a store looks something up for the sake of
// a write: CountRead then counts as CountWrite. What Reads counts is thus what
// callers asked to read, which is what a cache can save.
func Writing(ctx context.Context) context.Context {
	return context.WithValue(ctx, writingKey{}, true)
}

// CountQueries gives a context under which stores count their queries. Counts
// go to the counters of outer contexts as well.
func CountQueries(ctx context.Context) (context.Context, *QueryCount) {
	outer, _ := ctx.Value(queryCountKey{}).(*QueryCount)
	c := &QueryCount{parent: outer}
	return context.WithValue(ctx, queryCountKey{}, c), c
}

// WithQueryCount puts an outermost counter, such as a whole process's, into a
// context that has none: every query under the context is added to c, that of
// work which outlives the request included. A context that counts already is
// given back as it is.
func WithQueryCount(ctx context.Context, c *QueryCount) context.Context {
	if ctx.Value(queryCountKey{}) != nil {
		return ctx
	}
	return context.WithValue(ctx, queryCountKey{}, c)
}

// CountRead is called by stores, once per query that reads.
func CountRead(ctx context.Context) {
	if ctx.Value(writingKey{}) != nil {
		CountWrite(ctx)
		return
	}
	for c, _ := ctx.Value(queryCountKey{}).(*QueryCount); c != nil; c = c.parent {
		c.Reads.Add(1)
	}
}

// CountWrite is called by stores, once per query that writes, or reads as a
// part of a write.
func CountWrite(ctx context.Context) {
	for c, _ := ctx.Value(queryCountKey{}).(*QueryCount); c != nil; c = c.parent {
		c.Writes.Add(1)
	}
}
