package measure

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dejahq/deja/bench/rivals"
)

const (
	stormNodes   = 2
	stormKeys    = 16
	stormReaders = 4 // per node
	stormEvery   = 2 * time.Millisecond
	stormLoad    = time.Millisecond
	stormLength  = 3 * time.Second
	stormSettle  = 300 * time.Millisecond
)

// Storm measures how old the values are that are read while they change.
func Storm(o Options) (Section, error) {
	s := Section{
		Title: "Invalidation storm",
		How: fmt.Sprintf("Two nodes read %d keys while on each node a writer changes one of its own every %v and invalidates it, waiting for the answer; a load takes %v. "+
			"A read is stale when the invalidation of its value had returned before the read began. Stuck are keys that a node still gives an old value of %v after the last change.",
			stormKeys, stormEvery, stormLoad, stormSettle),
		Rivals: rivals.All(),
		Rows: []Row{
			newRow("stale reads", Lower, percent),
			newRow("longest staleness", Lower, plain(" ms")),
			newRow(fmt.Sprintf("stuck keys, of %d", stormNodes*stormKeys), Lower, plain("")),
			newRow("loads per invalidation", Neither, plain("")),
		},
	}
	for _, r := range s.Rivals {
		st, err := newStorm(o, r)
		if err != nil {
			return s, fmt.Errorf("%s: %w", r.Name, err)
		}
		if err := st.run(stormLength); err != nil {
			return s, fmt.Errorf("%s: %w", r.Name, err)
		}
		s.Rows[0].keep(r.Name, float64(st.stale.Load())/float64(st.reads.Load()))
		s.Rows[1].keep(r.Name, float64(st.longest.Load())/1e6)
		s.Rows[2].keep(r.Name, float64(st.stuck))
		s.Rows[3].keep(r.Name, float64(st.loads.Load())/float64(st.changes.Load()))
	}
	return s, nil
}

// record is a key's source, and when each of its versions was invalidated.
type record struct {
	mu      sync.Mutex
	version int64       // in the source
	gone    []time.Time // by version: when its invalidation had returned
}

type storm struct {
	caches  []rivals.Cache
	records [stormKeys]record

	reads, stale, loads, changes, longest atomic.Int64
	stuck                                 int
}

func newStorm(o Options, r rivals.Rival) (*storm, error) {
	st := new(storm)
	var err error
	st.caches, err = openNodes(r, rivals.Setup{
		Redis: o.Redis, Prefix: prefix("storm", r), Entries: 10_000, TTL: time.Minute, Load: st.load,
	}, stormNodes)
	return st, err
}

// load reads the source as a database would be read: the value is of the
// moment of the query, and the answer takes its time.
func (st *storm) load(ctx context.Context, id string) (rivals.Value, error) {
	v, err := document(ctx, id)
	if k, isKey := strconv.Atoi(id); isKey == nil {
		st.loads.Add(1)
		r := &st.records[k]
		r.mu.Lock()
		v.Version = r.version + 1 // versions begin with 1
		r.mu.Unlock()
		time.Sleep(stormLoad)
	}
	return v, err
}

func (st *storm) run(length time.Duration) error {
	defer closeAll(st.caches)
	ctx, cancel := context.WithTimeout(context.Background(), length)
	defer cancel()
	var fault atomic.Pointer[error]
	fail := func(err error) {
		if err != nil {
			fault.CompareAndSwap(nil, &err)
			cancel()
		}
	}
	var writers, readers sync.WaitGroup
	reading := make(chan struct{})
	for n, c := range st.caches {
		writers.Go(func() { fail(st.write(ctx, n, c)) })
		for range stormReaders {
			readers.Go(func() { fail(st.read(reading, c)) })
		}
	}
	writers.Wait()
	time.Sleep(stormSettle)
	close(reading)
	readers.Wait()
	for _, c := range st.caches {
		for k := range st.records {
			v, err := c.Get(context.Background(), strconv.Itoa(k))
			fail(err)
			if v.Version != st.records[k].version+1 {
				st.stuck++
			}
		}
	}
	if err := fault.Load(); err != nil {
		return *err
	}
	return nil
}

// write changes the node's own keys until ctx ends.
func (st *storm) write(ctx context.Context, node int, c rivals.Cache) error {
	tick := time.NewTicker(stormEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		k := rand.N(stormKeys/stormNodes)*stormNodes + node
		r := &st.records[k]
		r.mu.Lock()
		r.version++
		version := r.version + 1
		r.mu.Unlock()
		st.changes.Add(1)
		if err := c.Invalidate(context.Background(), strconv.Itoa(k), version); err != nil {
			return err
		}
		r.mu.Lock()
		r.gone = append(r.gone, time.Now()) // of version len(gone)
		r.mu.Unlock()
	}
}

// read reads until done is closed, with pauses, so that all rivals bear the
// same load.
func (st *storm) read(done <-chan struct{}, c rivals.Cache) error {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return nil
		case <-tick.C:
		}
		for range 5 {
			k := rand.N(stormKeys)
			r := &st.records[k]
			r.mu.Lock()
			invalidated := int64(len(r.gone)) // versions up to this were, before the read
			r.mu.Unlock()
			v, err := c.Get(context.Background(), strconv.Itoa(k))
			if err != nil {
				return err
			}
			st.reads.Add(1)
			if v.Version > invalidated {
				continue
			}
			st.stale.Add(1)
			r.mu.Lock()
			age := int64(time.Since(r.gone[v.Version-1]))
			r.mu.Unlock()
			for old := st.longest.Load(); age > old && !st.longest.CompareAndSwap(old, age); {
				old = st.longest.Load()
			}
		}
	}
}
