package openaiapi_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dejahq/deja"
	"github.com/dejahq/deja/internal/llm/llmtest"
)

// ordinary are the events of a run that answers, as official clients want them.
var ordinary = []string{
	"thread.run.created", "thread.run.queued", "thread.run.in_progress",
	"thread.run.step.created", "thread.run.step.in_progress",
	"thread.message.created", "thread.message.in_progress", "thread.message.delta", "thread.message.completed",
	"thread.run.step.completed", "thread.run.completed", "done",
}

func TestStreamedRun(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.model.On(llmtest.Any, llmtest.Text("It ", "is ", "<42>."), llmtest.Usage(llmtest.TokenUsage{Prompt: 7, Completion: 3}))
	asst, thread := s.assistant(obj{"instructions": "Be short.", "cache": obj{"policy": "assistant"}}), s.thread("What is it?")

	events, header := s.stream("/v1/threads/"+thread+"/runs", obj{"assistant_id": asst, "stream": true})
	if diff := cmp.Diff(ordinary, names(events)); diff != "" {
		t.Fatal(diff)
	}
	if got := said(t, events); got != "It is <42>." {
		t.Errorf("the deltas say %q", got)
	}
	if header.Get("X-Deja-Cache") != "miss" || !strings.HasPrefix(header.Get("X-Deja-Cache-Key"), "message:"+asst+":") || header.Get("Age") != "" {
		t.Errorf("%v", header)
	}
	if got := header.Get("Server-Timing"); !strings.Contains(got, "assistant_data;") || !strings.Contains(got, "thread_ctx;") {
		t.Errorf("Server-Timing: %s", got)
	}
	created := last(t, events, "thread.message.created")
	if diff := cmp.Diff([]any{}, created.at(t, "content")); diff != "" || created.at(t, "status") != "in_progress" {
		t.Errorf("a message begins as %s", created.data)
	}
	whole := last(t, events, "thread.message.completed")
	message := whole.at(t, "id").(string)
	for _, e := range events {
		if e.name == "thread.message.delta" && (e.at(t, "id") != message || e.at(t, "delta.content.0.index") != 0.0) {
			t.Errorf("%s", e.data)
		}
	}
	run := last(t, events, "thread.run.completed").at(t, "id").(string)

	// What the stream has shown is what is stored.
	stored := s.get("/v1/threads/" + thread + "/messages/" + message).ok("MessageObject")
	if diff := cmp.Diff(whole.at(t, "content"), stored.at("content")); diff != "" || stored.str("run_id") != run || stored.str("assistant_id") != asst {
		t.Errorf("%s stored as %s", whole.data, stored.body)
	}
	got := s.get("/v1/threads/" + thread + "/runs/" + run).ok("RunObject")
	if got.str("status") != "completed" || got.at("usage.total_tokens") != 10.0 || got.at("expires_at") != nil || got.str("instructions") != "Be short." {
		t.Errorf("%s", got.body)
	}
	if got.header.Get("Openai-Poll-After-Ms") != "" {
		t.Error("clients are told to poll a run that has ended")
	}
	steps := s.get("/v1/threads/" + thread + "/runs/" + run + "/steps").ok("ListRunStepsResponse")
	if len(steps.ids()) != 1 || steps.str("data.0.step_details.message_creation.message_id") != message {
		t.Errorf("%s", steps.body)
	}
	step := s.get("/v1/threads/" + thread + "/runs/" + run + "/steps/" + steps.ids()[0]).ok("RunStepObject")
	if diff := cmp.Diff(steps.at("data.0"), plain(t, json.RawMessage(step.body))); diff != "" {
		t.Error(diff)
	}
	s.get("/v1/threads/"+thread+"/runs/"+run+"/steps/step_x").refused(404, "", "not_found")
	s.get("/v1/threads/"+thread+"/runs/"+run+"/steps?after=step_x").refused(400, "after", "invalid_value")

	// The same question in another thread, from the cache, looks the same.
	other := s.thread("What is it?")
	again, header := s.stream("/v1/threads/"+other+"/runs", obj{"assistant_id": asst, "stream": true})
	if diff := cmp.Diff(names(events), names(again)); diff != "" {
		t.Error(diff)
	}
	if said(t, again) != said(t, events) || s.model.Calls() != 1 {
		t.Errorf("%q after %d calls", said(t, again), s.model.Calls())
	}
	if header.Get("X-Deja-Cache") != "hit" || header.Get("Age") != "0" {
		t.Errorf("%v", header)
	}
	if l := s.get("/v1/threads/" + other + "/messages").ok("ListMessagesResponse"); len(l.ids()) != 2 {
		t.Errorf("%s", l.body)
	}
	if l := s.get("/v1/threads/" + other + "/messages?run_id=" + last(t, again, "thread.run.completed").at(t, "id").(string)).ok(""); len(l.ids()) != 1 {
		t.Errorf("%s", l.body)
	}
}

