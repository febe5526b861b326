package cacheapi_test

import (
	"net/http"
	"slices"
	"strconv"
	"testing"

	"github.com/dejahq/deja/client"
	"github.com/dejahq/deja/internal/layers"
	"github.com/dejahq/deja/internal/redistest"
)

// codes gives the codes of the advice, with its layers.
func codes(h *client.Health) (all []string) {
	for _, a := range h.Advice {
		code := a.Code
		if a.Layer != "" {
			code += " of " + a.Layer
		}
		all = append(all, code)
	}
	return all
}

// health waits until Redis is connected.
func (n *node) connected(t *testing.T) *client.Health {
	t.Helper()
	var h *client.Health
	eventually(t, "Redis is connected", func() bool {
		var err error
		h, err = n.Health(t.Context())
		return err == nil && h.Status == client.StatusHealthy && h.Redis != nil && h.Redis.Version != ""
	})
	return h
}

// Each fault of a real Redis's settings is named, and nothing else.
func TestAdviceOnRedis(t *testing.T) {
	t.Parallel()
	good := []redistest.Option{redistest.WithPassword("secret-of-redis"), redistest.WithMaxMemory("1gb", "allkeys-lru")}
	for name, test := range map[string]struct {
		options []redistest.Option
		want    []string
	}{
		"nothing":        {good, nil},
		"allkeys-lfu":    {[]redistest.Option{redistest.WithPassword("x"), redistest.WithMaxMemory("1gb", "allkeys-lfu")}, nil},
		"no password":    {good[1:], []string{"no-auth"}},
		"no maxmemory":   {[]redistest.Option{redistest.WithPassword("x"), redistest.WithMaxMemory("0", "allkeys-lru")}, []string{"maxmemory-unset"}},
		"another policy": {[]redistest.Option{redistest.WithPassword("x"), redistest.WithMaxMemory("1gb", "volatile-ttl")}, []string{"eviction-policy"}},
		"as it comes":    {nil, []string{"maxmemory-unset", "eviction-policy", "no-auth"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := start(t, redistest.Start(t, test.options...).URL())
			var h *client.Health
			// While a node joins, keys that are just being made may lack their TTL.
			eventually(t, "the advice is as it should be", func() bool {
				h = n.connected(t)
				return slices.Equal(codes(h), test.want)
			})
			for _, a := range h.Advice {
				if a.Message == "" || !slices.Contains([]string{client.SeverityInfo, client.SeverityWarning, client.SeverityCritical}, a.Severity) {
					t.Errorf("%+v", a)
				}
			}
		})
	}
}

func TestAdviceOnForeignKeysAndOutage(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t, redistest.WithPassword("x"), redistest.WithMaxMemory("1gb", "allkeys-lru"))
	n := start(t, redis.URL())
	n.read(t, n.assistants(t, 1)[0])
	n.connected(t)
	if _, err := redis.Do("SET", "somebody-elses", "x"); err != nil {
		t.Fatal(err)
	}
	h := n.connected(t)
	if got := codes(h); !slices.Equal(got, []string{"keys-without-ttl"}) {
		t.Errorf("%q", got)
	}
	eventually(t, "the key is counted", func() bool {
		h, err := n.Health(t.Context())
		return err == nil && h.KeysPerLayer[layers.AssistantData] == 1
	})
	r := h.Redis
	if r.Role != "master" || r.UsedMemory == 0 || r.MaxMemory != 1<<30 || r.EvictionPolicy != "allkeys-lru" || r.Persistence != "none" ||
		!r.Auth || r.TLS || r.Replicas != 0 || r.Fragmentation == 0 {
		t.Errorf("%+v", r)
	}
	if h.Breakers["redis"] != "closed" || h.Breakers["upstream:default"] != "closed" || len(h.Nodes) != 1 || h.Nodes[0].Name != "node-1" || h.Epoch == "" {
		t.Errorf("%+v", h)
	}
	if _, err := redis.Do("CONFIG", "SET", "maxmemory", strconv.FormatInt(r.UsedMemory*10/9, 10)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the use of memory is named", func() bool {
		h, err := n.Health(t.Context())
		return err == nil && slices.Contains(codes(h), "memory-high")
	})
	redis.Kill()
	eventually(t, "the outage is named", func() bool {
		h, err := n.Health(t.Context())
		return err == nil && slices.Contains(codes(h), "redis-away") && h.LastError != "" && h.Advice[0].Severity == client.SeverityCritical
	})
}

func TestAdviceOnHitRates(t *testing.T) {
	t.Parallel()
	n := start(t, "")
	ids := n.assistants(t, 99)
	for _, id := range ids {
		n.read(t, id)
	}
	h, err := n.Health(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got := codes(h); !slices.Equal(got, []string{"no-redis"}) {
		t.Errorf("after few requests: %q", got)
	}
	n.read(t, n.assistants(t, 1)[0])
	eventually(t, "the hit rate is named", func() bool {
		h, err := n.Health(t.Context())
		return err == nil && slices.Equal(codes(h), []string{"hit-rate-low", "no-redis", "hit-rate-low of assistant_data"})
	})
	for range 5 {
		for _, id := range ids {
			n.read(t, id)
		}
	}
	eventually(t, "the hit rate is good", func() bool {
		h, err := n.Health(t.Context())
		return err == nil && slices.Equal(codes(h), []string{"no-redis"})
	})
}

func TestAdviceOnTheRest(t *testing.T) {
	t.Parallel()
	n := start(t, "")
	n.breakers = map[string]string{"default": "open", "backup": "closed"}
	if err := n.store.Close(); err != nil {
		t.Fatal(err)
	}
	h, err := n.Health(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got := codes(h); !slices.Equal(got, []string{"store-away", "model-away", "no-redis"}) {
		t.Errorf("%q", got)
	}
	status, body, _ := n.do(t, http.MethodGet, "/readyz", "", "")
	if want := `{"status":"unready","checks":{"model":"ok","redis":"none","store":"away"}}` + "\n"; status != 503 || body != want {
		t.Errorf("%d %s", status, body)
	}
	if status, body, _ := n.do(t, http.MethodGet, "/livez", "", ""); status != 200 || body != "ok" {
		t.Errorf("%d %s", status, body)
	}
}

// Without Redis, or models, there is still what is cached.
func TestReadyWithoutRedis(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	n := start(t, redis.URL())
	n.breakers = map[string]string{"default": "open"}
	n.connected(t)
	if status, body, _ := n.do(t, http.MethodGet, "/readyz", "", ""); status != 200 || body != `{"status":"ready","checks":{"model":"away","redis":"ok","store":"ok"}}`+"\n" {
		t.Errorf("%d %s", status, body)
	}
	redis.Kill()
	eventually(t, "Redis is away", func() bool {
		status, body, _ := n.do(t, http.MethodGet, "/readyz", "", "")
		return status == 200 && body == `{"status":"ready","checks":{"model":"away","redis":"away","store":"ok"}}`+"\n"
	})
}
