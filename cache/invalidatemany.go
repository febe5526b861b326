package cache

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/redis/rueidis"
)

// InvalidateMany is Invalidate, with no version, for several ids at once: Redis
// is told of up to 256 of them in one round trip (of a cluster, one for each
// node), and the other nodes are waited for once. The receipt is about all of
// them: Remote says that Redis has every one. An id that can't be part of a key
// is refused before anything is done.
func (l *Layer[V]) InvalidateMany(ctx context.Context, ids []string, opts ...Option) (Receipt, error) {
	c := newCall(opts)
	own := make([]string, 0, len(ids))
	for _, id := range ids {
		own = append(own, strings.Clone(id))
	}
	return l.invalidateMany(ctx, own, l.promised(&c))
}

// invalidatedAtOnce is how many ids go to Redis together.
const invalidatedAtOnce = 256

func (l *layer) invalidateMany(ctx context.Context, ids []string, promise Promise) (Receipt, error) {
	began := time.Now()
	for _, id := range ids {
		if err := checkID(id); err != nil {
			return Receipt{}, err
		}
	}
	e := l.engine
	if !e.begin() {
		return Receipt{}, ErrClosed
	}
	defer e.work.Done()
	rec := Receipt{Nodes: 1, Acknowledged: 1}
	if len(ids) == 0 {
		return rec, nil
	}
	l.stats.invalidations.Add(uint64(len(ids)))
	drop := func() {
		for _, id := range ids {
			e.drop(memKey{l, id})
		}
	}
	drop()
	var err error
	if r := e.remote; r != nil {
		entries := make([]string, 0, len(ids))
		for _, id := range ids {
			entries = append(entries, logKey+l.key(id))
		}
		_, err = r.send(ctx, &rec, promise, errand{
			do: func(ctx context.Context, _ rueidis.Client) (told, error) {
				return told{}, r.invalidateMany(ctx, l, ids)
			},
			queue: func() {
				for _, id := range ids {
					r.missed.addKey(memKey{l, id}, 0)
				}
			},
			after:   func(told) { drop() },
			entries: entries,
		})
	}
	rec.Elapsed = time.Since(began)
	for _, id := range ids {
		e.invalidated(l, id, rec)
	}
	return rec, err
}

// invalidateMany gives the first error of any of the ids.
func (r *remote) invalidateMany(ctx context.Context, l *layer, ids []string) error {
	for some := range slices.Chunk(ids, invalidatedAtOnce) {
		calls := make([]scriptCall, len(some))
		for i, id := range some {
			calls[i] = r.scriptCall(l.key(id), "", millis(floorTTL), "1")
		}
		for _, reply := range r.runMany(ctx, invalidateBatch, calls) {
			if reply.err != nil {
				return reply.err
			}
		}
	}
	return nil
}
