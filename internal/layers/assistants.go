package layers

import (
	"context"
	"errors"

	"github.com/dejahq/deja"
	"github.com/dejahq/deja/cache"
	"github.com/dejahq/deja/internal/schema"
)

// Assistant gives an assistant from the cache or the store. It is shared:
// read-only.
func (l *Layers) Assistant(ctx context.Context, id string) (*deja.Assistant, error) {
	if !deja.ValidID(deja.AssistantPrefix, id) {
		return nil, noAssistant(id)
	}
	a, err := lookup(ctx, l, l.assistants, AssistantData, id, func(ctx context.Context, f *cache.Fill) (*deja.Assistant, error) {
		a, err := l.store.Assistant(ctx, id)
		if err != nil {
			return nil, err
		}
		f.Version = a.Version
		if a.Dirty {
			l.repairs.see(a.Mark())
		}
		return a, nil
	}, cache.InGroup(assistantGroup(id)))
	if errors.Is(err, cache.ErrNotFound) {
		return nil, noAssistant(id)
	}
	return a, err
}

// Schema gives the assembled schema of an assistant's data; it has no tables
// when there is no data. It is shared: read-only.
func (l *Layers) Schema(ctx context.Context, assistantID string) (*deja.Schema, error) {
	if !deja.ValidID(deja.AssistantPrefix, assistantID) {
		return nil, noAssistant(assistantID)
	}
	s, err := lookup(ctx, l, l.schemas, SchemaInfo, assistantID, func(ctx context.Context, f *cache.Fill) (*deja.Schema, error) {
		sources, version, err := l.store.Sources(ctx, assistantID)
		if err != nil {
			return nil, err
		}
		s := schema.Assemble(assistantID, version, sources)
		f.Version = version
		return &s, nil
	}, cache.InGroup(assistantGroup(assistantID)))
	if errors.Is(err, cache.ErrNotFound) {
		return nil, noAssistant(assistantID)
	}
	return s, err
}

func noAssistant(id string) error {
	return deja.Errorf(deja.CodeNotFound, "No assistant found with id '%.64s'.", id)
}

// CreateAssistant stores a new assistant. Its id is new and random, so no
// cache can hold anything about it yet.
func (l *Layers) CreateAssistant(ctx context.Context, a *deja.Assistant) error {
	return l.store.CreateAssistant(ctx, a)
}

// EditAssistant changes an assistant; its old answers become unreachable.
func (l *Layers) EditAssistant(ctx context.Context, id string, edit func(*deja.Assistant) error) (*deja.Assistant, error) {
	if !deja.ValidID(deja.AssistantPrefix, id) {
		return nil, noAssistant(id)
	}
	a, err := deja.EditAssistant(ctx, l.store, id, edit)
	if err != nil {
		return nil, err
	}
	l.changed(ctx, a.Mark(), false)
	return a, nil
}

// DeleteAssistant deletes an assistant with its data.
func (l *Layers) DeleteAssistant(ctx context.Context, id string) error {
	if !deja.ValidID(deja.AssistantPrefix, id) {
		return noAssistant(id)
	}
	if err := l.store.DeleteAssistant(ctx, id); err != nil {
		return err
	}
	l.changed(ctx, deja.Mark{AssistantID: id}, true)
	return nil
}

// AttachSource makes an imported source visible; see deja.Store.
func (l *Layers) AttachSource(ctx context.Context, s *deja.DataSource) (*deja.Assistant, error) {
	a, err := l.store.AttachSource(ctx, s)
	if err != nil {
		return nil, err
	}
	l.changed(ctx, a.Mark(), true)
	return a, nil
}

// DetachSource removes a source and its rows.
func (l *Layers) DetachSource(ctx context.Context, assistantID, sourceID string) error {
	if !deja.ValidID(deja.AssistantPrefix, assistantID) {
		return noAssistant(assistantID)
	}
	a, err := l.store.DetachSource(ctx, assistantID, sourceID)
	if err != nil {
		return err
	}
	l.changed(ctx, a.Mark(), true)
	return nil
}

// SawChange is told of changes that the store reports, whoever made them: of
// one assistant (id, and its version now, 0 when that is not known), or of any
// when id is empty. byHand says that the version may not tell. It repairs what
// a node left undone that died between its write and the invalidation, and
// what people change past deja; for a change that the caches know already
// there is nothing to do.
func (l *Layers) SawChange(ctx context.Context, id string, version int64, byHand bool) {
	if id == "" {
		if _, err := l.engine.Clear(ctx); err != nil {
			l.log.ErrorContext(ctx, "the cache was not cleared after changes were missed", "error", err)
		}
		return
	}
	if !deja.ValidID(deja.AssistantPrefix, id) {
		return
	}
	if byHand || version == 0 {
		l.assistantChanged(ctx, id, 0, 0)
		return
	}
	e, cached := l.assistants.Peek(ctx, id, cache.InGroup(assistantGroup(id)), cache.Uncounted())
	if cached && e.Version >= version {
		return
	}
	// Mostly the writer is just about to say so itself. What is dropped here is
	// what would be wrong if it had died: answers have the version in their
	// keys, and need not go.
	_, err := l.assistants.Invalidate(ctx, id, version)
	_, e2 := l.schemas.Invalidate(ctx, id, 0)
	if err = errors.Join(err, e2); err != nil {
		l.log.ErrorContext(ctx, "invalidation after a change failed", "assistant", id, "error", err)
	}
}

// assistantChanged makes everything that rests on an older assistant
// unreachable: the floors stop loads that began before the change and read
// the old document, and the group's new generation takes data, schema and
// answers away in one step. It goes on when the request's client leaves: the
// store has changed already. It reports whether all nodes can know: false when
// Redis was away.
func (l *Layers) assistantChanged(ctx context.Context, id string, version, dataVersion int64) bool {
	ctx = context.WithoutCancel(ctx)
	r, err := l.assistants.Invalidate(ctx, id, version)
	told := !r.Queued
	if dataVersion > 0 || version == 0 {
		r, e := l.schemas.Invalidate(ctx, id, dataVersion)
		told = told && !r.Queued
		err = errors.Join(err, e)
	}
	r, e := l.engine.InvalidateGroup(ctx, assistantGroup(id))
	if err = errors.Join(err, e); err != nil {
		l.log.ErrorContext(ctx, "invalidation after a change failed", "assistant", id, "error", err)
	}
	return told && !r.Queued && err == nil
}
