package answer

import (
	"context"
	"time"

	"github.com/dejahq/deja"
)

// errNobodyReads cancels a call whose last reader has left.
var errNobodyReads = deja.Errorf(deja.CodeCancelled, "Nobody waits for the answer any more.")

// leave takes a reader off. The last one to leave an unfinished flight ends
// it; unless readers on other nodes follow what it makes, or abandoned answers
// shall be completed.
func (a *Answerer) leave(f *flight) {
	a.mu.Lock()
	f.readers--
	idle := f.readers == 0 && !a.o.CompleteAbandoned
	a.mu.Unlock()
	if idle && !a.abandon(f) {
		go a.linger(f)
	}
}

// abandon ends a flight that has no readers, unless somebody on another node
// follows it: then it reports false. Nobody can board it any more: who asks
// here now follows it as other nodes do, or asks anew.
func (a *Answerer) abandon(f *flight) bool {
	a.mu.Lock()
	if f.readers > 0 {
		a.mu.Unlock()
		return true
	}
	if a.flights[f.name] == f {
		delete(a.flights, f.name)
	}
	claim := f.claim
	a.mu.Unlock()
	if !claim.Abandon(context.Background()) {
		return false
	}
	f.cancel(errNobodyReads)
	return true
}

// lingerFor is how often a flight without readers looks for followers.
const lingerFor = 500 * time.Millisecond

// linger keeps a flight going while somebody on another node follows it.
func (a *Answerer) linger(f *flight) {
	tick := time.NewTicker(lingerFor)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-f.over:
			return
		}
		if a.abandon(f) {
			return
		}
	}
}
