package answer

import (
	"context"
	"iter"
	"sync"
	"time"

	"github.com/dejahq/deja"
	"github.com/dejahq/deja/internal/layers"
	"github.com/dejahq/deja/internal/monitor"
)

// Question is a stateless turn (chat completions): the whole conversation in
// Request.Messages, ending with the newest message. Instructions and schema
// of the assistant are added here, not by the caller. Unset settings take the
// assistant's.
type Question struct {
	AssistantID string
	Client      string // who asks (a hash of the key or address): scope of answers that are not shared
	Request     deja.ModelRequest
	Control     Control
}

// Ask looks up or begins an answer. Outcome, Key and Age are known when it
// returns; the answer itself streams. Errors of the model come from reading.
// The answer is this caller's until ctx ends or it was read.
func (a *Answerer) Ask(ctx context.Context, q Question) (*Reply, error) {
	asst, err := a.layers.Assistant(ctx, q.AssistantID)
	if err != nil {
		return nil, err
	}
	req := q.Request
	if req.Tools == nil {
		req.Tools = functionTools(asst.Tools)
	}
	p, err := a.prepare(ctx, asst, clientScope(asst.ID, q.Client), req, asst.Instructions, 0, q.Control)
	if err != nil {
		return nil, err
	}
	return a.reply(ctx, p)
}

// reply boards the question's flight and waits until its outcome is known.
func (a *Answerer) reply(ctx context.Context, p *prepared) (*Reply, error) {
	r := &Reply{count: a.count, asked: p, began: time.Now()}
	a.count.Asked(p.assistant.ID)
	if p.cached {
		r.Key = a.layers.AnswerKeyName(p.key)
	}
	if p.control.OnlyIfCached {
		var found layers.FoundAnswer
		ok := false
		if p.cached {
			found, ok = a.layers.PeekAnswer(ctx, p.key, p.control.MaxAge)
		}
		if !ok {
			return nil, deja.Errorf(deja.CodeNotCached, "No cached answer, and only-if-cached was asked for.")
		}
		f := &flight{answer: found.Answer}
		f.add(append(replay(found.Answer), event{delta: final(found.Answer)})...)
		f.end(nil)
		r.flight, r.leave, r.Outcome, r.Age = f, func() {}, Hit, found.Age
		r.rate = a.replayRate(p.assistant)
		r.avoided(0)
		return r, nil
	}
	f, first, err := a.board(ctx, p)
	if err != nil {
		return nil, err
	}
	r.flight, r.first = f, first
	r.leave = sync.OnceFunc(func() { a.leave(f) })
	r.unwatch = context.AfterFunc(ctx, r.leave)
	select {
	case <-f.looked:
	case <-ctx.Done():
		r.leave()
		return nil, context.Cause(ctx)
	}
	r.Outcome, r.Age = f.outcome, f.age
	switch {
	case r.Outcome == Hit && first:
		r.avoided(0) // its queries are in the counters of the layer
	case r.Outcome == Hit:
		r.avoided(f.answer.Queries)
	default:
		if r.Outcome == Coalesced || !first {
			r.Outcome = Coalesced
		}
		r.counted = func() {
			if !first || !f.led { // one who took over made the call in the end
				r.avoided(f.answer.Queries)
			}
		}
	}
	if r.Outcome == Hit {
		r.rate = a.replayRate(p.assistant)
	}
	return r, nil
}

// errRestarted ends a stream whose answer another node has to make anew, and
// differently: asked again, the question finds the new answer.
var errRestarted = deja.Errorf(deja.CodeUpstream, "The node that made this answer was lost, and the new answer differs. Ask again.")

// Reply is an answer on its way.
type Reply struct {
	Outcome Outcome
	Key     string        // the answer's key; empty when its assistant does not cache
	Age     time.Duration // of a cached answer

	flight  *flight
	leave   func()
	unwatch func() bool
	rate    float64 // of a cached answer's pieces a second; 0: all at once
	counted func()  // for a coalesced reader, once the answer is whole

	count *monitor.Monitor
	asked *prepared
	began time.Time
	first bool // it began the flight
	whole bool // it has seen the end
}

// Stale gives the age of an answer that has outlived its lifetime, and is given
// because the model's server failed; ok is false for any other. It is known
// once the first delta was read, or the whole answer; Outcome and Age are those
// of a hit then, whatever they were before.
func (r *Reply) Stale() (age time.Duration, ok bool) {
	if d := r.flight.stale.Load(); d != nil {
		return *d, true
	}
	return 0, false
}

// Deltas yields the visible answer: text, reasoning, tool calls of the
// caller's own tools, and at the end the finish reason with the total usage.
// Leaving it early ends this reader only; the last to leave ends the call.
//
// Each time before it waits, because the next piece is not there or it is not
// its turn, idle is called, unless it is nil: a reader that collects what is
// ready passes it on then. An error that idle gives ends the reading.
func (r *Reply) Deltas(ctx context.Context, idle func() error) iter.Seq2[deja.Delta, error] {
	return func(yield func(deja.Delta, error) bool) {
		said, pace := false, newPacer(r.rate)
		for e, err := range r.events(ctx, idle) {
			if err == nil && e.delta != nil && e.delta.FinishReason == "" {
				err = pace.wait(ctx, idle)
			}
			switch {
			case err != nil:
				yield(deja.Delta{}, err)
				return
			case e.restart && said:
				// What was said cannot be taken back in a stream of deltas.
				yield(deja.Delta{}, errRestarted)
				return
			case e.delta != nil:
				said = true
				if !yield(*e.delta, nil) {
					return
				}
			}
		}
	}
}

// Wait reads to the end and gives the whole answer, which is shared: read-only.
func (r *Reply) Wait(ctx context.Context) (*deja.Answer, error) {
	for _, err := range r.events(ctx, nil) {
		if err != nil {
			return nil, err
		}
	}
	return r.flight.answer, nil
}

// Close gives the answer up, read or not. Reading closes by itself.
func (r *Reply) Close() {
	if r.unwatch != nil {
		r.unwatch()
	}
	r.leave()
}

func (r *Reply) events(ctx context.Context, idle func() error) iter.Seq2[event, error] {
	return func(yield func(event, error) bool) {
		defer r.Close()
		for e, err := range r.flight.read(ctx, idle) {
			if age, ok := r.Stale(); ok {
				r.Outcome, r.Age = Hit, age
			}
			r.whole = r.whole || err == nil && e.delta != nil && e.delta.FinishReason != ""
			if !yield(e, err) || err != nil {
				return
			}
		}
		if r.counted != nil {
			r.counted()
		}
	}
}
