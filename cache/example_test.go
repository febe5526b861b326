package cache_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/dejahq/deja/cache"
)

type user struct {
	Name string `json:"name"`
}

func Example() {
	ctx := context.Background()
	engine, err := cache.Open(ctx, cache.Options{}) // Redis: &cache.RedisOptions{URL: "redis://localhost:6379/0"}
	if err != nil {
		panic(err)
	}
	defer engine.Close()
	users, err := cache.NewLayer(engine, cache.LayerOptions[user]{Name: "user", TTL: time.Hour})
	if err != nil {
		panic(err)
	}

	database := map[string]user{"7": {Name: "Ada"}}
	load := func(context.Context, *cache.Fill) (user, error) {
		fmt.Println("asking the database")
		return database["7"], nil
	}
	for range 3 {
		u, _ := users.Get(ctx, "7", load)
		fmt.Println(u.Name)
	}
	database["7"] = user{Name: "Grace"}
	_, _ = users.Invalidate(ctx, "7", 0)
	u, _ := users.Get(ctx, "7", load)
	fmt.Println(u.Name)
	// Output:
	// asking the database
	// Ada
	// Ada
	// Ada
	// asking the database
	// Grace
}

func exampleLayer(o cache.LayerOptions[string]) (*cache.Engine, *cache.Layer[string]) {
	engine, err := cache.Open(context.Background(), cache.Options{})
	if err != nil {
		panic(err)
	}
	l, err := cache.NewLayer(engine, o)
	if err != nil {
		panic(err)
	}
	return engine, l
}

// Entries of a group go all at once, however many they are.
func ExampleEngine_InvalidateGroup() {
	ctx := context.Background()
	engine, answers := exampleLayer(cache.LayerOptions[string]{Name: "answer", TTL: time.Hour})
	defer engine.Close()
	ask := func(question string) {
		en, _ := answers.Lookup(ctx, question, func(context.Context, *cache.Fill) (string, error) {
			return "answer to " + question, nil
		}, cache.InGroup("assistant:1"))
		fmt.Println(question, "from", en.Source)
	}
	ask("a")
	ask("b")
	ask("a")
	_, _ = engine.InvalidateGroup(ctx, "assistant:1")
	ask("a")
	ask("b")
	// Output:
	// a from load
	// b from load
	// a from memory
	// a from load
	// b from load
}

// With NegativeTTL a layer remembers that there is no such thing.
func ExampleErrNotFound() {
	ctx := context.Background()
	engine, l := exampleLayer(cache.LayerOptions[string]{Name: "thing", TTL: time.Hour, NegativeTTL: 10 * time.Second})
	defer engine.Close()
	for range 2 {
		en, err := l.Lookup(ctx, "nobody", func(context.Context, *cache.Fill) (string, error) {
			return "", fmt.Errorf("no row: %w", cache.ErrNotFound)
		})
		fmt.Println(errors.Is(err, cache.ErrNotFound), en.Source)
	}
	// Output:
	// true load
	// true memory
}

// A value that isn't loaded but produced, such as a streamed answer, is
// claimed first. Only one in the fleet holds the claim.
func ExampleLayer_Claim() {
	ctx := context.Background()
	engine, l := exampleLayer(cache.LayerOptions[string]{Name: "answer", TTL: time.Hour})
	defer engine.Close()
	_, cached, lease := l.Claim(ctx, "question")
	if !cached && lease.Held() {
		stored, _ := lease.Fill(ctx, "the whole answer", cache.Fill{Cost: 1})
		fmt.Println("stored", stored)
	}
	en, cached, _ := l.Claim(ctx, "question")
	fmt.Println(cached, en.Value)
	// Output:
	// stored true
	// true the whole answer
}

// Replace writes the next version in the place of the one it was made from.
// When something else is cached it invalidates instead.
func ExampleLayer_Replace() {
	ctx := context.Background()
	engine, l := exampleLayer(cache.LayerOptions[string]{Name: "thread", TTL: time.Hour})
	defer engine.Close()
	_, _ = l.Get(ctx, "t", func(_ context.Context, f *cache.Fill) (string, error) {
		f.Version = 4
		return "hello", nil
	})
	stored, _, _ := l.Replace(ctx, "t", 4, 5, "hello, world")
	fmt.Println(stored)
	stored, _, _ = l.Replace(ctx, "t", 4, 5, "hello, someone")
	fmt.Println(stored)
	// Output:
	// true
	// false
}

func ExampleLayer_GetMany() {
	ctx := context.Background()
	engine, l := exampleLayer(cache.LayerOptions[string]{Name: "thing", TTL: time.Hour})
	defer engine.Close()
	load := func(_ context.Context, ids []string, _ map[string]*cache.Fill) (map[string]string, error) {
		fmt.Println("loading", len(ids))
		found := make(map[string]string)
		for _, id := range ids {
			found[id] = "value " + id
		}
		return found, nil
	}
	values, _ := l.GetMany(ctx, []string{"1", "2", "3"}, load)
	fmt.Println(len(values), values["2"])
	values, _ = l.GetMany(ctx, []string{"1", "2", "3", "4"}, load)
	fmt.Println(len(values), values["4"])
	// Output:
	// loading 3
	// 3 value 2
	// loading 1
	// 4 value 4
}

// The promise may be chosen per layer or, as here, per call.
func ExampleWithPromise() {
	ctx := context.Background()
	engine, l := exampleLayer(cache.LayerOptions[string]{Name: "price", TTL: time.Hour})
	defer engine.Close()
	load := func(context.Context, *cache.Fill) (string, error) { return "12.50", nil }
	v, _ := l.Get(ctx, "x", load, cache.WithPromise(cache.Strict))
	receipt, _ := l.Invalidate(ctx, "x", 0, cache.WithPromise(cache.Acknowledged))
	fmt.Println(v, receipt.Acknowledged == receipt.Nodes)
	// Output:
	// 12.50 true
}
