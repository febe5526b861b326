package cache

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/redis/rueidis"
)

// Receipt says how far an invalidation has come.
type Receipt struct {
	Version      int64 // the floor now in force, for a single key
	Nodes        int   // live nodes
	Acknowledged int   // of them, those known to serve the old value no more
	Remote       bool  // Redis has it; false without Redis, or when it is queued
	Queued       bool  // Redis is away: it is replayed on return, unless this process dies before
	Elapsed      time.Duration
}

// errVersion is given for a version below zero.
var errVersion = errors.New("cache: a version must not be negative")

// Invalidate drops id everywhere, voids loads under way, and refuses fills of
// versions below version (0: unknown; only what is there now is dropped).
// Values without a version are not compared with it.
func (l *Layer[V]) Invalidate(ctx context.Context, id string, version int64, opts ...Option) (Receipt, error) {
	c := newCall(opts)
	return l.invalidate(ctx, strings.Clone(id), version, l.promised(&c))
}

func (l *layer) invalidate(ctx context.Context, id string, version int64, promise Promise) (Receipt, error) {
	began := time.Now()
	if err := checkID(id); err != nil {
		return Receipt{}, err
	}
	if version < 0 {
		return Receipt{}, errVersion
	}
	e, key := l.engine, memKey{l, id}
	if !e.begin() {
		return Receipt{}, ErrClosed
	}
	defer e.work.Done()
	l.stats.invalidations.Add(1)
	rec := Receipt{Version: e.raise(key, version), Nodes: 1, Acknowledged: 1}
	e.drop(key)
	if r := e.remote; r != nil {
		rec.Remote = r.tell(ctx, func(ctx context.Context, c rueidis.Client) error {
			floor, err := r.invalidate(ctx, c, l.key(id), version, version == 0)
			rec.Version = max(rec.Version, floor)
			return err
		}, func() { r.missed.addKey(key, version) })
		// Once more: what this node read between the two is not pushed to it,
		// because the invalidation came from itself.
		e.drop(key)
		if err := rec.settle(ctx, r, promise, logKey+l.key(id)); err != nil {
			return rec, err
		}
	}
	rec.Elapsed = time.Since(began)
	e.invalidated(l, id, rec)
	return rec, nil
}

// InvalidateGroup makes every entry of the group unreachable at once, in O(1).
func (e *Engine) InvalidateGroup(ctx context.Context, group string, opts ...Option) (Receipt, error) {
	if err := checkGroup(group); err != nil {
		return Receipt{}, err
	}
	return e.invalidateGroup(ctx, strings.Clone(group), e.promised(opts))
}

// Clear makes every entry of every layer unreachable at once, in O(1).
func (e *Engine) Clear(ctx context.Context, opts ...Option) (Receipt, error) {
	return e.invalidateGroup(ctx, groupAll, e.promised(opts))
}

// promised gives the promise of a call that concerns all layers: the strongest
// that needs waiting, unless the call says otherwise.
func (e *Engine) promised(opts []Option) Promise {
	if c := newCall(opts); c.promise != 0 {
		return c.promise
	}
	for _, l := range e.layerList() {
		if l.promise == Acknowledged {
			return Acknowledged
		}
	}
	return Bounded
}

// settle waits as long as the promise demands, and notes who is known to have
// heard.
func (rec *Receipt) settle(ctx context.Context, r *remote, promise Promise, entry string) (err error) {
	rec.Queued = !rec.Remote
	rec.Nodes = max(int(r.fleet.size.Load()), 1)
	switch {
	case !rec.Remote:
	case promise == Strict:
		rec.Acknowledged = rec.Nodes // they ask before they serve
	case promise == Acknowledged:
		rec.Nodes, rec.Acknowledged, err = r.fleet.announce(ctx, entry)
		if ctx.Err() == nil {
			err = nil // Redis went away meanwhile: the receipt says who is known to have heard
		}
	}
	return err
}

func (e *Engine) invalidateGroup(ctx context.Context, group string, promise Promise) (Receipt, error) {
	began := time.Now()
	if !e.begin() {
		return Receipt{}, ErrClosed
	}
	defer e.work.Done()
	rec := Receipt{Nodes: 1, Acknowledged: 1}
	e.gens.kill(group)
	if r := e.remote; r != nil {
		rec.Remote = r.tell(ctx, func(ctx context.Context, c rueidis.Client) error {
			return r.bump(ctx, c, group)
		}, func() { r.missed.addGroup(group) })
		e.gens.kill(group) // as in invalidate
		if err := rec.settle(ctx, r, promise, logGroup+group); err != nil {
			return rec, err
		}
	}
	rec.Elapsed = time.Since(began)
	e.invalidated(nil, group, rec)
	return rec, nil
}
