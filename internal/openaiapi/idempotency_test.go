package openaiapi_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dejahq/deja"
	"github.com/dejahq/deja/internal/llm/llmtest"
)

// TestIdempotencyKey: what is sent again with the same key is not made again.
func TestIdempotencyKey(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.model.On(llmtest.Any, llmtest.Text("Once."))
	asst, thread := s.assistant(), s.thread()
	messages, runs := "/v1/threads/"+thread+"/messages", "/v1/threads/"+thread+"/runs"

	say := obj{"role": "user", "content": "Once?"}
	first := s.do("POST", messages, say, "Idempotency-Key", "k1").ok("MessageObject")
	again := s.do("POST", messages, say, "Idempotency-Key", "k1").ok("MessageObject")
	if string(first.body) != string(again.body) {
		t.Errorf("first %s, then %s", first.body, again.body)
	}
	s.do("POST", messages, obj{"role": "user", "content": "Other?"}, "Idempotency-Key", "k1").refused(400, "", "")
	s.do("POST", messages, say, "Idempotency-Key", strings.Repeat("k", 256)).refused(400, "", "")
	other := s.do("POST", messages, say, "Idempotency-Key", "k1", "Authorization", "Bearer somebody-else").ok("MessageObject")
	if other.str("id") == first.str("id") {
		t.Error("two clients share a key")
	}

	ask := obj{"assistant_id": asst}
	run := s.do("POST", runs, ask, "Idempotency-Key", "k1").ok("RunObject").str("id")
	s.wait(thread, run)
	if same := s.do("POST", runs, ask, "Idempotency-Key", "k1").ok("RunObject"); same.str("id") != run {
		t.Errorf("a second run: %s", same.body)
	}

	both := obj{"assistant_id": asst, "thread": obj{"messages": []obj{{"role": "user", "content": "New?"}}}}
	begun := s.do("POST", "/v1/threads/runs", both, "Idempotency-Key", "k2").ok("RunObject")
	s.wait(begun.str("thread_id"), begun.str("id"))
	repeated := s.do("POST", "/v1/threads/runs", both, "Idempotency-Key", "k2").ok("RunObject")
	if repeated.str("thread_id") != begun.str("thread_id") || repeated.str("id") != begun.str("id") {
		t.Errorf("first %s, then %s", begun.body, repeated.body)
	}
	var texts []any
	list := s.get("/v1/threads/" + begun.str("thread_id") + "/messages?order=asc").ok("")
	for _, m := range list.at("data").([]any) {
		texts = append(texts, m.(map[string]any)["role"])
	}
	if diff := cmp.Diff([]any{"user", "assistant"}, texts); diff != "" {
		t.Error(diff)
	}
}

// TestLostCreation: a request for a thread and a run that was lost when it had
// made the thread, and nothing else, is made up for when it is sent again.
func TestLostCreation(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.model.On(llmtest.Any, llmtest.Text("Once."))
	asst := s.assistant()
	lost := &deja.Thread{ID: deja.DerivedID(deja.ThreadPrefix, "", "", "k1"), CreatedAt: time.Now()}
	check(t, s.layers.CreateThread(t.Context(), lost))
	both := obj{"assistant_id": asst, "thread": obj{"messages": []obj{{"role": "user", "content": "New?"}}}}
	run := s.do("POST", "/v1/threads/runs", both, "Idempotency-Key", "k1").ok("RunObject")
	if run.str("thread_id") != lost.ID {
		t.Fatalf("another thread: %s", run.body)
	}
	s.wait(lost.ID, run.str("id"))
	var roles []any
	for _, m := range s.get("/v1/threads/" + lost.ID + "/messages?order=asc").ok("").at("data").([]any) {
		roles = append(roles, m.(map[string]any)["role"])
	}
	if diff := cmp.Diff([]any{"user", "assistant"}, roles); diff != "" {
		t.Error(diff)
	}
}
