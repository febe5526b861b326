package answer_test

import (
	"context"
	"encoding/json"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dejahq/deja"
	"github.com/dejahq/deja/cache"
	"github.com/dejahq/deja/internal/answer"
	"github.com/dejahq/deja/internal/llm/llmtest"
)

// saw gives what the model saw last, without the instructions.
func (h *house) saw() []string {
	var all []string
	for _, m := range h.model.LastRequest().Messages[1:] {
		s := m.Role + ":" + m.Text
		for _, c := range m.ToolCalls {
			s += " " + c.ID
		}
		all = append(all, s)
	}
	return all
}

// TestLastMessages: a run sees as many messages as its truncation strategy
// says, fewer or more than the cache keeps of a thread.
func TestLastMessages(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	a := h.assistant(deja.ShareThread)
	var texts []string
	for i := range 60 {
		texts = append(texts, fmt.Sprint(i))
	}
	for strategy, want := range map[string]int{
		`{"type":"auto"}`: 40,
		`{"type":"last_messages","last_messages":1}`:    1,
		`{"type":"last_messages","last_messages":5}`:    5,
		`{"type":"last_messages","last_messages":55}`:   55,
		`{"type":"last_messages","last_messages":9999}`: 60,
	} {
		th := h.thread(texts...)
		h.run(answer.RunRequest{ThreadID: th.ID, AssistantID: a.ID, Settings: deja.Run{TruncationStrategy: json.RawMessage(strategy)}})
		saw := h.saw()
		if len(saw) != want || saw[0] != fmt.Sprint("user:", 60-want) || saw[want-1] != "user:59" {
			t.Errorf("%s: %d messages: %v", strategy, len(saw), saw)
		}
	}
}

// TestResumedRunSeesWhatItDid: after its tools' outputs a run shows the model
// what it said and called, in order, whatever is truncated of the thread; and
// what nobody may keep is not kept.
func TestResumedRunSeesWhatItDid(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	a := h.assistant(deja.ShareThread)
	th := h.thread("Hello.", "Look twice.")
	h.model.Next(llmtest.Any, llmtest.Text("First."), llmtest.Call("call_1", "look", "{}"))
	h.model.Next(llmtest.Any, llmtest.Text("Second."), llmtest.Call("call_2", "look", "{}"))
	h.model.Next(llmtest.Any, llmtest.Text("Seen."))
	s, _ := h.run(answer.RunRequest{
		ThreadID: th.ID, AssistantID: a.ID, Control: answer.Control{NoStore: true},
		Settings: deja.Run{TruncationStrategy: json.RawMessage(`{"type":"last_messages","last_messages":1}`)},
	})
	for _, call := range []string{"call_1", "call_2"} {
		var err error
		if s, err = h.SubmitToolOutputs(t.Context(), th.ID, s.Run.ID, map[string]string{call: "out of " + call}); err != nil {
			t.Fatal(err)
		}
		h.follow(s)
		if s.Outcome != answer.Bypass {
			t.Errorf("after %s: a %s, though nothing may be stored", call, s.Outcome)
		}
	}
	want := []string{"user:Look twice.", "assistant:First. call_1", "tool:out of call_1", "assistant:Second. call_2", "tool:out of call_2"}
	if diff := cmp.Diff(want, h.saw()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"user: Hello.", "user: Look twice.", "assistant: First.", "assistant: Second.", "assistant: Seen."}, h.texts(th.ID)); diff != "" {
		t.Error(diff)
	}
}

// TestResumedRunIsTooLong: outputs that no prompt has room for end the run as
// incomplete, as a question that is too long does.
func TestResumedRunIsTooLong(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	a := h.assistant(deja.ShareThread)
	th := h.thread("Look.")
	h.model.Next(llmtest.Any, llmtest.Call("call_1", "look", "{}"))
	s, _ := h.run(answer.RunRequest{ThreadID: th.ID, AssistantID: a.ID, Settings: deja.Run{MaxPromptTokens: new(300)}})
	s, err := h.SubmitToolOutputs(t.Context(), th.ID, s.Run.ID, map[string]string{"call_1": fmt.Sprintf("%9999d", 1)})
	if err != nil {
		t.Fatal(err)
	}
	if events := h.follow(s); events[len(events)-1].Name != "thread.run.incomplete" {
		t.Errorf("%v", names(events))
	}
	if r := h.stored(th.ID, s.Run.ID); r.Status != deja.RunIncomplete || r.IncompleteReason != "max_prompt_tokens" {
		t.Errorf("stored: %+v", r)
	}
}

