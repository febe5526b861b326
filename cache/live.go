package cache

import (
	"context"
	"errors"
	"iter"
	"time"
)

// While the holder of a lease makes a value piece by piece, others in the
// fleet who want the same value can follow it: the holder publishes the pieces
// (a Redis Stream beside the key, capped and expiring, written only while the
// lease stands), and they read them from the first on. A follower learns of
// the holder's death from the lease, which nobody renews any more.

// ErrNoHolder is what Follow gives when there is nobody to follow, or no more:
// no lease stands on the key, its holder died or lost it, or Redis is away.
// Claim again: the value may be there, or the lease to be had.
var ErrNoHolder = errors.New("cache: nobody makes this value")

const (
	livePart = "p"
	liveEnd  = "e"
)

// Publish adds a piece to what others follow. It reports whether the lease
// still stands; without Redis nobody follows, and that is no error.
func (s *Lease[V]) Publish(ctx context.Context, piece []byte) (bool, error) {
	return s.publish(livePart, piece)
}

// PublishEnd adds the last piece. It comes before Fill or Release, which end
// the lease.
func (s *Lease[V]) PublishEnd(ctx context.Context, piece []byte) (bool, error) {
	return s.publish(liveEnd, piece)
}

func (s *Lease[V]) publish(kind string, piece []byte) (bool, error) {
	r := s.right
	if r == nil || r.layer.engine.voided(&r.watch) {
		return false, nil
	}
	e := r.layer.engine
	if r.grant.keeper == nil { // held in this process only
		return true, nil
	}
	return e.remote.publish(e.remote.soft.context(), r.layer.key(r.watch.key.id), r.grant.nonce, kind, piece)
}

// Followed reports whether somebody on another node has followed this lease's
// value within the last two seconds. A holder whose own callers have left asks
// it before it gives up.
func (s *Lease[V]) Followed() bool {
	r := s.right
	if r == nil || r.grant.keeper == nil {
		return false
	}
	e := r.layer.engine
	return e.remote.followed(e.remote.soft.context(), r.layer.key(r.watch.key.id))
}

// Live is a piece of a value in the making; Last says that it was the last. The
// first that Follow yields has no piece: it says that there is a holder.
type Live struct {
	Piece []byte
	Last  bool
}

// Follow yields what the present holder of the lease on id publishes, from its
// first piece to its last, waiting for more in between. It yields an error as
// the last element when there is no such end: ErrNoHolder, or the context's.
// One follower per value and process is enough; each holds a connection while
// it waits.
func (l *Layer[V]) Follow(ctx context.Context, id string) iter.Seq2[Live, error] {
	return func(yield func(Live, error) bool) {
		if err := l.follow(ctx, id, yield); err != nil {
			yield(Live{}, err)
		}
	}
}

// follow gives nil when the last piece was yielded, or the reader left.
func (l *layer) follow(ctx context.Context, id string, yield func(Live, error) bool) error {
	e := l.engine
	if e.remote == nil || checkID(id) != nil {
		return ErrNoHolder
	}
	if !e.begin() {
		return ErrClosed
	}
	defer e.work.Done()
	key := l.key(id)
	// Who follows waits for a slow value, and not for the cache: Redis has the
	// hard timeout here.
	patient := func() (context.Context, context.CancelFunc) { return context.WithTimeout(ctx, e.o.HardTimeout) }
	look := func() (string, error) {
		ctx, cancel := patient()
		defer cancel()
		return e.remote.leaseHolder(ctx, key)
	}
	holder, err := look()
	if err != nil || holder == "" {
		return ErrNoHolder
	}
	if !yield(Live{}, nil) {
		return nil
	}
	var said int64
	failed := 0
	// A command that fails says nothing about the holder, only the lease does;
	// a Redis that is away is known by the breaker.
	hopeless := func(err error) bool {
		failed++
		return errors.Is(err, errAway) || failed >= liveFailures
	}
	for last, stands, wait := "0", true, liveWait; ; {
		if now := e.now(); said == 0 || now-said > int64(followedEvery) {
			within, cancel := patient()
			_ = e.remote.sayFollowed(within, key)
			cancel()
			said = now
		}
		pieces, err := e.remote.livePiecesAfter(ctx, key, last, wait)
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil && hopeless(err), err == nil && len(pieces) == 0 && !stands:
			return ErrNoHolder
		case err != nil:
			continue
		}
		for _, p := range pieces {
			last = p.id
			if p.nonce != holder {
				continue // of one who held the lease before
			}
			if !yield(Live{Piece: p.piece, Last: p.kind == liveEnd}, nil) || p.kind == liveEnd {
				return nil
			}
		}
		if len(pieces) > 0 {
			continue
		}
		now, err := look()
		switch {
		case err != nil && hopeless(err):
			return ErrNoHolder
		case err != nil:
			continue
		}
		failed = 0
		if now != holder {
			// It may have published its end just before: one more look.
			stands, wait = false, time.Millisecond
		}
	}
}
