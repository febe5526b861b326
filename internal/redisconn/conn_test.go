package redisconn_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/dejahq/deja/internal/redisconn"
	"github.com/dejahq/deja/internal/redistest"
)

func TestConnComesAndGoes(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	srv.Kill()
	events := make(chan string, 100)
	o, err := redisconn.Parse(srv.URL())
	if err != nil {
		t.Fatal(err)
	}
	c, err := redisconn.OpenWith(o, redisconn.Hooks{
		Up:   func(rueidis.Client) { events <- "up" },
		Down: func(error) { events <- "down" },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, up := c.Client(); up || c.Err() == nil {
		t.Fatal("up before the server is", c.Err())
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := c.Wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
	expect := func(want string) {
		t.Helper()
		select {
		case got := <-events:
			if got != want {
				t.Fatalf("%s, want %s", got, want)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("no %s", want)
		}
	}
	srv.Restart()
	expect("up")
	if err := c.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	client, up := c.Client()
	if !up || client.Do(t.Context(), client.B().Ping().Build()).Error() != nil {
		t.Fatal("not usable")
	}
	srv.Pause() // hangs
	expect("down")
	srv.Resume()
	expect("up")
	srv.Kill()
	expect("down")
	srv.Restart()
	expect("up")
	if err := errors.Join(c.Close(), c.Close()); err != nil {
		t.Fatal(err)
	}
	if _, up := c.Client(); up {
		t.Fatal("up after Close")
	}
}
