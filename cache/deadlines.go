package cache

import (
	"context"
	"sync/atomic"
	"time"
)

// deadlines gives contexts that end after a fixed time, one for all calls of
// the same few milliseconds: a context and timer for each call would cost as
// much as the rest of a hit in Redis.
type deadlines struct {
	clock interface{ NowNano() int64 }
	after time.Duration
	now   atomic.Pointer[deadline]
}

type deadline struct {
	context.Context
	until int64 // given out until then
}

// context gives a context that ends between after and 1.1 times after from
// now.
func (d *deadlines) context() context.Context {
	now := d.clock.NowNano()
	current := d.now.Load()
	if current != nil && now < current.until {
		return current
	}
	step := d.after / 10
	ctx, cancel := context.WithTimeout(context.Background(), d.after+step)
	fresh := &deadline{Context: ctx, until: now + int64(step)}
	if !d.now.CompareAndSwap(current, fresh) {
		cancel()
		return d.context()
	}
	context.AfterFunc(ctx, cancel) // it ends by its time only
	return fresh
}
