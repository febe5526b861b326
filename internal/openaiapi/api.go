package openaiapi

import (
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/dejahq/deja/internal/answer"
	"github.com/dejahq/deja/internal/layers"
)

// Options configure an API. Layers and Answerer are needed; the rest has
// defaults.
type Options struct {
	Layers   *layers.Layers
	Answerer *answer.Answerer

	// Models are the names that an assistant's or a run's model may have.
	// Empty: any name, which the model's server then judges.
	Models []string

	// Upstreams are the names of the model servers that assistants' fallbacks may
	// name.
	Upstreams []string

	MaxBodyBytes   int64 // of a JSON body; default 8 MiB
	MaxUploadBytes int64 // of an uploaded file; default 64 MiB
	MaxRows        int64 // of all tables of an uploaded file; default 1,000,000

	Logger *slog.Logger     // default discards
	Now    func() time.Time // default time.Now
}

// API answers requests under /v1. Safe for concurrent use.
type API struct {
	layers *layers.Layers
	answer *answer.Answerer
	o      Options
	log    *slog.Logger
}

// New makes an API.
func New(o Options) (*API, error) {
	if o.Layers == nil || o.Answerer == nil {
		return nil, errors.New("openaiapi: layers and an answerer are needed")
	}
	if o.MaxBodyBytes <= 0 {
		o.MaxBodyBytes = 8 << 20
	}
	if o.MaxUploadBytes <= 0 {
		o.MaxUploadBytes = 64 << 20
	}
	if o.MaxRows <= 0 {
		o.MaxRows = 1_000_000
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &API{layers: o.Layers, answer: o.Answerer, o: o, log: o.Logger}, nil
}

// Handler serves the API alone.
func (a *API) Handler() http.Handler {
	mux := http.NewServeMux()
	a.Routes(mux)
	return mux
}

// Routes adds the API to mux: everything under /v1/, so that unknown paths and
// wrong methods get the API's own error shape too.
func (a *API) Routes(mux *http.ServeMux) {
	for path, methods := range a.resources() {
		mux.Handle(path, a.serve(methods))
	}
	mux.Handle("/v1/", a.serve(nil))
}

// methods are the handlers of one path. Patterns have no method in them,
// because a path then has one handler, which knows what is allowed there.
type methods map[string]handler

func (a *API) resources() map[string]methods {
	return map[string]methods{
		"/v1/models":                                                {"GET": a.listModels},
		"/v1/models/{model}":                                        {"GET": a.getModel},
		"/v1/chat/completions":                                      {"POST": a.createChatCompletion},
		"/v1/assistants":                                            {"GET": a.listAssistants, "POST": a.createAssistant},
		"/v1/assistants/{assistant_id}":                             {"GET": a.getAssistant, "POST": a.modifyAssistant, "DELETE": a.deleteAssistant},
		"/v1/assistants/{assistant_id}/schema":                      {"GET": a.getSchema},
		"/v1/assistants/{assistant_id}/data_sources":                {"GET": a.listSources, "POST": a.createSource},
		"/v1/assistants/{assistant_id}/data_sources/{source_id}":    {"GET": a.getSource, "DELETE": a.deleteSource},
		"/v1/threads":                                               {"POST": a.createThread},
		"/v1/threads/runs":                                          {"POST": a.createThreadAndRun},
		"/v1/threads/{thread_id}":                                   {"GET": a.getThread, "POST": a.modifyThread, "DELETE": a.deleteThread},
		"/v1/threads/{thread_id}/messages":                          {"GET": a.listMessages, "POST": a.createMessage},
		"/v1/threads/{thread_id}/messages/{message_id}":             {"GET": a.getMessage, "POST": a.modifyMessage, "DELETE": a.deleteMessage},
		"/v1/threads/{thread_id}/runs":                              {"GET": a.listRuns, "POST": a.createRun},
		"/v1/threads/{thread_id}/runs/{run_id}":                     {"GET": a.getRun, "POST": a.modifyRun},
		"/v1/threads/{thread_id}/runs/{run_id}/cancel":              {"POST": a.cancelRun},
		"/v1/threads/{thread_id}/runs/{run_id}/submit_tool_outputs": {"POST": a.submitToolOutputs},
		"/v1/threads/{thread_id}/runs/{run_id}/steps":               {"GET": a.listSteps},
		"/v1/threads/{thread_id}/runs/{run_id}/steps/{step_id}":     {"GET": a.getStep},
	}
}
