package cache

import (
	"sync/atomic"
	"time"
)

// seldom lets a layer log what may go wrong with each read or fill, once in a
// while: the counters say how often it did.
type seldom struct {
	decodes, fills atomic.Int64 // when the next may be logged
}

const logEvery = 10 * time.Second

// warn logs an error, unless one of its kind was logged a short time ago.
func (l *layer) warn(next *atomic.Int64, message string, err error) {
	now := l.engine.now()
	if at := next.Load(); now >= at && next.CompareAndSwap(at, now+int64(logEvery)) {
		l.engine.o.Logger.Warn(message, "layer", l.name, "error", err)
	}
}