// TestRunExpires: a run whose time is over while it is being answered is
// expired, and its thread is free.
func TestRunExpires(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(o *answer.Options) { o.RunTimeout = 5 * time.Second })
	a := h.assistant(deja.ShareThread)
	th := h.thread("Slow?")
	h.model.On(llmtest.Any, llmtest.Hang())
	s, events := h.run(answer.RunRequest{ThreadID: th.ID, AssistantID: a.ID})
	if last := events[len(events)-1]; last.Name != "thread.run.expired" {
		t.Errorf("%v", names(events))
	}
	r := h.stored(th.ID, s.Run.ID)
	if r.Status != deja.RunExpired || r.LastError == nil {
		t.Errorf("stored: %+v", r)
	}
	if got, err := h.store.Thread(t.Context(), th.ID); err != nil || got.Busy(r.CreatedAt) != nil {
		t.Errorf("the thread is busy: %+v, %v", got, err)
	}
	if err := h.model.WaitOpen(t.Context(), 0); err != nil {
		t.Error("the call goes on")
	}
}

// doubtful is a store of which nobody knows, now and then, whether it has what
// it was given: it has.
type doubtful struct {
	deja.Store
	fail atomic.Int32
}

func (s *doubtful) AppendMessages(ctx context.Context, threadID string, ms ...*deja.Message) (int64, error) {
	seq, err := s.Store.AppendMessages(ctx, threadID, ms...)
	if err == nil && s.fail.Add(-1) >= 0 {
		return 0, deja.Errorf(deja.CodeUnavailable, "The connection to the store broke.")
	}
	return seq, err
}

// TestAppendedOnce: an answer whose append seems to fail is appended once, and
// its run completes.
func TestAppendedOnce(t *testing.T) {
	t.Parallel()
	store := &doubtful{Store: newStore(t)}
	h := newNode(t, llmtest.NewServer(t), store, cache.Options{})
	a := h.assistant(deja.ShareAssistant)
	h.model.On(llmtest.Any, llmtest.Text("It is."))
	for _, want := range []answer.Outcome{answer.Miss, answer.Hit} {
		th := h.thread("Is it?")
		store.fail.Store(2)
		s, events := h.run(answer.RunRequest{ThreadID: th.ID, AssistantID: a.ID})
		if last := events[len(events)-1].Name; last != "thread.run.completed" || s.Outcome != want {
			t.Errorf("a %s ends with %s", s.Outcome, last)
		}
		if diff := cmp.Diff([]string{"user: Is it?", "assistant: It is."}, h.texts(th.ID)); diff != "" {
			t.Error(diff)
		}
		store.fail.Store(0)
	}
}

// overtaken is a store on which another node, which was sent the same request,
// is faster: when a thread's first message is appended, its answer follows.
type overtaken struct{ deja.Store }

func (s overtaken) AppendMessages(ctx context.Context, threadID string, ms ...*deja.Message) (int64, error) {
	theirs := *userMessage(threadID, "Faster.")
	theirs.Role = deja.RoleAssistant
	first := *ms[0]
	if _, err := s.Store.AppendMessages(ctx, threadID, &first, &theirs); err != nil {
		return 0, err
	}
	return s.Store.AppendMessages(ctx, threadID, ms...)
}

// TestNewThreadIsNotOursAlone: who creates a thread does not take its own
// messages for all there are when another node was faster.
func TestNewThreadIsNotOursAlone(t *testing.T) {
	t.Parallel()
	h := newNode(t, llmtest.NewServer(t), overtaken{newStore(t)}, cache.Options{})
	th := h.thread("Who is there?")
	tc, err := h.layers.Context(t.Context(), th.ID, th.Seq)
	if err != nil || tc.Seq != 2 || len(tc.Messages) != 2 {
		t.Errorf("the context is %+v, %v", tc, err)
	}
}
