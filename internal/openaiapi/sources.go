package openaiapi

import (
	"net/http"

	"github.com/dejahq/deja"
)

func (a *API) listSources(w *response, r *http.Request) error {
	id, err := assistantID(r)
	if err != nil {
		return err
	}
	p, err := page(r, deja.SourcePrefix)
	if err != nil {
		return err
	}
	all, _, err := a.layers.Store().Sources(r.Context(), id)
	if err != nil {
		return err
	}
	sourceID := func(s *deja.DataSource) string { return s.ID }
	l, err := cut(all, p, sourceID)
	if err != nil {
		return err
	}
	return w.write(http.StatusOK, newList(l, showSource, sourceID))
}

func sourceIDs(r *http.Request) (assistant, source string, err error) {
	if assistant, err = assistantID(r); err != nil {
		return "", "", err
	}
	source, err = pathID(r, "source_id", deja.SourcePrefix, "data source")
	return assistant, source, err
}

func (a *API) getSource(w *response, r *http.Request) error {
	assistant, id, err := sourceIDs(r)
	if err != nil {
		return err
	}
	all, _, err := a.layers.Store().Sources(r.Context(), assistant)
	if err != nil {
		return err
	}
	for i := range all {
		if all[i].ID == id {
			return w.write(http.StatusOK, showSource(&all[i]))
		}
	}
	return missing("data source", id)
}

func (a *API) deleteSource(w *response, r *http.Request) error {
	assistant, id, err := sourceIDs(r)
	if err != nil {
		return err
	}
	if err := a.layers.DetachSource(r.Context(), assistant, id); err != nil {
		return err
	}
	return w.write(http.StatusOK, deletedObject{ID: id, Object: "data_source.deleted", Deleted: true})
}

// getSchema shows what the assistant's model is told about its data.
func (a *API) getSchema(w *response, r *http.Request) error {
	id, err := assistantID(r)
	if err != nil {
		return err
	}
	s, err := a.layers.Schema(r.Context(), id)
	if err != nil {
		return err
	}
	return w.write(http.StatusOK, schemaObject{Object: "schema", AssistantID: s.AssistantID, Version: s.Version, Tables: showTables(s.Tables)})
}
