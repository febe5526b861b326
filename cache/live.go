package cache

import (
	"context"
	"errors"
	"iter"
)

// While the holder of a lease makes a value piece by piece, others in the
// fleet who want the same value can follow it: the holder publishes the pieces
// (a Redis Stream beside the key, capped and expiring, written only while the
// holder is known to be there), and they read them from the first on. A
// follower learns of the holder's death from the lease, which nobody renews
// any more. An invalidation takes the right to fill away, and lets others
// claim; but those who follow already asked before it, and read on.

// ErrNoHolder is what Follow gives when there is nobody to follow, or no more:
// no lease stands on the key, its holder died or lost it, or Redis is away.
// Claim again: the value may be there, or the lease to be had.
var ErrNoHolder = errors.New("cache: nobody makes this value")

const (
	livePart = "p"
	liveEnd  = "e"
)

// Publish adds a piece to what others follow. It reports whether somebody may
// still follow; without Redis nobody does, and that is no error. After an
// error nobody knows whether the piece is there: to publish it again is right
// if the pieces are numbered.
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
	if r == nil {
		return false, s.err
	}
	e := r.layer.engine
	if r.grant.keeper == nil { // held in this process only
		return r.stands(), nil
	}
	ok, err := e.remote.publish(e.remote.soft.context(), r.layer.key(r.watch.key.id), r.grant.nonce, kind, piece)
	e.stir(r.watch.key) // Redis doesn't push to a node what it wrote itself
	return ok, err
}

// Followed reports whether somebody has followed this lease's value within
// the last few seconds.
func (s *Lease[V]) Followed() bool {
	r := s.right
	if r == nil || r.grant.keeper == nil {
		return false
	}
	e := r.layer.engine
	return e.remote.followed(e.remote.soft.context(), r.layer.key(r.watch.key.id))
}

// Abandon gives the right back unless somebody follows, and reports whether it
// did. Who claims the key at the same moment either is granted the lease or
// counts as a follower. A holder whose own callers have left asks this before
// it gives up.
func (s *Lease[V]) Abandon(context.Context) bool {
	r := s.right
	if r == nil || r.ended.Load() {
		return true
	}
	if r.grant.keeper != nil {
		e := r.layer.engine
		gone, err := e.remote.abandon(e.remote.soft.context(), r.layer.key(r.watch.key.id), r.grant.nonce)
		if err == nil && !gone {
			return false
		}
	}
	r.release()
	return true
}

// Live is a piece of a value in the making; Last says that it was the last. The
// first that Follow yields has no piece: it says that there is a holder.
type Live struct {
	Piece []byte
	Last  bool
}

// Follow yields what the present holder of the lease on id publishes, from its
// first piece to its last, waiting for more in between. It yields an error as
// the last element when there is no such end: ErrNoHolder, the context's, or
// ErrKey for an id that nobody can hold.
// A stream keeps a few thousand pieces; of a longer one, who comes late misses
// the first. One follower per value and process is enough.
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
	if err := checkID(id); err != nil {
		return err
	}
	if e.remote == nil {
		return ErrNoHolder
	}
	if !e.begin() {
		return ErrClosed
	}
	defer e.work.Done()
	// Redis is asked with a time of its own: a reader that leaves says nothing
	// about Redis.
	own := context.WithoutCancel(ctx)
	key := l.key(id)
	w := &watch{key: memKey{l, id}}
	e.listen(w)
	e.watch(w)
	defer e.unwatch(w)
	maker, err := l.holder(own, key)
	if err != nil || maker == 0 {
		return ErrNoHolder
	}
	if !yield(Live{}, nil) {
		return nil
	}
	var said int64
	seen := e.now() // when the maker was last known to be there
	for last := ""; ; {
		if now := e.now(); said == 0 || now-said > int64(followedEvery) {
			said = now
			_ = e.remote.within(own, func(ctx context.Context) error { return e.remote.sayFollowed(ctx, key) })
		}
		var pieces []livePiece
		var stands bool
		err := e.remote.within(own, func(ctx context.Context) (err error) {
			pieces, stands, err = e.remote.livePiecesAfter(ctx, key, last, maker)
			return err
		})
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		for _, p := range pieces {
			last = p.id
			if p.nonce != maker.String() {
				continue // of one who held the lease before or after
			}
			if !yield(Live{Piece: p.piece, Last: p.kind == liveEnd}, nil) || p.kind == liveEnd {
				return nil
			}
		}
		wait := liveWait
		switch {
		case err == nil && stands:
			seen = e.now()
		case err == nil && len(pieces) == 0:
			return ErrNoHolder
		case e.now()-seen > int64(e.o.LeaseTTL):
			return ErrNoHolder
		case err != nil:
			// A command that fails says nothing about the maker. For as long
			// as its lease may stand, there is hope that Redis comes back:
			// otherwise each short loss of a connection would cost a value
			// made anew by each node.
			wait = minProbe
		}
		if len(pieces) == 0 && !w.pause(ctx, wait) {
			return context.Cause(ctx)
		}
	}
}

// holder finds out who holds the lease. Who follows waits for a slow value, and
// not for the cache: Redis has the hard timeout here.
func (l *layer) holder(ctx context.Context, key string) (nonce token, err error) {
	r := l.engine.remote
	err = r.within(ctx, func(ctx context.Context) (err error) {
		nonce, err = r.leaseHolder(ctx, key)
		return err
	})
	return nonce, err
}

// Who claims a key says in the lease's nonce on which generations its value
// will be based, so that who comes after an invalidation of a group need not
// follow, nor wait for, one who began before it.

const claimed = token(1) << 63

// loadNonce is the nonce of a load's lease, which says nothing.
func loadNonce() token { return newToken() &^ claimed }

// claimNonce is the nonce of a claim based on generations.
func claimNonce(gens []*generation) token {
	return claimed | newToken()&^(claimed|basis<<basisAt) | basisOf(gens)<<basisAt
}

const (
	basis   = token(1)<<24 - 1
	basisAt = 32
)

// basisOf is a checksum of generations.
func basisOf(gens []*generation) token {
	var sum token
	for _, g := range gens {
		sum = (sum ^ g.token) * 0x9E3779B97F4A7C15
		sum ^= sum >> 29
	}
	return sum & basis
}

// outdated says whether a nonce is a claim's of other generations than these.
func (t token) outdated(gens []*generation) bool {
	return t&claimed != 0 && t>>basisAt&basis != basisOf(gens)
}

// supersede takes the lease away from a claim that was made before one of the
// key's groups was invalidated, and says whether it did. Its holder goes on
// for those who follow it, and can't fill.
func (l *layer) supersede(ctx context.Context, key string, holder token, g *grant, c *call) bool {
	if !holder.outdated(g.gens) {
		return false
	}
	r := l.engine.remote
	_, present, err := r.check(ctx, key, c.groups)
	if err != nil || len(present) != len(g.gens) {
		return false
	}
	for i, gen := range g.gens {
		if gen.token != present[i] {
			return false // it is this node that has yet to hear
		}
	}
	took, err := r.takeLease(ctx, key, holder, g.nonce)
	return took && err == nil
}
