package openaiapi

import (
	"net/http"

	"github.com/dejahq/deja"
)

// maxModels bounds the list of models, which has no pages in the public API.
// Older assistants can still be named; they are only not listed.
const maxModels = 1000

func (a *API) listModels(w *response, r *http.Request) error {
	list := modelList{Object: "list", Data: []modelObject{}}
	for p := (deja.Page{Limit: 100}); ; {
		l, err := a.layers.Store().Assistants(r.Context(), p)
		if deja.ErrorCode(err) == deja.CodeInvalid && p.After != "" {
			break // the last one seen was deleted meanwhile
		}
		if err != nil {
			return err
		}
		for i := range l.Data {
			list.Data = append(list.Data, showModel(&l.Data[i]))
		}
		if !l.HasMore || len(l.Data) == 0 || len(list.Data) >= maxModels {
			break
		}
		p.After = l.Data[len(l.Data)-1].ID
	}
	return w.write(http.StatusOK, list)
}

func (a *API) getModel(w *response, r *http.Request) error {
	id := r.PathValue("model")
	asst, err := a.layers.Assistant(r.Context(), id)
	if deja.ErrorCode(err) == deja.CodeNotFound {
		return noModel(id)
	}
	if err != nil {
		return err
	}
	return w.write(http.StatusOK, showModel(asst))
}

type modelList struct {
	Object string        `json:"object"`
	Data   []modelObject `json:"data"`
}

// modelObject is Model of the public document, and the assistant's name.
type modelObject struct {
	ID      string  `json:"id"`
	Object  string  `json:"object"`
	Created int64   `json:"created"`
	OwnedBy string  `json:"owned_by"`
	Name    *string `json:"name"`
}

func showModel(a *deja.Assistant) modelObject {
	return modelObject{ID: a.ID, Object: "model", Created: seconds(a.CreatedAt), OwnedBy: "deja", Name: orNull(a.Name)}
}
