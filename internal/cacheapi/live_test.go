package cacheapi_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/dejahq/deja"
	"github.com/dejahq/deja/client"
	"github.com/dejahq/deja/internal/eventlog"
	"github.com/dejahq/deja/internal/layers"
	"github.com/dejahq/deja/internal/redistest"
)

func TestEvents(t *testing.T) {
	t.Parallel()
	n := start(t, "")
	id := n.assistants(t, 1)[0]
	if _, err := n.InvalidateAssistant(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if err := n.ResetMetrics(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := n.WarmUp(t.Context(), []string{id}, nil); err != nil {
		t.Fatal(err)
	}
	all, err := n.CacheEvents(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	kinds := ""
	for i, e := range all {
		kinds += e.Kind + " "
		if e.Seq != uint64(i+1) || e.Node != "node-1" || e.Message == "" || e.Time.IsZero() || (e.Receipt != nil) != (e.Kind == "invalidation") {
			t.Errorf("%+v", e)
		}
	}
	if kinds != "invalidation reset warmup " {
		t.Errorf("%s", kinds)
	}
	later, err := n.CacheEvents(t.Context(), 2)
	if err != nil || len(later) != 1 || later[0].Seq != 3 {
		t.Errorf("%+v, %v", later, err)
	}
	if status, _, _ := n.do(t, http.MethodGet, "/api/cache/events?after=x", "", ""); status != 400 {
		t.Errorf("status %d", status)
	}
}

// A live stream has metrics every second and events as they happen; it ends
// with the server, and is no request whose time means something.
func TestLive(t *testing.T) {
	t.Parallel()
	n := start(t, "")
	id := n.assistants(t, 1)[0]
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	metrics, told := 0, false
	for u, err := range n.Live(ctx, client.ScopeFleet) {
		if err != nil {
			if metrics < 3 || !told {
				t.Fatalf("after %d metrics: %v", metrics, err)
			}
			break // the server has ended it
		}
		switch {
		case u.Event != nil && u.Event.Kind == "invalidation":
			told = true
		case u.Metrics != nil:
			if metrics++; metrics == 1 {
				if u.Metrics.Scope != client.ScopeFleet || u.Metrics.Note == "" || len(u.Metrics.Nodes) != 1 {
					t.Errorf("%+v", u.Metrics)
				}
				n.read(t, id)
				if _, err := n.InvalidateAssistant(ctx, id); err != nil {
					t.Fatal(err)
				}
			}
		}
		if metrics >= 3 && told && u.Metrics != nil && u.Metrics.Performance[assistantRoute].TotalRequests == 1 {
			n.api.EndLive()
			n.api.EndLive()
		}
	}
	m, err := n.Metrics(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, counted := m.Performance["GET /api/cache/live"]; counted {
		t.Error("the stream is counted as a request")
	}
	if status, _, _ := n.do(t, http.MethodGet, "/api/cache/live?scope=moon", "", ""); status != 400 {
		t.Errorf("status %d", status)
	}
}

// A reader that has stopped reading does not hold its stream for ever.
func TestLiveReaderFallsAsleep(t *testing.T) {
	t.Parallel()
	n := start(t, "")
	n.api.LivePatience(100 * time.Millisecond)
	mux, ended := http.NewServeMux(), make(chan struct{})
	n.api.Routes(mux)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer close(ended)
		mux.ServeHTTP(w, r)
	}))
	defer s.Close()
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "GET /api/cache/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
	if _, err := io.ReadFull(conn, make([]byte, 100)); err != nil { // it has begun
		t.Fatal(err)
	}
	long := strings.Repeat("x", 1<<17) // until the buffers between the two are full
	eventually(t, "the stream has ended", func() bool {
		for range 5 {
			n.events.Add(eventlog.Event{Kind: eventlog.Reset, Message: long})
		}
		select {
		case <-ended:
			return true
		default:
			return false
		}
	})
}

func TestEntry(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	n := start(t, redis.URL())
	n.connected(t)
	id := n.assistants(t, 1)[0]
	n.read(t, id)
	key := layers.AssistantData + ":" + id
	e, err := n.Entry(t.Context(), key, false)
	if err != nil {
		t.Fatal(err)
	}
	if e.Key != key || e.Layer != layers.AssistantData || !e.Memory.Present || e.Memory.Bytes == 0 || e.Memory.ExpiresAt == nil ||
		!e.Redis.Present || e.Redis.Bytes == 0 || e.Redis.TTLMillis <= 0 || e.Header.SourceVersion != 1 || e.Header.LayerVersion == 0 ||
		e.Header.Codec == "" || time.Since(e.Header.CreatedAt).Abs() > time.Minute || len(e.Groups) != 1 || e.Value != nil {
		t.Errorf("%+v", e)
	}
	_, body, _ := n.do(t, http.MethodGet, "/api/cache/entry?key="+key, "", "")
	if strings.Contains(body, "Ann") || strings.Contains(body, `"value"`) {
		t.Errorf("a value is shown unasked: %s", body)
	}
	e, err = n.Entry(t.Context(), key, true)
	if err != nil {
		t.Fatal(err)
	}
	var a struct{ Name string }
	if err := json.Unmarshal(e.Value, &a); err != nil || a.Name != "Ann" {
		t.Errorf("%s %v", e.Value, err)
	}
	for path, want := range map[string]int{
		"":                                400,
		"?key=":                           400,
		"?key=" + key + "&reveal=perhaps": 400,
		"?key=nothing:of:ours":            404,
		"?key=" + key + "x":               404,
	} {
		if status, _, _ := n.do(t, http.MethodGet, "/api/cache/entry"+path, "", ""); status != want {
			t.Errorf("%s: status %d, want %d", path, status, want)
		}
	}
}

func TestDays(t *testing.T) {
	t.Parallel()
	n := start(t, "")
	before := deja.DayOf(time.Now())
	n.read(t, n.assistants(t, 1)[0])
	eventually(t, "today has the request", func() bool {
		days, err := n.Days(t.Context(), 3)
		if err != nil || len(days) != 3 {
			t.Fatal(days, err)
		}
		var misses uint64
		for _, d := range days {
			misses += d.Misses
		}
		return misses == 1 && days[2].Day >= before && days[0].Day < days[1].Day
	})
	if days, err := n.Days(t.Context(), 400); err != nil || len(days) != 400 {
		t.Errorf("%d days, %v", len(days), err)
	}
	for _, wrong := range []string{"0", "-1", "401", "x"} {
		if status, _, _ := n.do(t, http.MethodGet, "/api/cache/days?n="+wrong, "", ""); status != 400 {
			t.Errorf("n=%s: status %d", wrong, status)
		}
	}
	if status, body, _ := n.do(t, http.MethodGet, "/api/cache/days", "", ""); status != 200 || strings.Count(body, `"day"`) != 30 || !strings.Contains(body, `"currency":"USD"`) {
		t.Errorf("%d %s", status, body)
	}
}

// Two nodes: either tells of both, and a reset of the fleet reaches both.
func TestFleetScope(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	n := start(t, redis.URL())
	n.connected(t)
	other := start(t, redis.URL())
	other.connected(t)
	for _, one := range []*node{n, other} {
		id := one.assistants(t, 1)[0]
		for range 5 {
			one.read(t, id)
		}
	}
	eventually(t, "both are in the sum", func() bool {
		if err := other.fleet.Publish(t.Context()); err != nil {
			return false
		}
		m, err := n.ScopedMetrics(t.Context(), client.ScopeFleet)
		return err == nil && m.Note == "" && m.Scope == client.ScopeFleet && len(m.Nodes) == 2 && m.Performance[assistantRoute].TotalRequests == 10 &&
			layerNamed(t, m, layers.AssistantData).Hits == 8
	})
	m, err := n.Metrics(t.Context())
	if err != nil || m.Scope != client.ScopeNode || len(m.Nodes) != 1 || m.Performance[assistantRoute].TotalRequests != 5 {
		t.Errorf("%+v, %v", m, err)
	}
	if status, body, _ := n.do(t, http.MethodPost, "/api/cache/metrics?scope=fleet", "application/json", `{"action":"reset-metrics"}`); status != 200 {
		t.Fatalf("%d %s", status, body)
	}
	eventually(t, "both count anew", func() bool {
		if err := other.fleet.Publish(t.Context()); err != nil {
			return false
		}
		m, err := other.ScopedMetrics(t.Context(), client.ScopeFleet)
		_, left := m.Performance[assistantRoute]
		return err == nil && !left
	})
	redis.Kill()
	eventually(t, "it says that these are the figures of one node", func() bool {
		m, err := n.ScopedMetrics(t.Context(), client.ScopeFleet)
		return err == nil && strings.Contains(m.Note, "Redis does not answer") && len(m.Nodes) == 1
	})
}
