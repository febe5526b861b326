package llm_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/dejahq/deja"
	"github.com/dejahq/deja/internal/llm"
	"github.com/dejahq/deja/internal/llm/llmtest"
)

func TestRetriesBeforeTheFirstToken(t *testing.T) {
	inBubble(t, func(t *testing.T, s *llmtest.Server) {
		c := newClient(t, s)
		cases := []struct {
			name  string
			first []llmtest.Step
			least time.Duration // that the retry waits
			most  time.Duration
		}{
			{"503", []llmtest.Step{llmtest.Status(503, "down")}, 300 * time.Millisecond, 600 * time.Millisecond},
			{"409", []llmtest.Step{llmtest.Status(409, "locked")}, 300 * time.Millisecond, 600 * time.Millisecond},
			{"429 with seconds", []llmtest.Step{llmtest.RateLimited(3 * time.Second)}, 3 * time.Second, 3 * time.Second},
			{"429 with milliseconds", []llmtest.Step{llmtest.Status(429, "slow", "Retry-After-Ms: 70", "Retry-After: 9")}, 70 * time.Millisecond, 70 * time.Millisecond},
			{"400 that should be retried", []llmtest.Step{llmtest.Status(400, "odd", "X-Should-Retry: true")}, 300 * time.Millisecond, 600 * time.Millisecond},
			{"cut before the headers", []llmtest.Step{llmtest.Cut()}, 0, 600 * time.Millisecond},
			{"cut before the first token", []llmtest.Step{llmtest.Begin(), llmtest.Cut()}, 300 * time.Millisecond, 600 * time.Millisecond},
			{"ended before the first token", []llmtest.Step{llmtest.End()}, 300 * time.Millisecond, 600 * time.Millisecond},
			{"error before the first token", []llmtest.Step{llmtest.Begin(), llmtest.StreamError("server_error", "overloaded", "busy")}, 300 * time.Millisecond, 600 * time.Millisecond},
		}
		for _, tc := range cases {
			s.Next(llmtest.Any, tc.first...)
			calls, start := s.Calls(), time.Now()
			got, err := collect(t, c.Stream(t.Context(), ask(tc.name)))
			took := time.Since(start)
			if err != nil || text(got) != "You said: "+tc.name {
				t.Errorf("%s: %q, %v", tc.name, text(got), err)
			}
			if n := s.Calls() - calls; n != 2 {
				t.Errorf("%s: %d calls", tc.name, n)
			}
			if took < tc.least || took > tc.most {
				t.Errorf("%s: took %v", tc.name, took)
			}
		}
	})
}

func TestRetriesEnd(t *testing.T) {
	inBubble(t, func(t *testing.T, s *llmtest.Server) {
		count := func(name string, retries, want int, steps ...llmtest.Step) *deja.Error {
			t.Helper()
			c := newClient(t, s, func(o *llm.Options) { o.MaxRetries = retries })
			s.On(llmtest.Any, steps...)
			before := s.Calls()
			_, err := collect(t, c.Stream(t.Context(), ask("q")))
			if err == nil {
				t.Fatalf("%s: no error", name)
			}
			if got := s.Calls() - before; got != want {
				t.Errorf("%s: %d calls, want %d", name, got, want)
			}
			return err
		}
		down, limited := llmtest.Status(500, "down"), llmtest.RateLimited(7*time.Second)
		count("default", 0, 3, down)
		count("none", -1, 1, down)
		count("five", 5, 6, down)
		count("five cuts", 5, 6, llmtest.Begin(), llmtest.Cut())
		s.Next(llmtest.Any, llmtest.Begin(), llmtest.Cut())
		count("a cut, then down", 0, 3, down)
		count("server says no", 0, 1, llmtest.Status(500, "down", "X-Should-Retry: false"))
		count("bad request", 0, 1, llmtest.Status(400, "bad"))
		count("after the first token", 0, 1, llmtest.Text("a"), llmtest.Cut())
		count("after reasoning", 0, 1, llmtest.Reasoning("a"), llmtest.Cut())
		count("after a tool call", 0, 1, llmtest.Call("a", "f"), llmtest.Cut())
		count("invalid request in the stream", 0, 1, llmtest.Begin(), llmtest.StreamError("invalid_request_error", "x", "bad"))

		err := count("limited", 0, 3, limited)
		if err.Code != deja.CodeRateLimited || err.RetryAfter != 7*time.Second {
			t.Errorf("limited: %v, RetryAfter %v", err.Code, err.RetryAfter)
		}
		err = count("limited for long", 0, 1, llmtest.RateLimited(time.Minute))
		if err.Code != deja.CodeRateLimited || err.RetryAfter != time.Minute {
			t.Errorf("limited for long: %v, RetryAfter %v", err.Code, err.RetryAfter)
		}
		time.Sleep(time.Until(time.Now().Truncate(time.Second).Add(time.Second))) // dates have whole seconds
		at := time.Now().Add(90 * time.Second).UTC().Format(http.TimeFormat)
		err = count("unavailable until", 0, 1, llmtest.Status(503, "maintenance", "Retry-After: "+at))
		if err.Code != deja.CodeUpstream || err.RetryAfter != 90*time.Second {
			t.Errorf("unavailable until: %v, RetryAfter %v", err.Code, err.RetryAfter)
		}
	})
}

