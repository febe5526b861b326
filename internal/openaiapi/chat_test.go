package openaiapi_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dejahq/deja/internal/llm/llmtest"
)

const chat = "/v1/chat/completions"

func question(asst string, more ...obj) obj {
	return with(obj{"model": asst, "messages": []obj{{"role": "user", "content": "Q?"}}}, more...)
}

// chunks reads a whole chat stream, checks its form, and gives the chunks.
func (s *server) chunks(body obj, headers ...string) ([]event, *stream) {
	s.t.Helper()
	st := s.open(s.t.Context(), chat, with(body, obj{"stream": true}), headers...)
	events := st.all()
	for i, e := range events {
		if e.name != "" {
			s.t.Errorf("a chat stream has the event line %q", e.name)
		}
		if i == len(events)-1 && e.data == "[DONE]" {
			return events[:i], st
		}
		conforms(s.t, "CreateChatCompletionStreamResponse", []byte(e.data))
	}
	s.t.Errorf("the stream has no end mark: %v", events)
	return events, st
}

// deltas gives what the chunks add up to, chunk by chunk.
func deltas(t testing.TB, chunks []event) []any {
	t.Helper()
	var out []any
	for _, c := range chunks {
		choices := c.at(t, "choices").([]any)
		if len(choices) == 0 {
			out = append(out, "usage")
			continue
		}
		choice := choices[0].(obj)
		if choice["finish_reason"] != nil {
			out = append(out, choice["finish_reason"])
			continue
		}
		out = append(out, choice["delta"])
	}
	return out
}

func TestChat(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.model.On(llmtest.Any, llmtest.Reasoning("Hm."), llmtest.Text("It ", "is <42>."),
		llmtest.Usage(llmtest.TokenUsage{Prompt: 7, Completion: 3, Cached: 2, Reasoning: 1}))
	asst := s.assistant(obj{"instructions": "Be short."})

	miss := s.post(chat, question(asst)).ok("CreateChatCompletionResponse")
	hit := s.post(chat, question(asst)).ok("CreateChatCompletionResponse")
	for _, r := range []*reply{miss, hit} {
		want := obj{"role": "assistant", "content": "It is <42>.", "reasoning_content": "Hm.", "refusal": nil, "annotations": []any{}}
		if diff := cmp.Diff(want, r.at("choices.0.message")); diff != "" {
			t.Error(diff)
		}
		if r.str("model") != asst || r.str("object") != "chat.completion" || r.str("choices.0.finish_reason") != "stop" || r.at("choices.0.logprobs") != nil {
			t.Errorf("%s", r.body)
		}
		usage := obj{
			"prompt_tokens": 7.0, "completion_tokens": 3.0, "total_tokens": 10.0,
			"prompt_tokens_details": obj{"cached_tokens": 2.0}, "completion_tokens_details": obj{"reasoning_tokens": 1.0},
		}
		if diff := cmp.Diff(usage, r.at("usage")); diff != "" {
			t.Error(diff)
		}
	}
	if miss.str("id") == hit.str("id") || !strings.HasPrefix(hit.str("id"), "chatcmpl-") {
		t.Errorf("%s and %s", miss.str("id"), hit.str("id"))
	}
	if miss.header.Get("X-Deja-Cache") != "miss" || hit.header.Get("X-Deja-Cache") != "hit" || s.model.Calls() != 1 {
		t.Errorf("%v, %v, %d calls", miss.header, hit.header, s.model.Calls())
	}
	if key := hit.header.Get("X-Deja-Cache-Key"); key != miss.header.Get("X-Deja-Cache-Key") || !strings.HasPrefix(key, "message:") {
		t.Errorf("the key is %s", key)
	}

	// The stream of the same answer, with and without usage.
	plainChunks, st := s.chunks(question(asst))
	want := []any{
		obj{"role": "assistant", "content": ""},
		obj{"reasoning_content": "Hm."},
		obj{"content": "It "},
		obj{"content": "is <42>."},
		"stop",
	}
	if diff := cmp.Diff(want, deltas(t, plainChunks)); diff != "" {
		t.Error(diff)
	}
	if st.resp.Header.Get("X-Deja-Cache") != "hit" {
		t.Errorf("%v", st.resp.Header)
	}
	withUsage, _ := s.chunks(question(asst, obj{"stream_options": obj{"include_usage": true}}))
	if diff := cmp.Diff(append(want, "usage"), deltas(t, withUsage)); diff != "" {
		t.Error(diff)
	}
	for i, c := range withUsage {
		if i < len(withUsage)-1 && c.at(t, "usage") != nil || c.at(t, "id") != withUsage[0].at(t, "id") || c.at(t, "model") != asst {
			t.Errorf("%s", c.data)
		}
	}
	if got := withUsage[len(withUsage)-1].at(t, "usage.total_tokens"); got != 10.0 {
		t.Errorf("usage says %v", got)
	}
	if strings.Contains(plainChunks[0].data, "usage") {
		t.Errorf("%s", plainChunks[0].data)
	}
}

