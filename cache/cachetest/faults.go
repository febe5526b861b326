package cachetest

import (
	"context"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"github.com/dejahq/deja/internal/redistest"
)

// fault spoils something for a while.
type fault func(ctx context.Context, r *run, random *rand.Rand)

func faults() map[string]fault {
	return map[string]fault{
		"cut": func(_ context.Context, r *run, random *rand.Rand) { r.network(random).cut() },
		// A node paused, past its lease at times: nothing is lost, all is late.
		"stall": func(ctx context.Context, r *run, random *rand.Rand) {
			r.network(random).spoilFor(ctx, upTo(random, 2500), (*redistest.Proxy).Stall)
		},
		"blackhole": func(ctx context.Context, r *run, random *rand.Rand) {
			r.network(random).spoilFor(ctx, upTo(random, 2500), (*redistest.Proxy).Blackhole)
		},
		"delay": func(ctx context.Context, r *run, random *rand.Rand) {
			d := upTo(random, 40)
			r.network(random).spoilFor(ctx, upTo(random, 500), func(p *redistest.Proxy) { p.Delay(d) })
		},
		// SIGSTOP and SIGCONT. A master may find that it was replaced meanwhile.
		"server-stop": func(ctx context.Context, r *run, random *rand.Rand) {
			s := r.server(random)
			s.Pause()
			pause(ctx, upTo(random, 1500))
			s.Resume()
		},
		"server-restart": func(_ context.Context, r *run, random *rand.Rand) { r.server(random).Restart() },
		"client-pause": func(_ context.Context, r *run, random *rand.Rand) {
			_, _ = r.server(random).Do("CLIENT", "PAUSE", strconv.Itoa(random.IntN(300)), "ALL")
		},
		"script-flush": func(_ context.Context, r *run, random *rand.Rand) { _, _ = r.server(random).Do("SCRIPT", "FLUSH") },
		"flush": func(_ context.Context, r *run, random *rand.Rand) {
			_, _ = r.redis.master(r.key(random)).Do("FLUSHALL")
		},
		"evict":      evict,
		"clock-jump": jump,
		"failover":   func(_ context.Context, r *run, random *rand.Rand) { r.redis.replace(r.key(random)) },
		killing:      lose,
	}
}

// possible says whether a fault can befall a topology.
func (r *run) possible(name string) bool {
	return r.redis.replace != nil || name != "failover" && name != killing
}

// FaultNames lists what Explore can spoil. Failovers need a topology that has
// them.
func FaultNames() []string { return slices.Sorted(maps.Keys(faults())) }

func upTo(random *rand.Rand, ms int) time.Duration {
	return time.Duration(random.IntN(ms)) * time.Millisecond
}

func (r *run) network(random *rand.Rand) *network { return r.networks[random.IntN(len(r.networks))] }

func (r *run) server(random *rand.Rand) *redistest.Server {
	return r.redis.servers[random.IntN(len(r.redis.servers))]
}

// key is one of those that the run uses, the fleet's among them.
func (r *run) key(random *rand.Rand) string {
	if random.IntN(3) == 0 {
		return "{fleet}:nodes"
	}
	return "explored:key" + strconv.Itoa(random.IntN(r.x.Keys))
}

// evict removes keys as Redis would when its memory is full.
func evict(_ context.Context, r *run, random *rand.Rand) {
	victims := []string{"gen:@all", "gen:group0", "gen:group1", "{fleet}:nodes", "{fleet}:log"}
	for k := range r.x.Keys {
		key := "explored:key" + strconv.Itoa(k)
		victims = append(victims, key, "{"+key+"}:lease", "{"+key+"}:floor")
	}
	for range 3 {
		key := victims[random.IntN(len(victims))]
		_, _ = r.redis.master(key).Do("UNLINK", key)
	}
}

// jump sets the wall clock of a node, forth or back, by little or much.
func jump(_ context.Context, r *run, random *rand.Rand) {
	by := []time.Duration{0, 300 * time.Millisecond, 10 * time.Second, 3 * time.Hour}[random.IntN(4)]
	if random.IntN(2) == 0 {
		by = -by
	}
	r.clocks[random.IntN(len(r.clocks))].Set(by)
}

// spoil applies faults, one after the other, until ctx ends; then it leaves
// everything whole.
func (r *run) spoil(ctx context.Context, random *rand.Rand) map[string]int {
	count := make(map[string]int)
	all := faults()
	names := slices.DeleteFunc(slices.Clone(r.x.Faults), func(name string) bool { return all[name] == nil || !r.possible(name) })
	for i := 0; ctx.Err() == nil; i++ {
		pause(ctx, upTo(random, 400))
		if ctx.Err() != nil || len(names) == 0 {
			continue
		}
		name := names[random.IntN(len(names))]
		if i == 0 && slices.Contains(names, killing) {
			name = killing
		}
		all[name](ctx, r, random)
		count[name]++
		if name == "failover" || name == killing {
			pause(ctx, time.Second+upTo(random, 3000)) // to see the fleet as it is afterwards, too
		}
	}
	return count
}