func TestHTTPErrors(t *testing.T) {
	t.Parallel()
	s := llmtest.NewServer(t)
	c := newClient(t, s, func(o *llm.Options) { o.MaxRetries = -1 })
	cases := []struct {
		status  int
		kind    string
		body    string
		code    deja.Code
		param   string
		message string // part of it
	}{
		{400, "application/json", `{"error":{"message":"This model takes 8192 tokens.","type":"invalid_request_error","param":"messages","code":"context_length_exceeded"}}`, deja.CodeInvalid, "messages", "takes 8192 tokens"},
		{422, "application/json", `{"detail":[{"loc":["body","seed"],"msg":"not an integer"}]}`, deja.CodeInvalid, "", "not an integer"},
		{400, "application/json", `{"object":"error","message":"bad roles","type":"BadRequestError","code":400}`, deja.CodeInvalid, "", "bad roles"},
		{400, "text/html", `<html>Bad Request</html>`, deja.CodeInvalid, "", "refused the request."},
		{401, "application/json", `{"error":{"message":"Incorrect API key provided: abc","code":"invalid_api_key"}}`, deja.CodeUpstream, "", "credentials"},
		{403, "text/plain", `forbidden`, deja.CodeUpstream, "", "credentials"},
		{404, "application/json", `{"error":{"message":"The model x does not exist","code":"model_not_found"}}`, deja.CodeInvalid, "model", "does not have this model"},
		{404, "application/json", `{"error":"model 'x' not found, try pulling it first"}`, deja.CodeInvalid, "model", "does not have this model"},
		{404, "text/html", `<html>Not Found</html>`, deja.CodeUpstream, "", "no chat completions"},
		{413, "text/html", ``, deja.CodeTooLarge, "", "larger"},
		{429, "application/json", `{"error":{"message":"quota","type":"insufficient_quota","code":"insufficient_quota"}}`, deja.CodeRateLimited, "", "quota"},
		{429, "text/plain", ``, deja.CodeRateLimited, "", "rate limiting"},
		{500, "application/json", `{"error":null}`, deja.CodeUpstream, "", "status 500"},
		{502, "text/html", strings.Repeat("<p>", 1<<20), deja.CodeUpstream, "", "status 502"},
		{529, "application/json", `[1,2]`, deja.CodeUpstream, "", "status 529"},
		{304, "text/plain", ``, deja.CodeUpstream, "", "status 304"},
		{204, "text/event-stream", ``, deja.CodeUpstream, "", "without a finish reason"},
	}
	for _, tc := range cases {
		s.Next(llmtest.Any, llmtest.Reply(tc.status, tc.kind, tc.body))
		got, err := collect(t, c.Stream(t.Context(), ask("q")))
		if err == nil || len(got) > 0 {
			t.Errorf("%d %.60s: %+v, %v", tc.status, tc.body, got, err)
			continue
		}
		if err.Code != tc.code || err.Param != tc.param || !strings.Contains(err.Message, tc.message) {
			t.Errorf("%d %.60s: %s, param %q, %q", tc.status, tc.body, err.Code, err.Param, err.Message)
		}
		if len(err.Message) > 700 || len(err.Error()) > 2000 {
			t.Errorf("%d: a message of %d and an error of %d bytes", tc.status, len(err.Message), len(err.Error()))
		}
	}
}

