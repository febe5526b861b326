package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/dejahq/deja/client"
)

// process is a node in a process of its own.
type process struct {
	*client.Client
	cmd *exec.Cmd
}

// startProcess runs the command as a user would. Its test binary is the
// command when it is called by its name; see TestMain.
func startProcess(t *testing.T, flags ...string) *process {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	name := filepath.Join(dir, "deja")
	if err := os.Symlink(self, name); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(name, append([]string{"serve", "--listen=127.0.0.1:0", "--data-dir=" + dir, "--log-level=warn"}, flags...)...)
	cmd.Dir, cmd.Stderr = dir, testLog{t}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &process{cmd: cmd}
	t.Cleanup(p.kill)
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if url, ok := strings.CutPrefix(lines.Text(), "deja listens on "); ok {
			if p.Client, err = client.New(client.Options{BaseURL: url}); err != nil {
				t.Fatal(err)
			}
			go func() {
				for lines.Scan() { // or it would block one day
				}
			}()
			return p
		}
	}
	t.Fatal("the node ended without a word")
	return nil
}

func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
}

// TestTotalsReconcile: three nodes under a concurrent, mixed load, of which one
// is killed with SIGKILL and started again. What the fleet says in the end is
// what the clients asked for, what the model's server was asked and what the
// stores counted: to the last one.
func TestTotalsReconcile(t *testing.T) {
	t.Parallel()
	model, flags := scriptedModel(t)
	flags = append(flags, sharedParts(t)...)
	flags = append(flags, "--rate-limit=0")
	a, apiA := startNode(t, flags...)
	b, apiB := startNode(t, flags...)
	c := startProcess(t, flags...)
	id := shop(t, apiA)

	var asked, chats, runs atomic.Int64
	load := func(round int, apis ...*client.Client) {
		var all sync.WaitGroup
		for n, api := range apis {
			for worker := range 3 {
				all.Go(func() {
					for i := range 12 {
						// Some are asked by everybody at once, some by one, and each again.
						question := fmt.Sprintf("Question %d of round %d?", i/2, round)
						if i%3 == 0 {
							question = fmt.Sprintf("Question %d of %d at %d in round %d?", i, worker, n, round)
						}
						asked.Add(1)
						if worker == 0 {
							chats.Add(1)
							stream, err := api.Ask(t.Context(), id, question)
							if err == nil {
								_, err = stream.Wait()
							}
							if err != nil {
								t.Errorf("%s: %v", question, err)
							}
							continue
						}
						runs.Add(1)
						thread, err := api.CreateThread(t.Context())
						if err == nil {
							_, err = api.AddMessage(t.Context(), thread.ID, question)
						}
						var stream *client.Stream
						if err == nil {
							stream, err = api.Run(t.Context(), thread.ID, id)
						}
						if err == nil {
							_, err = stream.Wait()
						}
						if err != nil {
							t.Errorf("%s: %v", question, err)
						}
					}
				})
			}
		}
		all.Wait()
	}
	load(1, apiA, apiB, c.Client)

	// The third node's last counts are published within a second of their
	// event; what it counts then is only that it is asked for them.
	var last *client.Metrics
	eventually(t, "the third node has told the fleet all that it counted", func() bool {
		own, err := c.Metrics(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		whole, err := apiA.ScopedMetrics(t.Context(), client.ScopeFleet)
		if err != nil || whole.Note != "" || len(whole.Nodes) != 3 {
			return false
		}
		last = own
		sum := own.Savings.StoreQueries + a.node.monitor.Queries().Reads.Load() + b.node.monitor.Queries().Reads.Load()
		return whole.Savings.StoreQueries == sum && whole.Savings.ModelCalls == int64(model.Calls()) && answered(whole) == asked.Load()
	})
	c.kill()
	load(2, apiA, apiB)
	c = startProcess(t, flags...)
	load(3, apiA, apiB, c.Client)

	eventually(t, "the totals reconcile", func() bool {
		again, err := c.Metrics(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		m, err := apiB.ScopedMetrics(t.Context(), client.ScopeFleet)
		if err != nil || m.Note != "" {
			return false
		}
		stores := last.Savings.StoreQueries + again.Savings.StoreQueries +
			a.node.monitor.Queries().Reads.Load() + b.node.monitor.Queries().Reads.Load()
		got := [...]int64{
			m.Savings.ModelCalls, m.Savings.ModelCalls + m.Savings.ModelCallsAvoided, answered(m), m.Savings.StoreQueries,
			int64(m.Performance["POST /v1/chat/completions"].TotalRequests), int64(m.Performance["POST /v1/threads/{thread_id}/runs"].TotalRequests),
		}
		want := [...]int64{int64(model.Calls()), asked.Load(), asked.Load(), stores, chats.Load(), runs.Load()}
		if got != want {
			t.Logf("calls, answers, asked, queries, chats, runs: %v, want %v", got, want)
		}
		return got == want
	})
	if calls := int64(model.Calls()); calls == 0 || calls >= asked.Load() {
		t.Errorf("%d calls for %d questions: the load is not mixed", calls, asked.Load())
	}
}

// answered gives the questions that the ledger has.
func answered(m *client.Metrics) (n int64) {
	for _, a := range m.Ledger.Assistants {
		n += a.Requests
	}
	return n
}
