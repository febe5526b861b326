package layers

import (
	"context"
	"errors"
	"iter"
	"time"

	"github.com/dejahq/deja"
	"github.com/dejahq/deja/cache"
)

// AnswerKey names a cached answer: whose it is, and the hash of everything
// that it depends on.
type AnswerKey struct {
	AssistantID string
	Scope       string // a thread id, an assistant id, or what stands for a client's stateless conversations
	Hash        string
}

func (k AnswerKey) id() string { return k.Scope + ":" + k.Hash }

// groups are the two ways in which an answer is invalidated: with its
// assistant, and with the thread that it belongs to.
func (k AnswerKey) groups() cache.Option {
	if k.Scope == k.AssistantID {
		return cache.InGroup(assistantGroup(k.AssistantID))
	}
	return cache.InGroup(assistantGroup(k.AssistantID), threadGroup(k.Scope))
}

// AnswerKeyName gives the whole Redis key of an answer.
func (l *Layers) AnswerKeyName(k AnswerKey) string { return l.answers.Key(k.id()) }

// FoundAnswer is a cached answer. Its Answer is shared: read-only.
type FoundAnswer struct {
	Answer *deja.Answer
	Age    time.Duration
	Past   time.Duration // since its lifetime ended; negative while it lasts
}

// AnswerLease is the right to store an answer, from the moment of the miss.
type AnswerLease struct {
	lease *cache.Lease[*deja.Answer]
}

// ClaimAnswer gives a cached answer, or the right to store one, or neither when
// nobody can have that. maxAge (0: any) makes older answers misses; refresh
// skips the lookup.
func (l *Layers) ClaimAnswer(ctx context.Context, k AnswerKey, maxAge time.Duration, refresh bool) (FoundAnswer, bool, *AnswerLease) {
	opts := []cache.Option{k.groups()}
	if maxAge > 0 {
		opts = append(opts, cache.MaxAge(maxAge))
	}
	if refresh {
		opts = append(opts, cache.Refresh())
	}
	began := time.Now()
	e, ok, lease := l.answers.Claim(ctx, k.id(), opts...)
	l.recordAnswer(ctx, began, k, e, ok)
	if ok {
		return FoundAnswer{Answer: e.Value, Age: time.Since(e.Created)}, true, nil
	}
	if err := lease.Err(); err != nil { // there is nobody to wait for, then
		l.log.WarnContext(ctx, "an answer can't be cached", "key", l.AnswerKeyName(k), "error", err)
		return FoundAnswer{}, false, nil
	}
	return FoundAnswer{}, false, &AnswerLease{lease: lease}
}

// PeekAnswer gives a cached answer if there is one that has not outlived its
// lifetime.
func (l *Layers) PeekAnswer(ctx context.Context, k AnswerKey, maxAge time.Duration) (FoundAnswer, bool) {
	opts := []cache.Option{k.groups()}
	if maxAge > 0 {
		opts = append(opts, cache.MaxAge(maxAge))
	}
	began := time.Now()
	e, ok := l.answers.Peek(ctx, k.id(), opts...)
	ok = ok && !e.Stale
	l.recordAnswer(ctx, began, k, e, ok)
	return FoundAnswer{Answer: e.Value, Age: time.Since(e.Created)}, ok
}

// KeptAnswer gives a cached answer that may have outlived its lifetime, but
// that nothing has invalidated: for when no model answers.
func (l *Layers) KeptAnswer(ctx context.Context, k AnswerKey) (FoundAnswer, bool) {
	began := time.Now()
	e, ok := l.answers.Peek(ctx, k.id(), k.groups(), cache.Uncounted())
	if !ok {
		return FoundAnswer{}, false
	}
	l.recordAnswer(ctx, began, k, e, true)
	now := time.Now()
	return FoundAnswer{Answer: e.Value, Age: now.Sub(e.Created), Past: now.Sub(e.Expires)}, true
}

// AnswersKept is how long answers are kept past their lifetime.
func (l *Layers) AnswersKept() time.Duration { return max(l.o.AnswersKept, 0) }

func (l *Layers) recordAnswer(ctx context.Context, began time.Time, k AnswerKey, e cache.Entry[*deja.Answer], ok bool) {
	s := Span{Layer: MessageResponses, Source: string(cache.FromLoad), Key: l.AnswerKeyName(k), ID: k.id()}
	if ok {
		s.Source, s.Hit, s.Queries = string(e.Source), true, e.Cost
	}
	l.record(ctx, began, s)
}

// Store caches a complete answer, unless something that it depends on was
// invalidated since the claim. A ttl of 0 is the layer's. Without a lease
// there is nothing to do.
func (a *AnswerLease) Store(ctx context.Context, answer *deja.Answer, ttl time.Duration) error {
	if a == nil {
		return nil
	}
	_, err := a.lease.Fill(ctx, answer, cache.Fill{Cost: answer.Queries, TTL: ttl})
	return err
}

// Held reports whether this is the right to store, and not just the news that
// somebody else in the fleet has it.
func (a *AnswerLease) Held() bool { return a != nil && a.lease.Held() }

// Publish lets followers on other nodes have a piece of the answer; the last
// piece comes before Store. It reports whether somebody may still follow.
func (a *AnswerLease) Publish(ctx context.Context, piece []byte, last bool) (bool, error) {
	if last {
		return a.lease.PublishEnd(ctx, piece)
	}
	return a.lease.Publish(ctx, piece)
}

// Abandon gives the right back unless somebody on another node follows this
// answer, and reports whether it did; see cache.Lease.Abandon.
func (a *AnswerLease) Abandon(ctx context.Context) bool {
	return a == nil || a.lease.Abandon(ctx)
}

// Current reports whether nothing that the answer depends on was invalidated
// since the claim, by whomever the lease is held.
func (a *AnswerLease) Current() bool { return a == nil || a.lease.Current() }

// FollowAnswer yields the pieces that the holder of an answer's lease
// publishes; see cache.Layer.Follow.
func (l *Layers) FollowAnswer(ctx context.Context, k AnswerKey) iter.Seq2[cache.Live, error] {
	return l.answers.Follow(ctx, k.id())
}

// Release gives the right back; a no-op after Store and on nil.
func (a *AnswerLease) Release(ctx context.Context) {
	if a != nil && a.lease != nil {
		a.lease.Release(ctx)
	}
}

// InvalidateAssistant drops everything that is cached for an assistant:
// data, schema and answers.
func (l *Layers) InvalidateAssistant(ctx context.Context, id string) (cache.Receipt, error) {
	return l.engine.InvalidateGroup(ctx, assistantGroup(id))
}

// InvalidateThread drops a thread's context and its answers.
func (l *Layers) InvalidateThread(ctx context.Context, id string) (cache.Receipt, error) {
	_, err := l.contexts.Invalidate(ctx, id, 0)
	r, e := l.engine.InvalidateGroup(ctx, threadGroup(id))
	return r, errors.Join(err, e)
}

// Clear drops everything that deja has cached, and nothing else.
func (l *Layers) Clear(ctx context.Context) (cache.Receipt, error) { return l.engine.Clear(ctx) }
