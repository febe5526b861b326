package client

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// serve starts a server with one handler and gives a client of it.
func serve(t *testing.T, h http.HandlerFunc) *Client {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	c, err := New(Options{BaseURL: s.URL, APIKey: "sk-secret", HTTPClient: s.Client()})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// streams answers with a stream of events.
func streams(w http.ResponseWriter, events ...string) {
	w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
	for _, e := range events {
		_, _ = io.WriteString(w, e+"\n\n")
		_ = http.NewResponseController(w).Flush()
	}
}

const (
	chatRole   = `data: {"object":"chat.completion.chunk","model":"gpt-x","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}],"usage":null}`
	chatFinish = `data: {"object":"chat.completion.chunk","model":"gpt-x","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}`
	chatUsage  = `data: {"object":"chat.completion.chunk","model":"gpt-x","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":2,"total_tokens":11}}`
	chatDone   = `data: [DONE]`
)

func chatText(s string) string {
	b, _ := json.Marshal(s)
	return `data: {"object":"chat.completion.chunk","model":"gpt-x","choices":[{"index":0,"delta":{"content":` + string(b) + `},"finish_reason":null}]}`
}

func TestAsk(t *testing.T) {
	t.Parallel()
	var got struct {
		Model    string        `json:"model"`
		Messages []ChatMessage `json:"messages"`
		Stream   bool          `json:"stream"`
		Options  struct {
			Usage bool `json:"include_usage"`
		} `json:"stream_options"`
	}
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if err := json.NewDecoder(r.Body).Decode(&got); err != nil {
			t.Error(err)
		}
		for name, want := range map[string]string{
			"Authorization": "Bearer sk-secret", "Content-Type": "application/json", "Accept": "text/event-stream", "Cache-Control": "max-age=60",
		} {
			if r.Header.Get(name) != want {
				t.Errorf("%s: %q", name, r.Header.Get(name))
			}
		}
		h := w.Header()
		h.Set("X-Deja-Cache", "hit")
		h.Set("X-Deja-Cache-Key", "message:a:b")
		h.Set("Age", "3")
		h.Set("X-Request-Id", "req_1")
		h.Set("Server-Timing", `message;desc="memory";dur=0.5`)
		streams(w, chatRole, chatText("Twelve "), ": keep-alive", chatText("stores."), chatFinish, chatUsage, chatDone)
	})
	s, err := c.Ask(t.Context(), "asst_1", "How many?", CacheControl("max-age=60"), History(ChatMessage{"user", "Hi"}, ChatMessage{"assistant", "Hello"}))
	if err != nil {
		t.Fatal(err)
	}
	if s.Info.Outcome != Hit {
		t.Errorf("info at the start: %+v", s.Info)
	}
	var texts []string
	for ev, err := range s.Events() {
		if err != nil {
			t.Fatal(err)
		}
		if ev.Name != "chat.completion.chunk" || !json.Valid(ev.Data) {
			t.Errorf("event %+v", ev)
		}
		if ev.Text != "" {
			texts = append(texts, ev.Text)
		}
	}
	if d := cmp.Diff([]string{"Twelve ", "stores."}, texts); d != "" {
		t.Error(d)
	}
	want := &Answer{
		Info: Info{
			Outcome: Hit, Key: "message:a:b", Age: 3 * time.Second, RequestID: "req_1",
			Timing: []Span{{Name: "message", Description: "memory", Duration: 500 * time.Microsecond}},
		},
		Text: "Twelve stores.", FinishReason: "stop", Model: "gpt-x", Usage: Usage{9, 2, 11},
	}
	if d := cmp.Diff(want, s.Answer()); d != "" {
		t.Error(d)
	}
	if got.Model != "asst_1" || !got.Stream || !got.Options.Usage {
		t.Errorf("sent: %+v", got)
	}
	if d := cmp.Diff([]ChatMessage{{"user", "Hi"}, {"assistant", "Hello"}, {"user", "How many?"}}, got.Messages); d != "" {
		t.Error(d)
	}
	for ev, err := range s.Events() {
		t.Errorf("a stream that was read gives %v, %v", ev, err)
	}
}

func runEvent(name, data string) string { return "event: " + name + "\ndata: " + data }

