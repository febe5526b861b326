package rivals

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/maypok86/otter/v2"
	"github.com/redis/rueidis"
)

// LookupFloor is a bare lookup in otter with the coarse clock that deja gives
// it: what no cache on otter can beat.
func LookupFloor() Rival {
	return Rival{Name: "(otter lookup)", Module: "github.com/maypok86/otter/v2", Floor: true, Open: openOtter, MemoryAlone: true}
}

// MemoryFloor is otter set up for the same work: expiry, weights, a loader.
func MemoryFloor() Rival {
	return Rival{Name: "(otter)", Module: "github.com/maypok86/otter/v2", Floor: true, Open: openLoadingOtter, MemoryAlone: true}
}

// RedisFloor is a bare GET with rueidis and the decoding.
func RedisFloor() Rival {
	return Rival{Name: "(rueidis GET)", Module: "github.com/redis/rueidis", Floor: true, Open: openGet}
}

type otterCache struct {
	load  func(context.Context, string) (Value, error)
	items *otter.Cache[string, *Value]
	clock *otter.CoarseClock
}

func openOtter(s Setup) (Cache, error) {
	clock := otter.NewCoarseClock(5 * time.Millisecond)
	items, err := otter.New(&otter.Options[string, *Value]{
		MaximumWeight:    uint64(s.Entries),
		Weigher:          func(string, *Value) uint32 { return 1 },
		ExpiryCalculator: otter.ExpiryWriting[string, *Value](s.TTL),
		Clock:            clock,
	})
	return &otterCache{s.Load, items, clock}, err
}

func (c *otterCache) Get(ctx context.Context, id string) (Value, error) {
	if v, ok := c.items.GetIfPresent(id); ok {
		return *v, nil
	}
	v, err := c.load(ctx, id)
	if err == nil {
		c.items.Set(id, &v)
	}
	return v, err
}

func (c *otterCache) Invalidate(_ context.Context, id string, _ int64) error {
	c.items.Invalidate(id)
	return nil
}

func (c *otterCache) Close() {
	c.items.StopAllGoroutines()
	c.clock.Stop()
}

type loadingOtter struct {
	items *otter.Cache[string, *Value]
	load  otter.Loader[string, *Value]
}

func openLoadingOtter(s Setup) (Cache, error) {
	items, err := otter.New(&otter.Options[string, *Value]{
		MaximumWeight:    uint64(s.Entries),
		Weigher:          func(string, *Value) uint32 { return 1 },
		ExpiryCalculator: otter.ExpiryWriting[string, *Value](s.TTL),
	})
	return &loadingOtter{items, otter.LoaderFunc[string, *Value](func(ctx context.Context, id string) (*Value, error) {
		v, err := s.Load(ctx, id)
		return &v, err
	})}, err
}

func (c *loadingOtter) Get(ctx context.Context, id string) (Value, error) {
	v, err := c.items.Get(ctx, id, c.load)
	if err != nil {
		return Value{}, err
	}
	return *v, nil
}

func (c *loadingOtter) Invalidate(_ context.Context, id string, _ int64) error {
	c.items.Invalidate(id)
	return nil
}

func (c *loadingOtter) Close() { c.items.StopAllGoroutines() }

type getCache struct {
	client rueidis.Client
	setup  Setup
}

func openGet(s Setup) (Cache, error) {
	client, err := rueidis.NewClient(rueidis.ClientOption{
		InitAddress: []string{s.Redis}, DisableCache: true, PipelineMultiplex: -1, MaxFlushDelay: 20 * time.Microsecond,
	})
	return &getCache{client, s}, err
}

func (c *getCache) Get(ctx context.Context, id string) (v Value, err error) {
	key := c.setup.Prefix + id
	err = c.client.Do(ctx, c.client.B().Get().Key(key).Build()).DecodeJSON(&v)
	if !rueidis.IsRedisNil(err) {
		return v, err
	}
	if v, err = c.setup.Load(ctx, id); err != nil {
		return v, err
	}
	b, err := json.Marshal(v)
	if err != nil {
		return v, err
	}
	return v, c.client.Do(ctx, c.client.B().Set().Key(key).Value(string(b)).Px(c.setup.TTL).Build()).Error()
}

func (c *getCache) Invalidate(context.Context, string, int64) error {
	return errors.New("rivals: a bare GET has nothing to invalidate")
}

func (c *getCache) Close() { c.client.Close() }
