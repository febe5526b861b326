package answer_test

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/dejahq/deja"
	"github.com/dejahq/deja/cache"
	"github.com/dejahq/deja/internal/answer"
	"github.com/dejahq/deja/internal/layers"
	"github.com/dejahq/deja/internal/llm/llmtest"
	"github.com/dejahq/deja/internal/redistest"
)

// TestClaimsThatAreVoidAtOnce: an invalidation may come between the moment in
// which a node is granted the right to an answer and the one in which it looks
// whether it may use that. It must not wait for itself then.
func TestClaimsThatAreVoidAtOnce(t *testing.T) {
	t.Parallel()
	redis, model, store := redistest.Start(t), llmtest.NewServer(t), newStore(t)
	o := cache.Options{
		Redis:       &cache.RedisOptions{URL: redis.URL(), AnswerWithin: 20 * time.Second},
		SoftTimeout: 10 * time.Second, HardTimeout: 20 * time.Second,
	}
	engine, err := cache.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = engine.Close() })
	keeping, err := layers.New(engine, store, layers.Options{AnswersKept: time.Hour}) // so that there is something to look up in between
	if err != nil {
		t.Fatal(err)
	}
	h := newNode(t, model, store, o, func(o *answer.Options) { o.Layers = keeping })
	a := h.assistant(deja.ShareAssistant)
	model.On(llmtest.Any, llmtest.Text("yes"))
	done := make(chan struct{})
	var invalidator, askers sync.WaitGroup
	invalidator.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-done:
				return
			default:
			}
			// What Redis pushes then is taken for an invalidation of everything.
			if _, err := redis.Do("PEXPIRE", "gen:@all", strconv.Itoa(1_000_000+i)); err != nil {
				t.Error(err)
				return
			}
		}
	})
	for asker := range 4 {
		askers.Go(func() {
			for i := range 25 {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				r, err := h.Ask(ctx, question(a.ID, fmt.Sprintf("%d of %d?", i, asker)))
				if err == nil {
					_, err = r.Wait(ctx)
				}
				cancel()
				if err != nil {
					t.Errorf("%d of %d: %v", i, asker, err)
					return
				}
			}
		})
	}
	askers.Wait()
	close(done)
	invalidator.Wait()
}
