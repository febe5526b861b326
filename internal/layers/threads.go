package layers

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/dejahq/deja"
	"github.com/dejahq/deja/cache"
)

// A cached context has the version seq+1, so that the context of an empty
// thread has a version too.
func contextVersion(seq int64) int64 { return seq + 1 }

// Context gives the end of a thread's conversation, at least as new as seq
// (which the store hands out when a run claims the thread, so a context that
// another node has moved on cannot be missed). It is shared: read-only.
func (l *Layers) Context(ctx context.Context, threadID string, seq int64) (*deja.ThreadContext, error) {
	if !deja.ValidID(deja.ThreadPrefix, threadID) {
		return nil, noThread(threadID)
	}
	tc, err := lookup(ctx, l, l.contexts, ThreadContext, threadID, func(ctx context.Context, f *cache.Fill) (*deja.ThreadContext, error) {
		tc, err := l.store.ThreadContext(ctx, threadID, l.o.ContextMessages)
		if err != nil {
			return nil, err
		}
		f.Version = contextVersion(tc.Seq)
		return tc, nil
	}, cache.InGroup(threadGroup(threadID)), cache.MinVersion(contextVersion(seq)))
	if errors.Is(err, cache.ErrNotFound) {
		return nil, noThread(threadID)
	}
	return tc, err
}

func noThread(id string) error {
	return deja.Errorf(deja.CodeNotFound, "No thread found with id '%.64s'.", id)
}

// CreateThread stores a new thread with its first messages, and puts its
// context into the cache: when nobody else has appended to the thread yet, what
// is known here is all there is.
func (l *Layers) CreateThread(ctx context.Context, t *deja.Thread, ms ...*deja.Message) error {
	if err := l.store.CreateThread(ctx, t); err != nil {
		return err
	}
	if len(ms) > 0 {
		seq, err := l.store.AppendMessages(ctx, t.ID, ms...)
		if err != nil {
			// A thread with half of its messages would be a lie.
			if e := l.store.DeleteThread(context.WithoutCancel(ctx), t.ID); e != nil {
				err = errors.Join(err, e)
			}
			return err
		}
		t.Seq = seq
	}
	if l.o.Off || t.Seq != int64(len(ms)) { // a request that was sent twice can be overtaken by itself
		return nil
	}
	_, found, lease := l.contexts.Claim(ctx, t.ID, cache.InGroup(threadGroup(t.ID)), cache.Uncounted())
	if found {
		return nil
	}
	defer lease.Release(context.WithoutCancel(ctx))
	tc := l.extend(&deja.ThreadContext{ThreadID: t.ID}, t.Seq, ms)
	if _, err := lease.Fill(ctx, tc, cache.Fill{Version: contextVersion(t.Seq), Cost: 1}); err != nil {
		l.log.WarnContext(ctx, "the context of a new thread was not cached", "thread", t.ID, "error", err)
	}
	return nil
}

// AppendMessages appends to a thread and moves its cached context along: in
// place when the cache has exactly what came before these messages, else the
// cached context is dropped.
func (l *Layers) AppendMessages(ctx context.Context, threadID string, ms ...*deja.Message) (int64, error) {
	if !deja.ValidID(deja.ThreadPrefix, threadID) {
		return 0, noThread(threadID)
	}
	seq, err := l.store.AppendMessages(ctx, threadID, ms...)
	if err != nil || len(ms) == 0 {
		return seq, err
	}
	l.contextGrew(context.WithoutCancel(ctx), threadID, seq, ms)
	return seq, nil
}

// AddMessage appends a caller's message to a thread that no run holds at now.
func (l *Layers) AddMessage(ctx context.Context, m *deja.Message, now time.Time) error {
	if !deja.ValidID(deja.ThreadPrefix, m.ThreadID) {
		return noThread(m.ThreadID)
	}
	seq, err := l.store.AddMessage(ctx, m, now)
	if err != nil {
		return err
	}
	l.contextGrew(context.WithoutCancel(ctx), m.ThreadID, seq, []*deja.Message{m})
	return nil
}

func (l *Layers) contextGrew(ctx context.Context, threadID string, seq int64, ms []*deja.Message) {
	if l.o.Off {
		return
	}
	first := ms[0].Seq
	inRow := true
	for i, m := range ms {
		inRow = inRow && m.Seq == first+int64(i)
	}
	last := first + int64(len(ms)) - 1
	if e, ok := l.contexts.Peek(ctx, threadID, cache.InGroup(threadGroup(threadID)), cache.Uncounted()); ok && inRow && e.Value.Seq == first-1 {
		tc := l.extend(e.Value, last, ms)
		// Replace invalidates by itself when the entry has moved meanwhile.
		if _, _, err := l.contexts.Replace(ctx, threadID, e.Version, contextVersion(last), tc, cache.InGroup(threadGroup(threadID))); err != nil {
			l.log.WarnContext(ctx, "a thread context was not moved along", "thread", threadID, "error", err)
		}
		return
	}
	if _, err := l.contexts.Invalidate(ctx, threadID, contextVersion(seq)); err != nil {
		l.log.WarnContext(ctx, "a thread context was not dropped", "thread", threadID, "error", err)
	}
}

// extend gives a new context: old ones are shared with readers.
func (l *Layers) extend(tc *deja.ThreadContext, seq int64, ms []*deja.Message) *deja.ThreadContext {
	next := &deja.ThreadContext{ThreadID: tc.ThreadID, Seq: seq, Truncated: tc.Truncated}
	next.Messages = slices.Clone(tc.Messages)
	for _, m := range ms {
		next.Messages = append(next.Messages, *m)
	}
	if over := len(next.Messages) - l.o.ContextMessages; over > 0 {
		next.Messages = slices.Clone(next.Messages[over:])
		next.Truncated = true
	}
	return next
}

// EditMessage changes a message's metadata.
func (l *Layers) EditMessage(ctx context.Context, threadID, id string, edit func(*deja.Message) error) (*deja.Message, error) {
	m, err := deja.EditMessage(ctx, l.store, threadID, id, edit)
	if err != nil {
		return nil, err
	}
	l.contextChanged(ctx, threadID)
	return m, nil
}

// DeleteMessage deletes a message of a thread.
func (l *Layers) DeleteMessage(ctx context.Context, threadID, id string) error {
	if err := l.store.DeleteMessage(ctx, threadID, id); err != nil {
		return err
	}
	l.contextChanged(ctx, threadID)
	return nil
}

// DeleteThread deletes a thread with its messages, runs and cached answers.
func (l *Layers) DeleteThread(ctx context.Context, id string) error {
	if err := l.store.DeleteThread(ctx, id); err != nil {
		return err
	}
	if _, err := l.InvalidateThread(context.WithoutCancel(ctx), id); err != nil {
		l.log.WarnContext(ctx, "a deleted thread was not invalidated", "thread", id, "error", err)
	}
	return nil
}

func (l *Layers) contextChanged(ctx context.Context, threadID string) {
	ctx = context.WithoutCancel(ctx)
	if _, err := l.contexts.Invalidate(ctx, threadID, 0); err != nil {
		l.log.WarnContext(ctx, "a thread context was not dropped", "thread", threadID, "error", err)
	}
}
