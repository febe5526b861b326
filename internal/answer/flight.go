package answer

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"sync/atomic"
	"time"

	"github.com/dejahq/deja"
	"github.com/dejahq/deja/cache"
	"github.com/dejahq/deja/internal/layers"
)

// event is one thing that readers of an answer see: a delta, a round of
// query_data calls that deja executed, or that everything before is void and
// the answer begins again (see relay).
type event struct {
	delta   *deja.Delta
	calls   []deja.ToolCall
	restart bool
}

// flight is one answer in the making, shared by all who ask the same in this
// process: found in the cache, or streaming from the model.
type flight struct {
	feed[event]
	name   string // its key in Answerer.flights
	cancel context.CancelCauseFunc

	readers int // guarded by Answerer.mu

	over chan struct{} // closed at the end

	// What is known once looked is closed.
	looked  chan struct{}
	outcome Outcome
	age     time.Duration

	// Set before the first event: the answer's age, when it is one that was
	// kept past its lifetime and is given because the model's server failed.
	stale atomic.Pointer[time.Duration]
	spare bool          // there was such an answer when the outcome was known
	begun chan struct{} // closed before the first event, or the end
	by    string        // set before begun is closed: the fallback whose words come first

	// Set before the feed ends well, and the answer of a hit before looked is closed.
	answer *deja.Answer
	led    bool // this flight asked the model itself
	paid   charge
	made   time.Time // when the answer was whole

	claim *layers.AnswerLease // as of the last look, held or not; guarded by Answerer.mu
}

// board gives the flight for a question: one that is under way, or a new one.
// The caller is counted as a reader until it calls leave.
func (a *Answerer) board(ctx context.Context, p *prepared) (f *flight, first bool, err error) {
	// Those who ask in different ways can't share: a refresh must not be given
	// what was under way before it, nor a bounded age an older answer.
	c := &p.control
	name := fmt.Sprintf("%s:%s|%t%t%s", p.key.Scope, p.key.Hash, c.NoCache, c.NoStore, c.MaxAge)
	if c.StaleIfError != nil {
		name += "|" + c.StaleIfError.String()
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return nil, false, errClosing
	}
	// What is not cached is not shared either: its assistant said so. Nor is
	// what was under way when it was invalidated given to who asks after that.
	if f, ok := a.flights[name]; ok && p.cached && f.claim.Current() {
		f.readers++
		return f, false, nil
	}
	f = &flight{name: name, readers: 1, looked: make(chan struct{}), begun: make(chan struct{}), over: make(chan struct{})}
	if p.cached {
		a.flights[name] = f
	}
	ctx, f.cancel = a.detached(ctx, a.o.RunTimeout, a.tooLong())
	a.work.Go(func() { a.fly(ctx, f, p) })
	return f, true, nil
}

// takeoverPause is how long a flight waits before it claims again: one that
// holds a claim in this process, and has just been given up, needs a moment.
const takeoverPause = 10 * time.Millisecond

// pause waits, and reports whether ctx is still there.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// maxTakeovers bounds how often a flight goes on after a node that it followed
// was lost. After that it asks the model without a lease.
const maxTakeovers = 3