// wait polls a run until it rests.
func (s *server) wait(thread, run string) *reply {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		r := s.get("/v1/threads/" + thread + "/runs/" + run).ok("RunObject")
		switch r.str("status") {
		case "queued", "in_progress", "cancelling":
			if r.header.Get("Openai-Poll-After-Ms") == "" {
				s.t.Error("clients are not told when to look again")
			}
		default:
			return r
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			s.t.Fatalf("the run does not end: %s", r.body)
		}
	}
}

func TestPolledRun(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	asst, thread := s.assistant(), s.thread("Hello.")
	settings := obj{
		"assistant_id": asst, "model": "m-2", "instructions": "Other.", "additional_instructions": "And more.",
		"additional_messages": []obj{{"role": "user", "content": "Really?"}},
		"tools":               []obj{{"type": "function", "function": obj{"name": "f"}}}, "metadata": obj{"a": "b"},
		"temperature": 0.1, "top_p": 0.9, "max_prompt_tokens": 1000, "max_completion_tokens": 500,
		"truncation_strategy": obj{"type": "last_messages", "last_messages": 5}, "tool_choice": "none",
		"parallel_tool_calls": false, "response_format": obj{"type": "text"}, "reasoning_effort": "high", "stream": false,
	}
	made := s.post("/v1/threads/"+thread+"/runs", settings).ok("RunObject")
	if got := made.str("status"); got != "queued" && got != "in_progress" {
		t.Errorf("a new run is %s", got)
	}
	run := s.wait(thread, made.str("id"))
	for _, name := range []string{"model", "metadata", "temperature", "top_p", "max_prompt_tokens", "max_completion_tokens", "truncation_strategy", "tool_choice", "parallel_tool_calls", "response_format", "tools"} {
		if diff := cmp.Diff(plain(t, settings[name]), run.at(name)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	if run.str("status") != "completed" || run.str("instructions") != "Other.\n\nAnd more." {
		t.Errorf("%s", run.body)
	}
	req := s.model.LastRequest()
	var effort string
	if req.Model != "m-2" || req.LastUser() != "Really?" || !req.Field("reasoning_effort", &effort) || effort != "high" {
		t.Errorf("the model was asked %s", req.Body)
	}
	changed := s.post("/v1/threads/"+thread+"/runs/"+made.str("id"), obj{"metadata": obj{"c": "d"}}).ok("RunObject")
	if diff := cmp.Diff(obj{"c": "d"}, changed.at("metadata")); diff != "" {
		t.Error(diff)
	}
	l := s.get("/v1/threads/" + thread + "/runs").ok("ListRunsResponse")
	if diff := cmp.Diff([]string{made.str("id")}, l.ids()); diff != "" {
		t.Error(diff)
	}
	s.post("/v1/threads/"+thread+"/runs/"+made.str("id")+"/cancel", nil).refused(400, "", "")
	s.post("/v1/threads/"+thread+"/runs/"+made.str("id")+"/submit_tool_outputs", obj{"tool_outputs": []obj{{"tool_call_id": "call_1", "output": "x"}}}).refused(400, "", "")
}

func TestThreadAndRun(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	asst := s.assistant()
	body := obj{
		"assistant_id": asst, "stream": true,
		"thread": obj{"messages": []obj{{"role": "user", "content": "Hello there."}}, "metadata": obj{"a": "b"}},
	}
	events, _ := s.stream("/v1/threads/runs", body)
	if diff := cmp.Diff(append([]string{"thread.created"}, ordinary...), names(events)); diff != "" {
		t.Fatal(diff)
	}
	if said(t, events) != "You said: Hello there." {
		t.Errorf("%q", said(t, events))
	}
	thread := events[0].at(t, "id").(string)
	if diff := cmp.Diff(obj{"a": "b"}, s.get("/v1/threads/"+thread).ok("ThreadObject").at("metadata")); diff != "" {
		t.Error(diff)
	}

	body["stream"] = false
	made := s.post("/v1/threads/runs", body).ok("RunObject")
	if run := s.wait(made.str("thread_id"), made.str("id")); run.str("status") != "completed" {
		t.Errorf("%s", run.body)
	}

	// No thread is left behind by a run that can't be.
	before := s.queries.Writes.Load()
	s.post("/v1/threads/runs", with(obj{}, body, obj{"assistant_id": "asst_unknown"})).refused(404, "", "not_found")
	s.post("/v1/threads/runs", with(obj{}, body, obj{"thread": obj{"messages": []obj{{"role": "user"}}}})).refused(400, "thread.messages[0].content", "missing_required_parameter")
	if n := s.queries.Writes.Load() - before; n != 0 {
		t.Errorf("%d writes", n)
	}
	s.post("/v1/threads/runs", with(obj{}, body, obj{"cache": obj{"only-if-cached": true, "no-cache": true}})).refused(504, "", "not_cached")
	left := s.store.threads[len(s.store.threads)-1]
	if _, err := s.store.Thread(t.Context(), left); deja.ErrorCode(err) != deja.CodeNotFound {
		t.Errorf("a thread without a run was left behind: %v", err)
	}
}

func TestOneRunAtATime(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	open := make(chan struct{})
	s.model.On(llmtest.Any, llmtest.Text("Well, "), llmtest.Gate(open), llmtest.Text("yes."))
	asst, thread := s.assistant(), s.thread("Q?")
	path := "/v1/threads/" + thread
	st := s.open(t.Context(), path+"/runs", obj{"assistant_id": asst, "stream": true})
	var run string
	for {
		e, ok := st.next()
		if !ok {
			t.Fatal("the stream has ended")
		}
		if e.name == "thread.run.created" {
			run = e.at(t, "id").(string)
		}
		if e.name == "thread.message.delta" {
			break
		}
	}
	s.post(path+"/runs", obj{"assistant_id": asst}).refused(400, "", "active_run")
	r := s.post(path+"/messages", obj{"role": "user", "content": "And?"}).refused(400, "", "active_run")
	if !strings.Contains(string(r.body), run) {
		t.Errorf("%s does not name %s", r.body, run)
	}
	// Metadata can change while the run goes on, and stays.
	s.post(path+"/runs/"+run, obj{"metadata": obj{"while": "running"}}).ok("RunObject")
	close(open)
	if got := said(t, st.all()); got != "yes." {
		t.Errorf("%q", got)
	}
	if got := s.get(path + "/runs/" + run).ok("RunObject"); got.str("status") != "completed" || got.str("metadata.while") != "running" {
		t.Errorf("%s", got.body)
	}
	s.post(path+"/messages", obj{"role": "user", "content": "And?"}).ok("MessageObject")
}

func TestRunWithTools(t *testing.T) {
	t.Parallel()
	for _, streamed := range []bool{true, false} {
		s := newServer(t)
		s.model.Next(llmtest.Any, llmtest.Call("call_a", "weather", `{"city":`, `"Oslo"}`), llmtest.Call("call_b", "weather", `{}`))
		s.model.Next(llmtest.Any, llmtest.Text("Cold."))
		asst := s.assistant(obj{"tools": []obj{{"type": "function", "function": obj{"name": "weather", "parameters": obj{"type": "object"}}}}})
		thread := s.thread("Weather?")
		path := "/v1/threads/" + thread + "/runs"

		events, _ := s.stream(path, obj{"assistant_id": asst, "stream": true})
		want := []string{
			"thread.run.created", "thread.run.queued", "thread.run.in_progress",
			"thread.run.step.created", "thread.run.step.in_progress", "thread.run.step.delta", "thread.run.requires_action", "done",
		}
		if diff := cmp.Diff(want, names(events)); diff != "" {
			t.Fatal(diff)
		}
		waits := last(t, events, "thread.run.requires_action")
		if waits.at(t, "required_action.submit_tool_outputs.tool_calls.0.function.arguments") != `{"city":"Oslo"}` {
			t.Errorf("%s", waits.data)
		}
		run := waits.at(t, "id").(string)
		s.get(path + "/" + run).ok("RunObject")

		outputs := []obj{{"tool_call_id": "call_a", "output": "-3"}, {"tool_call_id": "call_b"}}
		submit := path + "/" + run + "/submit_tool_outputs"
		s.post(submit, obj{"tool_outputs": outputs[:1]}).refused(400, "tool_outputs", "")
		s.post(submit, obj{"tool_outputs": []obj{outputs[0], outputs[0]}}).refused(400, "tool_outputs[1].tool_call_id", "invalid_value")
		s.post(submit, obj{"tool_outputs": []obj{outputs[0], {"tool_call_id": "call_z", "output": ""}}}).refused(400, "tool_outputs", "")

		if streamed {
			events, _ = s.stream(submit, obj{"tool_outputs": outputs, "stream": true})
			if got := names(events); said(t, events) != "Cold." || !slices.Contains(got, "thread.run.step.completed") || got[len(got)-2] != "thread.run.completed" {
				t.Errorf("%v", got)
			}
		} else {
			s.post(submit, obj{"tool_outputs": outputs}).ok("RunObject")
			if got := s.wait(thread, run); got.str("status") != "completed" {
				t.Errorf("%s", got.body)
			}
		}
		asked := s.model.LastRequest()
		if got := asked.Messages[len(asked.Messages)-2]; got.ToolCallID != "call_a" || got.Text != "-3" {
			t.Errorf("the model was told %+v", asked.Messages)
		}
		steps := s.get(path + "/" + run + "/steps?order=asc").ok("ListRunStepsResponse")
		if len(steps.ids()) != 2 || steps.str("data.0.step_details.tool_calls.0.function.output") != "-3" {
			t.Errorf("%s", steps.body)
		}
		s.post(submit, obj{"tool_outputs": outputs}).refused(400, "", "")
	}
}

func TestCancelledRun(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.model.On(llmtest.Any, llmtest.Text("Never "), llmtest.Hang())
	asst, thread := s.assistant(), s.thread("Q?")
	path := "/v1/threads/" + thread + "/runs"
	st := s.open(t.Context(), path, obj{"assistant_id": asst, "stream": true})
	var seen []event
	for {
		e, ok := st.next()
		if !ok {
			t.Fatal("the stream has ended")
		}
		seen = append(seen, e)
		if e.name == "thread.message.delta" {
			break
		}
	}
	run := seen[0].at(t, "id").(string)
	cancelled := s.post(path+"/"+run+"/cancel", nil).ok("RunObject")
	if got := cancelled.str("status"); got != "cancelling" && got != "cancelled" {
		t.Errorf("%s", cancelled.body)
	}
	seen = append(seen, st.all()...)
	conformEvents(t, seen)
	if got := names(seen); got[len(got)-1] != "done" || got[len(got)-2] != "thread.run.cancelled" {
		t.Errorf("%v", got)
	}
	if got := s.get(path + "/" + run).ok("RunObject"); got.str("status") != "cancelled" {
		t.Errorf("%s", got.body)
	}
	if l := s.get("/v1/threads/" + thread + "/messages").ok(""); len(l.ids()) != 1 {
		t.Errorf("half an answer was kept: %s", l.body)
	}
}

func TestFailedRun(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	asst := s.assistant(obj{"cache": obj{"policy": "assistant"}})
	s.model.Next(llmtest.Any, llmtest.Text("Half "), llmtest.Cut())
	s.model.Next(llmtest.Any, llmtest.RateLimited(time.Second))
	s.model.Next(llmtest.Any, llmtest.Text("Bad "), llmtest.Finish("content_filter"))
	for _, code := range []string{"server_error", "rate_limit_exceeded", "invalid_prompt"} {
		thread := s.thread("Q?")
		events, _ := s.stream("/v1/threads/"+thread+"/runs", obj{"assistant_id": asst, "stream": true})
		failed := last(t, events, "thread.run.failed")
		if got := failed.at(t, "last_error.code"); got != code {
			t.Errorf("%s, want %s", failed.data, code)
		}
		if got := events[len(events)-1]; got.name != "done" {
			t.Errorf("the stream ends with %v", got)
		}
		run := s.get("/v1/threads/" + thread + "/runs/" + failed.at(t, "id").(string)).ok("RunObject")
		if run.str("status") != "failed" {
			t.Errorf("%s", run.body)
		}
		s.get("/v1/threads/" + thread + "/runs/" + run.str("id") + "/steps").ok("ListRunStepsResponse")
	}
	// Nothing of it was cached.
	events, header := s.stream("/v1/threads/"+s.thread("Q?")+"/runs", obj{"assistant_id": asst, "stream": true})
	if said(t, events) != "You said: Q?" || header.Get("X-Deja-Cache") != "miss" {
		t.Errorf("%q %v", said(t, events), header)
	}
}

// TestLeavingARun holds that a run goes on when the client that streams it leaves.
func TestLeavingARun(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	open := make(chan struct{})
	s.model.On(llmtest.Any, llmtest.Text("Still "), llmtest.Gate(open), llmtest.Text("here."))
	asst, thread := s.assistant(), s.thread("Q?")
	ctx, leave := context.WithCancel(t.Context())
	st := s.open(ctx, "/v1/threads/"+thread+"/runs", obj{"assistant_id": asst, "stream": true})
	e, _ := st.next()
	leave()
	_, _ = io.Copy(io.Discard, st.resp.Body)
	close(open)
	if run := s.wait(thread, e.at(t, "id").(string)); run.str("status") != "completed" {
		t.Errorf("%s", run.body)
	}
	if l := s.get("/v1/threads/" + thread + "/messages").ok(""); l.str("data.0.content.0.text.value") != "Still here." {
		t.Errorf("%s", l.body)
	}
}

func TestRunControls(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	asst := s.assistant(obj{"cache": obj{"policy": "assistant"}})
	ask := func(body obj, headers ...string) (int, string) {
		t.Helper()
		resp := s.send(t.Context(), "POST", "/v1/threads/"+s.thread("Q?")+"/runs", with(obj{"assistant_id": asst, "stream": true}, body), headers...)
		defer resp.Body.Close()
		_, err := io.Copy(io.Discard, resp.Body)
		check(t, err)
		return resp.StatusCode, resp.Header.Get("X-Deja-Cache")
	}
	for _, c := range []struct {
		what    string
		body    obj
		headers []string
		status  int
		cache   string
	}{
		{"absent", nil, []string{"Cache-Control", "only-if-cached"}, http.StatusGatewayTimeout, ""},
		{"first", nil, nil, 200, "miss"},
		{"second", nil, nil, 200, "hit"},
		{"present", nil, []string{"Cache-Control", "only-if-cached"}, 200, "hit"},
		{"refresh", nil, []string{"Cache-Control", "no-cache"}, 200, "refresh"},
		{"refresh in the body", obj{"cache": obj{"no-cache": true}}, nil, 200, "refresh"},
		{"neither", obj{"cache": obj{"no-cache": true, "no-store": true}}, nil, 200, "bypass"},
		{"young enough", obj{"cache": obj{"max-age": 3600}}, nil, 200, "hit"},
	} {
		if status, outcome := ask(c.body, c.headers...); status != c.status || outcome != c.cache {
			t.Errorf("%s: %d %s", c.what, status, outcome)
		}
	}
}
