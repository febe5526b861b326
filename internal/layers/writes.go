package layers

import (
	"context"

	"github.com/dejahq/deja"
	"github.com/dejahq/deja/cache"
)

// SKETCH (bodies follow): writes go to the store, then to the caches.

// CreateAssistant stores a new assistant.
func (l *Layers) CreateAssistant(ctx context.Context, a *deja.Assistant) error { panic("sketch") }

// EditAssistant changes an assistant and makes its old answers unreachable.
func (l *Layers) EditAssistant(ctx context.Context, id string, edit func(*deja.Assistant) error) (*deja.Assistant, error) {
	panic("sketch")
}

// DeleteAssistant deletes an assistant with its data.
func (l *Layers) DeleteAssistant(ctx context.Context, id string) error { panic("sketch") }

// AttachSource makes an imported source visible; see deja.Store.
func (l *Layers) AttachSource(ctx context.Context, s *deja.DataSource) (*deja.Assistant, error) {
	panic("sketch")
}

// DetachSource removes a source and its rows.
func (l *Layers) DetachSource(ctx context.Context, assistantID, sourceID string) error {
	panic("sketch")
}

// Schema gives the assembled schema of the assistant's data; shared, read-only.
func (l *Layers) Schema(ctx context.Context, assistantID string) (*deja.Schema, error) {
	panic("sketch")
}

// AppendMessages appends to a thread and moves its cached context along.
func (l *Layers) AppendMessages(ctx context.Context, threadID string, ms ...*deja.Message) error {
	panic("sketch")
}

// EditMessage, DeleteMessage, DeleteThread change the store and drop the context.
func (l *Layers) EditMessage(ctx context.Context, threadID, id string, edit func(*deja.Message) error) (*deja.Message, error) {
	panic("sketch")
}

// DeleteMessage deletes a message of a thread.
func (l *Layers) DeleteMessage(ctx context.Context, threadID, id string) error { panic("sketch") }

// DeleteThread deletes a thread.
func (l *Layers) DeleteThread(ctx context.Context, id string) error { panic("sketch") }

// InvalidateAssistant drops everything that is cached for an assistant:
// data, schema and answers.
func (l *Layers) InvalidateAssistant(ctx context.Context, id string) (cache.Receipt, error) {
	panic("sketch")
}

// InvalidateThread drops a thread's context and its answers.
func (l *Layers) InvalidateThread(ctx context.Context, id string) (cache.Receipt, error) {
	panic("sketch")
}

// Clear drops everything that deja has cached.
func (l *Layers) Clear(ctx context.Context) (cache.Receipt, error) { panic("sketch") }

// Warmed is the outcome of warming one assistant.
type Warmed struct {
	AssistantID string
	Queries     int64 // store queries that it took; 0 when everything was cached
	Err         error
}

// WarmUp loads assistant data and schema of each id, a few at a time, and
// reports each as it is done. Unknown ids are reported, not fatal.
func (l *Layers) WarmUp(ctx context.Context, ids []string, report func(Warmed)) error {
	panic("sketch")
}
