package answer_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dejahq/deja"
	"github.com/dejahq/deja/cache"
	"github.com/dejahq/deja/internal/answer"
	"github.com/dejahq/deja/internal/llm/llmtest"
	"github.com/dejahq/deja/internal/redistest"
)

// A crowd asks many questions, with many readers each, on the nodes of a fleet
// of which one is a process of its own.
const (
	crowdNodes = 4
	crowdWords = 30
	crowdHalf  = 10 // words, after which the models wait
)

// crowd is what the process of the lost node is told.
type crowd struct {
	Redis, Model, Assistant string
	Questions, Readers      int
}

// crowdEnv holds it, as JSON.
const crowdEnv = "DEJA_ANSWER_CROWD"

func crowdQuestion(assistantID string, q int) answer.Question {
	return question(assistantID, fmt.Sprintf("Question %d?", q))
}

func crowdAnswer(q int) (pieces []string) {
	for i := range crowdWords {
		pieces = append(pieces, fmt.Sprintf("q%d.%d ", q, i))
	}
	return pieces
}

// crowdCache are a node's options. On a starved machine a node may go without
// a processor for seconds, which must not be taken for its death: a live
// leader that loses its lease would rightly cost a call.
func crowdCache(url string) cache.Options {
	return cache.Options{
		Redis:       &cache.RedisOptions{URL: url, AnswerWithin: time.Minute},
		SoftTimeout: time.Minute, HardTimeout: time.Minute, LeaseTTL: 12 * time.Second,
	}
}

// TestReadersComeAndGo: 200 questions with 50 readers each on four nodes (with
// the race detector fewer). A tenth of the readers leave at some random word,
// and one node is killed (SIGKILL, a real process) while it makes at least a
// quarter of the answers. Nobody who stays loses or repeats a token, each
// answer whose maker was killed costs exactly one more call, nothing else does,
// and afterwards neither goroutines nor memory are left behind.
func TestReadersComeAndGo(t *testing.T) {
	if spec := os.Getenv(crowdEnv); spec != "" {
		beLost(t, spec)
		return
	}
	questions, readers := 200, 50
	if raceEnabled {
		questions, readers = 40, 16
	}
	goroutines, before := runtime.NumGoroutine(), heapInUse()
	began := time.Now()
	t.Run("crowd", func(t *testing.T) { comeAndGo(t, questions, readers) })
	t.Logf("took %v", time.Since(began).Round(time.Millisecond))

	// The runtime keeps what describes a goroutine for the next one, about half
	// a kilobyte, and some libraries what they made at their first use.
	heap := before + uint64(questions*readers)<<9 + 4<<20
	late := time.After(time.Minute)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for runtime.NumGoroutine() > goroutines || heapInUse() > heap {
		select {
		case <-tick.C:
		case <-late:
			stacks := make([]byte, 1<<16)
			t.Fatalf("%d goroutines before, %d afterwards; %d KB, more than %d\n%s", goroutines, runtime.NumGoroutine(),
				heapInUse()>>10, heap>>10, stacks[:runtime.Stack(stacks, true)])
		}
	}
	t.Logf("%d goroutines and %d KB before, %d and %d KB afterwards", goroutines, before>>10, runtime.NumGoroutine(), heapInUse()>>10)
}

