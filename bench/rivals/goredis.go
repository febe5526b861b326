package rivals

import (
	"context"
	"encoding/json"
	"time"

	rediscache "github.com/go-redis/cache/v9"
	"github.com/redis/go-redis/v9"
)

// goRedisCache keeps encoded values in a TinyLFU and in Redis.
type goRedisCache struct {
	prefix string
	ttl    time.Duration
	load   func(context.Context, string) (Value, error)
	cache  *rediscache.Cache
	client *redis.Client
}

func openGoRedisCache(s Setup) (Cache, error) {
	c := &goRedisCache{prefix: s.Prefix, ttl: s.TTL, load: s.Load}
	o := &rediscache.Options{
		LocalCache: rediscache.NewTinyLFU(s.Entries, s.TTL),
		Marshal:    func(v any) ([]byte, error) { return json.Marshal(v) },
		Unmarshal:  func(b []byte, v any) error { return json.Unmarshal(b, v) },
	}
	if s.Redis != "" {
		c.client = redis.NewClient(&redis.Options{Addr: s.Redis})
		o.Redis = c.client
	}
	c.cache = rediscache.New(o)
	return c, nil
}

func (c *goRedisCache) Get(ctx context.Context, id string) (v Value, err error) {
	err = c.cache.Once(&rediscache.Item{
		Ctx: ctx, Key: c.prefix + id, Value: &v, TTL: c.ttl,
		Do: func(*rediscache.Item) (any, error) { return c.load(ctx, id) },
	})
	return v, err
}

func (c *goRedisCache) Invalidate(ctx context.Context, id string, _ int64) error {
	err := c.cache.Delete(ctx, c.prefix+id)
	if err == rediscache.ErrCacheMiss {
		return nil
	}
	return err
}

func (c *goRedisCache) Close() {
	if c.client != nil {
		_ = c.client.Close()
	}
}