// fly answers: from the cache, by following another node that is about it, or
// by asking the model and then filling the cache.
func (a *Answerer) fly(ctx context.Context, f *flight, p *prepared) {
	var err error
	outcome, age := Miss, time.Duration(0) // unless it is known before the end
	defer func() {
		if r := recover(); r != nil {
			err = deja.Wrap(deja.CodeInternal, fmt.Errorf("panic: %v\n%s", r, debug.Stack()), "An internal error occurred.")
			a.log.ErrorContext(ctx, "an answer ended in a panic", "assistant", p.assistant.ID, "error", err)
		}
		// Off the board before the end is seen: who asks now finds the cache
		// filled, or tries anew after a failure.
		a.mu.Lock()
		if a.flights[f.name] == f {
			delete(a.flights, f.name)
		}
		a.mu.Unlock()
		f.begin(nil)
		f.end(err)
		f.resolve(outcome, age)
		close(f.over)
		f.cancel(nil)
	}()
	readers := &relay{out: func(e event) {
		f.begin(e.delta)
		if e.restart {
			f.renew(e)
			return
		}
		f.add(e)
	}}
	for attempt := 0; ; attempt++ {
		err = nil // what a former attempt ran into has passed
		readers.again()
		found, lease := a.look(ctx, f, p)
		if found != nil {
			// Those who wait for the outcome find the whole answer there.
			outcome, age = Hit, found.Age
			readers.replay(found.Answer)
			readers.end(found.Answer)
			return
		}
		if attempt == 0 {
			f.spare = a.hasSpare(ctx, p)
		}
		var answer *deja.Answer
		if lease != nil && !lease.Held() && !p.control.NoCache && attempt < maxTakeovers {
			// It may be this flight's own, void since an invalidation that came as
			// it was granted: who doesn't give that back follows himself.
			lease.Release(context.WithoutCancel(ctx))
			answer, err = a.follow(ctx, p, func() { f.resolve(Coalesced, 0) }, readers.add)
			if err == nil {
				readers.complete(answer)
			}
			if errors.Is(err, cache.ErrNoHolder) && pause(ctx, time.Duration(attempt+1)*takeoverPause) {
				continue
			}
		} else {
			f.resolve(missed(p), 0)
			f.led = true
			answer, err = a.lead(ctx, f, p, lease, readers.add)
		}
		if err != nil {
			if cause := context.Cause(ctx); cause != nil && deja.ErrorCode(cause) != deja.CodeInternal {
				err = cause
			}
			if !readers.sent.empty() {
				return
			}
			kept := a.kept(ctx, p, err)
			if kept == nil {
				return
			}
			err, answer, f.led = nil, kept.Answer, false
			f.answer, f.made = answer, time.Now() // once: who sees that it is stale reads it
			f.stale.Store(&kept.Age)
			f.resolve(Hit, kept.Age)
			readers.replay(answer)
			readers.end(answer)
			return
		}
		f.answer, f.made = answer, time.Now()
		readers.end(answer)
		return
	}
}

// lead asks the model, lets others follow, and fills the cache.
func (a *Answerer) lead(ctx context.Context, f *flight, p *prepared, lease *layers.AnswerLease, emit func(event)) (*deja.Answer, error) {
	defer lease.Release(context.WithoutCancel(ctx))
	others := publish(ctx, lease)
	defer others.stop()
	began := time.Now()
	answer, err := a.generate(ctx, p, &f.paid, func(e event) {
		emit(e)
		others.add(e)
	})
	took := time.Since(began)
	a.count.AnswerMade(p.assistant.ID, took)
	if answer != nil {
		answer.Took = took
	}
	others.end(ctx, answer, err)
	source := a.model.Name()
	if err != nil {
		source = "error"
	}
	layers.TraceFrom(ctx).Record(began, layers.Span{Layer: "model", Source: source})
	if err != nil {
		return nil, err
	}
	if a.storable(p, answer) && !a.keepsBetter(ctx, p, answer) {
		if e := lease.Store(context.WithoutCancel(ctx), answer, lifetime(p, answer)); e != nil {
			a.log.WarnContext(ctx, "an answer was not cached", "key", a.layers.AnswerKeyName(p.key), "error", e)
		}
	}
	return answer, nil
}

