package answer_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dejahq/deja"
	"github.com/dejahq/deja/internal/answer"
	"github.com/dejahq/deja/internal/llm/llmtest"
	"github.com/dejahq/deja/internal/redistest"
)

// TestFleetSharesOneCall: identical questions on every node at once cost one
// model call, and everyone reads the same from the first token on, while the
// model is still talking.
func TestFleetSharesOneCall(t *testing.T) {
	t.Parallel()
	_, nodes := newFleet(t, 4)
	a := nodes[0].assistant(deja.ShareAssistant)
	rest := make(chan struct{})
	model := nodes[0].model
	model.On(llmtest.Any, llmtest.Text("first "), llmtest.Gate(rest), llmtest.Text("second ", "third"))

	const perNode = 25
	var all, heard sync.WaitGroup
	heard.Add(len(nodes) * perNode)
	var mu sync.Mutex
	outcomes := map[answer.Outcome]int{}
	for _, n := range nodes {
		for range perNode {
			all.Go(func() {
				r, err := n.Ask(t.Context(), question(a.ID, "All?"))
				if err != nil {
					heard.Done()
					t.Error(err)
					return
				}
				mu.Lock()
				outcomes[r.Outcome]++
				mu.Unlock()
				var text strings.Builder
				for d, err := range r.Deltas(t.Context(), nil) {
					if err != nil {
						t.Error(err)
						break
					}
					if text.Len() == 0 && d.Text != "" {
						heard.Done() // the first token, before the model has ended
					}
					text.WriteString(d.Text)
				}
				if text.String() != "first second third" {
					t.Errorf("heard %q", text.String())
				}
			})
		}
	}
	heard.Wait()
	close(rest)
	all.Wait()
	if model.Calls() != 1 || outcomes[answer.Miss] != 1 || outcomes[answer.Coalesced] != len(nodes)*perNode-1 {
		t.Errorf("%d calls, outcomes %v", model.Calls(), outcomes)
	}
	var made, avoided int64
	for _, n := range nodes {
		s := n.monitor.Snapshot().Savings
		made, avoided = made+s.ModelCalls, avoided+s.ModelCallsAvoided
	}
	if made != 1 || avoided != int64(len(nodes)*perNode-1) {
		t.Errorf("counted %d calls made, %d avoided", made, avoided)
	}
	if r, _ := nodes[3].ask(question(a.ID, "All?")); r.Outcome != answer.Hit {
		t.Errorf("afterwards: %s", r.Outcome)
	}
}

// die takes away what stands in Redis for the node that makes an answer, as
// time does when it died.
func die(t *testing.T, redis *redistest.Server, key string) {
	t.Helper()
	m, err := redis.Do("GET", "{"+key+"}:lease")
	if err != nil {
		t.Error(err)
		return
	}
	nonce, _ := m.ToString()
	if _, err := redis.Do("DEL", "{"+key+"}:lease", "{"+key+"}:maker:"+nonce); err != nil {
		t.Error(err)
	}
}