func TestRun(t *testing.T) {
	t.Parallel()
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.URL.Path != "/v1/threads/thread_1/runs" || string(body) != `{"assistant_id":"asst_1","stream":true}` {
			t.Errorf("%s %s", r.URL, body)
		}
		w.Header().Set("X-Deja-Cache", "miss")
		streams(w,
			runEvent("thread.run.created", `{"id":"run_1","status":"queued","model":"gpt-x","usage":null}`),
			runEvent("thread.run.in_progress", `{"id":"run_1","status":"in_progress","model":"gpt-x"}`),
			runEvent("thread.run.step.created", `{"id":"step_1","status":"in_progress"}`),
			runEvent("thread.message.created", `{"id":"msg_1","role":"assistant","content":[]}`),
			runEvent("thread.message.delta", `{"id":"msg_1","delta":{"content":[{"index":0,"type":"text","text":{"value":"Twel"}}]}}`),
			runEvent("thread.message.delta", `{"id":"msg_1","delta":{"content":[{"index":0,"type":"text","text":{"value":"ve."}}]}}`),
			runEvent("thread.message.completed", `{"id":"msg_1","role":"assistant"}`),
			runEvent("thread.run.step.completed", `{"id":"step_1","status":"completed"}`),
			runEvent("thread.run.completed", `{"id":"run_1","status":"completed","model":"gpt-x","usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}`),
			runEvent("done", "[DONE]"),
		)
	})
	s, err := c.Run(t.Context(), "thread_1", "asst_1")
	if err != nil {
		t.Fatal(err)
	}
	a, err := s.Wait()
	if err != nil {
		t.Fatal(err)
	}
	want := &Answer{
		Info: Info{Outcome: Miss}, Text: "Twelve.", Model: "gpt-x", Usage: Usage{1, 2, 3},
		RunID: "run_1", RunStatus: "completed", MessageID: "msg_1",
	}
	if d := cmp.Diff(want, a); d != "" {
		t.Error(d)
	}
}

// What goes wrong in the midst of a stream is an error, and never looks like
// the end of an answer.
func TestBrokenStreams(t *testing.T) {
	t.Parallel()
	created := runEvent("thread.run.created", `{"id":"run_1","status":"queued"}`)
	for name, c := range map[string]struct {
		run    bool
		events []string
		want   string // part of the error
		is     error
	}{
		"chat: cut":            {false, []string{chatRole, chatText("a")}, "", io.ErrUnexpectedEOF},
		"chat: cut at once":    {false, nil, "", io.ErrUnexpectedEOF},
		"chat: cut after stop": {false, []string{chatFinish}, "", io.ErrUnexpectedEOF},
		"chat: error":          {false, []string{chatText("a"), `data: {"error":{"message":"The model is away.","code":"upstream_error"}}`, chatDone}, "upstream_error): The model is away. [req_9]", nil},
		"chat: named error":    {false, []string{runEvent("error", `{"error":{"message":"Oh."}}`)}, "Oh.", nil},
		"chat: garbage":        {false, []string{"data: {", chatDone}, "cannot be read", nil},
		"run: cut":             {true, []string{created}, "", io.ErrUnexpectedEOF},
		"run: error":           {true, []string{created, runEvent("error", `{"error":{"message":"Oh.","code":"server_error"}}`)}, "(server_error): Oh.", nil},
		"run: failed":          {true, []string{created, runEvent("thread.run.failed", `{"id":"run_1","status":"failed","last_error":{"code":"rate_limit_exceeded","message":"Slow down."}}`), runEvent("done", "[DONE]")}, "(rate_limit_exceeded): Slow down.", nil},
		"run: expired":         {true, []string{runEvent("thread.run.expired", `{"id":"run_1","status":"expired","last_error":null}`)}, "(expired): the run has expired", nil},
		"run: cancelled":       {true, []string{runEvent("thread.run.cancelled", `{"id":"run_1","status":"cancelled"}`)}, "been cancelled", nil},
		"run: garbage":         {true, []string{runEvent("thread.message.delta", `[]`)}, "cannot be read", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cl := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("X-Request-Id", "req_9")
				streams(w, c.events...)
			})
			ask := func() (*Stream, error) { return cl.Ask(t.Context(), "asst_1", "?") }
			if c.run {
				ask = func() (*Stream, error) { return cl.Run(t.Context(), "thread_1", "asst_1") }
			}
			s, err := ask()
			if err != nil {
				t.Fatal(err)
			}
			_, err = s.Wait()
			if err == nil || !strings.Contains(err.Error(), c.want) || c.is != nil && !errors.Is(err, c.is) {
				t.Errorf("error %v, want %q %v", err, c.want, c.is)
			}
			if _, again := s.Wait(); again == nil {
				t.Error("reading on succeeds")
			}
		})
	}
}

func TestRunThatRequiresAction(t *testing.T) {
	t.Parallel()
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		streams(w, runEvent("thread.run.requires_action", `{"id":"run_1","status":"requires_action"}`), runEvent("done", "[DONE]"))
	})
	s, err := c.Run(t.Context(), "thread_1", "asst_1")
	if err != nil {
		t.Fatal(err)
	}
	if a, err := s.Wait(); err != nil || a.RunStatus != "requires_action" {
		t.Errorf("%+v, %v", a, err)
	}
}

