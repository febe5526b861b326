package main

import (
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"

	"github.com/dejahq/deja/client"
	"github.com/dejahq/deja/internal/llm/llmtest"
	"github.com/dejahq/deja/internal/mongotest"
	"github.com/dejahq/deja/internal/redistest"
)

// configure reads settings the way the command line does.
func configure(t *testing.T, args ...string) *config {
	t.Helper()
	var c struct {
		config `embed:""`
	}
	parser, err := kong.New(&c)
	if err != nil {
		t.Fatal(err)
	}
	args = append([]string{"--listen=127.0.0.1:0", "--data-dir=" + t.TempDir(), "--log-level=debug", "--drain=5s"}, args...)
	if _, err := parser.Parse(args); err != nil {
		t.Fatal(err)
	}
	return &c.config
}

// startNode serves a node until the test ends, and gives it with a client.
func startNode(t *testing.T, args ...string) (*server, *client.Client) {
	t.Helper()
	s, err := startServer(t.Context(), configure(t, args...), testLog{t})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.stop(); err != nil {
			t.Errorf("stop: %v", err)
		}
	})
	api, err := client.New(client.Options{BaseURL: s.url})
	if err != nil {
		t.Fatal(err)
	}
	return s, api
}

// testLog shows a node's log with a failed test.
type testLog struct{ t *testing.T }

func (l testLog) Write(b []byte) (int, error) {
	if l.t.Context().Err() == nil { // what is logged after the test has nowhere to go
		l.t.Log(strings.TrimSuffix(string(b), "\n"))
	}
	return len(b), nil
}

// topologies are the ways in which a node can be set up; each gives its flags.
var topologies = map[string]func(t *testing.T) []string{
	"sqlite alone": func(*testing.T) []string { return nil },
	"sqlite and redis": func(t *testing.T) []string {
		return []string{"--redis-url=" + redistest.Start(t).URL()}
	},
	"mongodb and redis": sharedParts,
}

// sharedParts gives what all nodes of a fleet share.
func sharedParts(t *testing.T) []string {
	return []string{"--redis-url=" + redistest.Start(t).URL(), "--mongodb-uri=" + mongotest.Start(t)}
}

// scriptedModel is a scripted model server and the flags that point at it.
func scriptedModel(t *testing.T) (*llmtest.Server, []string) {
	s := llmtest.NewServer(t)
	return s, []string{"--openai-base-url=" + s.URL, "--openai-api-key=sk-test-of-the-upstream"}
}

const stock = `item,kind,price,in_stock
hammer,tool,12.50,true
saw,tool,18.00,true
nails,supply,3.20,false
glue,supply,4.75,true
`

// shop makes an assistant with the stock list, which shares its answers.
func shop(t *testing.T, api *client.Client) string {
	t.Helper()
	a, err := api.CreateAssistant(t.Context(), client.AssistantParams{
		Model: new("test-model"), Name: new("Shop"), Instructions: new("Answer from the stock list."),
		Cache: &client.CachePolicy{Policy: "assistant"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := api.UploadSource(t.Context(), a.ID, "stock", "stock.csv", strings.NewReader(stock)); err != nil {
		t.Fatal(err)
	}
	return a.ID
}

// turn asks on a new thread and gives the answer and the thread.
func turn(t *testing.T, api *client.Client, assistantID, question string, opts ...client.CallOption) (*client.Answer, string) {
	t.Helper()
	thread, err := api.CreateThread(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := api.AddMessage(t.Context(), thread.ID, question); err != nil {
		t.Fatal(err)
	}
	return runOn(t, api, thread.ID, assistantID, opts...), thread.ID
}

func runOn(t *testing.T, api *client.Client, threadID, assistantID string, opts ...client.CallOption) *client.Answer {
	t.Helper()
	stream, err := api.Run(t.Context(), threadID, assistantID, opts...)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := stream.Wait()
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

func wantOutcome(t *testing.T, a *client.Answer, want client.Outcome) {
	t.Helper()
	if a.Outcome != want {
		t.Errorf("the outcome is %q, want %q (%v)", a.Outcome, want, a.Timing)
	}
}

// eventually waits for a condition that another goroutine brings about.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline, cancel := context.WithTimeout(t.Context(), 15*time.Second)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline.Done():
			t.Fatalf("%s: not within 15 s", what)
		}
	}
}

var _ io.Writer = testLog{}