// TestFollowerTakesOver: when the node that makes an answer is lost, a
// follower goes on: its readers see no gap and no repeated token, as long as
// the model says the same again.
func TestFollowerTakesOver(t *testing.T) {
	t.Parallel()
	redis, nodes := newFleet(t, 3)
	a := nodes[0].assistant(deja.ShareAssistant)
	model := nodes[0].model
	lost := make(chan struct{})
	model.Next(llmtest.Any, llmtest.Text("one ", "two "), llmtest.Gate(lost), llmtest.Cut())
	model.Next(llmtest.Any, llmtest.Text("on", "e t", "wo ", "three"))

	leader, err := nodes[0].Ask(t.Context(), question(a.ID, "Who goes on?"))
	if err != nil || leader.Outcome != answer.Miss {
		t.Fatal(leader, err)
	}
	defer leader.Close()
	defer close(lost)
	var followers []*answer.Reply
	for _, n := range nodes[1:] {
		r, err := n.Ask(t.Context(), question(a.ID, "Who goes on?"))
		if err != nil || r.Outcome != answer.Coalesced {
			t.Fatal(r, err)
		}
		followers = append(followers, r)
	}
	var all sync.WaitGroup
	for i, r := range followers { // all follow before the first can take the lease away
		all.Go(func() {
			var pieces []string
			for d, err := range r.Deltas(t.Context(), nil) {
				if err != nil {
					t.Errorf("node %d: %v", i+1, err)
					return
				}
				if d.Text == "two " && i == 0 {
					// The leader's lease goes as it does when its node dies.
					die(t, redis, leader.Key)
				}
				if d.Text != "" {
					pieces = append(pieces, d.Text)
				}
			}
			if text := strings.Join(pieces, ""); text != "one two three" {
				t.Errorf("node %d: %q", i+1, pieces)
			}
		})
	}
	all.Wait()
	if model.Calls() != 2 {
		t.Errorf("%d calls, want one for each leader", model.Calls())
	}
}

// TestRestartIsSignalled: a new leader's different answer never mixes with the
// old one: a stream of deltas ends with an error, a run begins its message anew.
func TestRestartIsSignalled(t *testing.T) {
	t.Parallel()
	redis, nodes := newFleet(t, 2)
	a := nodes[0].assistant(deja.ShareAssistant)
	model := nodes[0].model
	lost := make(chan struct{})
	defer close(lost)
	model.Next(llmtest.Any, llmtest.Text("one ", "two "), llmtest.Gate(lost), llmtest.Cut())
	model.Next(llmtest.Any, llmtest.Text("something else"))
	leader, err := nodes[0].Ask(t.Context(), question(a.ID, "And now?"))
	if err != nil {
		t.Fatal(err)
	}
	defer leader.Close()

	b := nodes[1]
	th := b.thread("And now?")
	s, err := b.StartRun(t.Context(), answer.RunRequest{ThreadID: th.ID, AssistantID: a.ID})
	if err != nil || s.Outcome != answer.Coalesced {
		t.Fatal(s, err)
	}
	chat, err := b.Ask(t.Context(), question(a.ID, "And now?"))
	if err != nil {
		t.Fatal(err)
	}
	ended, heard := make(chan error, 1), make(chan struct{})
	go func() {
		first := sync.OnceFunc(func() { close(heard) })
		defer first()
		for _, err := range chat.Deltas(t.Context(), nil) {
			first()
			if err != nil {
				ended <- err
				return
			}
		}
		ended <- nil
	}()
	var events []answer.RunEvent
	for e, err := range s.Events(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, e)
		if e.Text == "two " {
			<-heard // who comes later is told the new answer only
			die(t, redis, leader.Key)
		}
	}
	want := []string{
		"thread.run.created", "thread.run.queued", "thread.run.in_progress",
		"thread.run.step.created", "thread.run.step.in_progress",
		"thread.message.created", "thread.message.in_progress", "thread.message.delta",
		"thread.message.incomplete", "thread.run.step.failed",
		"thread.run.step.created", "thread.run.step.in_progress",
		"thread.message.created", "thread.message.in_progress", "thread.message.delta", "thread.message.completed",
		"thread.run.step.completed", "thread.run.completed",
	}
	if diff := cmp.Diff(want, names(events)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"user: And now?", "assistant: something else"}, b.texts(th.ID)); diff != "" {
		t.Error(diff)
	}
	if err := <-ended; deja.ErrorCode(err) != deja.CodeUpstream {
		t.Errorf("the stream of deltas ended with %v", err)
	}
}