// Leaving the loop ends the request, which the server sees; what is read
// afterwards is an error and not the end of the answer.
func TestLeavingEarly(t *testing.T) {
	t.Parallel()
	left := make(chan struct{})
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		streams(w, chatText("a"))
		<-r.Context().Done()
		close(left)
	})
	s, err := c.Ask(t.Context(), "asst_1", "?")
	if err != nil {
		t.Fatal(err)
	}
	for range s.Events() {
		break
	}
	<-left
	a, err := s.Wait()
	if !errors.Is(err, errClosed) || a.Text != "a" {
		t.Errorf("%+v, %v", a, err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("closing again: %v", err)
	}
}

func TestContextEndsAStream(t *testing.T) {
	t.Parallel()
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		streams(w, chatText("a"))
		<-r.Context().Done()
	})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s, err := c.Ask(ctx, "asst_1", "?")
	if err != nil {
		t.Fatal(err)
	}
	var last error
	for _, err := range s.Events() {
		last = err
		cancel()
	}
	if !errors.Is(last, context.Canceled) {
		t.Error(last)
	}
}

func TestRefusedStreams(t *testing.T) {
	t.Parallel()
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1/chat/completions" {
			w.WriteHeader(http.StatusGatewayTimeout)
			_, _ = io.WriteString(w, `{"error":{"message":"Nothing is cached.","code":"not_cached"}}`)
			return
		}
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "<html>")
	})
	_, err := c.Ask(t.Context(), "asst_1", "?", CacheControl("only-if-cached"))
	if refused, _ := errors.AsType[*Error](err); refused == nil || refused.Status != 504 || refused.Code != "not_cached" {
		t.Errorf("error %v", err)
	}
	if _, err := c.Run(t.Context(), "thread_1", "asst_1"); err == nil || !strings.Contains(err.Error(), "text/html") {
		t.Errorf("a page for a stream gives %v", err)
	}
}

// The end of the response is read too: only then is a connection used again.
func TestStreamsAreReadToTheirEnd(t *testing.T) {
	t.Parallel()
	body := &atEnd{Reader: iotest.OneByteReader(strings.NewReader(chatText("a") + "\n\n" + chatDone + "\n\n"))}
	n := &network{answers: []func() (*http.Response, error){func() (*http.Response, error) {
		return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {"text/event-stream"}}, Body: body}, nil
	}}}
	s, err := over(t, n, 0).Ask(t.Context(), "asst_1", "?")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Wait(); err != nil {
		t.Fatal(err)
	}
	if !body.ended || !body.closed {
		t.Errorf("read to its end: %v, closed: %v", body.ended, body.closed)
	}
}

// A server that sends nothing more, and does not end either, is left.
func TestStreamsThatDoNotEnd(t *testing.T) {
	t.Parallel()
	left := make(chan struct{})
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		streams(w, chatText("a"), chatDone)
		<-r.Context().Done()
		close(left)
	})
	s, err := c.Ask(t.Context(), "asst_1", "?")
	if err != nil {
		t.Fatal(err)
	}
	if a, err := s.Wait(); err != nil || a.Text != "a" {
		t.Errorf("%+v, %v", a, err)
	}
	<-left
}

// atEnd knows whether its end was read.
type atEnd struct {
	io.Reader
	ended, closed bool
}

func (a *atEnd) Read(b []byte) (int, error) {
	n, err := a.Reader.Read(b)
	a.ended = a.ended || errors.Is(err, io.EOF)
	return n, err
}

func (a *atEnd) Close() error {
	a.closed = true
	return nil
}

func FuzzStreams(f *testing.F) {
	f.Add("", `{"choices":[{"delta":{"content":"a"}}]}`)
	f.Add("", `{"error":"x"}`)
	f.Add("error", `{"message":"x"}`)
	f.Add("thread.run.failed", `{"id":"r","status":"failed"}`)
	f.Add("thread.message.delta", `{"delta":{"content":[{"text":{"value":"a"}}]}}`)
	f.Add("done", `[DONE]`)
	f.Fuzz(func(t *testing.T, name, data string) {
		for _, decode := range []decoder{decodeChat, decodeRun} {
			var a Answer
			ev, last, err := decode(sseEvent{name: name, data: []byte(data)}, &a)
			if err != nil && last {
				t.Error("an error that ends the stream well")
			}
			if err == nil && !last && ev.Name != name && ev.Name != chatEvent {
				t.Errorf("%q became %q", name, ev.Name)
			}
		}
	})
}
