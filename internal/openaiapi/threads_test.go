package openaiapi_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestThread(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	made := s.post("/v1/threads", obj{
		"metadata": obj{"a": "b"}, "tool_resources": obj{"file_search": obj{"vector_store_ids": []string{"vs_1"}}},
		"messages": []obj{
			{"role": "user", "content": "first"},
			{"role": "assistant", "content": []obj{{"type": "text", "text": "second"}}, "metadata": obj{"m": "1"}},
		},
	}).ok("ThreadObject")
	id := made.str("id")
	if got := s.get("/v1/threads/" + id).ok("ThreadObject"); string(got.body) != string(made.body) {
		t.Errorf("created %s, got %s", made.body, got.body)
	}
	changed := s.post("/v1/threads/"+id, obj{"metadata": obj{"c": "d"}}).ok("ThreadObject")
	if diff := cmp.Diff(obj{"c": "d"}, changed.at("metadata")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(made.at("tool_resources"), changed.at("tool_resources")); diff != "" {
		t.Error(diff)
	}
	l := s.get("/v1/threads/" + id + "/messages?order=asc").ok("ListMessagesResponse")
	if len(l.ids()) != 2 || l.str("data.0.content.0.text.value") != "first" || l.str("data.1.role") != "assistant" {
		t.Errorf("%s", l.body)
	}

	s.remove("/v1/threads/" + id).ok("DeleteThreadResponse")
	for _, path := range []string{"", "/messages", "/runs", "/messages/" + l.ids()[0]} {
		s.get("/v1/threads/"+id+path).refused(404, "", "not_found")
	}
	s.remove("/v1/threads/"+id).refused(404, "", "not_found")
	s.post("/v1/threads/"+id+"/messages", obj{"role": "user", "content": "x"}).refused(404, "", "not_found")
}

func TestEmptyThread(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for _, body := range []any{nil, "", "{}", `{"messages":null,"metadata":null,"tool_resources":null}`} {
		made := s.post("/v1/threads", body).ok("ThreadObject")
		if l := s.get("/v1/threads/" + made.str("id") + "/messages").ok("ListMessagesResponse"); len(l.ids()) != 0 {
			t.Errorf("%s", l.body)
		}
	}
}

func TestMessages(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	thread := s.thread()
	path := "/v1/threads/" + thread + "/messages"
	made := s.post(path, obj{
		"role": "user", "metadata": obj{"k": "v"},
		"attachments": []obj{{"file_id": "file-1", "tools": []obj{{"type": "file_search"}}}},
		"content": []obj{
			{"type": "text", "text": "what is <this>?"},
			{"type": "image_url", "image_url": obj{"url": "https://example.com/a.png"}},
		},
	}).ok("MessageObject")
	want := obj{
		"object": "thread.message", "thread_id": thread, "status": "completed", "role": "user",
		"assistant_id": nil, "run_id": nil, "incomplete_details": nil, "metadata": obj{"k": "v"},
		"content": []any{
			obj{"type": "text", "text": obj{"value": "what is <this>?", "annotations": []any{}}},
			obj{"type": "image_url", "image_url": obj{"url": "https://example.com/a.png", "detail": "auto"}},
		},
	}
	for name, want := range want {
		if diff := cmp.Diff(want, made.at(name)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	id := made.str("id")
	if got := s.get(path + "/" + id).ok("MessageObject"); string(got.body) != string(made.body) {
		t.Errorf("created %s, got %s", made.body, got.body)
	}
	changed := s.post(path+"/"+id, obj{"metadata": obj{}}).ok("MessageObject")
	if diff := cmp.Diff(obj{}, changed.at("metadata")); diff != "" {
		t.Error(diff)
	}
	all := []string{id}
	for range 4 {
		all = append(all, s.create(path, obj{"role": "user", "content": "more"}))
	}
	newest := slices.Clone(all)
	slices.Reverse(newest)
	for query, want := range map[string][]string{
		"":                            newest,
		"?order=asc&limit=2":          all[:2],
		"?limit=2&after=" + newest[1]: newest[2:4],
		"?order=asc&before=" + all[2]: all[:2],
		"?run_id=run_unknown":         nil,
	} {
		if diff := cmp.Diff(want, s.get(path+query).ok("ListMessagesResponse").ids()); diff != "" {
			t.Errorf("%s: %s", query, diff)
		}
	}
	s.get(path+"?run_id=x").refused(400, "run_id", "invalid_value")
	s.get(path+"?after=msg_unknown").refused(400, "after", "")

	s.remove(path + "/" + id).ok("DeleteMessageResponse")
	s.get(path+"/"+id).refused(404, "", "not_found")
	if diff := cmp.Diff(newest[:4], s.get(path).ok("").ids()); diff != "" {
		t.Error(diff)
	}
	// A message is only in its own thread.
	s.get("/v1/threads/"+s.thread()+"/messages/"+all[1]).refused(404, "", "not_found")
}

// TestThreadIsWholeOrAbsent holds that a thread whose messages are refused
// does not come to be.
func TestThreadIsWholeOrAbsent(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	before := s.queries.Writes.Load()
	s.post("/v1/threads", obj{"messages": []obj{{"role": "user", "content": "fine"}, {"role": "system", "content": "not"}}}).
		refused(400, "messages[1].role", "invalid_value")
	if n := s.queries.Writes.Load() - before; n != 0 {
		t.Errorf("%d writes", n)
	}
}

func TestIDsOfOtherKindsAreNotFound(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	thread, asst := s.thread("q"), s.assistant()
	before := s.queries.Reads.Load()
	for _, id := range []string{thread, "x", "asst_", "asst_%00", "asst_a%2Fb", "asst_ä", "asst_%20"} {
		s.get("/v1/assistants/"+id).refused(404, "", "not_found")
	}
	for _, id := range []string{asst, "thread_'--", "thread_$ne", "run_a"} {
		s.get("/v1/threads/"+id).refused(404, "", "not_found")
		s.get("/v1/threads/"+id+"/runs").refused(404, "", "not_found")
	}
	s.get("/v1/threads/"+thread+"/messages/"+thread).refused(404, "", "not_found")
	if n := s.queries.Reads.Load() - before; n != 0 {
		t.Errorf("what cannot be an id made %d queries", n)
	}
	s.get("/v1/threads/"+thread+"/runs/run_x").refused(404, "", "not_found")
	s.get("/v1/threads/"+thread+"/runs/run_x/steps").refused(404, "", "not_found")
	s.get("/v1/assistants/"+asst+"/data_sources/src_x").refused(404, "", "not_found")
}