// TestFollowersKeepACallAlive: when all readers of the leader's node have
// left, the call goes on for those on other nodes, and ends when they leave.
func TestFollowersKeepACallAlive(t *testing.T) {
	t.Parallel()
	_, nodes := newFleet(t, 2)
	a := nodes[0].assistant(deja.ShareAssistant)
	model := nodes[0].model
	rest := make(chan struct{})
	model.Next(llmtest.Any, llmtest.Text("one "), llmtest.Gate(rest), llmtest.Text("two"))
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	if _, err := nodes[0].Ask(ctx, question(a.ID, "Still?")); err != nil {
		t.Fatal(err)
	}
	r, err := nodes[1].Ask(t.Context(), question(a.ID, "Still?"))
	if err != nil || r.Outcome != answer.Coalesced {
		t.Fatal(r, err)
	}
	for d, err := range r.Deltas(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		if d.Text == "one " {
			leave()
			late := time.AfterFunc(700*time.Millisecond, func() { close(rest) }) // past one look of the lingering leader
			defer late.Stop()
		}
	}
	if model.Calls() != 1 || model.Left() != 0 {
		t.Errorf("%d calls, %d of them left", model.Calls(), model.Left())
	}

	model.Next(llmtest.Any, llmtest.Text("one "), llmtest.Hang())
	ctx1, leave1 := context.WithCancel(t.Context())
	ctx2, leave2 := context.WithCancel(t.Context())
	if _, err := nodes[0].Ask(ctx1, question(a.ID, "Really?")); err != nil {
		t.Fatal(err)
	}
	if _, err := nodes[1].Ask(ctx2, question(a.ID, "Really?")); err != nil {
		t.Fatal(err)
	}
	leave1()
	leave2()
	if err := model.WaitOpen(t.Context(), 0); err != nil {
		t.Error("the call goes on for nobody")
	}
}

// TestLostRedisMidStream: readers on every node get their answer although
// Redis goes away in the middle.
func TestLostRedisMidStream(t *testing.T) {
	t.Parallel()
	redis, nodes := newFleet(t, 2)
	a := nodes[0].assistant(deja.ShareAssistant)
	model := nodes[0].model
	rest := make(chan struct{})
	model.Next(llmtest.Any, llmtest.Text("one "), llmtest.Gate(rest), llmtest.Text("two"))
	model.Next(llmtest.Any, llmtest.Text("one ", "two"))
	var all sync.WaitGroup
	var killed sync.Once
	for _, n := range nodes {
		r, err := n.Ask(t.Context(), question(a.ID, "Through?"))
		if err != nil {
			t.Fatal(err)
		}
		all.Go(func() {
			var text string
			for d, err := range r.Deltas(t.Context(), nil) {
				if err != nil {
					t.Error(err)
					return
				}
				text += d.Text
				if n == nodes[1] && text == "one " {
					killed.Do(func() { redis.Kill(); close(rest) })
				}
			}
			if text != "one two" {
				t.Errorf("read %q", text)
			}
		})
	}
	all.Wait()
	if model.Calls() > 2 {
		t.Errorf("%d calls", model.Calls())
	}
}

// TestFollowersShareAnError: those on other nodes are told why there is no
// answer, and when to try again, as the leader's readers are.
func TestFollowersShareAnError(t *testing.T) {
	t.Parallel()
	_, nodes := newFleet(t, 2)
	a := nodes[0].assistant(deja.ShareAssistant)
	model := nodes[0].model
	rest := make(chan struct{})
	model.On(llmtest.Any, llmtest.Gate(rest), llmtest.RateLimited(time.Hour))
	var replies []*answer.Reply
	for i, want := range []answer.Outcome{answer.Miss, answer.Coalesced} {
		r, err := nodes[i].Ask(t.Context(), question(a.ID, "When?"))
		if err != nil || r.Outcome != want {
			t.Fatal(r, err)
		}
		replies = append(replies, r)
	}
	close(rest)
	for i, r := range replies {
		_, err := r.Wait(t.Context())
		if e, ok := err.(*deja.Error); !ok || e.Code != deja.CodeRateLimited || e.RetryAfter != time.Hour {
			t.Errorf("node %d: %+v", i, err)
		}
	}
	if model.Calls() != 1 {
		t.Errorf("%d calls", model.Calls())
	}
}
