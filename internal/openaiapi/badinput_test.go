package openaiapi_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// TestBadInputEverywhere sends what no operation can accept to every operation:
// each answer is a 4xx in the error envelope, and nothing is written.
func TestBadInputEverywhere(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	asst, thread := s.assistant(), s.thread("Q?")
	run := s.wait(thread, s.create("/v1/threads/"+thread+"/runs", obj{"assistant_id": asst})).str("id")
	source := s.upload(asst, part{"file", "fruit.csv", fruit}).ok("").str("id")
	fill := strings.NewReplacer(
		"{assistant_id}", asst, "{model}", asst, "{thread_id}", thread, "{run_id}", run, "{source_id}", source,
		"{message_id}", s.get("/v1/threads/" + thread + "/messages").ids()[0],
		"{step_id}", s.get("/v1/threads/" + thread + "/runs/" + run + "/steps").ids()[0],
	)
	before := s.queries.Writes.Load()
	operations := s.api.Operations()
	if len(operations) < 19 {
		t.Fatalf("only %d paths", len(operations))
	}
	for path, methods := range operations {
		if slices.Contains(methods, "POST") {
			s.badBodies(path, fill.Replace(path))
		}
		s.wrongMethods(fill.Replace(path), methods)
	}
	for _, path := range []string{"/v1/", "/v1/engines", "/v1/assistants/", "/v1/assistants/" + asst + "/x", "/v1/threads/" + thread + "/runs/" + run + "/", "/v1/chat"} {
		s.get(path).refused(404, "", "unknown_url")
		s.post(path, obj{}).refused(404, "", "unknown_url")
	}
	if n := s.queries.Writes.Load() - before; n != 0 {
		t.Errorf("bad input made %d writes", n)
	}
	for path, methods := range operations {
		for _, method := range methods {
			s.badIDs(method, path)
		}
	}
}

func (s *server) badBodies(pattern, path string) {
	s.t.Helper()
	upload := strings.HasSuffix(pattern, "/data_sources")
	for name, c := range map[string]struct {
		body, contentType string
		status            int
	}{
		"cut short":        {`{"metadata": {"a"`, "application/json", 400},
		"garbage after":    {`{} {}`, "application/json", 400},
		"array":            {`[]`, "application/json", 400},
		"null":             {`null`, "application/json", 400},
		"string":           {`"x"`, "application/json", 400},
		"too deep":         {strings.Repeat(`{"metadata":`, 50000) + strings.Repeat("}", 50000), "application/json", 400},
		"too wide":         {`{"metadata":[` + strings.Repeat("0,", 300000) + "0]}", "application/json", 400},
		"not UTF-8":        {"{\"metadata\":{\"a\":\"\xc3\x28\"}}", "application/json", 400},
		"UTF-16":           {"\xff\xfe{\x00}\x00", "application/json", 400},
		"too large":        {`{"x":"` + strings.Repeat("x", maxBody) + `"}`, "application/json", 413},
		"a form":           {"a=b", "application/x-www-form-urlencoded", 415},
		"no media type":    {"{}", "json", 415},
		"wrong field type": {`{"metadata": "x"}`, "application/json", 400},
	} {
		if name == "wrong field type" && !strings.Contains(pattern, "{") && strings.Contains(pattern, "chat") {
			c.body = `{"model": "asst_x", "messages": [{"role": "user", "content": "Q?"}], "metadata": "x"}`
		}
		if name == "wrong field type" && (strings.HasSuffix(pattern, "cancel") || strings.HasSuffix(pattern, "submit_tool_outputs")) {
			continue // no such field there
		}
		r := s.do("POST", path, c.body, "Content-Type", c.contentType)
		want := c.status
		if upload {
			want = 415
		}
		if r.status != want {
			s.t.Errorf("POST %s, %s: %d %.300s", pattern, name, r.status, r.body)
		}
	}
}

