package rivals

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/rueidis"
)

// asideCache is cache-aside on rueidis' client-side caching, in the manner of
// its rueidisaside module: whoever finds nothing writes a placeholder with
// the name of its process, loads, and replaces the placeholder if it is still
// there; others wait for the key to change, which Redis pushes to them. Like
// the original it knows no single load within the placeholder: two loads of
// one process can't be told apart.
type asideCache struct {
	client rueidis.Client
	prefix string
	self   string
	ttl    time.Duration
	load   func(context.Context, string) (Value, error)

	mu      sync.Mutex
	waiting map[string]chan struct{} // closed when the key changes
}

const (
	placeholder = "loading:"
	loadLimit   = 5 * time.Second
)

var replacePlaceholder = rueidis.NewLuaScript(`
if redis.call('GET', KEYS[1]) == ARGV[1] then
  return redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
end
return false`)

func openAside(s Setup) (Cache, error) {
	c := &asideCache{
		prefix: s.Prefix, self: placeholder + rand.Text(), ttl: s.TTL, load: s.Load,
		waiting: make(map[string]chan struct{}),
	}
	sample, err := s.Load(context.Background(), "sample")
	if err != nil {
		return nil, err
	}
	encoded, err := json.Marshal(sample)
	if err != nil {
		return nil, err
	}
	c.client, err = rueidis.NewClient(rueidis.ClientOption{
		InitAddress:       []string{s.Redis},
		CacheSizeEachConn: s.Entries * (len(encoded) + len(s.Prefix) + 300),
		PipelineMultiplex: -1,
		MaxFlushDelay:     20 * time.Microsecond,
		OnInvalidations:   c.changed,
	})
	return c, err
}

// changed wakes who waits for the keys; nil means all of them.
func (c *asideCache) changed(keys []rueidis.RedisMessage) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if keys == nil {
		for k, ch := range c.waiting {
			close(ch)
			delete(c.waiting, k)
		}
	}
	for _, m := range keys {
		k, _ := m.ToString()
		if ch, ok := c.waiting[k]; ok {
			close(ch)
			delete(c.waiting, k)
		}
	}
}

func (c *asideCache) wait(key string) <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	ch, ok := c.waiting[key]
	if !ok {
		ch = make(chan struct{})
		c.waiting[key] = ch
	}
	return ch
}

func (c *asideCache) Get(ctx context.Context, id string) (v Value, err error) {
	key := c.prefix + id
	v, found, err := c.look(ctx, key)
	for !found && err == nil {
		change := c.wait(key) // before looking again, so that no change is missed
		if v, found, err = c.look(ctx, key); found || err != nil {
			break
		}
		err = c.client.Do(ctx, c.client.B().Set().Key(key).Value(c.self).Nx().Px(loadLimit).Build()).Error()
		if err == nil {
			return c.fill(ctx, key, id)
		}
		if !rueidis.IsRedisNil(err) {
			break
		}
		select {
		case <-change:
		case <-time.After(loadLimit):
		case <-ctx.Done():
			return v, ctx.Err()
		}
		v, found, err = c.look(ctx, key)
	}
	return v, err
}

// look gives the value if there is one; a placeholder is none.
func (c *asideCache) look(ctx context.Context, key string) (v Value, found bool, err error) {
	got, err := c.client.DoCache(ctx, c.client.B().Get().Key(key).Cache(), c.ttl).ToString()
	switch {
	case rueidis.IsRedisNil(err):
		return v, false, nil
	case err != nil:
		return v, false, err
	case strings.HasPrefix(got, placeholder):
		return v, false, nil
	}
	return v, true, json.Unmarshal([]byte(got), &v)
}

func (c *asideCache) fill(ctx context.Context, key, id string) (Value, error) {
	v, err := c.load(ctx, id)
	if err != nil {
		return v, err
	}
	b, err := json.Marshal(v)
	if err != nil {
		return v, err
	}
	err = replacePlaceholder.Exec(ctx, c.client, []string{key}, []string{c.self, string(b), strconv.FormatInt(c.ttl.Milliseconds(), 10)}).Error()
	if rueidis.IsRedisNil(err) {
		err = nil
	}
	return v, err
}

func (c *asideCache) Invalidate(ctx context.Context, id string, _ int64) error {
	return c.client.Do(ctx, c.client.B().Del().Key(c.prefix+id).Build()).Error()
}

func (c *asideCache) Close() { c.client.Close() }
