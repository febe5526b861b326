package measure

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dejahq/deja/bench/rivals"
)

const loadTime = 20 * time.Millisecond

// Stampede measures what a key costs that many want at once and nobody has.
func Stampede(o Options) (Section, error) {
	const callers, keys = 400, 20
	s := Section{
		Title:  "Cold stampede",
		How:    fmt.Sprintf("%d callers, on one node or spread over four, ask at once for a key that nobody has; loading it takes %v. %d keys, one after the other. The time is the median until all callers have the value.", callers, loadTime, keys),
		Rivals: rivals.All(),
	}
	for _, nodes := range []int{1, 4} {
		where := fmt.Sprintf("%d nodes", nodes)
		if nodes == 1 {
			where = "1 node"
		}
		loads, took := newRow("loads per key, "+where, Lower, plain("")), newRow("time, "+where, Lower, plain(" ms"))
		for _, r := range s.Rivals {
			n, t, err := stampede(o, r, nodes, callers, keys)
			if err != nil {
				return s, fmt.Errorf("%s: %w", r.Name, err)
			}
			loads.keep(r.Name, float64(n)/keys)
			took.keep(r.Name, float64(t.Microseconds())/1000)
		}
		s.Rows = append(s.Rows, loads, took)
	}
	return s, nil
}

func stampede(o Options, r rivals.Rival, nodes, callers, keys int) (int64, time.Duration, error) {
	var loads atomic.Int64
	setup := rivals.Setup{
		Redis: o.Redis, Prefix: prefix("stampede", r), Entries: 10_000, TTL: time.Hour,
		Load: func(ctx context.Context, id string) (rivals.Value, error) {
			if id != "warm" && id != "sample" {
				loads.Add(1)
				time.Sleep(loadTime)
			}
			return document(ctx, id)
		},
	}
	caches, err := openNodes(r, setup, nodes)
	if err != nil {
		return 0, 0, err
	}
	defer closeAll(caches)
	loads.Store(0) // what opening took

	var took []time.Duration
	for k := range keys {
		id := fmt.Sprintf("cold-%d", k)
		start := make(chan struct{})
		errs := make([]error, callers)
		var all sync.WaitGroup
		for i := range callers {
			all.Go(func() {
				<-start
				_, errs[i] = caches[i%nodes].Get(context.Background(), id)
			})
		}
		began := time.Now()
		close(start)
		all.Wait()
		took = append(took, time.Since(began))
		for _, err := range errs {
			if err != nil {
				return 0, 0, err
			}
		}
	}
	slices.Sort(took)
	return loads.Load(), took[len(took)/2], nil
}

// openNodes opens a rival several times, and reads a key on each, so that all
// are connected.
func openNodes(r rivals.Rival, s rivals.Setup, nodes int) ([]rivals.Cache, error) {
	var caches []rivals.Cache
	for range nodes {
		c, err := r.Open(s)
		if err == nil {
			caches = append(caches, c)
			_, err = c.Get(context.Background(), "warm")
		}
		if err != nil {
			closeAll(caches)
			return nil, err
		}
	}
	return caches, nil
}

func closeAll(caches []rivals.Cache) {
	for _, c := range caches {
		c.Close()
	}
}