// badIDs puts ids that cannot be, or are not, in place of each id of a path.
func (s *server) badIDs(method, pattern string) {
	s.t.Helper()
	if !strings.Contains(pattern, "{") {
		return
	}
	kinds := map[string]string{
		"{assistant_id}": "asst_", "{model}": "asst_", "{thread_id}": "thread_", "{run_id}": "run_",
		"{message_id}": "msg_", "{step_id}": "step_", "{source_id}": "src_",
	}
	var body any
	switch {
	case method != "POST":
	case strings.HasSuffix(pattern, "/messages"):
		body = obj{"role": "user", "content": "x"}
	case strings.HasSuffix(pattern, "/runs"):
		body = obj{"assistant_id": "asst_unknown"}
	case strings.HasSuffix(pattern, "outputs"):
		body = obj{"tool_outputs": []obj{{"tool_call_id": "c", "output": ""}}}
	default:
		body = obj{}
	}
	for _, rest := range []string{"unknown", "", "%00", "a%20b", "%ff%fe", "..%2f..", strings.Repeat("x", 1000), "$ne", "'--"} {
		path := pattern
		for name, prefix := range kinds {
			path = strings.ReplaceAll(path, name, prefix+rest)
		}
		if r := s.do(method, path, body); r.status != 404 {
			s.t.Errorf("%s %.80s: %d %.300s", method, path, r.status, r.body)
		}
	}
}

func (s *server) wrongMethods(path string, allowed []string) {
	s.t.Helper()
	for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW"} {
		if slices.Contains(allowed, method) {
			continue
		}
		r := s.do(method, path, "{}").refused(http.StatusMethodNotAllowed, "", "method_not_allowed")
		for _, m := range allowed {
			if !strings.Contains(r.header.Get("Allow"), m) {
				s.t.Errorf("%s %s: Allow is %q", method, path, r.header.Get("Allow"))
			}
		}
	}
}

