package cache

import (
	"sync/atomic"
	"time"
)

// putOffs remember which keys of a layer failed to load a moment ago, while
// there is something stale to serve: so that a source that is down isn't asked
// once per hit. They are per key and not with the entry, which is another one
// each time that Redis gives it. There are so many at most; what is pushed out
// by another key costs a load too many.
type putOffs struct {
	slots [1 << putOffBits]atomic.Pointer[putOff]
}

type putOff struct {
	id    string
	until int64
}

const (
	putOffBits = 10
	// refreshPause is how long a failed load holds off the next one.
	refreshPause = time.Second
)

func (l *layer) putOffSlot(id string) *atomic.Pointer[putOff] {
	return &l.putOffs.slots[l.engine.hash(l, id)>>(64-putOffBits)]
}

// putOff holds off loads of a key whose stale entry may be served meanwhile.
func (l *layer) putOff(id string) {
	l.putOffSlot(id).Store(&putOff{id: id, until: l.engine.now() + int64(refreshPause)})
}

// isPutOff says whether a key should not be loaded now.
func (l *layer) isPutOff(id string) bool {
	p := l.putOffSlot(id).Load()
	return p != nil && p.id == id && l.engine.clock.NowNano() < p.until
}

// loadsAgain says that a load of the key has succeeded.
func (l *layer) loadsAgain(id string) {
	slot := l.putOffSlot(id)
	if p := slot.Load(); p != nil && p.id == id {
		slot.CompareAndSwap(p, nil)
	}
}
