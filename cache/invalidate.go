package cache

import (
	"context"
	"errors"
	"strings"
	"time"
)

// Receipt says how far an invalidation has come.
type Receipt struct {
	Version      int64 // the floor now in force, for a single key
	Nodes        int   // live nodes
	Acknowledged int   // of them, those known to serve the old value no more
	Remote       bool  // Redis has it; false: Redis is away, it is queued and replayed on return
	Elapsed      time.Duration
}

// errVersion is given for a version below zero.
var errVersion = errors.New("cache: a version must not be negative")

// Invalidate drops id everywhere, voids loads under way, and refuses fills of
// versions below version (0: unknown; only what is there now is dropped).
// Values without a version are not compared with it.
func (l *Layer[V]) Invalidate(ctx context.Context, id string, version int64) (Receipt, error) {
	return l.invalidate(ctx, strings.Clone(id), version)
}

func (l *layer) invalidate(_ context.Context, id string, version int64) (Receipt, error) {
	began := time.Now()
	if err := checkID(id); err != nil {
		return Receipt{}, err
	}
	if version < 0 {
		return Receipt{}, errVersion
	}
	key := memKey{l, id}
	l.stats.invalidations.Add(1)
	r := Receipt{Version: l.engine.raise(key, version), Nodes: 1, Acknowledged: 1}
	l.engine.drop(key)
	r.Elapsed = time.Since(began)
	return r, nil
}

// InvalidateGroup makes every entry of the group unreachable at once, in O(1).
func (e *Engine) InvalidateGroup(ctx context.Context, group string) (Receipt, error) {
	if err := checkGroup(group); err != nil {
		return Receipt{}, err
	}
	return e.invalidateGroup(ctx, strings.Clone(group))
}

// Clear makes every entry of every layer unreachable at once, in O(1).
func (e *Engine) Clear(ctx context.Context) (Receipt, error) {
	return e.invalidateGroup(ctx, groupAll)
}

func (e *Engine) invalidateGroup(_ context.Context, group string) (Receipt, error) {
	began := time.Now()
	e.gens.kill(group)
	return Receipt{Nodes: 1, Acknowledged: 1, Elapsed: time.Since(began)}, nil
}
