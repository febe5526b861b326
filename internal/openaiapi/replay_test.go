package openaiapi_test

import (
	"fmt"
	"io"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dejahq/deja/internal/llm/llmtest"
)

// differing is what two tellings of one answer cannot share: ids and times,
// the assistant that was asked, and where the answer came from.
var differing = regexp.MustCompile(`"(id|thread_id|run_id|assistant_id|message_id|step_id|model)":"[^"]*"|"(created|[a-z]+_at)":[0-9]+|,?"deja":\{[^}]*\}`)

// raw reads a whole response, masks what must differ, and checks where the
// answer came from.
func (s *server) raw(path string, body any, outcome string) string {
	s.t.Helper()
	resp := s.send(s.t.Context(), "POST", path, body)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	check(s.t, err)
	if got := resp.Header.Get("X-Deja-Cache"); got != outcome || resp.StatusCode != 200 {
		s.t.Errorf("%d, a %s, want a %s: %s", resp.StatusCode, got, outcome, b)
	}
	return differing.ReplaceAllString(string(b), "")
}

// TestHitsAreLikeLiveAnswers: byte for byte, ids and times apart, a hit is what
// the live answer was, streamed or whole, however it was asked for first; and a
// run of a cached answer has the events of the live one.
func TestHitsAreLikeLiveAnswers(t *testing.T) {
	t.Parallel()
	usage := llmtest.Usage(llmtest.TokenUsage{Prompt: 30, Completion: 20, Cached: 10, Reasoning: 5})
	for name, steps := range map[string][]llmtest.Step{
		"text":       {llmtest.Text("It ", "is ", "so."), usage},
		"reasoning":  {llmtest.Reasoning("Hm. ", "Well."), llmtest.Text("It "), llmtest.Reasoning("Or?"), llmtest.Text("is."), usage},
		"calls":      {llmtest.Reasoning("A door."), llmtest.Text("I ", "open."), llmtest.Call("call_1", "open_door", `{"door":`, `1}`), llmtest.Call("call_2", "look", `{}`), usage},
		"calls only": {llmtest.Call("call_1", "look", `{"at":`, `"<&>"}`), usage},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			s.model.On(llmtest.Any, steps...)
			policy := obj{"cache": obj{"policy": "assistant", "safe_tools": []string{"open_door", "look"}}, "tools": []obj{function("open_door"), function("look")}}
			first, second := s.assistant(policy), s.assistant(policy)
			streamed := obj{"stream": true, "stream_options": obj{"include_usage": true}}
			plain := obj{"stream": true}

			// The one is asked in a stream first, the other for the whole.
			live := s.raw(chat, question(first, streamed), "miss")
			wholeLive := s.raw(chat, question(second), "miss")
			for _, c := range []struct {
				what, want, got string
			}{
				{"a stream after a stream", live, s.raw(chat, question(first, streamed), "hit")},
				{"a stream after the whole", live, s.raw(chat, question(second, streamed), "hit")},
				{"the whole after a stream", wholeLive, s.raw(chat, question(first), "hit")},
				{"the whole after the whole", wholeLive, s.raw(chat, question(second), "hit")},
				{"a stream without usage", s.raw(chat, question(first, plain), "hit"), s.raw(chat, question(second, plain), "hit")},
			} {
				if diff := cmp.Diff(c.want, c.got); diff != "" {
					t.Errorf("%s: %s", c.what, diff)
				}
			}
			run := func(outcome string) string {
				return s.raw("/v1/threads/"+s.thread("As a run?")+"/runs", obj{"assistant_id": first, "stream": true}, outcome)
			}
			if diff := cmp.Diff(run("miss"), run("hit")); diff != "" {
				t.Errorf("a run: %s", diff)
			}
			if s.model.Calls() != 3 {
				t.Errorf("%d calls", s.model.Calls())
			}
		})
	}
}

func function(name string) obj {
	return obj{"type": "function", "function": obj{"name": name, "description": fmt.Sprint("To ", name, "."), "parameters": obj{"type": "object"}}}
}