// look asks the answer cache: it gives what it found, or a lease (which may be
// another's), or neither when nothing shall be stored.
func (a *Answerer) look(ctx context.Context, f *flight, p *prepared) (*layers.FoundAnswer, *layers.AnswerLease) {
	var found layers.FoundAnswer
	var ok bool
	var lease *layers.AnswerLease
	switch {
	case !p.cached || p.control.NoCache && p.control.NoStore:
		return nil, nil
	case p.control.NoStore:
		found, ok = a.layers.PeekAnswer(ctx, p.key, p.control.MaxAge)
	default:
		found, ok, lease = a.layers.ClaimAnswer(ctx, p.key, p.control.MaxAge, p.control.NoCache)
	}
	if !ok {
		a.mu.Lock()
		f.claim = lease
		a.mu.Unlock()
		return nil, lease
	}
	f.answer, f.made = found.Answer, time.Now() // before the outcome: who sees a hit counts what it avoids
	return &found, nil
}

// missed is the outcome of a question that goes to the model.
func missed(p *prepared) Outcome {
	switch {
	case !p.cached || p.control.NoStore:
		return Bypass
	case p.control.NoCache:
		return Refresh
	}
	return Miss
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

// begin marks that something is about to be told, first of which is d if that
// is not nil. Only fly's goroutine calls it.
func (f *flight) begin(d *deja.Delta) {
	select {
	case <-f.begun:
	default:
		if d != nil {
			f.by = d.Fallback
		}
		close(f.begun)
	}
}

// storable says whether an answer is whole and may be kept: only one that the
// model ended by itself. Calls of the caller's tools are only what the model
// wishes for; whoever is given them again executes them again, which the
// assistant's policy must allow.
func (a *Answerer) storable(p *prepared, answer *deja.Answer) bool {
	if !p.cached || p.control.NoStore || answer.Refusal != "" {
		return false
	}
	switch answer.FinishReason {
	case deja.FinishStop:
		return len(answer.ToolCalls) == 0
	case deja.FinishToolCalls:
		safe := p.assistant.Caching.SafeTools
		return len(answer.ToolCalls) > 0 && (slices.Contains(safe, deja.AnyTool) ||
			!slices.ContainsFunc(answer.ToolCalls, func(c deja.ToolCall) bool { return !slices.Contains(safe, c.Name) }))
	}
	return false
}

// fallbackTTL is the longest life of an answer that a fallback gave. It stands
// under the name of what was asked, which another model was to answer: long
// enough to spare the fallback the same question again and again while the
// model's own server fails, short enough not to outlast that by much.
const fallbackTTL = time.Minute

// keepsBetter reports whether an answer comes from a fallback while one of the
// model that was asked for has not outlived its lifetime: a caller wanted a
// newer one, but the others are better off with that. One that has outlived it
// gives way, as it does to the fallback when a question is asked.
func (a *Answerer) keepsBetter(ctx context.Context, p *prepared, answer *deja.Answer) bool {
	if answer.Fallback == "" {
		return false
	}
	found, ok := a.layers.KeptAnswer(context.WithoutCancel(ctx), p.key)
	return ok && found.Past < 0 && found.Answer.Fallback == ""
}

// lifetime is how long an answer is kept; 0: as long as the layer says.
func lifetime(p *prepared, answer *deja.Answer) time.Duration {
	ttl := p.assistant.Caching.TTL
	if answer.Fallback != "" && (ttl == 0 || ttl > fallbackTTL) {
		return fallbackTTL
	}
	return ttl
}

// replay gives the events of a cached answer in the shape in which it was
// streamed, but for the last delta.
func replay(answer *deja.Answer) []event {
	events := make([]event, 0, len(answer.Pieces)+1)
	said := false
	answer.Deltas(func(d deja.Delta) {
		if !said {
			d.Fallback, said = answer.Fallback, true
		}
		events = append(events, event{delta: &d})
	}, func(i int) {
		events = append(events, event{calls: answer.Steps[i]})
	})
	return events
}

// final is the last delta of an answer.
func final(answer *deja.Answer) *deja.Delta {
	return &deja.Delta{
		FinishReason: answer.FinishReason, Usage: new(answer.Usage), Fallback: answer.Fallback,
		Model: answer.Model, Fingerprint: answer.Fingerprint,
	}
}
