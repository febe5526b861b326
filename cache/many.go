package cache

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// BatchLoader loads the values of several ids at once. What it leaves out of
// its result doesn't exist; with an error, it failed. fills has a Fill for each
// id. The rules of Loader hold for it too: its context ends when nobody waits
// for any of the ids any more.
type BatchLoader[V any] func(ctx context.Context, ids []string, fills map[string]*Fill) (map[string]V, error)

// one loads a single id.
func (load BatchLoader[V]) one(ctx context.Context, id string, f *Fill) (V, error) {
	values, err := load(ctx, []string{id}, map[string]*Fill{id: f})
	v, ok := values[id]
	switch {
	case ok:
		err = nil
	case err == nil:
		err = ErrNotFound
	}
	return v, err
}

// GetMany gives the values of several ids; those that don't exist are not in
// the result. It makes every promise that Get makes for each of them, by few
// commands: Redis is read in batches of up to 256 ids (one MGET; of a cluster,
// one pipeline per node), what it lacks is leased in batches, loaded by one
// call of load, however many ids there are, and filled in batches. Ids that
// another caller or node is loading already are waited for, and not loaded
// again; should that load come to nothing, they are loaded by a call of their
// own. An id doesn't wait for others that are found sooner, but GetMany returns
// when all are there, or ctx ends.
//
// It waits for Redis no longer than SoftTimeout for each batch, and when one is
// not answered the rest is not asked.
//
// A nil load stands for the layer's own: LayerOptions.LoadMany or, lacking
// that, LayerOptions.Load for each id, 32 at a time.
//
// An error is that of one of the ids that failed; the result has the others.
// Values are shared between callers: treat them as read-only.
func (l *Layer[V]) GetMany(ctx context.Context, ids []string, load BatchLoader[V], opts ...Option) (map[string]V, error) {
	c := newCall(opts)
	values := make(map[string]V, len(ids))
	var missing []string
	absent := make(map[string]bool) // or not known yet
	for _, id := range ids {
		if _, ok := values[id]; ok || absent[id] {
			continue
		}
		if it := l.recall(id, &c); it != nil && !it.negative {
			values[id], _ = it.value.(V)
			continue
		} else if it == nil {
			missing = append(missing, strings.Clone(id))
		}
		absent[id] = true
	}
	if len(missing) == 0 {
		return values, nil
	}
	err := l.obtainMany(ctx, missing, c.own(), l.manyLoader(load), func(id string, it *item) {
		values[id], _ = it.value.(V)
	})
	return values, err
}

// manyLoader is a BatchLoader whose values have lost their type.
type manyLoader struct {
	load  func(ctx context.Context, ms []*member) error // says of each member whether it was found
	alone bool                                          // load wants one at a time
}

func (l *Layer[V]) manyLoader(load BatchLoader[V]) manyLoader {
	if load == nil {
		load = l.byIDs
	}
	if load == nil {
		return manyLoader{alone: true, load: func(ctx context.Context, ms []*member) error {
			if l.byID == nil {
				return fmt.Errorf("%w: layer %s has no LoadMany and no Load, and the call has no loader either", ErrOptions, l.name)
			}
			for _, m := range ms {
				v, err := l.byID(ctx, m.key.id, &m.loaded)
				if err != nil {
					return err
				}
				m.value, m.found = v, true
			}
			return nil
		}}
	}
	return manyLoader{load: func(ctx context.Context, ms []*member) error {
		ids, fills := make([]string, len(ms)), make(map[string]*Fill, len(ms))
		for i, m := range ms {
			ids[i], fills[m.key.id] = m.key.id, &m.loaded
		}
		values, err := load(ctx, ids, fills)
		for _, m := range ms {
			if v, ok := values[m.key.id]; ok {
				m.value, m.found = v, true
			}
		}
		return err
	}}
}

