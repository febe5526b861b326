package openaiapi

import (
	"net/http"

	"github.com/dejahq/deja"
)

func (a *API) createAssistant(w *response, r *http.Request) error {
	o, err := a.body(r)
	if err != nil {
		return err
	}
	asst := &deja.Assistant{ID: deja.NewID(deja.AssistantPrefix), CreatedAt: a.o.Now()}
	o.need("model")
	if err := a.readAssistant(o, asst); err != nil {
		return err
	}
	if err := a.layers.CreateAssistant(r.Context(), asst); err != nil {
		return err
	}
	return w.write(http.StatusOK, showAssistant(asst))
}

func (a *API) getAssistant(w *response, r *http.Request) error {
	id, err := assistantID(r)
	if err != nil {
		return err
	}
	asst, err := a.layers.Assistant(r.Context(), id)
	if err != nil {
		return err
	}
	return w.write(http.StatusOK, showAssistant(asst))
}

func (a *API) listAssistants(w *response, r *http.Request) error {
	p, err := page(r, deja.AssistantPrefix)
	if err != nil {
		return err
	}
	l, err := a.layers.Store().Assistants(r.Context(), p)
	if err != nil {
		return err
	}
	return w.write(http.StatusOK, newList(l, showAssistant, func(asst *deja.Assistant) string { return asst.ID }))
}

// modifyAssistant changes the fields that the body has; null clears those that
// can be empty.
func (a *API) modifyAssistant(w *response, r *http.Request) error {
	id, err := assistantID(r)
	if err != nil {
		return err
	}
	o, err := a.body(r)
	if err != nil {
		return err
	}
	// What is wrong with the body is found before the store is asked.
	if err := a.readAssistant(o, new(deja.Assistant)); err != nil {
		return err
	}
	asst, err := a.layers.EditAssistant(r.Context(), id, func(asst *deja.Assistant) error {
		return a.readAssistant(o, asst)
	})
	if err != nil {
		return err
	}
	return w.write(http.StatusOK, showAssistant(asst))
}

func (a *API) deleteAssistant(w *response, r *http.Request) error {
	id, err := assistantID(r)
	if err != nil {
		return err
	}
	if err := a.layers.DeleteAssistant(r.Context(), id); err != nil {
		return err
	}
	return w.write(http.StatusOK, deletedObject{ID: id, Object: "assistant.deleted", Deleted: true})
}

// readAssistant sets what the body has on asst.
func (a *API) readAssistant(o object, asst *deja.Assistant) error {
	if v, ok := o.get("model"); ok {
		asst.Model = a.modelName(v)
	}
	short := func(name string, limit int, to *string) {
		if v, ok := o.get(name); ok {
			*to = ""
			if !v.null() {
				*to = v.text(limit)
			}
		}
	}
	short("name", maxName, &asst.Name)
	short("description", maxDescription, &asst.Description)
	short("instructions", maxInstructions, &asst.Instructions)
	if v, ok := o.get("tools"); ok {
		asst.Tools = v.tools(maxAssistantTools)
	}
	if v, ok := o.get("tool_resources"); ok {
		asst.ToolResources = v.toolResources()
	}
	if v, ok := o.get("metadata"); ok {
		asst.Metadata = v.metadata()
	}
	if v, ok := o.get("temperature"); ok {
		asst.Temperature = v.optionalNumber(0, 2)
	}
	if v, ok := o.get("top_p"); ok {
		asst.TopP = v.optionalNumber(0, 1)
	}
	if v, ok := o.get("response_format"); ok {
		asst.ResponseFormat = v.responseFormat(true)
	}
	if v, ok := o.get("reasoning_effort"); ok {
		asst.ReasoningEffort = ""
		if !v.null() {
			asst.ReasoningEffort = v.choice(efforts...)
		}
	}
	if v, ok := o.get("cache"); ok {
		v.cachePolicy(asst)
	}
	if v, ok := o.get("fallbacks"); ok {
		asst.Fallbacks = a.fallbacks(v)
	}
	return o.err()
}
