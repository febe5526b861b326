package openaiapi

import (
	"encoding/json"
	"net/http"

	"github.com/dejahq/deja"
)

func (a *API) createThread(w *response, r *http.Request) error {
	o, err := a.body(r)
	if err != nil {
		return err
	}
	t, ms := a.readNewThread(o)
	if err := o.err(); err != nil {
		return err
	}
	if err := a.layers.CreateThread(r.Context(), t, ms...); err != nil {
		return err
	}
	return w.write(http.StatusOK, showThread(t))
}

// readNewThread reads a thread to be created, and its first messages.
func (a *API) readNewThread(o object) (*deja.Thread, []*deja.Message) {
	t := &deja.Thread{ID: deja.NewID(deja.ThreadPrefix), CreatedAt: a.o.Now()}
	_ = readThread(o, t) // the caller asks o for errors, those of the messages too
	var ms []*deja.Message
	if v, ok := o.opt("messages"); ok {
		for _, e := range v.array(0) {
			ms = append(ms, a.readMessage(e.object()))
		}
	}
	return t, ms
}

// readThread sets what the body has on t.
func readThread(o object, t *deja.Thread) error {
	if v, ok := o.get("metadata"); ok {
		t.Metadata = v.metadata()
	}
	if v, ok := o.get("tool_resources"); ok {
		t.ToolResources = v.toolResources()
	}
	return o.err()
}

func (a *API) getThread(w *response, r *http.Request) error {
	id, err := threadID(r)
	if err != nil {
		return err
	}
	t, err := a.layers.Store().Thread(r.Context(), id)
	if err != nil {
		return err
	}
	return w.write(http.StatusOK, showThread(t))
}

// modifyThread writes to the store directly: no layer holds these fields.
func (a *API) modifyThread(w *response, r *http.Request) error {
	id, err := threadID(r)
	if err != nil {
		return err
	}
	o, err := a.body(r)
	if err != nil {
		return err
	}
	if err := readThread(o, new(deja.Thread)); err != nil {
		return err
	}
	t, err := deja.EditThread(r.Context(), a.layers.Store(), id, func(t *deja.Thread) error {
		return readThread(o, t)
	})
	if err != nil {
		return err
	}
	return w.write(http.StatusOK, showThread(t))
}

func (a *API) deleteThread(w *response, r *http.Request) error {
	id, err := threadID(r)
	if err != nil {
		return err
	}
	if err := a.layers.DeleteThread(r.Context(), id); err != nil {
		return err
	}
	a.answer.Forget(id)
	return w.write(http.StatusOK, deletedObject{ID: id, Object: "thread.deleted", Deleted: true})
}

// threadObject is ThreadObject of the public document.
type threadObject struct {
	ID            string            `json:"id"`
	Object        string            `json:"object"`
	CreatedAt     int64             `json:"created_at"`
	ToolResources json.RawMessage   `json:"tool_resources"`
	Metadata      map[string]string `json:"metadata"`
}

func showThread(t *deja.Thread) threadObject {
	return threadObject{
		ID: t.ID, Object: "thread", CreatedAt: seconds(t.CreatedAt),
		ToolResources: t.ToolResources, Metadata: orEmpty(t.Metadata),
	}
}
