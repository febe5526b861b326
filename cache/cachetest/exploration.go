package cachetest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/dejahq/deja/cache"
)

// Exploration says how to look for stale reads: engines on one Redis, random
// operations on a few keys, and faults in between.
type Exploration struct {
	Nodes    int           // default 3
	Workers  int           // per node; default 3
	Keys     int           // default 6
	Duration time.Duration // default 5 s
	Enough   int           // a run without faults follows, of a minute at most, until so many writes were acknowledged
	Seed     uint64
	Promise  cache.Promise // default Bounded
	Topology string        // of Topologies; default Standalone
	// Faults are of FaultsOf(Topology); default all of them; "none" for none.
	// They come in random order, none twice before each has come once.
	Faults []string
	// EachFault makes a run go on past Duration, for two minutes at most, until
	// each of Faults has come.
	EachFault bool
	// Lag makes loads of odd keys bring an older version at times, as a
	// replica of the source would. Floors keep such out of the cache, as long
	// as Redis doesn't lose them: faults by which it does are left out, and
	// refused when they are asked for.
	Lag bool
}

// resolve fills in defaults and refuses what makes no sense.
func (x Exploration) resolve() (Exploration, error) {
	for _, n := range []struct {
		name string
		is   *int
		dflt int
	}{{"Nodes", &x.Nodes, 3}, {"Workers", &x.Workers, 3}, {"Keys", &x.Keys, 6}, {"Enough", &x.Enough, 0}} {
		if *n.is < 0 {
			return x, fmt.Errorf("cachetest: %s is %d", n.name, *n.is)
		}
		if *n.is == 0 {
			*n.is = n.dflt
		}
	}
	if x.Duration < 0 {
		return x, fmt.Errorf("cachetest: Duration is %v", x.Duration)
	}
	if x.Duration == 0 {
		x.Duration = 5 * time.Second
	}
	if x.Promise > cache.Strict {
		return x, fmt.Errorf("cachetest: unknown promise %d", x.Promise)
	}
	if x.Promise == 0 {
		x.Promise = cache.Bounded
	}
	if x.Topology == "" {
		x.Topology = Standalone
	}
	if !slices.Contains(Topologies(), x.Topology) {
		return x, fmt.Errorf("cachetest: unknown topology %q; there are %s", x.Topology, strings.Join(Topologies(), ", "))
	}
	possible := FaultsOf(x.Topology)
	if x.Lag {
		possible = slices.DeleteFunc(possible, losesFloors)
	}
	switch {
	case x.Faults == nil:
		x.Faults = possible
	case len(x.Faults) == 1 && x.Faults[0] == "none":
		x.Faults = []string{}
	}
	for _, name := range x.Faults {
		if !slices.Contains(possible, name) {
			return x, fmt.Errorf("cachetest: no fault %q on %s (Lag %v); there are %s", name, x.Topology, x.Lag, strings.Join(possible, ", "))
		}
	}
	x.Faults = slices.Compact(slices.Sorted(slices.Values(x.Faults)))
	return x, nil
}
