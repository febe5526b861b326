package rivals

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"sync"

	jetcache "github.com/mgtv-tech/jetcache-go"
	"github.com/mgtv-tech/jetcache-go/local"
	"github.com/mgtv-tech/jetcache-go/remote"
	"github.com/mgtv-tech/jetcache-go/stats"
	"github.com/redis/go-redis/v9"
)

// jetcacheEntryCost is what an entry counts for in jetcache-go's TinyLFU: 1,
// and 56 that ristretto adds for its own record of it. The "size" that it is
// opened with is the sum of these, not a number of entries.
const jetcacheEntryCost = 57

// jetcacheCache keeps encoded values in a TinyLFU and in Redis. Its nodes
// tell each other what to forget the way its documentation shows: every event
// is published, and subscribers delete the keys of others' events from memory.
type jetcacheCache struct {
	prefix string
	load   func(context.Context, string) (Value, error)
	cache  jetcache.Cache

	// With Redis only:
	client    *redis.Client
	events    *redis.PubSub
	following sync.WaitGroup
}

func openJetcache(s Setup) (Cache, error) {
	c := &jetcacheCache{prefix: s.Prefix, load: s.Load}
	opts := []jetcache.Option{
		jetcache.WithLocal(local.NewTinyLFU(s.Entries*jetcacheEntryCost, s.TTL)),
		jetcache.WithCodec("json"),
		jetcache.WithStatsHandler(stats.NewHandles(true)), // none: its own prints every minute, and races
	}
	if s.Redis == "" {
		c.cache = jetcache.New(opts...)
		return c, nil
	}
	c.client = redis.NewClient(&redis.Options{Addr: s.Redis})
	channel, self := s.Prefix+"events", rand.Text()
	c.events = c.client.Subscribe(context.Background(), channel)
	if _, err := c.events.Receive(context.Background()); err != nil { // its confirmation
		c.Close()
		return nil, err
	}
	c.cache = jetcache.New(append(opts,
		jetcache.WithRemote(remote.NewGoRedisV9Adapter(c.client)),
		jetcache.WithRemoteExpiry(s.TTL),
		jetcache.WithSyncLocal(true),
		jetcache.WithSourceId(self),
		jetcache.WithEventChBufSize(100_000), // an event without room is lost
		jetcache.WithEventHandler(func(e *jetcache.Event) {
			if b, err := json.Marshal(e); err == nil {
				_ = c.client.Publish(context.Background(), channel, b).Err()
			}
		}),
	)...)
	c.following.Go(func() { c.follow(self) })
	return c, nil
}

// follow forgets what other nodes have changed, until Close.
func (c *jetcacheCache) follow(self string) {
	for m := range c.events.Channel() {
		var e jetcache.Event
		if json.Unmarshal([]byte(m.Payload), &e) != nil || e.SourceID == self {
			continue
		}
		for _, key := range e.Keys {
			c.cache.DeleteFromLocalCache(key)
		}
	}
}

func (c *jetcacheCache) Get(ctx context.Context, id string) (v Value, err error) {
	err = c.cache.Once(ctx, c.prefix+id, jetcache.Value(&v), jetcache.Do(func(ctx context.Context) (any, error) {
		return c.load(ctx, id)
	}))
	return v, err
}

func (c *jetcacheCache) Invalidate(ctx context.Context, id string, _ int64) error {
	return c.cache.Delete(ctx, c.prefix+id)
}

// Close leaves the TinyLFU behind, which can't be closed.
func (c *jetcacheCache) Close() {
	if c.cache != nil {
		c.cache.Close()
	}
	if c.events != nil {
		_ = c.events.Close()
		c.following.Wait()
		_ = c.client.Close()
	}
}
