// Package wallclock is the clock by which an engine tells other nodes the time
// of its entries. Tests put another one in its place and set it: everything
// else that an engine does goes by a clock that nobody can set.
package wallclock

import (
	"context"
	"sync/atomic"
	"time"
)

// Clock is a wall clock that can be set. The zero value is right.
type Clock struct {
	ahead atomic.Int64
}

// Set makes the clock run ahead of the machine's; behind it, if d is negative.
func (c *Clock) Set(d time.Duration) { c.ahead.Store(int64(d)) }

// Ahead is what Set was given.
func (c *Clock) Ahead() time.Duration { return time.Duration(c.ahead.Load()) }

// Now gives the time.
func (c *Clock) Now() time.Time { return time.Now().Add(time.Duration(c.ahead.Load())) }

type key struct{}

// With gives a context for cache.Open: the engine goes by the clock.
func With(ctx context.Context, c *Clock) context.Context { return context.WithValue(ctx, key{}, c) }

// From gives the clock of a context, or else the machine's.
func From(ctx context.Context) *Clock {
	if c, ok := ctx.Value(key{}).(*Clock); ok {
		return c
	}
	return &Clock{}
}
