package openaiapi_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dejahq/deja/internal/llm/llmtest"
)

// bill is what a response says in its headers and in its deja object.
type bill struct {
	Cost, Saved string // of the headers; empty when there is none
	Deja        any
}

func billOf(r *reply, deja any) bill {
	return bill{r.header.Get("X-Deja-Cost"), r.header.Get("X-Deja-Saved"), deja}
}

func dejaObject(cache string, cost, saved any, key string) obj {
	return obj{"cache": cache, "cost": cost, "saved": saved, "currency": "USD", "key": key}
}

// A chat completion says what it cost: what the tokens cost when the model was
// asked, nothing when it was not. The token counts are the same.
func TestChatBill(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.model.On(llmtest.Any, llmtest.Text("42."), llmtest.Usage(llmtest.TokenUsage{Prompt: 1000, Completion: 10, Cached: 400}))
	asst := s.assistant(obj{"model": "priced-1"})
	miss := s.post(chat, question(asst)).ok("CreateChatCompletionResponse")
	hit := s.post(chat, question(asst)).ok("CreateChatCompletionResponse")
	key := miss.header.Get("X-Deja-Cache-Key")
	// 600 at 1, 400 at 0.5 and 10 at 2 a thousand.
	if diff := cmp.Diff(bill{"0.82", "0", dejaObject("miss", 0.82, 0., key)}, billOf(miss, miss.at("deja"))); diff != "" {
		t.Errorf("a miss: %s", diff)
	}
	if diff := cmp.Diff(bill{"0", "0.82", dejaObject("hit", 0., 0.82, key)}, billOf(hit, hit.at("deja"))); diff != "" {
		t.Errorf("a hit: %s", diff)
	}
	if diff := cmp.Diff(miss.at("usage"), hit.at("usage")); diff != "" {
		t.Error(diff)
	}

	// In a stream the last chunk has it; the headers have what was known then.
	for _, usage := range []bool{false, true} {
		o := obj{"messages": []obj{{"role": "user", "content": map[bool]string{false: "A?", true: "B?"}[usage]}}, "stream_options": obj{"include_usage": usage}}
		for i, want := range []struct {
			cost, saved string
			deja        obj
		}{{"", "", dejaObject("miss", 0.82, 0., "")}, {"0", "0.82", dejaObject("hit", 0., 0.82, "")}} {
			chunks, st := s.chunks(question(asst, o))
			want.deja["key"] = st.resp.Header.Get("X-Deja-Cache-Key")
			last := chunks[len(chunks)-1]
			if diff := cmp.Diff(want.deja, last.at(t, "deja")); diff != "" {
				t.Errorf("usage %v, time %d: %s", usage, i, diff)
			}
			if h := st.resp.Header; h.Get("X-Deja-Cost") != want.cost || h.Get("X-Deja-Saved") != want.saved {
				t.Errorf("usage %v, time %d: %v", usage, i, h)
			}
			for _, c := range chunks[:len(chunks)-1] {
				if strings.Contains(c.data, `"deja"`) {
					t.Errorf("before the end: %s", c.data)
				}
			}
		}
	}
}

// What is not known is not said: not 0, and no guess.
func TestBillWithoutPrice(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	asst := s.assistant()
	miss := s.post(chat, question(asst)).ok("")
	hit := s.post(chat, question(asst)).ok("")
	key := miss.header.Get("X-Deja-Cache-Key")
	if diff := cmp.Diff(bill{"", "0", dejaObject("miss", nil, 0., key)}, billOf(miss, miss.at("deja"))); diff != "" {
		t.Errorf("a miss: %s", diff)
	}
	if diff := cmp.Diff(bill{"0", "", dejaObject("hit", 0., nil, key)}, billOf(hit, hit.at("deja"))); diff != "" {
		t.Errorf("a hit: %s", diff)
	}
}

// An answer that is not cached costs as well; it has no key.
func TestBillOfABypass(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.model.On(llmtest.Any, llmtest.Text("42."), llmtest.Usage(llmtest.TokenUsage{Prompt: 1000}))
	asst := s.assistant(obj{"model": "priced-1", "cache": obj{"policy": "off"}})
	got := s.post(chat, question(asst)).ok("")
	want := dejaObject("bypass", 1., 0., "")
	delete(want, "key")
	if diff := cmp.Diff(bill{"1", "0", want}, billOf(got, got.at("deja"))); diff != "" {
		t.Error(diff)
	}
}

// A run that has ended says it too, in its last event and whenever it is read.
func TestRunBill(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.model.On(llmtest.Any, llmtest.Text("42."), llmtest.Usage(llmtest.TokenUsage{Prompt: 1000, Completion: 500}))
	asst := s.assistant(obj{"model": "priced-1", "cache": obj{"policy": "assistant"}})
	for i, want := range []struct {
		cost, saved string
		deja        obj
	}{{"", "", dejaObject("miss", 2., 0., "")}, {"0", "2", dejaObject("hit", 0., 2., "")}} {
		thread := s.thread("What is it?")
		events, header := s.stream("/v1/threads/"+thread+"/runs", obj{"assistant_id": asst, "stream": true})
		want.deja["key"] = header.Get("X-Deja-Cache-Key")
		if header.Get("X-Deja-Cost") != want.cost || header.Get("X-Deja-Saved") != want.saved {
			t.Errorf("run %d: %v", i, header)
		}
		if strings.Contains(last(t, events, "thread.run.in_progress").data, `"deja"`) {
			t.Errorf("run %d has a bill before it has ended", i)
		}
		done := last(t, events, "thread.run.completed")
		if diff := cmp.Diff(want.deja, done.at(t, "deja")); diff != "" {
			t.Errorf("run %d: %s", i, diff)
		}
		stored := s.get("/v1/threads/" + thread + "/runs/" + done.at(t, "id").(string)).ok("RunObject")
		if diff := cmp.Diff(any(want.deja), stored.at("deja")); diff != "" {
			t.Errorf("run %d as stored: %s", i, diff)
		}
		if stored.at("usage.total_tokens") != 1500. {
			t.Errorf("%s", stored.body)
		}
	}
}

// A run that went on after its caller executed a tool has cost both answers.
func TestBillOfTwoAnswers(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	usage := llmtest.Usage(llmtest.TokenUsage{Prompt: 1000})
	s.model.Next(llmtest.Any, llmtest.Call("call_a", "weather", `{}`), usage)
	s.model.Next(llmtest.Any, llmtest.Text("Cold."), usage)
	asst := s.assistant(obj{"model": "priced-1", "tools": []obj{{"type": "function", "function": obj{"name": "weather"}}}})
	thread := s.thread("Weather?")
	events, _ := s.stream("/v1/threads/"+thread+"/runs", obj{"assistant_id": asst, "stream": true})
	waiting := last(t, events, "thread.run.requires_action")
	if got := waiting.at(t, "deja.cost"); got != 1. {
		t.Errorf("the first answer cost %v", got)
	}
	events, _ = s.stream("/v1/threads/"+thread+"/runs/"+waiting.at(t, "id").(string)+"/submit_tool_outputs",
		obj{"stream": true, "tool_outputs": []obj{{"tool_call_id": "call_a", "output": "-3"}}})
	if got := last(t, events, "thread.run.completed").at(t, "deja.cost"); got != 2. {
		t.Errorf("both answers cost %v", got)
	}
}
