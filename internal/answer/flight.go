package answer

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/dejahq/deja"
	"github.com/dejahq/deja/internal/layers"
)

// event is one thing that readers of an answer see: a delta, or a round of
// query_data calls that deja executed.
type event struct {
	delta *deja.Delta
	calls []deja.ToolCall
}

// flight is one answer in the making, shared by all who ask the same in this
// process: found in the cache, or streaming from the model.
type flight struct {
	feed[event]
	name   string // its key in Answerer.flights
	cancel context.CancelCauseFunc

	readers int // guarded by Answerer.mu

	// What is known once looked is closed.
	looked  chan struct{}
	outcome Outcome
	age     time.Duration

	// answer is set before the feed ends well.
	answer *deja.Answer
}

// errNobodyReads cancels a call whose last reader has left.
var errNobodyReads = deja.Errorf(deja.CodeCancelled, "Nobody waits for the answer any more.")

// board gives the flight for a question: one that is under way, or a new one.
// The caller is counted as a reader until it calls leave.
func (a *Answerer) board(ctx context.Context, p *prepared) (f *flight, first bool, err error) {
	// Those who ask in different ways can't share: a refresh must not be given
	// what was under way before it, nor a bounded age an older answer.
	name := fmt.Sprintf("%s:%s|%t%t%s", p.key.Scope, p.key.Hash, p.control.NoCache, p.control.NoStore, p.control.MaxAge)
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return nil, false, errClosing
	}
	// What is not cached is not shared either: its assistant said so.
	if f, ok := a.flights[name]; ok && p.cached {
		f.readers++
		return f, false, nil
	}
	f = &flight{name: name, readers: 1, looked: make(chan struct{})}
	if p.cached {
		a.flights[name] = f
	}
	ctx, f.cancel = a.detached(ctx)
	a.work.Go(func() { a.fly(ctx, f, p) })
	return f, true, nil
}

// leave takes a reader off. The last one to leave an unfinished flight ends
// it, and nobody can join it any more.
func (a *Answerer) leave(f *flight) {
	a.mu.Lock()
	f.readers--
	last := f.readers == 0
	if last && a.flights[f.name] == f {
		delete(a.flights, f.name)
	}
	a.mu.Unlock()
	if last {
		f.cancel(errNobodyReads)
	}
}

// fly answers: from the cache, or by asking the model and then filling it.
func (a *Answerer) fly(ctx context.Context, f *flight, p *prepared) {
	var err error
	defer func() {
		if r := recover(); r != nil {
			err = deja.Wrap(deja.CodeInternal, fmt.Errorf("panic: %v", r), "An internal error occurred.")
		}
		// Off the board before the end is seen: who asks now finds the cache
		// filled, or tries anew after a failure.
		a.mu.Lock()
		if a.flights[f.name] == f {
			delete(a.flights, f.name)
		}
		a.mu.Unlock()
		f.resolve(Miss, 0)
		f.end(err)
		f.cancel(nil)
	}()

	lease := a.look(ctx, f, p)
	if f.answer != nil {
		return
	}
	defer lease.Release(context.WithoutCancel(ctx))
	began := time.Now()
	answer, err := a.generate(ctx, p, func(e event) { f.add(e) })
	source := a.model.Name()
	if err != nil {
		source = "error"
	}
	layers.TraceFrom(ctx).Record(began, layers.Span{Layer: "model", Source: source})
	if err != nil {
		if cause := context.Cause(ctx); cause != nil && deja.ErrorCode(cause) != deja.CodeInternal {
			err = cause
		}
		return
	}
	if a.storable(p, answer) {
		if e := lease.Store(context.WithoutCancel(ctx), answer); e != nil {
			a.log.WarnContext(ctx, "an answer was not cached", "key", a.layers.AnswerKeyName(p.key), "error", e)
		}
	}
	f.answer = answer
	f.add(event{delta: final(answer)})
}

// look asks the answer cache, and replays what it finds.
func (a *Answerer) look(ctx context.Context, f *flight, p *prepared) *layers.AnswerLease {
	if !p.cached || p.control.NoCache && p.control.NoStore {
		f.resolve(Bypass, 0)
		return nil
	}
	found, ok, lease := a.layers.ClaimAnswer(ctx, p.key, p.control.MaxAge, p.control.NoCache)
	switch {
	case ok:
		a.count.ModelCallAvoided(found.Answer.Usage, found.Answer.ModelCalls)
		f.answer = found.Answer
		f.resolve(Hit, found.Age)
		f.add(replay(found.Answer)...)
	case p.control.NoCache:
		f.resolve(Refresh, 0)
	case p.control.NoStore:
		f.resolve(Bypass, 0)
	default:
		f.resolve(Miss, 0)
	}
	return lease
}

// resolve lets those know who wait for the outcome; the first call counts.
// Only fly's goroutine calls it.
func (f *flight) resolve(o Outcome, age time.Duration) {
	select {
	case <-f.looked:
	default:
		f.outcome, f.age = o, age
		close(f.looked)
	}
}

// storable says whether an answer is whole and may be kept: only one that the
// model ended by itself. Tool calls of the caller's are not an answer yet.
func (a *Answerer) storable(p *prepared, answer *deja.Answer) bool {
	return p.cached && !p.control.NoStore && answer.FinishReason == deja.FinishStop && answer.Refusal == ""
}

// replay gives the events of a cached answer in the shape in which it was
// streamed.
func replay(answer *deja.Answer) []event {
	var events []event
	for _, calls := range answer.Steps {
		events = append(events, event{calls: calls})
	}
	if answer.Reasoning != "" {
		events = append(events, event{delta: &deja.Delta{Reasoning: answer.Reasoning}})
	}
	text := answer.Text
	for _, n := range answer.Pieces {
		n = min(max(n, 0), len(text))
		if n > 0 {
			events = append(events, event{delta: &deja.Delta{Text: text[:n]}})
		}
		text = text[n:]
	}
	if text != "" {
		events = append(events, event{delta: &deja.Delta{Text: text}})
	}
	return slices.Concat(events, []event{{delta: final(answer)}})
}

// final is the last delta of an answer.
func final(answer *deja.Answer) *deja.Delta {
	return &deja.Delta{
		FinishReason: answer.FinishReason, Usage: new(answer.Usage),
		Model: answer.Model, Fingerprint: answer.Fingerprint,
	}
}
