package cacheapi

import (
	"context"
	"net/http"
	"time"

	"github.com/dejahq/deja"
	"github.com/dejahq/deja/cache"
)

type invalidated struct {
	Status    string  `json:"status"` // "success"
	Message   string  `json:"message"`
	Timestamp string  `json:"timestamp"`
	Type      string  `json:"type"`
	Receipt   receipt `json:"receipt"`
}

// receipt is a cache.Receipt on the wire.
type receipt struct {
	Version      int64   `json:"version"`
	Nodes        int     `json:"nodes"`
	Acknowledged int     `json:"acknowledged"`
	Remote       bool    `json:"remote"`
	ElapsedMs    float64 `json:"elapsedMs"`
}

func (a *API) invalidate(w http.ResponseWriter, r *http.Request) error {
	b, err := readBody(w, r)
	if err != nil {
		return err
	}
	kind, err := b.text("type")
	if err != nil {
		return err
	}
	message, drop, err := a.invalidation(kind, b)
	if err != nil {
		return err
	}
	// Once it has begun, it must not stop half-way because the client leaves.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), 30*time.Second)
	defer cancel()
	got, err := drop(ctx)
	if err != nil {
		return err
	}
	a.log.InfoContext(ctx, "invalidated", "type", kind, "nodes", got.Nodes, "acknowledged", got.Acknowledged, "remote", got.Remote)
	a.write(w, http.StatusOK, invalidated{
		Status: "success", Message: message, Timestamp: stamp(a.now()), Type: kind,
		Receipt: receiptOf(got),
	})
	return nil
}

// invalidation says what a body asks for. The fields of one type are refused
// with another: who sends them means something else than they will get.
func (a *API) invalidation(kind string, b body) (message string, drop func(context.Context) (cache.Receipt, error), err error) {
	switch kind {
	case "assistant":
		id, err := target(b, "assistantId", deja.AssistantPrefix)
		return "The cached data, schema and answers of assistant " + id + " are dropped.",
			func(ctx context.Context) (cache.Receipt, error) { return a.layers.InvalidateAssistant(ctx, id) }, err
	case "thread":
		id, err := target(b, "threadId", deja.ThreadPrefix)
		return "The cached context and answers of thread " + id + " are dropped.",
			func(ctx context.Context) (cache.Receipt, error) { return a.layers.InvalidateThread(ctx, id) }, err
	case "all":
		return "Everything that deja has cached is dropped.", a.layers.Clear, b.only("type")
	}
	return "", nil, deja.Errorf(deja.CodeInvalid, `The type %.80q is not known; known are: assistant, thread, all.`, kind)
}

// target gives the id that an invalidation names, and checks that nothing
// else is named.
func target(b body, field, prefix string) (string, error) {
	if err := b.only("type", field); err != nil {
		return "", err
	}
	id, err := b.text(field)
	if err != nil {
		return "", err
	}
	if !deja.ValidID(prefix, id) {
		return "", deja.Errorf(deja.CodeInvalid, "The field %q has to be an id that begins with %q.", field, prefix)
	}
	return id, nil
}
