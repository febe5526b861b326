package cache

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/dejahq/deja/internal/redistest"
)

func gathering(t *testing.T, o RedisOptions) (*Engine, rueidis.Client) {
	t.Helper()
	e, err := Open(t.Context(), Options{Redis: &o, SoftTimeout: 30 * time.Second, HardTimeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	c, ok := e.remote.client()
	if !ok {
		t.Fatal("no connection")
	}
	return e, c
}

// Each caller gets what is under his key, whether he read alone or with others;
// what isn't there, and what isn't a string, is nothing.
func TestGatheredReads(t *testing.T) {
	t.Parallel()
	e, c := gathering(t, RedisOptions{URL: redistest.Start(t).URL()})
	const keys = 300
	for i := range keys {
		if i%3 == 0 {
			continue
		}
		if err := c.Do(t.Context(), c.B().Set().Key(fmt.Sprint("k", i)).Value(fmt.Sprint("v", i)).Build()).Error(); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Do(t.Context(), c.B().Lpush().Key("k3").Element("x").Build()).Error(); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for i := range 3 * keys {
		all.Go(func() {
			n := i % keys
			for range 20 {
				b, err := e.remote.get(t.Context(), fmt.Sprint("k", n))
				want := fmt.Sprint("v", n)
				if n%3 == 0 {
					want = ""
				}
				if err != nil && n != 3 || string(b) != want {
					t.Errorf("k%d: %q, %v", n, b, err)
				}
			}
		})
	}
	all.Wait()
	calls := commandCalls(t, c)
	if calls["mget"] == 0 || calls["get"]+calls["mget"] > 3*keys*20/2 {
		t.Errorf("%d reads took %d GET and %d MGET", 3*keys*20, calls["get"], calls["mget"])
	}
	g := &e.remote.gather
	if g.busy != 0 || g.first != nil || g.last != nil {
		t.Errorf("left behind: %d busy, %v to %v", g.busy, g.first, g.last)
	}
}

// A lone caller reads at once, by a plain GET.
func TestReadAlone(t *testing.T) {
	t.Parallel()
	e, c := gathering(t, RedisOptions{URL: redistest.Start(t).URL()})
	for range 50 {
		if b, err := e.remote.get(t.Context(), "nothing"); b != nil || err != nil {
			t.Fatal(b, err)
		}
	}
	if calls := commandCalls(t, c); calls["mget"] != 0 || calls["get"] < 50 {
		t.Fatal(calls)
	}
}

// On a cluster every key is asked for where it is.
func TestReadsOnACluster(t *testing.T) {
	t.Parallel()
	cluster := redistest.StartCluster(t)
	e, c := gathering(t, RedisOptions{Addrs: cluster.Addrs()})
	for i := range 100 {
		if err := c.Do(t.Context(), c.B().Set().Key(fmt.Sprint("k", i)).Value(fmt.Sprint("v", i)).Build()).Error(); err != nil {
			t.Fatal(err)
		}
	}
	var all sync.WaitGroup
	for i := range 100 {
		all.Go(func() {
			if b, err := e.remote.get(t.Context(), fmt.Sprint("k", i)); err != nil || string(b) != fmt.Sprint("v", i) {
				t.Errorf("k%d: %q, %v", i, b, err)
			}
		})
	}
	all.Wait()
}

// Those who queue behind commands that are never answered leave when their
// deadline is over, all of them, and the queue is empty then.
func TestGatherBehindAHungServer(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	e, _ := gathering(t, RedisOptions{URL: srv.URL(), AnswerWithin: time.Minute})
	srv.Pause()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	var all sync.WaitGroup
	for i := range 500 {
		all.Go(func() {
			if b, err := e.remote.get(ctx, fmt.Sprint("k", i)); err == nil {
				t.Errorf("k%d: %q of a hung server", i, b)
			}
		})
	}
	all.Wait()
	srv.Resume()
	g := &e.remote.gather
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.busy != 0 || g.first != nil || g.last != nil {
		t.Errorf("left behind: %d busy, %v to %v", g.busy, g.first, g.last)
	}
}

// Who follows has more time for Redis than others: they don't wait for him, nor
// does he give up with them.
func TestFollowersAreNotGathered(t *testing.T) {
	t.Parallel()
	e, c := gathering(t, RedisOptions{URL: redistest.Start(t).URL()})
	nonce := loadNonce()
	if err := c.Do(t.Context(), c.B().Set().Key(e.remote.leaseKey("k")).Value(nonce.String()).Build()).Error(); err != nil {
		t.Fatal(err)
	}
	g := &e.remote.gather
	g.mu.Lock()
	g.busy = gatherHands // as if so many commands were under way
	g.mu.Unlock()
	type answer struct {
		holder token
		err    error
	}
	answered := make(chan answer, 1)
	go func() {
		holder, err := e.remote.leaseHolder(t.Context(), "k")
		answered <- answer{holder, err}
	}()
	select {
	case got := <-answered:
		if got.holder != nonce || got.err != nil {
			t.Errorf("%+v", got)
		}
	case <-time.After(30 * time.Second):
		t.Error("queued")
		g.handOver()
	}
}

// commandCalls gives how often each command was called.
func commandCalls(t *testing.T, c rueidis.Client) map[string]int {
	t.Helper()
	text, err := c.Do(t.Context(), c.B().Info().Section("commandstats").Build()).ToString()
	if err != nil {
		t.Fatal(err)
	}
	calls := map[string]int{}
	for line := range strings.Lines(text) {
		name, rest, ok := strings.Cut(strings.TrimPrefix(line, "cmdstat_"), ":calls=")
		if !ok {
			continue
		}
		n := 0
		if _, err := fmt.Sscanf(rest, "%d", &n); err == nil {
			calls[name] = n
		}
	}
	return calls
}
