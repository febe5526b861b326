package cachetest_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/dejahq/deja/cache"
	"github.com/dejahq/deja/cache/cachetest"
)

// seen fails the test if a run saw too little to mean anything.
func seen(t *testing.T, x cachetest.Exploration, r cachetest.Report) {
	t.Helper()
	t.Logf("%s, %s: %v", x.Topology, x.Promise, r)
	if r.Reads < 100 || r.Acknowledged < x.Enough {
		t.Errorf("%s, %s: too little happened", x.Topology, x.Promise)
	}
	if replicated := x.Topology == cachetest.Sentinel || x.Topology == cachetest.Cluster; replicated && r.Faults["failover-kill"] == 0 {
		t.Errorf("%s, %s: no master was replaced", x.Topology, x.Promise)
	}
}

// The runs mostly wait, so all of them go on at once.
func TestNoStaleReads(t *testing.T) {
	var all sync.WaitGroup
	for i, topology := range []string{cachetest.TLS, cachetest.Sentinel, cachetest.Cluster} {
		for j, promise := range []cache.Promise{cache.Acknowledged, cache.Strict} {
			x := cachetest.Exploration{Topology: topology, Promise: promise, Workers: 2, Duration: 5 * time.Second, Enough: 30, Seed: uint64(11 + 2*i + j)}
			all.Go(func() {
				r, err := cachetest.Explore(t.Context(), t, x)
				if err != nil {
					t.Error(err)
					return
				}
				seen(t, x, r)
				if len(r.Stale) > 0 {
					t.Errorf("%s, %s: stale reads", topology, promise)
				}
			})
		}
	}
	all.Wait()
}

// bound is how stale a read may be under the bounded promise: 2 s, and some
// for a busy machine.
const bound = 2500 * time.Millisecond

func TestStaleReadsWithinTheBound(t *testing.T) {
	worst := time.Hour
	for seed := uint64(13); seed < 17 && worst > bound; seed++ { // a machine that stands still for long may break it once
		x := cachetest.Exploration{Topology: cachetest.Standalone, Promise: cache.Bounded, Duration: 4 * time.Second, Enough: 30, Seed: seed}
		r, err := cachetest.Explore(t.Context(), t, x)
		if err != nil {
			t.Fatal(err)
		}
		seen(t, x, r)
		worst = min(worst, r.Worst)
	}
	if worst > bound {
		t.Fatalf("stale by %v, each time", worst)
	}
}

// With any one of the guards switched off, a run finds stale reads: so a run
// without any means something.
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
					return
				}
				t.Logf("round %d: nothing found: %v\n%s", round, err, out)
			}
			t.Fatal("the guard is off, and no run noticed")
		})
	}
}
