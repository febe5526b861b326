package openaiapi

import (
	"net/http"

	"github.com/dejahq/deja"
)

func (a *API) createMessage(w *response, r *http.Request) error {
	ctx := r.Context()
	id, err := threadID(r)
	if err != nil {
		return err
	}
	o, err := a.body(r)
	if err != nil {
		return err
	}
	m := a.readMessage(o)
	if err := o.err(); err != nil {
		return err
	}
	m.ThreadID = id
	same, err := idempotentID(r, deja.MessagePrefix, id)
	if err != nil {
		return err
	}
	if same != "" {
		m.ID = same
	}
	if m, err = a.addMessage(ctx, m, same != ""); err != nil {
		return err
	}
	return w.write(http.StatusOK, showMessage(m))
}

// readMessage reads a message to be created.
func (a *API) readMessage(o object) *deja.Message {
	m := &deja.Message{ID: deja.NewID(deja.MessagePrefix), CreatedAt: a.o.Now()}
	if v, ok := o.need("role"); ok {
		m.Role = deja.Role(v.choice(string(deja.RoleUser), string(deja.RoleAssistant)))
	}
	if v, ok := o.need("content"); ok {
		m.Content = v.threadContent()
	}
	if v, ok := o.opt("attachments"); ok {
		v.attachments()
		m.Attachments = v.keep()
	}
	if v, ok := o.get("metadata"); ok {
		m.Metadata = v.metadata()
	}
	return m
}

func (a *API) listMessages(w *response, r *http.Request) error {
	id, err := threadID(r)
	if err != nil {
		return err
	}
	p, err := page(r, deja.MessagePrefix)
	if err != nil {
		return err
	}
	run := r.URL.Query().Get("run_id")
	if run != "" && !deja.ValidID(deja.RunPrefix, run) {
		return invalid("run_id", "invalid_value", "'run_id' has to be the id of a run; '%.64s' is not.", run)
	}
	l, err := a.layers.Store().Messages(r.Context(), id, run, p)
	if err != nil {
		return err
	}
	return w.write(http.StatusOK, newList(l, showMessage, func(m *deja.Message) string { return m.ID }))
}

func messageIDs(r *http.Request) (thread, message string, err error) {
	if thread, err = threadID(r); err != nil {
		return "", "", err
	}
	message, err = pathID(r, "message_id", deja.MessagePrefix, "message")
	return thread, message, err
}

func (a *API) getMessage(w *response, r *http.Request) error {
	thread, id, err := messageIDs(r)
	if err != nil {
		return err
	}
	m, err := a.layers.Store().Message(r.Context(), thread, id)
	if err != nil {
		return err
	}
	return w.write(http.StatusOK, showMessage(m))
}

func (a *API) modifyMessage(w *response, r *http.Request) error {
	thread, id, err := messageIDs(r)
	if err != nil {
		return err
	}
	o, err := a.body(r)
	if err != nil {
		return err
	}
	metadata, given, err := readMetadata(o)
	if err != nil {
		return err
	}
	m, err := a.layers.EditMessage(r.Context(), thread, id, func(m *deja.Message) error {
		if given {
			m.Metadata = metadata
		}
		return nil
	})
	if err != nil {
		return err
	}
	return w.write(http.StatusOK, showMessage(m))
}

func (a *API) deleteMessage(w *response, r *http.Request) error {
	thread, id, err := messageIDs(r)
	if err != nil {
		return err
	}
	if err := a.layers.DeleteMessage(r.Context(), thread, id); err != nil {
		return err
	}
	return w.write(http.StatusOK, deletedObject{ID: id, Object: "thread.message.deleted", Deleted: true})
}
