package cache

import (
	"context"
	"sync/atomic"
	"time"
)

// deadlines gives contexts that end after a fixed time, shared by all calls of
// the same few milliseconds: a context and timer for each call would cost as
// much as the rest of a hit in Redis. They are given out by several lanes,
// because all who wait for one context queue at its channel, behind one lock.
type deadlines struct {
	clock interface{ NowNano() int64 }
	after time.Duration
	lanes [16]struct {
		now atomic.Pointer[deadline]
		_   [56]byte // to a cache line
	}
}

type deadline struct {
	context.Context
	until int64 // given out until then
}

// context gives a context that ends when after is over, or up to a tenth of it
// sooner: nobody waits longer than was asked for.
func (d *deadlines) context() context.Context {
	lane := &d.lanes[lane()%len(d.lanes)].now
	for {
		now := d.clock.NowNano()
		current := lane.Load()
		if current != nil && now < current.until {
			return current
		}
		ctx, cancel := context.WithTimeout(context.Background(), d.after)
		fresh := &deadline{Context: ctx, until: now + int64(d.after/10)}
		if lane.CompareAndSwap(current, fresh) {
			context.AfterFunc(ctx, cancel) // it ends by its time only
			return fresh
		}
		cancel()
	}
}
