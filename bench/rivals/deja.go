package rivals

import (
	"context"
	"fmt"
	"time"

	"github.com/dejahq/deja/cache"
)

type dejaCache struct {
	engine *cache.Engine
	layer  *cache.Layer[Value]
}

func openDeja(s Setup) (Cache, error) {
	perEntry, err := dejaEntryBytes(s)
	if err != nil {
		return nil, err
	}
	return newDeja(s, max(64<<10, int64(s.Entries)*perEntry))
}

func newDeja(s Setup, bytes int64) (*dejaCache, error) {
	// A machine that is busy with benchmarks is slow, not away.
	o := cache.Options{MemoryBytes: bytes, Prefix: s.Prefix, SoftTimeout: 5 * time.Second, HardTimeout: 5 * time.Second}
	if s.Redis != "" {
		o.Redis = &cache.RedisOptions{Addrs: []string{s.Redis}}
	}
	engine, err := cache.Open(context.Background(), o)
	if err != nil {
		return nil, err
	}
	layer, err := cache.NewLayer(engine, cache.LayerOptions[Value]{
		Name: "rival", TTL: s.TTL, MemoryTTL: s.TTL,
		Load: func(ctx context.Context, id string, f *cache.Fill) (Value, error) {
			v, err := s.Load(ctx, id)
			f.Version = v.Version
			return v, err
		},
	})
	if err != nil {
		return nil, err
	}
	return &dejaCache{engine, layer}, nil
}

// dejaEntryBytes finds what an entry counts for in deja's budget, which is in
// bytes where the others' is in entries.
func dejaEntryBytes(s Setup) (int64, error) {
	s.Redis = ""
	c, err := newDeja(s, 64<<20)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	const sample = 100
	for i := range sample {
		if _, err := c.Get(context.Background(), fmt.Sprintf("sample-%05d", i)); err != nil {
			return 0, err
		}
	}
	return c.engine.Stats().MemoryBytes / sample, nil
}

func (c *dejaCache) Get(ctx context.Context, id string) (Value, error) {
	return c.layer.Get(ctx, id, nil)
}

func (c *dejaCache) Invalidate(ctx context.Context, id string, version int64) error {
	_, err := c.layer.Invalidate(ctx, id, version)
	return err
}

func (c *dejaCache) Close() { _ = c.engine.Close() }
