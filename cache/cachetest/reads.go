package cachetest

import (
	"context"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/dejahq/deja/cache"
)

func name(k int) string { return "key" + strconv.Itoa(k) }

func groupOf(k int) cache.Option { return cache.InGroup("group" + strconv.Itoa(k%2)) }

// slow is a load that takes its time, before it has read the source and after:
// the older what it brings, the better.
type slow struct {
	before, after time.Duration
	lags          bool // if the source does: see Exploration.Lag
}

func slowly(random *rand.Rand) slow {
	return slow{
		before: time.Duration(random.IntN(3)) * time.Millisecond,
		after:  time.Duration(random.IntN(10)) * time.Millisecond,
		lags:   random.IntN(2) == 0,
	}
}

// load reads the source. What lags has its version with a minus.
func (r *run) load(ctx context.Context, s slow, keys []int, fills []*cache.Fill) ([]int64, error) {
	pause(ctx, s.before)
	values := make([]int64, len(keys))
	for i, k := range keys {
		values[i] = r.newest[k].Load()
	}
	pause(ctx, s.after)
	for i, k := range keys {
		if k%2 == 0 {
			continue
		}
		fills[i].Version = values[i]
		if r.x.Lag && s.lags && values[i] > 1 {
			fills[i].Version--
			values[i] = -fills[i].Version
		}
	}
	return values, ctx.Err()
}

// read reads one key; ok is false when it failed, or when the source itself
// lagged: only caching that is wrong.
func (r *run) read(ctx context.Context, node, k int, random *rand.Rand) (op Op, ok bool) {
	s := slowly(random)
	op = Op{Node: node, Key: name(k), Start: time.Since(r.began)}
	en, err := r.layers[node].Lookup(ctx, op.Key, func(ctx context.Context, f *cache.Fill) (int64, error) {
		v, err := r.load(ctx, s, []int{k}, []*cache.Fill{f})
		return v[0], err
	}, groupOf(k))
	op.End = time.Since(r.began)
	op.Version, op.Source = en.Value, string(en.Source)
	if op.Version < 0 {
		op.Version = -op.Version
		if en.Source == cache.FromLoad || en.Source == cache.FromShared {
			return op, false
		}
	}
	return op, err == nil
}

// readMany reads all keys of the group of k that a draw chooses, at once. It
// doesn't tell where they came from, so those of which the source lagged don't
// count.
func (r *run) readMany(ctx context.Context, node, k int, random *rand.Rand) (ops []Op) {
	s := slowly(random)
	var ids []string
	keys := make(map[string]int)
	for other := k % 2; other < r.x.Keys; other += 2 {
		if other == k || random.IntN(2) == 0 {
			ids = append(ids, name(other))
			keys[name(other)] = other
		}
	}
	start := time.Since(r.began)
	values, _ := r.layers[node].GetMany(ctx, ids, func(ctx context.Context, ids []string, fills map[string]*cache.Fill) (map[string]int64, error) {
		var wanted []int
		var described []*cache.Fill
		for _, id := range ids {
			wanted, described = append(wanted, keys[id]), append(described, fills[id])
		}
		loaded, err := r.load(ctx, s, wanted, described)
		found := make(map[string]int64, len(ids))
		for i, id := range ids {
			found[id] = loaded[i]
		}
		return found, err
	}, groupOf(k))
	end := time.Since(r.began)
	for id, v := range values {
		if v > 0 {
			ops = append(ops, Op{Node: node, Key: id, Version: v, Start: start, End: end, Source: "batch"})
		}
	}
	return ops
}
