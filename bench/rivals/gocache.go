package rivals

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/dgraph-io/ristretto"
	gocache "github.com/eko/gocache/lib/v4/cache"
	"github.com/eko/gocache/lib/v4/store"
	redisstore "github.com/eko/gocache/store/redis/v4"
	ristrettostore "github.com/eko/gocache/store/ristretto/v4"
	"github.com/redis/go-redis/v9"
)

// gocacheCache is a loadable chain of ristretto and Redis. A chain puts into
// memory what Redis gave, so both hold encoded values.
type gocacheCache struct {
	prefix string
	load   func(context.Context, string) (Value, error)
	// One of the two:
	loadable *gocache.LoadableCache[any]
	memory   *gocache.Cache[any]

	client *redis.Client
}

func openGocache(s Setup) (Cache, error) {
	local, err := ristretto.NewCache(&ristretto.Config{
		NumCounters: int64(s.Entries) * 10, MaxCost: int64(s.Entries), BufferItems: 64,
		IgnoreInternalCost: true, // a cost of 1 is an entry
	})
	if err != nil {
		return nil, err
	}
	memory := gocache.New[any](ristrettostore.NewRistretto(local, store.WithCost(1), store.WithExpiration(s.TTL)))
	c := &gocacheCache{prefix: s.Prefix, load: s.Load}
	if s.Settled {
		c.memory = memory
		return c, nil
	}
	levels := []gocache.SetterCacheInterface[any]{memory}
	if s.Redis != "" {
		c.client = redis.NewClient(&redis.Options{Addr: s.Redis})
		levels = append(levels, gocache.New[any](redisstore.NewRedis(c.client, store.WithExpiration(s.TTL))))
	}
	c.loadable = gocache.NewLoadable(func(ctx context.Context, key any) (any, error) {
		id, _ := key.(string)
		return c.encoded(ctx, id[len(s.Prefix):])
	}, gocache.NewChain(levels...))
	return c, nil
}

func (c *gocacheCache) encoded(ctx context.Context, id string) (any, error) {
	v, err := c.load(ctx, id)
	if err != nil {
		return nil, err
	}
	b, err := json.Marshal(v)
	return b, err
}

func (c *gocacheCache) Get(ctx context.Context, id string) (v Value, err error) {
	var got any
	if c.memory != nil {
		if got, err = c.memory.Get(ctx, id); err != nil {
			if got, err = c.encoded(ctx, id); err != nil {
				return v, err
			}
			// Ristretto may refuse an entry: that is its policy.
			_ = c.memory.Set(ctx, id, got, store.WithSynchronousSet())
		}
	} else if got, err = c.loadable.Get(ctx, c.prefix+id); err != nil {
		return v, err
	}
	switch b := got.(type) {
	case []byte:
		err = json.Unmarshal(b, &v)
	case string:
		err = json.Unmarshal([]byte(b), &v)
	default:
		err = fmt.Errorf("gocache gave a %T", got)
	}
	return v, err
}

func (c *gocacheCache) Invalidate(ctx context.Context, id string, _ int64) error {
	if c.memory != nil {
		return c.memory.Delete(ctx, id)
	}
	return c.loadable.Delete(ctx, c.prefix+id)
}

func (c *gocacheCache) Close() {
	if c.loadable != nil {
		_ = c.loadable.Close()
	}
	if c.client != nil {
		_ = c.client.Close()
	}
}
