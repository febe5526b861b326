package llm_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dejahq/deja"
	"github.com/dejahq/deja/internal/llm"
	"github.com/dejahq/deja/internal/llm/llmtest"
)

func newClient(t testing.TB, s *llmtest.Server, set ...func(*llm.Options)) *llm.Client {
	t.Helper()
	o := llm.Options{BaseURL: s.URL, HTTPClient: s.HTTPClient()}
	for _, f := range set {
		f(&o)
	}
	c, err := llm.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func ask(text string) *deja.ModelRequest {
	return &deja.ModelRequest{Model: "gpt-test", Messages: []deja.ChatMessage{{Role: deja.RoleUser, Content: deja.Text(text)}}}
}

// collect reads a stream to its end and holds it to the contract: an error is
// last, and so is the finish reason, and one of them is there.
func collect(t testing.TB, stream iter.Seq2[deja.Delta, error]) ([]deja.Delta, *deja.Error) {
	t.Helper()
	var all []deja.Delta
	var last error
	for d, err := range stream {
		if last != nil || len(all) > 0 && all[len(all)-1].FinishReason != "" {
			t.Fatalf("the stream goes on after its end: %+v, %v", d, err)
		}
		if last = err; err == nil {
			all = append(all, d)
		}
	}
	if last == nil {
		if len(all) == 0 || all[len(all)-1].FinishReason == "" {
			t.Fatalf("the stream ends without an error or a finish reason: %+v", all)
		}
		return all, nil
	}
	fault, ok := errors.AsType[*deja.Error](last)
	if !ok {
		t.Fatalf("not a *deja.Error: %v", last)
	}
	return all, fault
}

func text(ds []deja.Delta) string {
	var b strings.Builder
	for _, d := range ds {
		b.WriteString(d.Text)
	}
	return b.String()
}

// inBubble runs a test where waiting takes no time.
func inBubble(t *testing.T, f func(t *testing.T, s *llmtest.Server)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { f(t, llmtest.NewPipeServer(t)) })
}

