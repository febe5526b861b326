package cache

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/dejahq/deja/internal/redistest"
)

// trusted opens an engine that Redis serves.
func trusted(t *testing.T, srv *redistest.Server) (*Engine, *Layer[string]) {
	t.Helper()
	e, err := Open(t.Context(), Options{Redis: &RedisOptions{URL: srv.URL()}, SoftTimeout: 15 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	<-e.remote.ready
	l, err := NewLayer(e, LayerOptions[string]{Name: "thing", TTL: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	return e, l
}

// until waits for a condition.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for late := time.Now().Add(30 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(late) {
			t.Fatal("in vain: ", what)
		}
	}
}

// ending is a client whose user has no more time after a few answers.
type ending struct {
	rueidis.Client
	left   int
	cancel context.CancelFunc
}

func (c *ending) Do(ctx context.Context, cmd rueidis.Completed) rueidis.RedisResult {
	reply := c.Client.Do(ctx, cmd)
	if c.left--; c.left == 0 {
		c.cancel()
	}
	return reply
}

// An invalidation that Redis has refused is not forgotten when the one after it
// fails.
func TestRefusedInvalidationsOutliveAFailedReplay(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t, redistest.WithConfig("rename-command", "DEL", ""))
	e, l := trusted(t, srv)
	r := e.remote
	for i := range 10 {
		r.missed.addKey(memKey{l.layer, fmt.Sprint(i)}, 0)
	}
	c, ok := r.client()
	if !ok {
		t.Fatal("Redis is away")
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if err := r.replay(ctx, &ending{Client: c, left: 5, cancel: cancel}); err == nil {
		t.Fatal("nothing failed")
	}
	keys, groups := r.missed.take()
	if len(keys) == 0 || len(keys) == 10 || !groups[groupAll] {
		t.Errorf("yet to be told: %d keys, and groups %v", len(keys), groups)
	}
}

// Redis may be back between the moment when an invalidation finds it away, and
// that when it is queued: then nobody is about to replay what is queued.
func TestQueuedAsRedisComesBack(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	e, l := trusted(t, srv)
	key := memKey{l.layer, "x"}
	if _, err := l.Get(t.Context(), "x", func(context.Context, *Fill) (string, error) { return "old", nil }); err != nil {
		t.Fatal(err)
	}
	end := e.remote.carry(t.Context(), errand{
		do:    func(context.Context, rueidis.Client) (told, error) { return told{}, errAway },
		queue: func() { e.remote.missed.addKey(key, 0) },
		after: func(told) { e.drop(key) },
	}, false)
	if end.remote {
		t.Fatal("told although it was away")
	}
	until(t, "it is replayed", func() bool {
		m, err := srv.Do("EXISTS", "thing:x")
		n, _ := m.AsInt64()
		return err == nil && n == 0
	})
}

// A node may die between any two of its commands: the registry has a TTL after
// the first.
func TestTheRegistryHasATTLFromTheFirst(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	e, _ := trusted(t, srv)
	c, ok := e.remote.client()
	if !ok {
		t.Fatal("Redis is away")
	}
	keys := []string{"{other}:nodes", "{other}:log"}
	err := fleetRenewScript.Exec(t.Context(), c, keys, []string{"web", "-1", millis(memoryLease), fleetKept}).Error()
	if err != nil {
		t.Fatal(err)
	}
	m, err := srv.Do("PTTL", keys[0])
	if ms, _ := m.AsInt64(); err != nil || ms <= 0 {
		t.Errorf("%d ms, %v", ms, err)
	}
}
