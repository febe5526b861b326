package cacheapi_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/dejahq/deja"
	"github.com/dejahq/deja/client"
	"github.com/dejahq/deja/internal/layers"
	"github.com/dejahq/deja/internal/redistest"
)

// misses gives how often assistant data had to be loaded.
func (n *node) misses(t *testing.T, layer string) uint64 {
	t.Helper()
	m, err := n.Metrics(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return layerNamed(t, m, layer).Misses
}

func TestInvalidateAssistant(t *testing.T) {
	t.Parallel()
	n := start(t, "")
	ids := n.assistants(t, 2)
	for _, id := range ids {
		n.read(t, id)
		n.read(t, id)
	}
	before := n.misses(t, layers.AssistantData)
	done, err := n.InvalidateAssistant(t.Context(), ids[0])
	if err != nil {
		t.Fatal(err)
	}
	if done.Type != "assistant" || !strings.Contains(done.Message, ids[0]) || time.Since(done.Timestamp).Abs() > time.Minute {
		t.Errorf("%+v", done)
	}
	if r := done.Receipt; r.Remote || r.Nodes != 1 || r.Acknowledged != 1 || r.ElapsedMillis < 0 {
		t.Errorf("%+v", r)
	}
	n.read(t, ids[0])
	n.read(t, ids[1])
	if got := n.misses(t, layers.AssistantData) - before; got != 1 {
		t.Errorf("%d of two assistants were loaded again, want 1", got)
	}
	// An assistant that isn't there has nothing in the cache, and that is fine.
	if _, err := n.InvalidateAssistant(t.Context(), "asst_unknown"); err != nil {
		t.Error(err)
	}
}

func TestInvalidateThread(t *testing.T) {
	t.Parallel()
	n := start(t, "")
	th := &deja.Thread{ID: deja.NewID(deja.ThreadPrefix), CreatedAt: time.Now()}
	if err := n.layers.CreateThread(t.Context(), th); err != nil {
		t.Fatal(err)
	}
	read := func() {
		if _, err := n.layers.Context(t.Context(), th.ID, 0); err != nil {
			t.Fatal(err)
		}
	}
	read()
	before := n.misses(t, layers.ThreadContext)
	done, err := n.InvalidateThread(t.Context(), th.ID)
	if err != nil || done.Type != "thread" {
		t.Errorf("%+v, %v", done, err)
	}
	read()
	if got := n.misses(t, layers.ThreadContext) - before; got != 1 {
		t.Errorf("the context was loaded %d times, want 1", got)
	}
}

// All of deja's goes, and nothing else: Redis has other users.
func TestInvalidateAll(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	if _, err := redis.Do("SET", "foreign", "1"); err != nil {
		t.Fatal(err)
	}
	n := start(t, redis.URL())
	eventually(t, "a connection to Redis", func() bool {
		h, err := n.Health(t.Context())
		return err == nil && h.Status == client.StatusHealthy
	})
	ids := n.assistants(t, 3)
	for _, id := range ids {
		n.read(t, id)
	}
	before := n.misses(t, layers.AssistantData)
	status, body, _ := n.do(t, http.MethodPost, "/api/cache/invalidate", "application/json; charset=utf-8", `{"type":"all"}`)
	if status != 200 || !strings.HasPrefix(compact(t, body), `{"status":"success","message":`) {
		t.Errorf("%d %s", status, body)
	}
	for _, id := range ids {
		n.read(t, id)
	}
	if got := n.misses(t, layers.AssistantData) - before; got != 3 {
		t.Errorf("%d of 3 assistants were loaded again", got)
	}
	if v, err := redis.Do("GET", "foreign"); err != nil {
		t.Error(err)
	} else if s, err := v.ToString(); s != "1" {
		t.Errorf("a foreign key is %q, %v", s, err)
	}
	// And through the client, with Redis in it.
	done, err := n.InvalidateAll(t.Context())
	if err != nil || !done.Receipt.Remote {
		t.Errorf("%+v, %v", done, err)
	}
}
