// Command historycheck looks for stale reads: it starts redis-servers and
// several engines, reads, writes and invalidates at random under faults, and
// prints what it saw. It exits with 1 when a read broke the promise.
//
//	go run ./cache/cachetest/historycheck -duration 60s -nodes 4 -topology cluster -promise acknowledged -seed 7
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/dejahq/deja/cache"
	"github.com/dejahq/deja/cache/cachetest"
)

// bound is how stale a read may be under the bounded promise: the time in
// which a dead connection is noticed, and some for a busy machine.
const bound = 2500 * time.Millisecond

func main() { os.Exit(run()) }

func run() int {
	x := cachetest.Exploration{}
	var promise, faults string
	flag.DurationVar(&x.Duration, "duration", 30*time.Second, "how long to run")
	flag.IntVar(&x.Nodes, "nodes", 3, "engines")
	flag.IntVar(&x.Workers, "workers", 3, "clients of each engine")
	flag.IntVar(&x.Keys, "keys", 6, "keys")
	flag.Uint64Var(&x.Seed, "seed", uint64(time.Now().UnixNano()), "of the random choices")
	flag.BoolVar(&x.Lag, "lag", false, "let the source lag behind itself (choose faults that don't empty Redis)")
	flag.StringVar(&x.Topology, "topology", cachetest.Standalone, "of Redis: "+strings.Join(cachetest.Topologies(), ", "))
	flag.StringVar(&promise, "promise", "acknowledged", "bounded, acknowledged or strict")
	flag.StringVar(&faults, "faults", "", "comma-separated: "+strings.Join(cachetest.FaultNames(), ", ")+", or none (default all)")
	flag.Parse()
	for _, p := range []cache.Promise{cache.Bounded, cache.Acknowledged, cache.Strict} {
		if p.String() == promise {
			x.Promise = p
		}
	}
	if x.Promise == 0 || flag.NArg() > 0 {
		flag.Usage()
		return 2
	}
	if faults != "" {
		x.Faults = strings.Split(faults, ",")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	tb := &host{}
	defer tb.cleanup()
	report, err := cachetest.Explore(ctx, tb, x)
	if err != nil {
		fmt.Fprintln(os.Stderr, "historycheck:", err)
		return 2
	}
	fmt.Printf("promise %s, %s, %d nodes, seed %d\n%s\n", promise, x.Topology, x.Nodes, x.Seed, report)
	if len(report.Stale) > 0 && (x.Promise != cache.Bounded || report.Worst > bound) {
		return 1
	}
	return 0
}

// host stands in for a test.
type host struct {
	cleanups []func()
}

func (h *host) Helper()             {}
func (h *host) Logf(string, ...any) {}
func (h *host) Cleanup(f func())    { h.cleanups = append(h.cleanups, f) }
func (h *host) Fatalf(f string, args ...any) {
	h.cleanup()
	fmt.Fprintf(os.Stderr, "historycheck: "+f+"\n", args...)
	os.Exit(2)
}

func (h *host) TempDir() string {
	dir, err := os.MkdirTemp("", "historycheck")
	if err != nil {
		h.Fatalf("%v", err)
	}
	h.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func (h *host) cleanup() {
	for len(h.cleanups) > 0 {
		last := h.cleanups[len(h.cleanups)-1]
		h.cleanups = h.cleanups[:len(h.cleanups)-1]
		last()
	}
}