func TestBrokenStreams(t *testing.T) {
	t.Parallel()
	s := llmtest.NewServer(t)
	c := newClient(t, s, func(o *llm.Options) { o.MaxRetries = -1 })
	a := llmtest.Text("a")
	raw := llmtest.Raw
	cases := []struct {
		name    string
		steps   []llmtest.Step
		text    string // that came before the error
		code    deja.Code
		message string
	}{
		{"cut", []llmtest.Step{a, llmtest.Cut()}, "a", deja.CodeUpstream, "broke"},
		{"early end", []llmtest.Step{a, llmtest.End()}, "a", deja.CodeUpstream, "without a finish reason"},
		{"[DONE] without a finish reason", []llmtest.Step{a, raw("data: [DONE]\n\n"), llmtest.End()}, "a", deja.CodeUpstream, "without a finish reason"},
		{"malformed", []llmtest.Step{a, raw("data: {\"choices\":[{\n\n")}, "a", deja.CodeUpstream, "not an answer"},
		{"not an object", []llmtest.Step{a, raw("data: [1]\n\n")}, "a", deja.CodeUpstream, "not an answer"},
		{"text", []llmtest.Step{raw("data: hello\n\n")}, "", deja.CodeUpstream, "not an answer"},
		{"wrong types", []llmtest.Step{a, raw("data: {\"choices\":[{\"delta\":{\"content\":{\"a\":1}}}]}\n\n")}, "a", deja.CodeUpstream, "not an answer"},
		{"split by an event's end", []llmtest.Step{a, raw("data: {\"choices\":\n\ndata: []}\n\n")}, "a", deja.CodeUpstream, "not an answer"},
		{"call without a name", []llmtest.Step{raw(`data: {"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{}"}}]}}]}` + "\n\n")}, "", deja.CodeUpstream, "not an answer"},
		{"reason without calls", []llmtest.Step{a, llmtest.Finish("tool_calls")}, "a", deja.CodeUpstream, "not an answer"},
		{"unknown finish reason", []llmtest.Step{a, llmtest.Finish("insufficient_system_resource")}, "a", deja.CodeUpstream, "broke the answer off"},
		{"error event", []llmtest.Step{a, llmtest.StreamError("server_error", "overloaded", "busy")}, "a", deja.CodeUpstream, "failed in the middle"},
		{"rate limit event", []llmtest.Step{a, llmtest.StreamError("rate_limit_exceeded", "", "busy")}, "a", deja.CodeRateLimited, "rate limiting"},
		{"numeric code", []llmtest.Step{a, raw(`data: {"error":{"code":429,"message":"slow"},"choices":[]}` + "\n\n")}, "a", deja.CodeRateLimited, "rate limiting"},
		{"invalid in the stream", []llmtest.Step{a, raw(`data: {"error":{"type":"invalid_request_error","message":"too long"}}` + "\n\n")}, "a", deja.CodeInvalid, "too long"},
		{"plain error event", []llmtest.Step{a, raw("event: error\ndata: overloaded\n\n")}, "a", deja.CodeUpstream, "failed in the middle"},
		{"error object", []llmtest.Step{a, raw(`data: {"object":"error","message":"oops","code":400}` + "\n\n")}, "a", deja.CodeInvalid, "oops"},
		{"web page", []llmtest.Step{llmtest.Reply(200, "text/html; charset=utf-8", "<html>Sign in</html>")}, "", deja.CodeUpstream, "web page"},
		{"one document", []llmtest.Step{llmtest.Reply(200, "application/json", `{"object":"chat.completion","choices":[{"message":{"content":"hi"},"finish_reason":"stop"}]}`)}, "", deja.CodeUpstream, "does not stream"},
		{"an error with status 200", []llmtest.Step{llmtest.Reply(200, "application/json", `{"error":{"message":"too long","type":"invalid_request_error"}}`)}, "", deja.CodeInvalid, "too long"},
		{"another type", []llmtest.Step{llmtest.Reply(200, "application/x-ndjson", `{"a":1}`)}, "", deja.CodeUpstream, "application/x-ndjson"},
	}
	for _, tc := range cases {
		s.On(llmtest.Asked(tc.name), tc.steps...)
		got, err := collect(t, c.Stream(t.Context(), ask(tc.name)))
		if err == nil {
			t.Errorf("%s: no error: %+v", tc.name, got)
			continue
		}
		if text(got) != tc.text || err.Code != tc.code || !strings.Contains(err.Message, tc.message) {
			t.Errorf("%s: %q, then %s, %q", tc.name, text(got), err.Code, err.Message)
		}
	}
	if s.Calls() != len(cases) {
		t.Errorf("%d calls for %d cases", s.Calls(), len(cases))
	}
}

