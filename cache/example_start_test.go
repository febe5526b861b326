package cache_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/dejahq/deja/cache"
)

// What README.md begins with.
func Example_quickStart() {
	ctx, db := context.Background(), openDatabase()
	engine, err := cache.Open(ctx, cache.Options{Redis: &cache.RedisOptions{URL: "redis://localhost:6379/0"}})
	if err != nil {
		log.Fatal(err) // options that make no sense; a Redis that is away is no error
	}
	users, err := cache.NewLayer(engine, cache.LayerOptions[User]{
		Name: "user",
		TTL:  time.Hour,
		Load: func(ctx context.Context, id string, _ *cache.Fill) (User, error) { return db.User(ctx, id) },
	})
	if err != nil {
		log.Fatal(err)
	}
	u, err := users.Get(ctx, "7", nil) // one load, however many ask, on however many nodes
	fmt.Println(u.Name, err)

	// After a change, in the code that made it:
	if err = db.Rename(ctx, "7", "Grace"); err == nil {
		_, err = users.Invalidate(ctx, "7", 0) // no node keeps the old value
	}
	fmt.Println(err, engine.Close())
}

type User struct{ Name string }

type database map[string]User

func openDatabase() database { return database{"7": {Name: "Ada"}} }

func (db database) User(_ context.Context, id string) (User, error) {
	u, ok := db[id]
	if !ok {
		return User{}, cache.ErrNotFound
	}
	return u, nil
}

func (db database) Rename(_ context.Context, id, name string) error {
	db[id] = User{Name: name}
	return nil
}
