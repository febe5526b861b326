package rivals

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/viccon/sturdyc"
)

type sturdycCache struct {
	prefix string
	load   func(context.Context, string) (Value, error)
	client *sturdyc.Client[Value]
	store  *redisStorage // nil: memory alone
}

func openSturdyc(s Setup) (Cache, error) {
	c := &sturdycCache{prefix: s.Prefix, load: s.Load}
	var opts []sturdyc.Option
	if s.Redis != "" {
		c.store = &redisStorage{redis.NewClient(&redis.Options{Addr: s.Redis}), s.TTL}
		opts = append(opts, sturdyc.WithDistributedStorage(c.store))
	}
	shards := min(10, max(1, s.Entries/100))
	c.client = sturdyc.New[Value](s.Entries, shards, s.TTL, 10, opts...)
	return c, nil
}

func (c *sturdycCache) Get(ctx context.Context, id string) (Value, error) {
	return c.client.GetOrFetch(ctx, c.prefix+id, func(ctx context.Context) (Value, error) { return c.load(ctx, id) })
}

// Invalidate does what its user has to do: sturdyc itself deletes from memory
// only.
func (c *sturdycCache) Invalidate(ctx context.Context, id string, _ int64) error {
	var err error
	if c.store != nil {
		err = c.store.client.Del(ctx, c.prefix+id).Err()
	}
	c.client.Delete(c.prefix + id)
	return err
}

func (c *sturdycCache) Close() {
	if c.store != nil {
		_ = c.store.client.Close()
	}
}

// redisStorage is what sturdyc asks its user to write.
type redisStorage struct {
	client *redis.Client
	ttl    time.Duration
}

func (s *redisStorage) Get(ctx context.Context, key string) ([]byte, bool) {
	b, err := s.client.Get(ctx, key).Bytes()
	return b, err == nil
}

func (s *redisStorage) Set(ctx context.Context, key string, value []byte) {
	_ = s.client.Set(ctx, key, value, s.ttl).Err()
}

func (s *redisStorage) GetBatch(ctx context.Context, keys []string) map[string][]byte {
	found := make(map[string][]byte)
	for _, k := range keys {
		if b, ok := s.Get(ctx, k); ok {
			found[k] = b
		}
	}
	return found
}

func (s *redisStorage) SetBatch(ctx context.Context, records map[string][]byte) {
	for k, v := range records {
		s.Set(ctx, k, v)
	}
}
