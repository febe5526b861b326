package answer_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dejahq/deja"
	"github.com/dejahq/deja/cache"
	"github.com/dejahq/deja/internal/answer"
	"github.com/dejahq/deja/internal/llm/llmtest"
	"github.com/dejahq/deja/internal/redistest"
)

// TestTwoThousandReaders: 2,000 identical streamed questions at once over four
// nodes are exactly one call, and every reader's text is the same.
func TestTwoThousandReaders(t *testing.T) {
	_, nodes := newFleet(t, 4)
	a := nodes[0].assistant(deja.ShareAssistant)
	model := nodes[0].model
	var want string
	var pieces []string
	for i := range 60 {
		pieces = append(pieces, fmt.Sprintf("word%d ", i))
		want += pieces[i]
	}
	everybody := make(chan struct{})
	model.On(llmtest.Any, llmtest.Text(pieces[:20]...), llmtest.Gate(everybody), llmtest.Text(pieces[20:]...))
	var all, asked sync.WaitGroup
	var coalesced atomic.Int64
	asked.Add(2000)
	for i := range 2000 {
		all.Go(func() {
			r, err := nodes[i%4].Ask(t.Context(), question(a.ID, "Everybody?"))
			asked.Done()
			if err != nil {
				t.Error(err)
				return
			}
			if r.Outcome == answer.Coalesced {
				coalesced.Add(1)
			}
			var text strings.Builder
			for d, err := range r.Deltas(t.Context()) {
				if err != nil {
					t.Error(err)
					return
				}
				text.WriteString(d.Text)
			}
			if text.String() != want {
				t.Errorf("read %q", text.String())
			}
		})
	}
	asked.Wait()
	close(everybody)
	all.Wait()
	if model.Calls() != 1 || coalesced.Load() != 1999 {
		t.Errorf("%d calls, %d coalesced", model.Calls(), coalesced.Load())
	}
}

// TestReadersComeAndGo: many questions with many readers each, a tenth of whom
// leave early, and one of four nodes is lost in the middle. Nobody else loses
// or repeats a token, a lost leader costs at most one more call, and
// afterwards nothing is left running.
func TestReadersComeAndGo(t *testing.T) {
	const questions, readers = 20, 10
	before := runtime.NumGoroutine()
	t.Run("load", func(t *testing.T) {
		redis, model, store := redistest.Start(t), llmtest.NewServer(t), newStore(t)
		lost := redistest.NewProxy(t, redis.Addr())
		nodes := make([]*house, 4)
		for i := range nodes {
			url := redis.URL()
			if i == 3 {
				url = "redis://" + lost.Addr()
			}
			nodes[i] = newNode(t, model, store, cache.Options{Redis: &cache.RedisOptions{URL: url}, SoftTimeout: 5 * time.Second, HardTimeout: 10 * time.Second})
		}
		a := nodes[0].assistant(deja.ShareAssistant)
		text := func(q int) string {
			var b strings.Builder
			for i := range 30 {
				fmt.Fprintf(&b, "q%d.%d ", q, i)
			}
			return b.String()
		}
		half := make(chan struct{})
		model.OnFunc(llmtest.Any, func(r *llmtest.Request) []llmtest.Step {
			var q int
			if _, err := fmt.Sscanf(r.LastUser(), "Question %d?", &q); err != nil {
				t.Error(err)
			}
			words := strings.SplitAfter(strings.TrimSuffix(text(q), " "), " ")
			words[len(words)-1] += " "
			return []llmtest.Step{llmtest.Text(words[:10]...), llmtest.Gate(half), llmtest.Text(words[10:]...)}
		})

		// Readers come quickly, and not all in one instant: two processors
		// under the race detector would make Redis look slow, and a slow Redis
		// is not waited for.
		arriving := make(chan struct{}, 64)
		var all, begun sync.WaitGroup
		var ledByLost atomic.Int64
		onLost, killLost := context.WithCancel(t.Context())
		defer killLost()
		for q := range questions {
			for i := range readers {
				begun.Add(1)
				all.Go(func() {
					node, ctx := nodes[(q+i)%4], t.Context()
					if node == nodes[3] {
						ctx = onLost
					}
					leaves := rand.IntN(10) == 0
					arriving <- struct{}{}
					r, err := node.Ask(ctx, question(a.ID, fmt.Sprintf("Question %d?", q)))
					<-arriving
					begun.Done()
					if err != nil {
						if ctx.Err() == nil {
							t.Error(err)
						}
						return
					}
					if node == nodes[3] && r.Outcome == answer.Miss {
						ledByLost.Add(1)
					}
					var got strings.Builder
					for d, err := range r.Deltas(ctx) {
						if err != nil {
							if node != nodes[3] {
								t.Errorf("question %d: %v after %q", q, err, got.String())
							}
							return
						}
						got.WriteString(d.Text)
						if leaves && got.Len() > 20 {
							return
						}
					}
					if got.String() != text(q) {
						t.Errorf("question %d: %q", q, got.String())
					}
				})
			}
		}
		begun.Wait()
		// The node is cut off from Redis and dies: it can release nothing.
		lost.Blackhole()
		killLost()
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		_ = nodes[3].Close(gone)
		close(half)
		all.Wait()
		// A node to which Redis looked slow or away went on alone, as it should:
		// on a starved machine the number of calls then says nothing.
		alone := false
		for _, n := range nodes[:3] {
			alone = alone || n.layers.Engine().Health(t.Context()).LastError != ""
		}
		if extra := int64(model.Calls() - questions); extra < 0 || extra > ledByLost.Load() && !alone {
			t.Errorf("%d calls for %d questions, with %d leaders lost", model.Calls(), questions, ledByLost.Load())
		}
		t.Logf("%d questions, %d readers each: %d calls, %d leaders lost", questions, readers, model.Calls(), ledByLost.Load())
		lost.Heal()
	})
	late := time.After(10 * time.Second)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for runtime.NumGoroutine() > before+5 {
		select {
		case <-tick.C:
		case <-late:
			stacks := make([]byte, 1<<16)
			t.Fatalf("%d goroutines before, %d afterwards\n%s", before, runtime.NumGoroutine(), stacks[:runtime.Stack(stacks, true)])
		}
	}
}