// TestBadFields goes through the fields of each body that is created or
// changed: the error names the field.
func TestBadFields(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	asst, thread := s.assistant(), s.thread("Q?")
	message := func(m obj) obj { return with(obj{"role": "user", "content": "x"}, m) }
	run := func(m obj) obj { return with(obj{"assistant_id": asst}, m) }
	says := func(m obj) obj { return question(asst, m) }
	talk := func(ms ...obj) obj { return obj{"model": asst, "messages": ms} }
	long := func(n int) string { return strings.Repeat("x", n) }
	tools := make([]obj, 129)
	for i := range tools {
		tools[i] = obj{"type": "function", "function": obj{"name": fmt.Sprintf("f%d", i)}}
	}
	reads, writes := s.queries.Reads.Load(), s.queries.Writes.Load()
	for _, c := range []struct {
		path  string
		body  obj
		param string
		code  string
	}{
		{"/v1/assistants", obj{}, "model", "missing_required_parameter"},
		{"/v1/assistants", obj{"model": nil}, "model", "invalid_type"},
		{"/v1/assistants", obj{"model": 1}, "model", "invalid_type"},
		{"/v1/assistants", obj{"model": "m", "name": long(257)}, "name", "string_above_max_length"},
		{"/v1/assistants", obj{"model": "m", "description": long(513)}, "description", "string_above_max_length"},
		{"/v1/assistants", obj{"model": "m", "instructions": long(256001)}, "instructions", "string_above_max_length"},
		{"/v1/assistants", obj{"model": "m", "tools": tools}, "tools", "array_above_max_length"},
		{"/v1/assistants", obj{"model": "m", "tools": []obj{{"type": "function", "function": obj{"name": "a b"}}}}, "tools[0].function.name", "invalid_value"},
		{"/v1/assistants", obj{"model": "m", "tools": []any{nil}}, "tools[0]", "invalid_type"},
		{"/v1/assistants", obj{"model": "m", "temperature": 2.1}, "temperature", "decimal_above_max_value"},
		{"/v1/assistants", obj{"model": "m", "top_p": -1}, "top_p", "decimal_below_min_value"},
		{"/v1/assistants", obj{"model": "m", "reasoning_effort": "huge"}, "reasoning_effort", "invalid_value"},
		{"/v1/assistants", obj{"model": "m", "cache": obj{"policy": "all"}}, "cache.policy", "invalid_value"},
		{"/v1/assistants/" + asst, obj{"model": nil}, "model", "invalid_type"},
		{"/v1/assistants/" + asst, obj{"model": ""}, "model", "empty_string"},
		{"/v1/assistants/" + asst, obj{"name": 7}, "name", "invalid_type"},
		{"/v1/assistants/" + asst, obj{"tools": "none"}, "tools", "invalid_type"},

		{"/v1/threads", obj{"messages": obj{}}, "messages", "invalid_type"},
		{"/v1/threads", obj{"messages": []any{"x"}}, "messages[0]", "invalid_type"},
		{"/v1/threads", obj{"messages": []obj{message(obj{"content": 1})}}, "messages[0].content", "invalid_type"},
		{"/v1/threads", obj{"tool_resources": 1}, "tool_resources", "invalid_type"},
		{"/v1/threads/" + thread, obj{"metadata": obj{"a": 1}}, "metadata.a", "invalid_type"},

		{"/v1/threads/" + thread + "/messages", obj{"content": "x"}, "role", "missing_required_parameter"},
		{"/v1/threads/" + thread + "/messages", obj{"role": "user"}, "content", "missing_required_parameter"},
		{"/v1/threads/" + thread + "/messages", message(obj{"role": "system"}), "role", "invalid_value"},
		{"/v1/threads/" + thread + "/messages", message(obj{"content": ""}), "content", "empty_string"},
		{"/v1/threads/" + thread + "/messages", message(obj{"content": []obj{{"type": "image_file", "image_file": obj{"file_id": "f"}}}}), "content[0].type", "invalid_value"},
		{"/v1/threads/" + thread + "/messages", message(obj{"attachments": 5}), "attachments", "invalid_type"},

		{"/v1/threads/" + thread + "/runs", obj{}, "assistant_id", "missing_required_parameter"},
		{"/v1/threads/" + thread + "/runs", obj{"assistant_id": 5}, "assistant_id", "invalid_type"},
		{"/v1/threads/" + thread + "/runs", run(obj{"stream": "true"}), "stream", "invalid_type"},
		{"/v1/threads/" + thread + "/runs", run(obj{"tools": tools[:21]}), "tools", "array_above_max_length"},
		{"/v1/threads/" + thread + "/runs", run(obj{"max_prompt_tokens": 255}), "max_prompt_tokens", "integer_below_min_value"},
		{"/v1/threads/" + thread + "/runs", run(obj{"max_completion_tokens": 300.5}), "max_completion_tokens", "invalid_type"},
		{"/v1/threads/" + thread + "/runs", run(obj{"additional_messages": []obj{{"role": "user"}}}), "additional_messages[0].content", "missing_required_parameter"},
		{"/v1/threads/" + thread + "/runs", run(obj{"truncation_strategy": obj{"type": "x"}}), "truncation_strategy.type", "invalid_value"},
		{"/v1/threads/" + thread + "/runs", run(obj{"tool_choice": "f"}), "tool_choice", "invalid_value"},
		{"/v1/threads/" + thread + "/runs", run(obj{"parallel_tool_calls": 1}), "parallel_tool_calls", "invalid_type"},
		{"/v1/threads/" + thread + "/runs", run(obj{"cache": obj{"max-age": "1"}}), "cache.max-age", "invalid_type"},
		{"/v1/threads/runs", run(obj{"thread": []int{}}), "thread", "invalid_type"},
		{"/v1/threads/runs", run(obj{"thread": obj{"metadata": 1}}), "thread.metadata", "invalid_type"},
		{"/v1/threads/" + thread + "/runs/run_x/submit_tool_outputs", obj{}, "tool_outputs", "missing_required_parameter"},
		{"/v1/threads/" + thread + "/runs/run_x/submit_tool_outputs", obj{"tool_outputs": []obj{}}, "tool_outputs", "empty_array"},
		{"/v1/threads/" + thread + "/runs/run_x/submit_tool_outputs", obj{"tool_outputs": []obj{{"output": "x"}}}, "tool_outputs[0].tool_call_id", "missing_required_parameter"},

		{chat, obj{"messages": []obj{{"role": "user", "content": "x"}}}, "model", "missing_required_parameter"},
		{chat, obj{"model": asst}, "messages", "missing_required_parameter"},
		{chat, talk(), "messages", "invalid_type"},
		{chat, obj{"model": asst, "messages": []obj{}}, "messages", "empty_array"},
		{chat, talk(obj{"content": "x"}), "messages[0].role", "missing_required_parameter"},
		{chat, talk(obj{"role": "user"}), "messages[0].content", "missing_required_parameter"},
		{chat, talk(obj{"role": "user", "content": nil}), "messages[0].content", "invalid_type"},
		{chat, talk(obj{"role": "function", "content": "x", "name": "f"}), "messages[0].role", "invalid_value"},
		{chat, talk(obj{"role": "assistant"}), "messages[0].content", "missing_required_parameter"},
		{chat, talk(obj{"role": "tool", "content": "x"}), "messages[0].tool_call_id", "missing_required_parameter"},
		{chat, talk(obj{"role": "tool", "content": "x", "tool_call_id": "c"}), "messages[0].tool_call_id", "invalid_value"},
		{chat, talk(obj{"role": "assistant", "tool_calls": []obj{{"id": "c", "type": "custom"}}}), "messages[0].tool_calls[0].type", "invalid_value"},
		{chat, talk(obj{"role": "assistant", "tool_calls": []obj{{"id": "c", "type": "function", "function": obj{"name": "f"}}}}), "messages[0].tool_calls[0].function.arguments", "missing_required_parameter"},
		{chat, says(obj{"n": 2}), "n", "unsupported_parameter"},
		{chat, says(obj{"n": 0}), "n", "integer_below_min_value"},
		{chat, says(obj{"logprobs": true}), "logprobs", "unsupported_parameter"},
		{chat, says(obj{"top_logprobs": 3}), "top_logprobs", "unsupported_parameter"},
		{chat, says(obj{"logit_bias": obj{"50256": -100}}), "logit_bias", "unsupported_parameter"},
		{chat, says(obj{"modalities": []string{"text", "audio"}}), "modalities", "unsupported_parameter"},
		{chat, says(obj{"audio": obj{}}), "audio", "unsupported_parameter"},
		{chat, says(obj{"functions": []obj{}}), "functions", "unsupported_parameter"},
		{chat, says(obj{"web_search_options": obj{}}), "web_search_options", "unsupported_parameter"},
		{chat, says(obj{"stream": 1}), "stream", "invalid_type"},
		{chat, says(obj{"stream_options": obj{"include_usage": true}}), "stream_options", "invalid_value"},
		{chat, says(obj{"stream": true, "stream_options": obj{"include_usage": 1}}), "stream_options.include_usage", "invalid_type"},
		{chat, says(obj{"max_tokens": 0}), "max_tokens", "integer_below_min_value"},
		{chat, says(obj{"seed": "1"}), "seed", "invalid_type"},
		{chat, says(obj{"stop": []int{1}}), "stop[0]", "invalid_type"},
		{chat, says(obj{"presence_penalty": 3}), "presence_penalty", "decimal_above_max_value"},
		{chat, says(obj{"response_format": "json"}), "response_format", "invalid_type"},
		{chat, says(obj{"user": 7}), "user", "invalid_type"},
		{chat, says(obj{"store": "yes"}), "store", "invalid_type"},
		{chat, says(obj{"metadata": []int{}}), "metadata", "invalid_type"},
		{chat, says(obj{"cache": obj{"ttl": 5}}), "cache.ttl", "unknown_parameter"},
	} {
		s.post(c.path, c.body).refused(400, c.param, c.code)
	}
	if r, w := s.queries.Reads.Load()-reads, s.queries.Writes.Load()-writes; r != 0 || w != 0 {
		t.Errorf("bad fields made %d reads and %d writes", r, w)
	}
	if s.model.Calls() != 0 {
		t.Error("a refused request reached the model")
	}
}
