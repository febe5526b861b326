package main

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/dejahq/deja/client"
	"github.com/dejahq/deja/internal/redistest"
)

// get asks a node, with a key if there is one.
func get(t *testing.T, url, key string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

// TestWhoSeesWhat: probes are open, everything that tells something needs a key.
func TestWhoSeesWhat(t *testing.T) {
	t.Parallel()
	s, _ := startNode(t, "--api-keys=key-of-a-client")
	for _, path := range []string{"/livez", "/readyz"} {
		if status, body := get(t, s.url+path, ""); status != 200 {
			t.Errorf("%s without a key: %d %s", path, status, body)
		}
	}
	for _, path := range []string{
		"/metrics", "/api/cache/health", "/api/cache/metrics", "/api/cache/entry?key=schema:asst_1&reveal=true",
		"/api/cache/events", "/api/cache/live", "/api/cache/days", "/api/cache/timeline",
	} {
		if status, body := get(t, s.url+path, ""); status != 401 {
			t.Errorf("%s without a key: %d %s", path, status, body)
		}
	}
	for _, path := range []string{"/metrics", "/api/cache/events", "/api/cache/days"} {
		if status, body := get(t, s.url+path, "key-of-a-client"); status != 200 {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
}

// TestDeployedRedisSettings: a Redis with the settings that are deployed works,
// and draws no advice but that it wants a password.
func TestDeployedRedisSettings(t *testing.T) {
	t.Parallel()
	settings, err := filepath.Abs("../../deploy/redis.conf")
	if err != nil {
		t.Fatal(err)
	}
	_, api := startNode(t, "--redis-url="+redistest.Start(t, redistest.WithConfig("include", settings)).URL())
	eventually(t, "there is no other advice", func() bool {
		h, err := api.Health(t.Context())
		return err == nil && h.Cache.Connected && h.Redis.MaxMemory == 512<<20 && len(h.Advice) == 1 && h.Advice[0].Code == "no-auth"
	})
}

// TestLiveStreamsEndWithTheServer: who looks on does not hold it up.
func TestLiveStreamsEndWithTheServer(t *testing.T) {
	t.Parallel()
	log := &lines{}
	s, err := startServer(t.Context(), configure(t), log)
	if err != nil {
		t.Fatal(err)
	}
	api, err := client.New(client.Options{BaseURL: s.url})
	if err != nil {
		t.Fatal(err)
	}
	stopped := make(chan error, 1)
	began := false
	for u, err := range api.Live(t.Context(), client.ScopeNode) {
		if err != nil {
			break
		}
		if u.Metrics != nil && !began {
			began = true
			go func() { stopped <- s.stop() }()
		}
	}
	if !began {
		t.Fatal("there were no metrics")
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	if text := log.take(); strings.Contains(text, "cut") {
		t.Errorf("it was held up: %s", text)
	}
}

var (
	ourName = regexp.MustCompile(`\bdeja_[a-z0-9_]+`)
	aName   = regexp.MustCompile(`(?m)^([a-z_]+)[{ ]`)
)

// TestDeployedNames: each metric that an alert rule or a panel of the dashboard
// is about is there on a node that has done a bit of everything.
func TestDeployedNames(t *testing.T) {
	t.Parallel()
	_, flags := scriptedModel(t)
	s, api := startNode(t, append(flags, "--redis-url="+redistest.Start(t).URL())...)
	id := shop(t, api)
	for range 2 {
		turn(t, api, id, "How much is a saw?")
	}
	var text string
	eventually(t, "Redis is scraped", func() bool {
		_, text = get(t, s.url+"/metrics", "")
		return strings.Contains(text, "deja_cache_redis_up 1") && strings.Contains(text, "deja_answers_total")
	})
	there := map[string]bool{}
	for _, m := range aName.FindAllStringSubmatch(text, -1) {
		there[m[1]] = true
	}
	for _, name := range []string{"prometheus/rules.yml", "grafana/deja.json"} {
		b, err := os.ReadFile("../../deploy/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, ".json") && !json.Valid(b) {
			t.Errorf("%s is no JSON", name)
		}
		used := ourName.FindAllString(string(b), -1)
		if len(used) < 10 {
			t.Errorf("%s is about %d metrics only", name, len(used))
		}
		slices.Sort(used)
		for _, metric := range slices.Compact(used) {
			if !there[metric] {
				t.Errorf("%s is about %s, which is not among the metrics", name, metric)
			}
		}
	}
}
