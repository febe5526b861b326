package cachetest_test

import (
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dejahq/deja/cache"
	"github.com/dejahq/deja/cache/cachetest"
)

// explore runs, and fails the test if a run saw too little to mean anything.
func explore(t *testing.T, x cachetest.Exploration) cachetest.Report {
	t.Helper()
	r, err := cachetest.Explore(t.Context(), t, x)
	if err != nil {
		t.Errorf("%s, %s: %v", x.Topology, x.Promise, err)
		return r
	}
	t.Logf("%s, %s: %v", x.Topology, x.Promise, r)
	if lack := r.TooLittle(); lack != "" || r.Acknowledged < x.Enough {
		t.Errorf("%s, %s: too little happened: %s", x.Topology, x.Promise, lack)
	}
	return r
}

// deal gives each of several runs a part of the faults that can befall a
// topology, and each run the failover that loses what was acknowledged.
func deal(topology string, runs int, seed uint64) [][]string {
	const killing = "failover-kill"
	hands := make([][]string, runs)
	deck := cachetest.FaultsOf(topology)
	rand.New(rand.NewPCG(seed, 0)).Shuffle(len(deck), func(i, j int) { deck[i], deck[j] = deck[j], deck[i] })
	if i := slices.Index(deck, killing); i >= 0 {
		deck = slices.Delete(deck, i, i+1)
		for j := range hands {
			hands[j] = append(hands[j], killing)
		}
	}
	for i, name := range deck {
		hands[i%runs] = append(hands[i%runs], name)
	}
	return hands
}

// The runs of a topology see every fault that it can have, those with replicas
// a failover each. They mostly wait, so all of them go on at once.
func TestNoStaleReads(t *testing.T) {
	var all sync.WaitGroup
	var mu sync.Mutex
	came := make(map[string]map[string]bool)
	promises := []cache.Promise{cache.Acknowledged, cache.Strict}
	for i, topology := range []string{cachetest.TLS, cachetest.Sentinel, cachetest.Cluster} {
		came[topology] = make(map[string]bool)
		hands := deal(topology, len(promises), uint64(i))
		for j, promise := range promises {
			x := cachetest.Exploration{
				Topology: topology, Promise: promise, Workers: 2, Duration: 5 * time.Second, Enough: 30,
				Seed: uint64(11 + 2*i + j), Faults: hands[j], EachFault: true,
			}
			all.Go(func() {
				r := explore(t, x)
				if len(r.Stale) > 0 {
					t.Errorf("%s, %s: stale reads", topology, promise)
				}
				if len(r.Opinion.Broken) > 0 || r.Opinion.Undecided == r.Opinion.Windows {
					t.Errorf("%s, %s: porcupine: %v", topology, promise, r.Opinion)
				}
				mu.Lock()
				defer mu.Unlock()
				for name := range r.Faults {
					came[topology][name] = true
				}
			})
		}
	}
	all.Wait()
	for topology, names := range came {
		if diff := cmp.Diff(cachetest.FaultsOf(topology), slices.Sorted(maps.Keys(names))); diff != "" {
			t.Errorf("faults on %s (-want +got):\n%s", topology, diff)
		}
	}
}

// Of a real run's history, with one read in it made older than a write that
// had been acknowledged before, porcupine by itself finds the key.
func TestPorcupineFindsAStaleReadInARealRun(t *testing.T) {
	t.Parallel()
	r := explore(t, cachetest.Exploration{Promise: cache.Acknowledged, Duration: time.Second, Enough: 30, Seed: 5, Faults: []string{"none"}})
	if o := r.Opinion; len(o.Broken) > 0 || o.Undecided > 0 || o.Windows < 6 {
		t.Fatal(o)
	}
	doctored := 0
	for i, read := range r.History {
		if read.Write || doctored == 3 {
			continue
		}
		before := slices.IndexFunc(r.History, func(w cachetest.Op) bool {
			return w.Write && w.Key == read.Key && w.End < read.Start && w.Version > 2
		})
		if before < 0 {
			continue
		}
		doctored++
		history := slices.Clone(r.History)
		history[i].Version = r.History[before].Version - 1
		if o := cachetest.Linearizable(history, time.Minute); !slices.Equal(o.Broken, []string{read.Key}) {
			t.Errorf("read %+v as %d after %+v: %v", read, history[i].Version, r.History[before], o)
		}
	}
	if doctored == 0 {
		t.Error("no read to change")
	}
}

const (
	// bound is how stale a read may be under the bounded promise.
	bound = 2 * time.Second
	// still is for how long a machine must have stood still to be an excuse.
	still = 50 * time.Millisecond
)

// A run may be tried again if the machine is shown to have stood still in it,
// and only then.
func TestStaleReadsWithinTheBound(t *testing.T) {
	for seed := uint64(13); seed < 19; seed++ {
		r := explore(t, cachetest.Exploration{
			Topology: cachetest.Standalone, Promise: cache.Bounded, Duration: 4 * time.Second, Enough: 30, Seed: seed, EachFault: true,
		})
		if r.Worst <= bound {
			return
		}
		if r.StoodStill < still {
			t.Fatalf("stale by %v, and the machine stood still for %v only", r.Worst, r.StoodStill)
		}
	}
	t.Fatal("stale for too long, each time")
}

// With any one of the guards switched off, a run finds stale reads, and
// porcupine does so too: so a run without any means something.
func TestTheCheckerBites(t *testing.T) {
	tool := filepath.Join(t.TempDir(), "historycheck")
	build := exec.CommandContext(t.Context(), "go", "build", "-tags", "unguarded", "-o", tool, "github.com/dejahq/deja/cache/cachetest/historycheck")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, c := range []struct{ guard, promise, topology, faults, duration string }{
		{"nonce", "strict", cachetest.Standalone, "none", "2s"},
		{"floor", "strict", cachetest.Standalone, "none", "2s"},
		{"generation", "strict", cachetest.Standalone, "none", "2s"},
		{"lease", "acknowledged", cachetest.Standalone, "stall,blackhole", "5s"},
		{"epoch", "strict", cachetest.Sentinel, "failover-kill", "6s"},
		{"watch", "acknowledged", cachetest.Standalone, "none", "2s"},
		{"gone", "acknowledged", cachetest.Standalone, "none", "2s"},
	} {
		t.Run(c.guard, func(t *testing.T) {
			t.Parallel()
			// Each round has another seed, and one must find something. How many
			// it takes depends on how busy the machine is.
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
			defer cancel()
			for round := 0; ctx.Err() == nil; round++ {
				run := exec.CommandContext(ctx, tool, "-duration", c.duration, "-topology", c.topology, "-promise", c.promise, "-faults", c.faults, "-lag="+map[bool]string{true: "true", false: "false"}[c.guard == "floor"])
				run.Env = append(os.Environ(), "DEJA_UNGUARDED="+c.guard)
				out, err := run.CombinedOutput()
				if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() == 1 {
					if o := string(out); !strings.Contains(o, "NOT linearizable") && !strings.Contains(o, "undecided") {
						t.Errorf("porcupine sees nothing:\n%s", out)
					}
					return
				}
				t.Logf("round %d: nothing found: %v\n%s", round, err, out)
			}
			t.Fatal("the guard is off, and no run noticed")
		})
	}
}
