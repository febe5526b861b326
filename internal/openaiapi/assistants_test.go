package openaiapi_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAssistant(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	full := obj{
		"model": "m-1", "name": "Näme", "description": "d", "instructions": "Be <brief> & kind.",
		"tools": []obj{
			{"type": "function", "function": obj{"name": "f", "description": "fd", "parameters": obj{"type": "object"}, "strict": true}},
			{"type": "code_interpreter"},
			{"type": "file_search", "file_search": obj{"max_num_results": 5}},
		},
		"tool_resources": obj{"code_interpreter": obj{"file_ids": []string{"file-1"}}},
		"metadata":       obj{"a": "b"}, "temperature": 0.5, "top_p": 1,
		"response_format":  obj{"type": "json_object"},
		"reasoning_effort": "low", "cache": policyObject("assistant"),
	}
	made := s.post("/v1/assistants", full).ok("AssistantObject")
	id := made.str("id")
	if !strings.HasPrefix(id, "asst_") || made.str("object") != "assistant" {
		t.Errorf("%s", made.body)
	}
	for name, want := range full {
		if diff := cmp.Diff(plain(t, want), made.at(name)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	first := s.get("/v1/assistants/" + id).ok("AssistantObject")
	again := s.get("/v1/assistants/" + id).ok("AssistantObject")
	if diff := cmp.Diff(made.at("metadata"), first.at("metadata")); diff != "" || string(first.body) != string(again.body) || string(first.body) != string(made.body) {
		t.Errorf("created %s, then %s, then %s", made.body, first.body, again.body)
	}
	if got := first.header.Get("X-Deja-Cache"); got != "miss" {
		t.Errorf("the first read is a %s", got)
	}
	if got := again.header; got.Get("X-Deja-Cache") != "hit" || got.Get("X-Deja-Cache-Key") != "assistant_data:"+id || !strings.HasPrefix(got.Get("Server-Timing"), `assistant_data;desc="memory";dur=`) {
		t.Errorf("the second read says %v", got)
	}

	// A partial update leaves alone what it does not name, and null clears.
	changed := s.post("/v1/assistants/"+id, obj{"name": "New", "description": nil, "temperature": nil, "tools": []obj{}, "metadata": nil, "response_format": nil, "cache": nil}).ok("AssistantObject")
	want := with(obj{}, full, obj{
		"name": "New", "description": nil, "temperature": nil, "tools": []obj{}, "metadata": obj{},
		"response_format": "auto", "cache": policyObject("thread"),
	})
	for name, want := range want {
		if diff := cmp.Diff(plain(t, want), changed.at(name)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	// What was cached before the update is not seen after it.
	if got := s.get("/v1/assistants/" + id).ok("AssistantObject"); string(got.body) != string(changed.body) {
		t.Errorf("%s after the update to %s", got.body, changed.body)
	}
	if got := s.post("/v1/assistants/"+id, nil).ok("AssistantObject"); string(got.body) != string(changed.body) {
		t.Errorf("an update of nothing made %s of %s", got.body, changed.body)
	}

	s.remove("/v1/assistants/" + id).ok("DeleteAssistantResponse")
	s.get("/v1/assistants/"+id).refused(404, "", "not_found")
	s.remove("/v1/assistants/"+id).refused(404, "", "not_found")
	s.post("/v1/assistants/"+id, obj{"name": "x"}).refused(404, "", "not_found")
}

func TestSmallestAssistant(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	made := s.post("/v1/assistants", obj{"model": "m", "unknown_field": 1, "name": nil}).ok("AssistantObject")
	for name, want := range (obj{
		"name": nil, "description": nil, "instructions": nil, "tools": []any{}, "tool_resources": nil, "metadata": obj{},
		"temperature": nil, "top_p": nil, "response_format": "auto", "reasoning_effort": nil, "cache": policyObject("thread"), "fallbacks": []obj{},
	}) {
		if diff := cmp.Diff(plain(t, want), made.at(name)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestListsOfAssistants(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	empty := s.get("/v1/assistants").ok("ListAssistantsResponse")
	if empty.at("has_more") != false || len(empty.ids()) != 0 {
		t.Errorf("%s", empty.body)
	}
	var all []string
	for range 5 {
		all = append(all, s.assistant())
	}
	newest := slices.Clone(all)
	slices.Reverse(newest)
	for query, want := range map[string]struct {
		ids  []string
		more bool
	}{
		"":                                   {newest, false},
		"?order=asc":                         {all, false},
		"?order=asc&limit=2":                 {all[:2], true},
		"?order=asc&limit=3&after=" + all[1]: {all[2:], false},
		"?limit=2&after=" + newest[0]:        {newest[1:3], true},
		"?limit=2&before=" + newest[3]:       {newest[1:3], true},
		"?order=asc&before=" + all[2]:        {all[:2], false},
	} {
		l := s.get("/v1/assistants" + query).ok("ListAssistantsResponse")
		if diff := cmp.Diff(want.ids, l.ids()); diff != "" || l.at("has_more") != want.more {
			t.Errorf("%s: %s %s", query, diff, l.body)
		}
		if l.str("first_id") != want.ids[0] || l.str("last_id") != want.ids[len(want.ids)-1] {
			t.Errorf("%s: %s", query, l.body)
		}
	}
	s.get("/v1/assistants?after=asst_unknown").refused(400, "after", "")
	s.get("/v1/assistants?before=thread_x").refused(400, "before", "invalid_value")
	s.get("/v1/assistants?limit=101").refused(400, "limit", "integer_above_max_value")

	models := s.get("/v1/models").ok("ListModelsResponse")
	if diff := cmp.Diff(newest, models.ids()); diff != "" {
		t.Error(diff)
	}
	s.get("/v1/models/" + all[0]).ok("Model")
	s.get("/v1/models/gpt-4o").refused(404, "model", "model_not_found")
	s.get("/v1/models/asst_unknown").refused(404, "model", "model_not_found")
}

// TestManyModels holds that the list of models goes on beyond one page of the store.
func TestManyModels(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	var all []string
	for range 103 {
		all = append(all, s.assistant())
	}
	slices.Reverse(all)
	if diff := cmp.Diff(all, s.get("/v1/models").ok("ListModelsResponse").ids()); diff != "" {
		t.Error(diff)
	}
}

// plain gives a value as JSON decodes it.
func plain(t testing.TB, v any) any {
	t.Helper()
	return (&reply{t: t.(*testing.T), body: marshal(t, obj{"v": v})}).at("v")
}

// policyObject is a field cache in full, with nothing but a policy set.
func policyObject(policy string) obj {
	return obj{"policy": policy, "ttl": nil, "normalize": false, "skip": obj{
		"time_sensitive": false, "words": []string{}, "temperature_above": nil, "attachments": false,
	}, "safe_tools": []string{}, "stale_if_error": nil, "replay_rate": nil}
}