// wish is an id of a GetMany that was not found in memory.
type wish struct {
	id     string
	call   *call
	flight *flight
	led    *member // the flight's, if it was this call that started it
}

// obtainMany is obtain for several ids. got is told of what there is.
func (l *layer) obtainMany(ctx context.Context, ids []string, c call, load manyLoader, got func(string, *item)) (failed error) {
	e := l.engine
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if !e.begin() {
		return ErrClosed
	}
	defer e.work.Done()
	arrival := e.seq.Add(1)
	result := func(id string, it *item, err error) {
		switch {
		case err == nil:
			got(id, it)
		case failed == nil && !errors.Is(err, ErrNotFound):
			failed = err
		}
	}
	usable := ids[:0]
	for _, id := range ids {
		if err := c.check(id); err != nil {
			result(id, nil, err)
		} else {
			usable = append(usable, id)
		}
	}
	var wishes []wish
	if c.strict = l.unverified(&c); c.strict {
		wishes = l.verifyMany(ctx, usable, &c, result)
	} else {
		wishes = l.standMany(ctx, usable, &c, load, result)
	}
	for len(wishes) > 0 {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		wishes = l.flyMany(ctx, wishes, load, arrival, result)
	}
	return failed
}

// standMany serves what memory has though a refresh is due, and starts the
// refreshes. It gives what is left to wish for.
func (l *layer) standMany(ctx context.Context, ids []string, c *call, load manyLoader, result func(string, *item, error)) (wishes []wish) {
	var due []memKey
	for _, id := range ids {
		key := memKey{l, id}
		it, refresh := l.standing(key, c)
		if it == nil {
			wishes = append(wishes, wish{id: id, call: c})
			continue
		}
		if refresh {
			due = append(due, key)
		}
		it, _, err := l.served(c, it, FromMemory, 0)
		result(id, it, err)
	}
	l.refreshMany(ctx, due, c, load)
	return wishes
}

// flyMany joins the flights of what is wished for, or starts them, and waits
// for them. It gives the wishes that those of others have not satisfied.
func (l *layer) flyMany(ctx context.Context, wishes []wish, load manyLoader, arrival uint64, result func(string, *item, error)) (unsatisfied []wish) {
	e := l.engine
	var led []*flight
	waits := wishes[:0]
	for _, w := range wishes {
		f, lead, found := e.join(memKey{l, w.id}, *w.call, e.seq.Add(1), false)
		if found != nil {
			it, _, err := l.served(w.call, found, FromMemory, 0)
			result(w.id, it, err)
			continue
		}
		w.flight, w.led = f, nil
		if lead {
			led = append(led, f)
		}
		waits = append(waits, w)
	}
	if len(led) > 0 {
		b := l.leadMany(ctx, led, load)
		for i, n := 0, 0; n < len(led); i++ {
			if waits[i].flight == led[n] {
				waits[i].led = b.members[n]
				n++
			}
		}
		if !b.awaitRead(ctx) {
			for _, w := range waits { // who has joined goes on waiting
				e.leave(w.flight)
			}
			result("", nil, context.Cause(ctx))
			return nil
		}
	}
	for _, w := range waits {
		f, lead := w.flight, w.led != nil
		if !(lead && w.led.hit) {
			it, source, ok := l.await(ctx, f, w.call, arrival)
			switch {
			case it != nil:
				it, _, err := l.served(w.call, it, source, 0)
				result(w.id, it, err)
				continue
			case !ok:
				result(w.id, nil, context.Cause(ctx))
				continue
			}
		}
		if !lead && !f.serves(w.call, arrival) {
			unsatisfied = append(unsatisfied, w)
			continue
		}
		source := f.source
		if !lead && source == FromLoad {
			source = FromShared
		}
		if f.err != nil {
			l.unserved(w.call, source)
			result(w.id, nil, f.err)
			continue
		}
		it, _, err := l.served(w.call, f.item, source, 0)
		result(w.id, it, err)
	}
	return unsatisfied
}
