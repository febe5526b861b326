package cachetest_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/dejahq/deja/cache"
	"github.com/dejahq/deja/cache/cachetest"
)

func explore(t *testing.T, x cachetest.Exploration) cachetest.Report {
	t.Helper()
	r, err := cachetest.Explore(t.Context(), t, x)
	if err != nil {
		t.Fatal(err)
	}
	t.Log(r)
	if r.Reads < 100 || r.Acknowledged == 0 {
		t.Fatal("too little happened")
	}
	return r
}

func TestNoStaleReads(t *testing.T) {
	for i, p := range []cache.Promise{cache.Acknowledged, cache.Strict} {
		t.Run(p.String(), func(t *testing.T) {
			t.Parallel()
			r := explore(t, cachetest.Exploration{Promise: p, Duration: 6 * time.Second, Seed: uint64(i) + 11})
			if len(r.Stale) > 0 {
				t.Fatal("stale reads")
			}
		})
	}
	t.Run("bounded", func(t *testing.T) {
		t.Parallel()
		r := explore(t, cachetest.Exploration{Promise: cache.Bounded, Duration: 6 * time.Second, Seed: 13})
		if r.Worst > 2500*time.Millisecond {
			t.Fatalf("stale by %v", r.Worst)
		}
	})
}

// With any one of the guards switched off, a run finds stale reads: so a run
// without any means something.
func TestTheCheckerBites(t *testing.T) {
	tool := filepath.Join(t.TempDir(), "historycheck")
	build := exec.CommandContext(t.Context(), "go", "build", "-tags", "unguarded", "-o", tool, "github.com/dejahq/deja/cache/cachetest/historycheck")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, c := range []struct{ guard, promise, faults string }{
		{"nonce", "strict", "none"},
		{"floor", "strict", "none"},
		{"generation", "strict", "none"},
		{"lease", "acknowledged", "stall,blackhole"},
		{"watch", "acknowledged", "none"},
	} {
		t.Run(c.guard, func(t *testing.T) {
			for round := range 5 {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				run := exec.CommandContext(ctx, tool, "-duration", "3s", "-promise", c.promise, "-faults", c.faults, "-lag="+map[bool]string{true: "true", false: "false"}[c.guard == "floor"])
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