func TestChatIsAskedAsSaid(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.model.On(llmtest.Any, llmtest.Text("ok"))
	asst := s.assistant(obj{"instructions": "Be short.", "temperature": 0.3, "model": "m-7"})
	s.post(chat, obj{
		"model": asst,
		"messages": []obj{
			{"role": "developer", "content": "In English."},
			{"role": "user", "content": []obj{{"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": obj{"url": "data:image/png;base64,AA==", "detail": "low"}}}},
			{"role": "assistant", "content": "", "tool_calls": []obj{{"id": "call_1", "type": "function", "function": obj{"name": "look", "arguments": "{}"}}}},
			{"role": "tool", "tool_call_id": "call_1", "content": "a cat"},
			{"role": "assistant", "content": nil, "refusal": "No."},
			{"role": "user", "content": "Why?", "name": "ann"},
		},
		"tools":       []obj{{"type": "function", "function": obj{"name": "look", "parameters": obj{"type": "object"}}}},
		"tool_choice": "required", "parallel_tool_calls": false, "top_p": 0.5, "max_completion_tokens": 77, "max_tokens": 5,
		"stop": []string{"END"}, "seed": 7, "presence_penalty": 0.5, "frequency_penalty": -0.5,
		"response_format": obj{"type": "json_object"}, "reasoning_effort": "low",
		"user": "u", "metadata": obj{"a": "b"}, "store": true, "service_tier": "auto", "nobody_knows": []int{1},
	}).ok("CreateChatCompletionResponse")
	var got map[string]any
	check(t, json.Unmarshal(s.model.LastRequest().Body, &got))
	for name, want := range (obj{
		"model": "m-7", "tool_choice": "required", "parallel_tool_calls": false, "top_p": 0.5, "temperature": 0.3,
		"seed": 7.0, "presence_penalty": 0.5, "frequency_penalty": -0.5, "reasoning_effort": "low",
		"response_format": obj{"type": "json_object"},
	}) {
		if diff := cmp.Diff(want, got[name]); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	if got["max_completion_tokens"] != 77.0 && got["max_tokens"] != 77.0 {
		t.Errorf("%v", got)
	}
	var roles []string
	for _, m := range s.model.LastRequest().Messages {
		roles = append(roles, m.Role)
	}
	if diff := cmp.Diff([]string{"system", "system", "user", "assistant", "tool", "assistant", "user"}, roles); diff != "" {
		t.Error(diff)
	}
	for _, gone := range []string{"nobody_knows", "store", "metadata"} {
		if _, ok := got[gone]; ok {
			t.Errorf("%s was passed on", gone)
		}
	}
}

func TestChatWithTools(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.model.On(llmtest.Any, llmtest.Call("call_a", "weather", `{"city":`, `"Oslo"}`))
	asst := s.assistant()
	tools := obj{"tools": []obj{{"type": "function", "function": obj{"name": "weather"}}}}
	whole := s.post(chat, question(asst, tools)).ok("CreateChatCompletionResponse")
	want := obj{"role": "assistant", "content": nil, "refusal": nil, "annotations": []any{}, "tool_calls": []any{
		obj{"id": "call_a", "type": "function", "function": obj{"name": "weather", "arguments": `{"city":"Oslo"}`}},
	}}
	if diff := cmp.Diff(want, whole.at("choices.0.message")); diff != "" || whole.str("choices.0.finish_reason") != "tool_calls" {
		t.Errorf("%s %s", diff, whole.body)
	}
	chunks, _ := s.chunks(question(asst, tools))
	call := func(o obj) obj { return obj{"tool_calls": []any{o}} }
	wantDeltas := []any{
		obj{"role": "assistant", "content": ""},
		call(obj{"index": 0.0, "id": "call_a", "type": "function", "function": obj{"name": "weather", "arguments": ""}}),
		call(obj{"index": 0.0, "function": obj{"arguments": `{"city":`}}),
		call(obj{"index": 0.0, "function": obj{"arguments": `"Oslo"}`}}),
		"tool_calls",
	}
	if diff := cmp.Diff(wantDeltas, deltas(t, chunks)); diff != "" {
		t.Error(diff)
	}
}

func TestChatFailures(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	asst := s.assistant()
	for _, stream := range []bool{false, true} {
		body := question(asst, obj{"stream": stream})
		s.model.Next(llmtest.Any, llmtest.Status(500, "Oh."))
		s.post(chat, body).refused(502, "", "upstream_error")
		s.model.Next(llmtest.Any, llmtest.Status(429, "Slow down.", "Retry-After: 7"))
		if r := s.post(chat, body).refused(429, "", "rate_limit_exceeded"); r.header.Get("Retry-After") != "7" {
			t.Errorf("%v", r.header)
		}
		s.post(chat, with(obj{}, body, obj{"model": "gpt-4o"})).refused(404, "model", "model_not_found")
		s.post(chat, with(obj{}, body, obj{"model": "asst_unknown"})).refused(404, "model", "model_not_found")
		r := s.do("POST", chat, body, "Cache-Control", "only-if-cached").refused(504, "", "not_cached")
		if r.header.Get("X-Should-Retry") != "false" {
			t.Errorf("%v", r.header)
		}
	}
	// An error after the first piece is an event, and there is no end mark.
	s.model.Next(llmtest.Any, llmtest.Text("Half "), llmtest.Cut())
	events := s.open(t.Context(), chat, question(asst, obj{"stream": true})).all()
	if end := events[len(events)-1]; end.name != "error" || end.at(t, "error.type") != "server_error" {
		t.Errorf("%v", end)
	}
	conforms(t, "ErrorResponse", []byte(events[len(events)-1].data))
	// What failed is not an answer.
	if r := s.post(chat, question(asst)).ok(""); r.str("choices.0.message.content") != "You said: Q?" || r.header.Get("X-Deja-Cache") != "miss" {
		t.Errorf("%s", r.body)
	}
}

func TestLeavingChatEndsTheCall(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.model.On(llmtest.Any, llmtest.Text("Well "), llmtest.Hang())
	asst := s.assistant()
	ctx, leave := context.WithCancel(t.Context())
	st := s.open(ctx, chat, question(asst, obj{"stream": true}))
	if _, ok := st.next(); !ok {
		t.Fatal("nothing came")
	}
	leave()
	check(t, s.model.WaitLeft(t.Context(), 1))
}

// TestChatsAreApart holds that without an assistant's leave an answer goes to
// those only who asked for it (invariant 5).
func TestChatsAreApart(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	private, shared, off := s.assistant(), s.assistant(obj{"cache": obj{"policy": "assistant"}}), s.assistant(obj{"cache": obj{"policy": "off"}})
	for _, c := range []struct {
		asst, key, user, want string
	}{
		{private, "Bearer a", "", "miss"},
		{private, "Bearer a", "", "hit"},
		{private, "Bearer b", "", "miss"},
		{private, "Bearer a", "u", "miss"},
		{private, "Bearer a", "u", "hit"},
		{private, "", "", "miss"},
		{private, "", "", "hit"},
		{shared, "Bearer a", "", "miss"},
		{shared, "Bearer b", "u", "hit"},
		{off, "Bearer a", "", "bypass"},
		{off, "Bearer a", "", "bypass"},
	} {
		body := question(c.asst)
		if c.user != "" {
			body["user"] = c.user
		}
		var headers []string
		if c.key != "" {
			headers = []string{"Authorization", c.key}
		}
		if got := s.do("POST", chat, body, headers...).ok("").header.Get("X-Deja-Cache"); got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
	}
}
