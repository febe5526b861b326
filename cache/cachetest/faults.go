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

// FaultNames lists what Explore can spoil.
func FaultNames() []string { return slices.Sorted(maps.Keys(faults())) }

// FaultsOf lists what can befall a topology: failovers only one that has
// replicas.
func FaultsOf(topology string) []string {
	return slices.DeleteFunc(FaultNames(), func(name string) bool {
		return (name == "failover" || name == killing) && topology != Sentinel && topology != Cluster
	})
}

// losesFloors says whether Redis may lose side keys by a fault. A master that is
// stopped may be replaced.
func losesFloors(name string) bool {
	return slices.Contains([]string{"evict", "flush", "server-restart", "server-stop", "failover", killing}, name)
}

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

// eachWithin is how long a run goes on, at most, that is to see each fault.
const eachWithin = 2 * time.Minute

// spoil applies faults, one after the other, for as long as the run lasts;
// then it leaves everything whole.
func (r *run) spoil(ctx context.Context, random *rand.Rand) map[string]int {
	over := time.Now().Add(r.x.Duration)
	limit := r.x.Duration
	if r.x.EachFault {
		limit = max(limit, eachWithin)
	}
	ctx, stop := context.WithTimeout(ctx, limit)
	defer stop()
	all, count := faults(), make(map[string]int)
	var deck []string
	for ctx.Err() == nil && (time.Now().Before(over) || r.x.EachFault && len(count) < len(r.x.Faults)) {
		pause(ctx, upTo(random, 400))
		if ctx.Err() != nil || len(r.x.Faults) == 0 {
			continue
		}
		if len(deck) == 0 {
			deck = r.shuffle(random, len(count) == 0)
		}
		name := deck[0]
		deck = deck[1:]
		all[name](ctx, r, random)
		count[name]++
		if name == "failover" || name == killing {
			pause(ctx, time.Second+upTo(random, 3000)) // to see the fleet as it is afterwards, too
		}
	}
	return count
}

// shuffle puts the faults in an order of their own. The first time, killing is
// the first: it needs time to be seen.
func (r *run) shuffle(random *rand.Rand, first bool) []string {
	deck := slices.Clone(r.x.Faults)
	random.Shuffle(len(deck), func(i, j int) { deck[i], deck[j] = deck[j], deck[i] })
	if i := slices.Index(deck, killing); first && i > 0 {
		deck[0], deck[i] = deck[i], deck[0]
	}
	return deck
}