func heapInUse() uint64 {
	runtime.GC()
	runtime.GC() // what sync.Pools held
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func comeAndGo(t *testing.T, questions, readers int) {
	redis, model, store := redistest.Start(t), llmtest.NewServer(t), newStore(t)
	half := make(chan struct{})
	model.OnFunc(llmtest.Any, func(r *llmtest.Request) []llmtest.Step {
		var q int
		if _, err := fmt.Sscanf(r.LastUser(), "Question %d?", &q); err != nil {
			t.Error(err)
		}
		pieces := crowdAnswer(q)
		return []llmtest.Step{llmtest.Text(pieces[:crowdHalf]...), llmtest.Gate(half), llmtest.Text(pieces[crowdHalf:]...)}
	})
	nodes := make([]*house, crowdNodes-1)
	for i := range nodes {
		nodes[i] = newNode(t, model, store, crowdCache(redis.URL()))
	}
	a := nodes[0].assistant(deja.ShareAssistant)
	if _, err := nodes[0].layers.Assistant(t.Context(), a.ID); err != nil { // into Redis, where the lost node reads it
		t.Fatal(err)
	}
	lost := startLost(t, crowd{redis.URL(), model.URL, a.ID, questions, readers})
	lost.await(t, "leads") // a quarter of the questions; for the rest, all race

	// Not all in one instant: ten thousand goroutines that become runnable at
	// once say nothing but how fast the machine is.
	arriving := make(chan struct{}, 256)
	begun := make(chan struct{}) // all readers of all nodes are there
	var all, asked sync.WaitGroup
	var left, whole atomic.Int64
	for i := range readers {
		for q := range questions {
			if i%crowdNodes == crowdNodes-1 {
				continue // on the lost node
			}
			leavesAt := 0
			if i > 0 && rand.IntN(10) == 0 { // the first stays, so that each question has a reader
				leavesAt = 1 + rand.IntN(crowdWords-1)
			}
			asked.Add(1)
			all.Go(func() {
				arriving <- struct{}{}
				r, err := nodes[i%crowdNodes].Ask(t.Context(), crowdQuestion(a.ID, q))
				<-arriving
				asked.Done()
				if err != nil {
					t.Error(err)
					return
				}
				want := crowdAnswer(q)
				var got strings.Builder
				for d, err := range r.Deltas(t.Context(), nil) {
					if err != nil {
						t.Errorf("question %d: %v after %q", q, err, got.String())
						return
					}
					got.WriteString(d.Text)
					if leavesAt > 0 && got.Len() >= len(strings.Join(want[:leavesAt], "")) {
						<-begun // who leaves before anybody else came would end the call, as it should
						left.Add(1)
						return
					}
				}
				if got.String() != strings.Join(want, "") {
					t.Errorf("question %d: read %q", q, got.String())
				}
				whole.Add(1)
			})
		}
	}
	asked.Wait()
	lost.await(t, "ready")
	close(begun)
	lost.kill(t)
	close(half)
	all.Wait()
	if calls := model.Calls(); calls != questions+lost.led || lost.led < questions/crowdNodes {
		t.Errorf("%d calls for %d questions, %d of which the lost node was answering", calls, questions, lost.led)
	}
	t.Logf("%d questions: %d readers read all, %d left, %d were lost with their node; %d calls, %d of them for a lost leader",
		questions, whole.Load(), left.Load(), questions*(readers/crowdNodes), model.Calls(), lost.led)
}

// lostNode is the process that is killed.
type lostNode struct {
	cmd   *exec.Cmd
	lines *bufio.Reader
	led   int // questions that it answers
}

// startLost starts this test once more, as the node that is lost.
func startLost(t *testing.T, c crowd) *lostNode {
	t.Helper()
	spec, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestReadersComeAndGo$")
	cmd.Env = append(os.Environ(), crowdEnv+"="+string(spec), "TMPDIR="+t.TempDir())
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return &lostNode{cmd: cmd, lines: bufio.NewReader(out)}
}

// await reads what the node says until it says word, and counts what it leads.
func (l *lostNode) await(t *testing.T, word string) {
	t.Helper()
	for {
		line, err := l.lines.ReadString('\n')
		if err != nil {
			t.Fatalf("the node that is to be lost: %v", err)
		}
		switch strings.TrimSpace(line) {
		case word:
			return
		case "miss":
			l.led++
		default:
			t.Fatalf("the node that is to be lost says %q", line)
		}
	}
}

func (l *lostNode) kill(t *testing.T) {
	t.Helper()
	if err := l.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, l.lines)
	_ = l.cmd.Wait()
}

// beLost is the node that is killed. Every fourth question is its own from the
// beginning; then it asks all of them, beside the other nodes.
func beLost(t *testing.T, spec string) {
	var c crowd
	if err := json.Unmarshal([]byte(spec), &c); err != nil {
		t.Fatal(err)
	}
	n := newNode(t, &llmtest.Server{URL: c.Model}, newStore(t), crowdCache(c.Redis))
	var out sync.Mutex
	say := func(word string) {
		out.Lock()
		defer out.Unlock()
		_, _ = fmt.Println(word)
	}
	var all sync.WaitGroup
	ask := func(q int, asked *sync.WaitGroup) {
		asked.Add(1)
		all.Go(func() {
			r, err := n.Ask(context.Background(), crowdQuestion(c.Assistant, q))
			if err != nil {
				say(err.Error())
				return
			}
			if r.Outcome == answer.Miss {
				say("miss")
			}
			asked.Done()
			for range r.Deltas(context.Background(), nil) {
			}
		})
	}
	var first, rest sync.WaitGroup
	for q := 0; q < c.Questions; q += crowdNodes {
		ask(q, &first)
	}
	first.Wait()
	say("leads")
	for range c.Readers / crowdNodes {
		for q := range c.Questions {
			ask(q, &rest)
		}
	}
	rest.Wait()
	say("ready")
	all.Wait() // the models wait until this process is gone
}
