package cachetest

import (
	"context"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"
)

// fault spoils something for a while.
type fault func(ctx context.Context, r *run, random *rand.Rand)

func faults() map[string]fault {
	return map[string]fault{
		"cut":   func(_ context.Context, r *run, random *rand.Rand) { r.links[random.IntN(len(r.links))].Cut() },
		"stall": stall, // a node paused, past its lease at times: nothing is lost, all is late
		"blackhole": func(ctx context.Context, r *run, random *rand.Rand) {
			link := r.links[random.IntN(len(r.links))]
			link.Blackhole()
			pause(ctx, time.Duration(random.IntN(2500))*time.Millisecond)
			link.Heal()
		},
		"delay": func(ctx context.Context, r *run, random *rand.Rand) {
			link := r.links[random.IntN(len(r.links))]
			link.Delay(time.Duration(random.IntN(40)) * time.Millisecond)
			pause(ctx, time.Duration(random.IntN(500))*time.Millisecond)
			link.Heal()
		},
		"server-stop": func(ctx context.Context, r *run, random *rand.Rand) {
			r.srv.Pause()
			pause(ctx, time.Duration(random.IntN(1500))*time.Millisecond)
			r.srv.Resume()
		},
		"server-restart": func(_ context.Context, r *run, _ *rand.Rand) { r.srv.Restart() },
		"client-pause": func(_ context.Context, r *run, random *rand.Rand) {
			_, _ = r.srv.Do("CLIENT", "PAUSE", strconv.Itoa(random.IntN(300)), "ALL")
		},
		"script-flush": func(_ context.Context, r *run, _ *rand.Rand) { _, _ = r.srv.Do("SCRIPT", "FLUSH") },
		"flush":        func(_ context.Context, r *run, _ *rand.Rand) { _, _ = r.srv.Do("FLUSHALL") },
		"evict":        evict,
	}
}

// FaultNames lists what Explore can spoil.
func FaultNames() []string { return slices.Sorted(maps.Keys(faults())) }

func stall(ctx context.Context, r *run, random *rand.Rand) {
	link := r.links[random.IntN(len(r.links))]
	link.Stall()
	pause(ctx, time.Duration(random.IntN(2500))*time.Millisecond)
	link.Heal()
}

// evict removes keys as Redis would when its memory is full.
func evict(_ context.Context, r *run, random *rand.Rand) {
	victims := []string{"gen:@all", "gen:group0", "gen:group1", "{fleet}:nodes", "{fleet}:log"}
	for k := range r.x.Keys {
		key := "explored:key" + strconv.Itoa(k)
		victims = append(victims, key, "{"+key+"}:lease", "{"+key+"}:floor")
	}
	for range 3 {
		_, _ = r.srv.Do("UNLINK", victims[random.IntN(len(victims))])
	}
}

// spoil applies faults, one after the other, until ctx ends; then it leaves
// everything whole.
func (r *run) spoil(ctx context.Context, random *rand.Rand) map[string]int {
	count := make(map[string]int)
	all := faults()
	for ctx.Err() == nil {
		pause(ctx, time.Duration(random.IntN(400))*time.Millisecond)
		name := r.x.Faults[random.IntN(len(r.x.Faults))]
		if f, ok := all[name]; ok && ctx.Err() == nil {
			f(ctx, r, random)
			count[name]++
		}
	}
	return count
}
