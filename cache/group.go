package cache

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/maypok86/otter/v2"
)

// A group is invalidated by giving it a new generation. A generation is a
// token that every entry of the group carries, captured before the entry's
// load began; entries with another token than the group's present one are
// unreachable. Tokens are random and not counted up, and not clocks: losing a
// generation (evicted, expired, lost in a failover) costs the entries that
// carry it and can't bring back older ones.
type generation struct {
	name  string
	dead  atomic.Bool
	known chan struct{} // closed when token is set
	token token         // zero: Redis could not be asked
	lasts atomic.Int64  // in Redis, as far as this node knows
	alone []*generation // just this one
	made  time.Time
}

func newGeneration(group string) *generation {
	gen := &generation{name: group, made: time.Now(), known: make(chan struct{})}
	gen.alone = []*generation{gen}
	return gen
}

// generations is this node's view of the groups' generations: asked once,
// then kept true by push.
type generations struct {
	table *otter.Cache[string, *generation]
	all   atomic.Pointer[generation] // of groupAll, never evicted
	fetch func(ctx context.Context, group string) (t token, lasts int64)
	// again says whether it may be worth while to ask once more for a
	// generation that could not be had.
	again func() bool
}

const maxGenerations = 1 << 17

func (g *generations) open(clock otter.Clock) (err error) {
	g.table, err = otter.New(&otter.Options[string, *generation]{
		MaximumSize: maxGenerations,
		// Entries point to their generations: one that this table no longer
		// knows can't be kept true by push, so it dies.
		OnAtomicDeletion: func(ev otter.DeletionEvent[string, *generation]) { ev.Value.dead.Store(true) },
		Clock:            clock,
		Logger:           &otter.NoopLogger{},
	})
	return err
}

func (g *generations) close() { g.table.StopAllGoroutines() }

// kill forgets a group's generation and everything that carries it.
func (g *generations) kill(group string) {
	if group == groupAll {
		if old := g.all.Swap(nil); old != nil {
			old.dead.Store(true)
		}
		return
	}
	g.table.Invalidate(group)
}

// killAll forgets all generations.
func (g *generations) killAll() {
	g.kill(groupAll)
	g.table.InvalidateAll()
}

// resolve gives the present generations of groupAll and of the groups. Redis is
// asked one after the other for those that aren't known, until it fails to
// answer once: who resolves waits for one soft timeout, and not one per group.
func (g *generations) resolve(ctx context.Context, groups []string) ([]*generation, error) {
	gen, err := g.one(ctx, groupAll, true)
	if err != nil {
		return nil, err
	}
	if len(groups) == 0 {
		return gen.alone, nil
	}
	gens := make([]*generation, 0, len(groups)+1)
	gens = append(gens, gen)
	for _, group := range groups {
		if gen, err = g.one(ctx, group, gen.token != 0); err != nil {
			return nil, err
		}
		gens = append(gens, gen)
	}
	return gens, nil
}

// unasked is resolve for who has waited for Redis in vain, and must not wait
// again. Their tokens may not be known: what is based on them stays in this
// node's memory, where an invalidation finds it as any other.
func (g *generations) unasked(groups []string) []*generation {
	gens := make([]*generation, 0, len(groups)+1)
	for i := range len(groups) + 1 {
		group := groupAll
		if i > 0 {
			group = groups[i-1]
		}
		gen, mine := g.place(group)
		if mine {
			close(gen.known)
		}
		gens = append(gens, gen)
	}
	return gens
}

// one gives a group's generation. The generation is in the table before it
// is asked for, so that an invalidation that comes while the answer is on
// its way finds and kills it. Unless ask is set, one that isn't known is not
// asked for.
func (g *generations) one(ctx context.Context, group string, ask bool) (*generation, error) {
	gen, mine := g.place(group)
	if mine {
		defer close(gen.known)
		if !ask {
			return gen, nil
		}
		token, lasts := g.fetch(ctx, group)
		gen.token = token
		gen.lasts.Store(lasts)
		return gen, nil
	}
	select {
	case <-gen.known: // alone and without waiting, as it mostly is, this costs little
		if gen.token != 0 {
			return gen, nil
		}
	default:
	}
	select {
	case <-gen.known:
		if gen.token == 0 && time.Since(gen.made) > time.Second && g.again() {
			g.kill(group)
			return g.one(ctx, group, ask)
		}
		return gen, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// place finds a group's generation, or makes one that the caller must fetch.
func (g *generations) place(group string) (gen *generation, mine bool) {
	if group == groupAll {
		if gen = g.all.Load(); gen != nil {
			return gen, false
		}
		gen = newGeneration(group)
		for !g.all.CompareAndSwap(nil, gen) {
			if other := g.all.Load(); other != nil {
				return other, false
			}
		}
		return gen, true
	}
	if gen, ok := g.table.GetIfPresent(group); ok {
		return gen, false
	}
	gen, _ = g.table.ComputeIfAbsent(group, func() (*generation, bool) {
		mine = true
		return newGeneration(group), false
	})
	return gen, mine
}