// What servers do that is odd but whole.
func TestOddStreams(t *testing.T) {
	inBubble(t, func(t *testing.T, s *llmtest.Server) {
		c := newClient(t, s)
		chunk := func(fields string) string { return "data: {" + fields + "}\n\n" }
		say := func(word string) string { return chunk(`"choices":[{"delta":{"content":"` + word + `"}}]`) }
		cases := []struct {
			name  string
			body  string
			usage int64
		}{
			{"usage with the finish reason", say("hi") + chunk(`"choices":[{"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":2,"completion_tokens":1}`) + "data: [DONE]\n\n", 3},
			{"usage with every chunk", chunk(`"choices":[{"delta":{"content":"h"}}],"usage":{"prompt_tokens":2,"completion_tokens":1}`) + chunk(`"choices":[{"delta":{"content":"i"},"finish_reason":"stop"}],"usage":{"prompt_tokens":2,"completion_tokens":2}`) + "data: [DONE]\n\n", 4},
			{"no [DONE]", say("hi") + chunk(`"choices":[{"delta":{},"finish_reason":"stop"}]`), 0},
			{"[DONE] without an empty line", say("hi") + chunk(`"choices":[{"delta":{},"finish_reason":"stop"}]`) + "data: [DONE]", 0},
			{"null and empty fields", chunk(`"error":null,"usage":null,"choices":[{"index":0,"delta":{"role":"assistant","content":null,"tool_calls":null,"reasoning_content":null},"finish_reason":null}]`) + chunk(`"choices":[{"delta":{"content":"hi"},"finish_reason":""}]`) + chunk(`"choices":[{"finish_reason":"stop"}]`), 0},
			{"comments and line ends", ": wait\r\n\r\n" + strings.ReplaceAll(say("hi"), "\n", "\r\n") + ":\n\n" + chunk(`"choices":[{"finish_reason":"stop"}]`) + "data:[DONE]\n\n", 0},
			{"other choices", chunk(`"choices":[{"index":1,"delta":{"content":"no"},"finish_reason":"length"},{"index":0,"delta":{"content":"hi"}}]`) + chunk(`"choices":[{"finish_reason":"stop"}]`), 0},
			{"chunks without choices", chunk(`"choices":[],"prompt_filter_results":[]`) + say("hi") + chunk(`"x":1`) + chunk(`"choices":[{"finish_reason":"stop"}]`), 0},
			{"data on two lines", "data: {\"choices\":\ndata: [{\"delta\":{\"content\":\"hi\"}}]}\n\n" + chunk(`"choices":[{"finish_reason":"stop"}]`), 0},
			{"an answer about an error", say("hi") + chunk(`"choices":[{"delta":{"refusal":""},"finish_reason":"stop"}],"x":"error"`), 0},
		}
		for _, tc := range cases {
			s.On(llmtest.Asked(tc.name), llmtest.Reply(200, "text/event-stream", tc.body))
			got, err := collect(t, c.Stream(t.Context(), ask(tc.name)))
			if err != nil || text(got) != "hi" {
				t.Errorf("%s: %q, %v", tc.name, text(got), err)
				continue
			}
			last := got[len(got)-1]
			if (last.Usage == nil) != (tc.usage == 0) || last.Usage != nil && last.Usage.Total() != tc.usage {
				t.Errorf("%s: usage %+v", tc.name, last.Usage)
			}
			for _, d := range got[:len(got)-1] {
				if d.Usage != nil || d.Model != "" {
					t.Errorf("%s: %+v before the last delta", tc.name, d)
				}
			}
		}
		// Whole, but the usage never comes.
		s.On(llmtest.Any, llmtest.Text("hi"), llmtest.FinishOnly("stop"), llmtest.Hang())
		start := time.Now()
		if got, err := collect(t, c.Stream(t.Context(), ask("hang"))); err != nil || text(got) != "hi" {
			t.Errorf("hang after the finish reason: %v", err)
		}
		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("a whole answer was held back for %v", took)
		}
		s.On(llmtest.Any, llmtest.Text("hi"), llmtest.FinishOnly("stop"), llmtest.Cut())
		if got, err := collect(t, c.Stream(t.Context(), ask("cut"))); err != nil || text(got) != "hi" {
			t.Errorf("cut after the finish reason: %v", err)
		}
	})
}

func TestServerCannotBeReached(t *testing.T) {
	inBubble(t, func(t *testing.T, s *llmtest.Server) {
		c := newClient(t, s)
		s.Close()
		_, err := collect(t, c.Stream(t.Context(), ask("q")))
		if err == nil || err.Code != deja.CodeUpstream || !strings.Contains(err.Message, "cannot be reached") {
			t.Error(err)
		}
	})
}

