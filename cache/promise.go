package cache

import (
	"context"
	"slices"
)

// Promise says what a read may rely on after an invalidation. Each layer has
// one, and each call may ask for another. Without Redis there is one node,
// and all three are the same.
type Promise uint8

const (
	// Bounded is the default: other nodes drop an entry when Redis pushes its
	// invalidation to them, which takes about a round trip; a node that is cut
	// off from Redis drops everything within 2 seconds. The node that
	// invalidated never serves the old value again.
	Bounded Promise = iota + 1
	// Acknowledged: when Invalidate has returned with as many Acknowledged as
	// Nodes, no node serves the old value. Nodes serve such entries from
	// memory only while they hold a lease of two seconds, which they renew
	// through Redis and only once they have carried out every invalidation
	// announced there. Invalidate waits for each node to do so, or for its
	// lease to run out. In the first two seconds after Redis has begun empty,
	// or has lost its data, it waits until they are over, also on a node that
	// is alone: nodes that can't be heard may hold a lease from before.
	Acknowledged
	// Strict: each read asks Redis whether what is in memory is still what is
	// there. When Redis is away, each read loads.
	Strict
)

func (p Promise) String() string {
	switch p {
	case Acknowledged:
		return "acknowledged"
	case Strict:
		return "strict"
	default:
		return "bounded"
	}
}

// WithPromise asks for another promise than the layer's, for one read or one
// invalidation.
func WithPromise(p Promise) Option { return Option{kind: optionPromise, number: int64(p)} }

// promise gives the promise of a call.
func (l *layer) promised(c *call) Promise {
	if c != nil && c.promise != 0 && l.engine.remote != nil {
		return c.promise
	}
	return l.promise
}

// unverified says whether a call must not rely on memory before Redis was
// asked. What it finds in memory must be looked up after this.
func (l *layer) unverified(c *call) bool {
	p := l.promised(c)
	return p != Bounded && (p == Strict || !l.engine.remote.fleet.leased())
}

// verify serves an entry of memory if Redis says that it is the one there,
// of generations that stand. In any case this node's view of the generations
// is true when it returns. It is false when Redis can't be asked.
func (l *layer) verify(ctx context.Context, key memKey, c *call) (*item, bool) {
	e := l.engine
	en, found := e.items.GetEntry(key)
	mark, tokens, err := e.remote.check(ctx, l.key(key.id), c.groups)
	if err != nil {
		if err != errAway {
			l.stats.redisErrors.Add(1)
		}
		return nil, false
	}
	gens, err := e.gens.resolve(ctx, c.groups)
	if err != nil {
		return nil, false
	}
	for i, g := range gens {
		if g.token != tokens[i] {
			e.gens.kill(g.name)
		}
	}
	it := en.Value
	now := e.clock.NowNano()
	if !found || mark == 0 || it.mark != mark || !it.current(e) || !c.accepts(e, it) || now >= it.fresh {
		return nil, true
	}
	return it, true
}

// verifyMany is verify for several ids. It gives the result of those that
// memory has, and the wishes for the others.
func (l *layer) verifyMany(ctx context.Context, ids []string, c *call, result func(string, *item, error)) (wishes []wish) {
	e := l.engine
	unasked := *c // for those of which Redis can't be asked
	unasked.refresh, unasked.away = true, true
	silent := false
	for some := range slices.Chunk(ids, batchMost) {
		if silent = silent || ctx.Err() != nil; silent {
			for _, id := range some {
				wishes = append(wishes, wish{id: id, call: &unasked})
			}
			continue
		}
		asked := e.now()
		found, ok := l.verifySome(some, c)
		silent = !ok
		for i, id := range some {
			switch {
			case !ok:
				wishes = append(wishes, wish{id: id, call: &unasked})
			case found[i] == nil:
				wishes = append(wishes, wish{id: id, call: c})
			default:
				it, _, err := l.served(c, found[i], FromMemory, asked)
				result(id, it, err)
			}
		}
	}
	return wishes
}

func (l *layer) verifySome(ids []string, c *call) (found []*item, ok bool) {
	e := l.engine
	soft := e.remote.soft.context()
	keys, inMemory := make([]string, len(ids)), make([]*item, len(ids))
	for i, id := range ids {
		if en, ok := e.items.GetEntry(memKey{l, id}); ok {
			inMemory[i] = en.Value
		}
		keys[i] = l.key(id)
	}
	marks, tokens, err := e.remote.checkMany(soft, keys, c.groups)
	if err != nil {
		if err != errAway {
			l.stats.redisErrors.Add(1)
		}
		return nil, false
	}
	gens, err := e.gens.resolve(soft, c.groups)
	if err != nil {
		return nil, false
	}
	for i, g := range gens {
		if g.token != tokens[i] {
			e.gens.kill(g.name)
		}
	}
	now := e.clock.NowNano()
	for i, it := range inMemory {
		if it == nil || marks[i] == 0 || it.mark != marks[i] || !it.current(e) || !c.accepts(e, it) || now >= it.fresh {
			inMemory[i] = nil
		}
	}
	return inMemory, true
}
