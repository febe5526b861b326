package llmtest

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
)

func (s *Server) complete(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 64<<20))
	if err != nil {
		return // the client left, and was never a call
	}
	req, bad := decodeRequest(body)
	req.Header = r.Header.Clone()
	if bad == nil {
		bad = s.refuse(req)
	}
	if bad != nil {
		req.Refused = bad.message
	}
	s.arrived(req)
	defer s.ended()
	if bad != nil {
		writeRefusal(w, bad)
		return
	}
	err = newAnswer(s, w, r, req).play(s.script(req))
	switch {
	case err == nil:
	case errors.Is(err, errClosed):
		s.clientLeft()
	case errors.Is(err, errCut):
		panic(http.ErrAbortHandler)
	default: // a script that cannot be played is a mistake in the test
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

// refuse checks what depends on the server's settings.
func (s *Server) refuse(req *Request) *refusal {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.key != "" && req.Header.Get("Authorization") != "Bearer "+s.key {
		given := strings.TrimPrefix(req.Header.Get("Authorization"), "Bearer ")
		// As careless as a real server can be: it repeats the key.
		return &refusal{http.StatusUnauthorized, "invalid_request_error", "invalid_api_key", "", "Incorrect API key provided: " + given}
	}
	for _, name := range s.unknown {
		var v json.RawMessage
		if req.Field(name, &v) {
			return invalid(name, "Unknown field: %s", name)
		}
	}
	if len(s.models) == 0 || slices.Contains(s.models, req.Model) {
		return nil
	}
	return &refusal{http.StatusNotFound, "invalid_request_error", "model_not_found", "model", "The model " + req.Model + " does not exist."}
}

func (s *Server) listModels(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	names := s.models
	s.mu.Unlock()
	if len(names) == 0 {
		names = []string{"llmtest"}
	}
	type model struct {
		ID      string `json:"id"`
		Object  string `json:"object"`
		Created int64  `json:"created"`
		OwnedBy string `json:"owned_by"`
	}
	list := struct {
		Object string  `json:"object"`
		Data   []model `json:"data"`
	}{Object: "list"}
	for _, n := range names {
		list.Data = append(list.Data, model{n, "model", created, "llmtest"})
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(list)
}

func writeRefusal(w http.ResponseWriter, bad *refusal) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(bad.status)
	_, _ = io.WriteString(w, errorBody(bad))
}

// errorBody is an error in OpenAI's form; what is not known is null.
func errorBody(bad *refusal) string {
	optional := func(s string) *string {
		if s == "" {
			return nil
		}
		return &s
	}
	text, _ := json.Marshal(map[string]any{"error": map[string]any{
		"message": bad.message, "type": bad.kind, "param": optional(bad.param), "code": optional(bad.code),
	}})
	return string(text)
}
