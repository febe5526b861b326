package layers

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"

	"github.com/dejahq/deja"
)

// The store marks each change of an assistant or its data, in the write that
// makes it. The writer clears the mark when the caches have been told. So a
// mark that stays is of a writer that died in between, or that could not reach
// Redis: any node that sees it tells the caches in its place.

const (
	// lookForMarks is how often a node looks for marks.
	lookForMarks = 5 * time.Second
	// markPatience is for how long a node sees a mark before it takes it for
	// left behind. It is counted by the node's own clock from when it first
	// saw the mark, so clocks of nodes need not agree.
	markPatience = 10 * time.Second
	// marksAtOnce bounds one look. The oldest come first.
	marksAtOnce = 1000
)

// repairs are the marks that this node has seen, and since when.
type repairs struct {
	mu   sync.Mutex
	seen map[deja.Mark]time.Time
}

func (r *repairs) see(marks ...deja.Mark) {
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.seen == nil {
		r.seen = make(map[deja.Mark]time.Time)
	}
	for _, m := range marks {
		if _, known := r.seen[m]; !known && len(r.seen) < 2*marksAtOnce {
			r.seen[m] = now
		}
	}
}

// due forgets the marks that are not there any more, and gives those that this
// node has seen for the time given.
func (r *repairs) due(there func(deja.Mark) bool, patience time.Duration) []deja.Mark {
	r.mu.Lock()
	defer r.mu.Unlock()
	maps.DeleteFunc(r.seen, func(m deja.Mark, _ time.Time) bool { return !there(m) })
	var due []deja.Mark
	for m, since := range r.seen {
		if time.Since(since) >= patience {
			due = append(due, m)
		}
	}
	return due
}

// Run repeats what other writers left undone, at once and then now and then,
// until ctx ends.
func (l *Layers) Run(ctx context.Context) {
	tick := time.NewTicker(lookForMarks)
	defer tick.Stop()
	for patience := time.Duration(0); ; patience = markPatience {
		if err := l.Repair(ctx, patience); err != nil && ctx.Err() == nil {
			l.log.WarnContext(ctx, "changes that were not confirmed are looked for again", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Repair tells the caches of the changes whose marks this node has seen for
// the time given, and confirms them. While Redis is away nothing is confirmed.
// To tell the caches what they know costs nothing that is cached.
func (l *Layers) Repair(ctx context.Context, patience time.Duration) error {
	marks, err := l.store.Marks(ctx, marksAtOnce)
	if err != nil {
		return err
	}
	l.repairs.see(marks...)
	listed := make(map[deja.Mark]bool, len(marks))
	for _, m := range marks {
		listed[m] = true
	}
	there := func(m deja.Mark) bool { return listed[m] || len(marks) == marksAtOnce }
	for _, m := range l.repairs.due(there, patience) {
		if !l.repeat(ctx, m) {
			continue
		}
		if err := l.store.ClearMark(ctx, m); err != nil {
			return err
		}
		l.log.InfoContext(ctx, "repeated the invalidation of a change that nobody had confirmed", "assistant", m.AssistantID, "version", m.Version)
	}
	return nil
}

// repeat tells the caches of a change, and reports whether all nodes can know.
// What they have of this version or a later one stays. Answers have the
// version in their keys.
func (l *Layers) repeat(ctx context.Context, m deja.Mark) bool {
	if m.Version == 0 {
		return l.assistantChanged(ctx, m.AssistantID, 0, 0)
	}
	a, err := l.assistants.Invalidate(ctx, m.AssistantID, m.Version)
	s, e := l.schemas.Invalidate(ctx, m.AssistantID, m.DataVersion)
	if err = errors.Join(err, e); err != nil {
		l.log.ErrorContext(ctx, "invalidation of an unconfirmed change failed", "assistant", m.AssistantID, "error", err)
	}
	return err == nil && !a.Queued && !s.Queued
}

// changed tells the caches of a change that this node has just made, and then
// clears its mark. A mark that stays is repeated by Repair, here or elsewhere.
func (l *Layers) changed(ctx context.Context, m deja.Mark, data bool) {
	ctx = context.WithoutCancel(ctx)
	dataVersion := int64(0)
	if data {
		dataVersion = m.DataVersion
	}
	if !l.assistantChanged(ctx, m.AssistantID, m.Version, dataVersion) {
		return
	}
	if err := l.store.ClearMark(ctx, m); err != nil {
		l.log.WarnContext(ctx, "a change was not confirmed, and will be repeated", "assistant", m.AssistantID, "error", err)
	}
}
