package main

import (
	"context"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dejahq/deja/client"
	"github.com/dejahq/deja/internal/workload"
)

// replay asks the questions of a workload.
type replay struct {
	requests    []workload.Request
	concurrency int
	speed       float64       // of recorded times; 0: no pauses
	duration    time.Duration // after which nothing more is asked; 0: never
	threads     bool
	show        io.Writer
}

// armResult is what asking it all on one arm came to.
type armResult struct {
	Requests int                    // that were asked, failed ones too
	Failed   int                    //
	failure  error                  // the first
	Outcomes map[client.Outcome]int // of those answered
	times    []time.Duration        // to the whole answer
	firsts   []time.Duration        // to its first piece
	took     time.Duration
	prompt   int64 // tokens of answers that a model was asked for
	answer   int64

	// As the server counts, with all that others asked of it meanwhile.
	storeQueries, queriesAvoided, modelCalls int64
	modelSaw                                 int64 // calls as the model counts them; -1 when it can't be asked
}

// run asks everything on one arm.
func (r *replay) run(ctx context.Context, a *benchArm) (*armResult, error) {
	before, err := a.api.Metrics(ctx)
	if err != nil {
		return nil, err
	}
	res := &armResult{Outcomes: make(map[client.Outcome]int), modelSaw: -1}
	var calls int64
	if a.calls != nil {
		calls = a.calls()
	}
	done := r.progress(a.name)
	began := time.Now()
	r.all(ctx, a, res, done)
	res.took = time.Since(began)
	done(0)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if len(res.times) == 0 {
		return nil, fmt.Errorf("not one question was answered: %w", res.failure)
	}
	after, err := a.api.Metrics(ctx)
	if err != nil {
		return nil, err
	}
	res.storeQueries = after.Savings.StoreQueries - before.Savings.StoreQueries
	res.queriesAvoided = after.Savings.StoreQueriesAvoided - before.Savings.StoreQueriesAvoided
	res.modelCalls = after.Savings.ModelCalls - before.Savings.ModelCalls
	if a.calls != nil {
		res.modelSaw = a.calls() - calls
	}
	return res, nil
}

// all asks, several at a time, in order.
func (r *replay) all(ctx context.Context, a *benchArm, res *armResult, done func(int)) {
	var next atomic.Int64
	var mu sync.Mutex
	var workers sync.WaitGroup
	began := time.Now()
	for range r.concurrency {
		workers.Go(func() {
			for n := 0; ctx.Err() == nil && (n == 0 || r.duration == 0 || time.Since(began) < r.duration); n++ {
				i := int(next.Add(1)) - 1
				if i >= len(r.requests) || !r.await(ctx, began, r.requests[i]) {
					return
				}
				one, err := r.ask(ctx, a, r.requests[i])
				mu.Lock()
				res.add(one, err)
				mu.Unlock()
				done(1)
			}
		})
	}
	workers.Wait()
}

// await waits for a request's time, and reports false if ctx ended before.
func (r *replay) await(ctx context.Context, began time.Time, q workload.Request) bool {
	if r.speed == 0 {
		return true
	}
	t := time.NewTimer(time.Duration(float64(q.At)/r.speed) - time.Since(began))
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// asking is one question that was answered.
type asking struct {
	took, first time.Duration
	answer      *client.Answer
}

func (r *replay) ask(ctx context.Context, a *benchArm, q workload.Request) (asking, error) {
	id, text := a.assistants[q.Assistant], q.Text()
	began := time.Now()
	stream, err := r.begin(ctx, a.api, id, text)
	if err != nil {
		return asking{}, err
	}
	var first time.Duration
	for ev, err := range stream.Events() {
		if err != nil {
			return asking{}, err
		}
		if first == 0 && ev.Text != "" {
			first = time.Since(began)
		}
	}
	return asking{took: time.Since(began), first: first, answer: stream.Answer()}, nil
}

func (r *replay) begin(ctx context.Context, api *client.Client, id, text string) (*client.Stream, error) {
	if !r.threads {
		return api.Ask(ctx, id, text)
	}
	thread, err := api.CreateThread(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := api.AddMessage(ctx, thread.ID, text); err != nil {
		return nil, err
	}
	return api.Run(ctx, thread.ID, id)
}

func (res *armResult) add(one asking, err error) {
	res.Requests++
	if err != nil {
		res.Failed++
		if res.failure == nil {
			res.failure = err
		}
		return
	}
	res.Outcomes[one.answer.Outcome]++
	res.times = append(res.times, one.took)
	res.firsts = append(res.firsts, one.first)
	if !one.answer.Outcome.Cached() {
		res.prompt += one.answer.Usage.PromptTokens
		res.answer += one.answer.Usage.CompletionTokens
	}
}

// cached counts the answers that cost no model call.
func (res *armResult) cached() (n int) {
	for outcome, count := range res.Outcomes {
		if outcome.Cached() {
			n += count
		}
	}
	return n
}

// progress gives a function that is told of n more answers, and with 0 of the
// end.
func (r *replay) progress(name string) func(n int) {
	if !isTerminal(r.show) {
		fmt.Fprintf(r.show, "%s: asking\n", name)
		return func(int) {}
	}
	bar := newBar(r.show, int64(len(r.requests)), name)
	return func(n int) {
		if n == 0 {
			_ = bar.Finish()
			return
		}
		_ = bar.Add(n)
	}
}
