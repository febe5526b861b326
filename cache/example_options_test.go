package cache_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/gob"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/dejahq/deja/cache"
)

// Where Redis is: one server by its URL, the sentinels that know the master,
// or the seeds of a cluster.
func ExampleOpen() {
	ctx := context.Background()
	for _, redis := range []cache.RedisOptions{
		{URL: "rediss://deja:secret@redis.example:6379/0"},
		{Addrs: []string{"10.0.0.1:26379", "10.0.0.2:26379", "10.0.0.3:26379"}, Master: "mymaster", Password: "secret"},
		{Addrs: []string{"10.0.0.1:7000", "10.0.0.2:7000"}, TLS: &tls.Config{ServerName: "redis.example"}},
	} {
		engine, err := cache.Open(ctx, cache.Options{
			Redis:       &redis,
			Prefix:      "shop:",   // others use this Redis, too
			MemoryBytes: 256 << 20, // of this process, for all layers
			SoftTimeout: 50 * time.Millisecond,
		})
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(redis, engine.Breaker()) // it shows no password
		_ = engine.Close()
	}
}

// Engine.OnEvent hears of what operators want to know of.
func ExampleOptions_onEvent() {
	ctx := context.Background()
	events := make(chan cache.Event, 100)
	engine, err := cache.Open(ctx, cache.Options{OnEvent: func(e cache.Event) {
		select {
		case events <- e:
		default: // it must not wait
		}
	}})
	if err != nil {
		panic(err)
	}
	defer engine.Close()
	users, err := cache.NewLayer(engine, cache.LayerOptions[user]{Name: "user", TTL: time.Hour})
	if err != nil {
		panic(err)
	}
	_, _ = users.Invalidate(ctx, "7", 0)
	e := <-events
	fmt.Println(e.Kind, e.Key)
	// Output:
	// invalidation user:7
}

// A layer with a loader of its own: calls need none.
func ExampleLayerOptions_load() {
	ctx := context.Background()
	engine, answers := exampleLayer(cache.LayerOptions[string]{
		Name: "answer", TTL: time.Hour,
		Load: func(_ context.Context, question string, _ *cache.Fill) (string, error) {
			return "answer to " + question, nil
		},
	})
	defer engine.Close()
	for range 2 {
		en, err := answers.Lookup(ctx, "why?", nil)
		fmt.Println(en.Value, "from", en.Source, err)
	}
	// Output:
	// answer to why? from load <nil>
	// answer to why? from memory <nil>
}

// With StaleFor nobody waits for a refresh: who comes after the TTL gets the
// stale value, while one load brings the new one.
func ExampleLayerOptions_staleFor() {
	ctx := context.Background()
	engine, prices := exampleLayer(cache.LayerOptions[string]{Name: "price", TTL: time.Millisecond, StaleFor: time.Hour})
	defer engine.Close()
	_, _ = prices.Get(ctx, "x", func(context.Context, *cache.Fill) (string, error) { return "12.50", nil })
	refreshed := make(chan struct{})
	load := func(context.Context, *cache.Fill) (string, error) {
		<-refreshed
		return "12.75", nil
	}
	en, _ := prices.Lookup(ctx, "x", load)
	for !en.Stale { // its millisecond isn't over yet
		en, _ = prices.Lookup(ctx, "x", load)
	}
	fmt.Println(en.Value, en.Stale)
	close(refreshed)
	for en.Value != "12.75" {
		en, _ = prices.Lookup(ctx, "x", load)
	}
	fmt.Println(en.Value)
	// Output:
	// 12.50 true
	// 12.75
}

// With StaleIfError a source that fails isn't noticed for a while.
func ExampleLayerOptions_staleIfError() {
	ctx := context.Background()
	engine, prices := exampleLayer(cache.LayerOptions[string]{Name: "price", TTL: time.Millisecond, StaleIfError: time.Hour})
	defer engine.Close()
	_, _ = prices.Get(ctx, "x", func(context.Context, *cache.Fill) (string, error) { return "12.50", nil })
	broken := func(context.Context, *cache.Fill) (string, error) { return "", errors.New("the database is away") }
	en, err := prices.Lookup(ctx, "x", broken)
	for !en.Stale { // its millisecond isn't over yet
		en, err = prices.Lookup(ctx, "x", broken)
	}
	fmt.Println(en.Value, en.Stale, err)
	// Output:
	// 12.50 true <nil>
}

// A loader says what it found: for how long it is good, which version of the
// source it is, and what it cost. An invalidation that names a version raises a
// floor: what a replica that lags brings later is given, but not kept.
func ExampleFill() {
	ctx := context.Background()
	engine, l := exampleLayer(cache.LayerOptions[string]{Name: "thing", TTL: time.Hour})
	defer engine.Close()
	read := func(value string, version int64) cache.Loader[string] {
		return func(_ context.Context, f *cache.Fill) (string, error) {
			f.Version, f.TTL, f.Cost = version, 10*time.Minute, 1
			return value, nil
		}
	}
	en, _ := l.Lookup(ctx, "x", read("as of 4", 4))
	fmt.Println(en.Value, en.Version, en.Cost, en.Expires.Before(time.Now().Add(11*time.Minute)))
	_, _ = l.Invalidate(ctx, "x", 5) // the source has 5 now
	for _, v := range []int64{4, 5, 5} {
		en, _ := l.Lookup(ctx, "x", read(fmt.Sprint("as of ", v), v))
		fmt.Println(en.Value, "from", en.Source)
	}
	// Output:
	// as of 4 4 1 true
	// as of 4 from load
	// as of 5 from load
	// as of 5 from memory
}

// Gob is a codec with encoding/gob.
type Gob[V any] struct{}

func (Gob[V]) Encode(v V) ([]byte, error) {
	var b bytes.Buffer
	err := gob.NewEncoder(&b).Encode(v)
	return b.Bytes(), err
}

func (Gob[V]) Decode(b []byte) (v V, err error) {
	err = gob.NewDecoder(bytes.NewReader(b)).Decode(&v)
	return v, err
}

// Any encoding will do: a codec has two methods.
func ExampleCodec() {
	ctx := context.Background()
	engine, users := exampleLayer(cache.LayerOptions[string]{Name: "user", TTL: time.Hour, Codec: Gob[string]{}})
	defer engine.Close()
	name, err := users.Get(ctx, "7", func(context.Context, *cache.Fill) (string, error) { return "Ada", nil })
	fmt.Println(name, err)
	// Output:
	// Ada <nil>
}
