package cache

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/redis/rueidis"
)

// Receipt says how far an invalidation has come. It is true also when it comes
// with an error: see Invalidate.
type Receipt struct {
	Version int64 // the floor now in force, for a single key
	Nodes   int   // live nodes, and one more when others may be there that can't be known yet
	// Acknowledged are those of them that are known to serve the old value no
	// more. Only the promises Acknowledged and Strict find that out.
	Acknowledged int
	Remote       bool // Redis has it; false without Redis, or when it is queued
	Queued       bool // Redis is yet to have it, now or when it is back, unless this process dies before
	Elapsed      time.Duration
}

// errVersion is given for a version below zero.
var errVersion = errors.New("cache: a version must not be negative")

// Invalidate drops id everywhere, voids loads under way, and refuses fills of
// versions below version (0: unknown; only what is there now is dropped).
// Values without a version are not compared with it.
//
// It waits for Redis, up to HardTimeout. That Redis is away is no error: then
// the receipt says Queued. Under the Acknowledged promise it waits for the
// other nodes besides, 4 s at most, and mostly a millisecond. When ctx ends
// before, or the engine is closed, it returns at once with that error, and with
// a receipt of how far it has come; the invalidation itself goes on. So an error
// of ctx never means that it did not happen, but that it may be under way
// still, and that this node, too, may yet serve the old value.
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
	var err error
	if r := e.remote; r != nil {
		_, err = r.send(ctx, &rec, promise, errand{
			do: func(ctx context.Context, c rueidis.Client) (t told, err error) {
				t.floor, err = r.invalidate(ctx, c, l.key(id), version, version == 0)
				return t, err
			},
			queue:   func() { r.missed.addKey(key, version) },
			after:   func(told) { e.drop(key) },
			entries: []string{logKey + l.key(id)},
		})
	}
	rec.Elapsed = time.Since(began)
	e.invalidated(l, id, rec)
	return rec, err
}

// InvalidateGroup makes every entry of the group unreachable at once, in O(1).
// It waits as Invalidate does.
func (e *Engine) InvalidateGroup(ctx context.Context, group string, opts ...Option) (Receipt, error) {
	if err := checkGroup(group); err != nil {
		return Receipt{}, err
	}
	return e.invalidateGroup(ctx, strings.Clone(group), e.promised(opts))
}

// Clear makes every entry of every layer unreachable at once, in O(1). It waits
// as Invalidate does.
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

func (e *Engine) invalidateGroup(ctx context.Context, group string, promise Promise) (Receipt, error) {
	began := time.Now()
	if !e.begin() {
		return Receipt{}, ErrClosed
	}
	defer e.work.Done()
	rec := Receipt{Nodes: 1, Acknowledged: 1}
	e.gens.kill(group)
	var err error
	if r := e.remote; r != nil {
		_, err = r.send(ctx, &rec, promise, errand{
			do:      func(ctx context.Context, c rueidis.Client) (told, error) { return told{}, r.bump(ctx, c, group) },
			queue:   func() { r.missed.addGroup(group) },
			after:   func(told) { e.gens.kill(group) },
			entries: []string{logGroup + group},
		})
	}
	rec.Elapsed = time.Since(began)
	e.invalidated(nil, group, rec)
	return rec, err
}