func TestWholeAnswer(t *testing.T) {
	t.Parallel()
	s := llmtest.NewServer(t)
	s.On(llmtest.Any,
		llmtest.Reasoning("Hm", "m."),
		llmtest.Text("Let ", "me see."),
		llmtest.Refusal("No."),
		llmtest.Call("call_a", "query_data", `{"table":`, `"t"}`),
		llmtest.Call("call_b", "query_data"),
		llmtest.Usage(llmtest.TokenUsage{Prompt: 100, Completion: 20, Cached: 64, Reasoning: 8}),
	)
	got, err := collect(t, newClient(t, s).Stream(t.Context(), ask("q")))
	if err != nil {
		t.Fatal(err)
	}
	call := func(c deja.ToolCallDelta) deja.Delta { return deja.Delta{ToolCalls: []deja.ToolCallDelta{c}} }
	want := []deja.Delta{
		{Reasoning: "Hm"},
		{Reasoning: "m."},
		{Text: "Let "},
		{Text: "me see."},
		{Refusal: "No."},
		call(deja.ToolCallDelta{Index: 0, ID: "call_a", Name: "query_data"}),
		call(deja.ToolCallDelta{Index: 0, Arguments: `{"table":`}),
		call(deja.ToolCallDelta{Index: 0, Arguments: `"t"}`}),
		call(deja.ToolCallDelta{Index: 1, ID: "call_b", Name: "query_data"}),
		{
			FinishReason: deja.FinishToolCalls, Model: "gpt-test", Fingerprint: "fp_llmtest",
			Usage: &deja.Usage{PromptTokens: 100, CompletionTokens: 20, CachedTokens: 64, ReasoningTokens: 8},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if s.Calls() != 1 {
		t.Errorf("%d calls", s.Calls())
	}
}

func TestFinishReasons(t *testing.T) {
	t.Parallel()
	s := llmtest.NewServer(t)
	c := newClient(t, s)
	for said, want := range map[string]deja.FinishReason{
		"stop": deja.FinishStop, "length": deja.FinishLength, "content_filter": deja.FinishContentFilter,
		"STOP": deja.FinishStop, "end_turn": deja.FinishStop, "max_tokens": deja.FinishLength,
	} {
		s.Next(llmtest.Any, llmtest.Text("a"), llmtest.Finish(said))
		got, err := collect(t, c.Stream(t.Context(), ask("q")))
		if err != nil || got[len(got)-1].FinishReason != want {
			t.Errorf("%s: %+v, %v", said, got, err)
		}
	}
	// OpenAI says "stop" after a call of a tool that was forced.
	s.Next(llmtest.Any, llmtest.Call("a", "f", "{}"), llmtest.Finish("stop"))
	got, err := collect(t, c.Stream(t.Context(), ask("q")))
	if err != nil || got[len(got)-1].FinishReason != deja.FinishToolCalls {
		t.Errorf("forced tool: %+v, %v", got, err)
	}
}

func TestEveryFieldIsSent(t *testing.T) {
	t.Parallel()
	s := llmtest.NewServer(t)
	s.RequireKey("sk-test-0123456789")
	req := &deja.ModelRequest{
		Model: "gpt-test",
		Messages: []deja.ChatMessage{
			{Role: deja.RoleSystem, Content: deja.Text("Be <brief> & kind.")},
			{Role: deja.RoleUser, Name: "ann", Content: []deja.Part{{Type: deja.PartText, Text: "What is"}, {Type: deja.PartText, Text: "this?"}, {Type: deja.PartImageURL, ImageURL: "https://e.example/i.png", Detail: "low"}}},
			{Role: deja.RoleAssistant, ToolCalls: []deja.ToolCall{{ID: "call_1", Name: "look", Arguments: `{"a":1}`, Output: new("never sent")}}},
			{Role: deja.RoleTool, ToolCallID: "call_1", Content: deja.Text("42")},
			{Role: deja.RoleUser, Content: []deja.Part{{Type: deja.PartText, Text: "And"}, {Type: deja.PartText, Text: "now?"}}},
		},
		Tools: []deja.Tool{{Type: "function", Function: &deja.Function{
			Name: "look", Description: "looks", Strict: new(true),
			Parameters: json.RawMessage(`{"type":"object","properties":{"zebra":{"type":"string"},"ant":{"type":"integer"}}}`),
		}}},
		ToolChoice:          json.RawMessage(`{"type":"function","function":{"name":"look"}}`),
		ParallelToolCalls:   new(false),
		Temperature:         new(0.0),
		TopP:                new(0.5),
		MaxCompletionTokens: new(77),
		Stop:                []string{"x", "y"},
		Seed:                new(int64(-5)),
		PresencePenalty:     new(-1.5),
		FrequencyPenalty:    new(1.5),
		ResponseFormat:      json.RawMessage(`{"type":"json_object"}`),
		ReasoningEffort:     "low",
	}
	c := newClient(t, s, func(o *llm.Options) { o.APIKey = deja.NewSecret("sk-test-0123456789") })
	if _, err := collect(t, c.Stream(t.Context(), req)); err != nil {
		t.Fatal(err)
	}
	got := s.LastRequest()
	var sent map[string]any
	if err := json.Unmarshal(got.Body, &sent); err != nil {
		t.Fatal(err)
	}
	var want map[string]any
	if err := json.Unmarshal([]byte(`{
		"model":"gpt-test","stream":true,"stream_options":{"include_usage":true},
		"messages":[
			{"role":"system","content":"Be <brief> & kind."},
			{"role":"user","name":"ann","content":[{"type":"text","text":"What is"},{"type":"text","text":"this?"},{"type":"image_url","image_url":{"url":"https://e.example/i.png","detail":"low"}}]},
			{"role":"assistant","content":null,"tool_calls":[{"id":"call_1","type":"function","function":{"name":"look","arguments":"{\"a\":1}"}}]},
			{"role":"tool","tool_call_id":"call_1","content":"42"},
			{"role":"user","content":"And\nnow?"}],
		"tools":[{"type":"function","function":{"name":"look","description":"looks","strict":true,"parameters":{"type":"object","properties":{"zebra":{"type":"string"},"ant":{"type":"integer"}}}}}],
		"tool_choice":{"type":"function","function":{"name":"look"}},"parallel_tool_calls":false,
		"temperature":0,"top_p":0.5,"max_completion_tokens":77,"stop":["x","y"],"seed":-5,
		"presence_penalty":-1.5,"frequency_penalty":1.5,"response_format":{"type":"json_object"},"reasoning_effort":"low"}`), &want); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, sent); diff != "" {
		t.Error(diff)
	}
	if !bytes.Contains(got.Body, []byte("Be <brief> & kind.")) {
		t.Error("plain characters are escaped, which costs bytes for nothing")
	}
	if !bytes.Contains(got.Body, []byte(`"zebra":{"type":"string"},"ant"`)) {
		t.Error("the order of a schema's properties was lost")
	}
}

func TestWhatCannotBeSent(t *testing.T) {
	t.Parallel()
	s := llmtest.NewServer(t)
	c := newClient(t, s)
	tool, content, raw := ask("q"), ask("q"), ask("q")
	tool.Tools = []deja.Tool{{Type: "file_search"}}
	content.Messages[0].Content = []deja.Part{{Type: "audio"}}
	raw.ToolChoice = json.RawMessage(`{`)
	for want, req := range map[deja.Code][]*deja.ModelRequest{deja.CodeInvalid: {tool, raw}, deja.CodeUnsupported: {content}} {
		for _, r := range req {
			if _, err := collect(t, c.Stream(t.Context(), r)); err == nil || err.Code != want {
				t.Errorf("got %v, want %s", err, want)
			}
		}
	}
	if s.Calls() != 0 {
		t.Errorf("%d calls", s.Calls())
	}
}

func TestEndingTheIterationClosesTheConnection(t *testing.T) {
	t.Parallel()
	s := llmtest.NewServer(t)
	s.On(llmtest.Any, llmtest.Text("a", "b"), llmtest.Hang())
	for d, err := range newClient(t, s).Stream(t.Context(), ask("q")) {
		if err != nil || d.Text != "a" {
			t.Errorf("%+v, %v", d, err)
		}
		break
	}
	if err := s.WaitLeft(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
}

func TestCancelling(t *testing.T) {
	inBubble(t, func(t *testing.T, s *llmtest.Server) {
		c := newClient(t, s)
		scripts := map[string][]llmtest.Step{
			"before the headers":     {llmtest.Hang()},
			"before the first token": {llmtest.Begin(), llmtest.Hang()},
			"in the middle":          {llmtest.Text("a"), llmtest.Hang()},
			"before the usage":       {llmtest.Text("a"), llmtest.FinishOnly("stop"), llmtest.Hang()},
		}
		for name, steps := range scripts {
			s.On(llmtest.Asked(name), steps...)
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(time.Second, cancel)
			before := s.Left()
			if _, err := collect(t, c.Stream(ctx, ask(name))); err == nil || err.Code != deja.CodeCancelled {
				t.Errorf("%s: %v", name, err)
			}
			if err := s.WaitLeft(t.Context(), before+1); err != nil {
				t.Fatal(err)
			}
			deadline, cancel := context.WithTimeout(t.Context(), time.Second)
			if _, err := collect(t, c.Stream(deadline, ask(name))); err == nil || err.Code != deja.CodeUpstream {
				t.Errorf("%s, by a deadline: %v", name, err)
			}
			cancel()
		}
		// While waiting for a retry.
		s.On(llmtest.Any, llmtest.RateLimited(5*time.Second))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		if _, err := collect(t, c.Stream(ctx, ask("limited"))); err == nil || time.Since(start) != time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
}

func TestConnectionsAreReused(t *testing.T) {
	inBubble(t, func(t *testing.T, s *llmtest.Server) {
		var dials atomic.Int64
		transport := s.HTTPClient().Transport.(*http.Transport)
		dial := transport.DialContext
		transport.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
			dials.Add(1)
			return dial(ctx, network, addr)
		}
		c := newClient(t, s)
		// The end of the body comes in a packet of its own, after [DONE].
		s.On(llmtest.Asked("q1"), llmtest.Text("a"), llmtest.Finish("stop"), llmtest.Wait(5*time.Millisecond))
		s.Next(llmtest.Asked("q3"), llmtest.Status(http.StatusBadRequest, "no"))
		for i := range 5 {
			collect(t, c.Stream(t.Context(), ask(fmt.Sprint("q", i))))
			synctest.Wait() // the transport puts a connection back in its own time
		}
		if dials.Load() != 1 {
			t.Errorf("%d connections for 5 calls in turn", dials.Load())
		}
	})
}

// The key may show in no error, log line or printed value, also when the
// server repeats it, whole or in part.
func TestTheKeyShowsNowhere(t *testing.T) {
	t.Parallel()
	const key = "sk-proj-AbCdEfGh12345678IjKl"
	s := llmtest.NewServer(t)
	var out bytes.Buffer
	c := newClient(t, s, func(o *llm.Options) {
		o.APIKey = deja.NewSecret(key)
		o.MaxRetries = 1
		o.MaxRetryDelay = time.Millisecond
		o.Logger = slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	echo := "You sent Authorization: Bearer " + key + " or (" + key + "), that is key AbCdEfGh1234 and **678IjKl"
	scripts := [][]llmtest.Step{
		{llmtest.Status(http.StatusUnauthorized, echo)},
		{llmtest.Status(http.StatusBadRequest, echo)},
		{llmtest.Status(http.StatusInternalServerError, echo, "X-Request-Id: "+key)},
		{llmtest.Status(http.StatusTooManyRequests, echo)},
		{llmtest.Reply(http.StatusOK, "application/json", `{"error":"`+echo+`"}`)},
		{llmtest.Reply(http.StatusOK, "text/"+key, "x")},
		{llmtest.Text("a"), llmtest.StreamError("invalid_request_error", "x", echo)},
		{llmtest.Text("a"), llmtest.Raw("event: error\ndata: " + echo + "\n\n")},
		{llmtest.Text("a"), llmtest.Finish(key)},
		{llmtest.Reply(http.StatusFound, "text/plain", "", "Location: http://elsewhere.invalid/?key="+key)},
	}
	fmt.Fprintf(&out, "%v %+v %#v\n", c, c, c)
	for i, steps := range scripts {
		q := fmt.Sprint("q", i)
		s.On(llmtest.Asked(q), steps...)
		_, err := collect(t, c.Stream(t.Context(), ask(q)))
		if err == nil {
			t.Fatalf("script %d gave no error", i)
		}
		fmt.Fprintf(&out, "%d: %v | %s | %+v | %#v | %v\n", i, err, err.Message, err, err.Err, err.Param)
	}
	for _, part := range []string{"AbCdEfGh", "678IjKl"} {
		for line := range strings.Lines(out.String()) {
			if strings.Contains(line, part) {
				t.Errorf("%q shows in %s", part, line)
			}
		}
	}
	if !strings.Contains(out.String(), "[secret]") {
		t.Error("no echo was seen at all")
	}
}

// Only Options decide, not variables that another program may have set.
func TestEnvironmentIsNotRead(t *testing.T) {
	t.Setenv("OPENAI_API_KEY", "sk-from-the-environment")
	t.Setenv("OPENAI_BASE_URL", "http://elsewhere.invalid")
	t.Setenv("OPENAI_ORG_ID", "org-from-the-environment")
	s := llmtest.NewServer(t)
	if _, err := collect(t, newClient(t, s).Stream(t.Context(), ask("q"))); err != nil {
		t.Fatal(err)
	}
	for name, values := range s.LastRequest().Header {
		if strings.Contains(strings.Join(values, " "), "environment") {
			t.Errorf("%s: %v", name, values)
		}
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	for _, base := range []string{"localhost:8080", "ftp://x/v1", "http://", "http://user:hunter22@host/v1", "http://host/v1?key=hunter22", "http://host:hunter22/v1", "://"} {
		_, err := llm.New(llm.Options{BaseURL: base})
		if deja.ErrorCode(err) != deja.CodeInvalid {
			t.Errorf("%s: %v", base, err)
		} else if strings.Contains(err.Error(), "hunter22") {
			t.Errorf("the error repeats a secret: %v", err)
		}
	}
	if _, err := llm.New(llm.Options{APIKey: deja.NewSecret("sk-1234\n")}); deja.ErrorCode(err) != deja.CodeInvalid {
		t.Errorf("a key with a line break: %v", err)
	}
	c, err := llm.New(llm.Options{})
	if err != nil || c.Host() != "api.openai.com" || c.Name() != "openai-compatible" {
		t.Errorf("%v, %v", c, err)
	}
}

func TestManyStreamsAtOnce(t *testing.T) {
	t.Parallel()
	s := llmtest.NewServer(t)
	c := newClient(t, s)
	gate := make(chan struct{})
	s.OnFunc(llmtest.Any, func(r *llmtest.Request) []llmtest.Step {
		return append([]llmtest.Step{llmtest.Begin(), llmtest.Gate(gate)}, llmtest.Echo(r)...)
	})
	const n = 64
	done := make(chan bool)
	for i := range n {
		go func() {
			q := fmt.Sprintf("question %d", i)
			got, err := collect(t, c.Stream(t.Context(), ask(q)))
			if err != nil || text(got) != "You said: "+q {
				t.Errorf("%q, %v", text(got), err)
			}
			done <- true
		}()
	}
	if err := s.WaitOpen(t.Context(), n); err != nil {
		t.Fatal(err)
	}
	close(gate)
	for range n {
		<-done
	}
	if s.Calls() != n {
		t.Errorf("%d calls", s.Calls())
	}
}