func TestTimeouts(t *testing.T) {
	inBubble(t, func(t *testing.T, s *llmtest.Server) {
		const first, idle, total = 20 * time.Second, 5 * time.Second, 100 * time.Second
		c := newClient(t, s, func(o *llm.Options) { o.FirstTokenTimeout, o.IdleTimeout, o.Timeout = first, idle, total })
		keepAlive := func(n int) (steps []llmtest.Step) {
			for range n {
				steps = append(steps, llmtest.Raw(": keep-alive\n\n"), llmtest.Wait(4*time.Second))
			}
			return steps
		}
		var trickle []llmtest.Step
		for range 50 {
			trickle = append(trickle, llmtest.Text("a"), llmtest.Wait(4*time.Second))
		}
		cases := []struct {
			name    string
			steps   []llmtest.Step
			after   time.Duration
			message string
		}{
			{"no headers", []llmtest.Step{llmtest.Hang()}, first, "did not begin"},
			{"no first token", []llmtest.Step{llmtest.Begin(), llmtest.Hang()}, first, "did not begin"},
			{"only comments", keepAlive(50), first, "did not begin"},
			{"error body hangs", []llmtest.Step{llmtest.Reply(500, "text/plain", "wait"), llmtest.Hang()}, first, "did not begin"},
			{"silence", []llmtest.Step{llmtest.Text("a"), llmtest.Hang()}, idle, "fell silent"},
			{"a trickle without end", trickle, total, "did not finish"},
		}
		for _, tc := range cases {
			s.On(llmtest.Asked(tc.name), tc.steps...)
			calls, start := s.Calls(), time.Now()
			_, err := collect(t, c.Stream(t.Context(), ask(tc.name)))
			if err == nil || err.Code != deja.CodeUpstream || !strings.Contains(err.Message, tc.message) {
				t.Errorf("%s: %v", tc.name, err)
			}
			if took := time.Since(start); took != tc.after {
				t.Errorf("%s: after %v", tc.name, took)
			}
			if n := s.Calls() - calls; n != 1 {
				t.Errorf("%s: %d calls", tc.name, n)
			}
			if err := s.WaitOpen(t.Context(), 0); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// A reader that takes its time must not make the server look silent.
func TestSlowReader(t *testing.T) {
	inBubble(t, func(t *testing.T, s *llmtest.Server) {
		c := newClient(t, s, func(o *llm.Options) { o.Timeout = -1 })
		got := ""
		for d, err := range c.Stream(t.Context(), ask("one two three")) {
			if err != nil {
				t.Fatal(err)
			}
			got += d.Text
			time.Sleep(10 * time.Minute)
		}
		if got != "You said: one two three" {
			t.Errorf("%q", got)
		}
	})
}

func TestServersThatKnowLess(t *testing.T) {
	t.Parallel()
	s := llmtest.NewServer(t)
	s.RejectFields("stream_options", "max_completion_tokens")
	c := newClient(t, s, func(o *llm.Options) { o.MaxRetries = -1 })
	req := ask("q")
	req.MaxCompletionTokens = new(9)
	got, err := collect(t, c.Stream(t.Context(), req))
	if err != nil || text(got) != "You said: q" || got[len(got)-1].Usage != nil {
		t.Fatalf("%+v, %v", got, err)
	}
	if s.Calls() != 3 {
		t.Errorf("%d calls to learn two things", s.Calls())
	}
	var limit int
	if !s.LastRequest().Field("max_tokens", &limit) || limit != 9 {
		t.Errorf("max_tokens is %d", limit)
	}
	if _, err := collect(t, c.Stream(t.Context(), req)); err != nil || s.Calls() != 4 {
		t.Errorf("what was learnt is forgotten: %v, %d calls", err, s.Calls())
	}

	// A refusal of the value is no reason to give up the field.
	s2 := llmtest.NewServer(t)
	c2 := newClient(t, s2)
	s2.Next(llmtest.Any, llmtest.Status(400, "max_completion_tokens is too large"))
	if _, err := collect(t, c2.Stream(t.Context(), req)); err == nil || err.Code != deja.CodeInvalid {
		t.Error(err)
	}
	// An adaptation that does not help is not kept.
	s2.On(llmtest.Asked("bad"), llmtest.Status(400, "stream_options: unknown field"))
	if _, err := collect(t, c2.Stream(t.Context(), ask("bad"))); err == nil {
		t.Error("no error")
	}
	if _, err := collect(t, c2.Stream(t.Context(), ask("good"))); err != nil || !s2.LastRequest().IncludeUsage {
		t.Errorf("%v; usage asked for: %v", err, s2.LastRequest().IncludeUsage)
	}
}
