package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alecthomas/kong"

	"github.com/dejahq/deja/client"
	"github.com/dejahq/deja/internal/llm/llmtest"
	"github.com/dejahq/deja/internal/redistest"
)

// latencyOut names a file that BenchmarkAnswerLatency writes its report to.
const latencyOut = "DEJA_LATENCY_OUT"

// BenchmarkAnswerLatency measures what a caller waits for, over HTTP, on a
// node with Redis: the first token of cached answers while 1,000 streams are
// open, and what deja adds to a miss over asking the model's server directly.
// Callers, node and model server are one process. Run it with -benchtime 1x,
// or as `make latency`.
func BenchmarkAnswerLatency(b *testing.B) {
	for b.Loop() {
		var report strings.Builder
		fmt.Fprintf(&report, "# How long callers wait\n\nWritten by `make latency`. %s, %s/%s, %d processors; callers, node, Redis and model server share them.\n"+
			"Load average when it began: %s. Absolute figures are this machine's.\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), loadAverage())
		hitLatency(b, &report)
		missLatency(b, &report)
		path := os.Getenv(latencyOut)
		if path == "" {
			path = filepath.Join(b.TempDir(), "latency.md")
			b.Logf("not kept: set %s to a file's name", latencyOut)
		}
		if err := os.WriteFile(path, []byte(report.String()), 0o644); err != nil {
			b.Fatal(err)
		}
	}
}

func loadAverage() string {
	l, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	first, _, _ := strings.Cut(string(l), " ")
	return first
}

// latencyNode is a node under measurement, its upstream, and an assistant that
// shares its answers.
type latencyNode struct {
	b           *testing.B
	url, direct string
	assistant   string
	http        *http.Client
}

func newLatencyNode(b *testing.B, flags []string, steps ...llmtest.Step) *latencyNode {
	b.Helper()
	model := llmtest.NewServer(b)
	model.OnFunc(llmtest.Any, func(*llmtest.Request) []llmtest.Step { return steps })
	var c struct {
		config `embed:""`
	}
	parser, err := kong.New(&c)
	if err != nil {
		b.Fatal(err)
	}
	args := append([]string{
		"--listen=127.0.0.1:0", "--data-dir=" + b.TempDir(), "--log-level=error", "--drain=5s", "--rate-limit=0",
		"--redis-url=" + redistest.Start(b).URL(), "--openai-base-url=" + model.URL, "--openai-api-key=sk-test",
	}, flags...)
	if _, err := parser.Parse(args); err != nil {
		b.Fatal(err)
	}
	s, err := startServer(b.Context(), &c.config, io.Discard)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.stop() })
	api, err := client.New(client.Options{BaseURL: s.url})
	if err != nil {
		b.Fatal(err)
	}
	a, err := api.CreateAssistant(b.Context(), client.AssistantParams{
		Model: new("test-model"), Name: new("Clerk"), Instructions: new("Be brief."),
		Cache: &client.CachePolicy{Policy: "assistant"},
	})
	if err != nil {
		b.Fatal(err)
	}
	transport := &http.Transport{MaxIdleConns: 4096, MaxIdleConnsPerHost: 2048, DisableCompression: true}
	b.Cleanup(transport.CloseIdleConnections)
	return &latencyNode{
		b: b, url: s.url + "/v1/chat/completions", direct: model.URL + "/chat/completions", assistant: a.ID,
		http: &http.Client{Transport: transport},
	}
}

// wait is what one caller saw.
type wait struct {
	first, whole time.Duration
	hit          bool
}

// stream asks and reads the answer to its end.
func (n *latencyNode) stream(ctx context.Context, url, model, question string) (w wait, err error) {
	body, err := json.Marshal(map[string]any{
		"model": model, "stream": true,
		"messages": []map[string]string{{"role": "user", "content": question}},
	})
	if err != nil {
		return w, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return w, err
	}
	req.Header.Set("Content-Type", "application/json")
	began := time.Now()
	resp, err := n.http.Do(req)
	if err != nil {
		return w, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return w, fmt.Errorf("status %d", resp.StatusCode)
	}
	w.hit = resp.Header.Get("X-Deja-Cache") == "hit"
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		if w.first == 0 && bytes.Contains(lines.Bytes(), []byte(`"content":"w`)) {
			w.first = time.Since(began)
		}
	}
	w.whole = time.Since(began)
	if w.first == 0 && lines.Err() == nil {
		return w, fmt.Errorf("a stream without a token")
	}
	return w, lines.Err()
}

func words(n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("word%d ", i)
	}
	return all
}

const (
	openStreams  = 1000
	cachedTopics = 50
)

// hitLatency measures the first token of cached answers of 40 pieces: with
// 1,000 streams open that pause between pieces as readers see models talk, and
// with 1,000 callers who ask again as soon as they have the whole answer.
func hitLatency(b *testing.B, report io.Writer) {
	fmt.Fprintf(report, "\n## The first token of a cached answer, with %d streams open at any time\n\n"+
		"From before the request to the first token, over HTTP, of answers of 40 pieces.\n\n"+
		"| | answers | of them hits | a second | p50 | p95 | p99 | longest |\n|---|---:|---:|---:|---:|---:|---:|---:|\n", openStreams)
	for _, c := range []struct {
		name  string
		flags []string
		each  int // answers for each caller
	}{
		{"paced: 20 pieces a second (`DEJA_REPLAY_RATE`)", []string{"--replay-rate=20"}, 4},
		{"at once, and asked again at once: all processors busy", nil, 20},
	} {
		n := newLatencyNode(b, c.flags, llmtest.Text(words(40)...))
		ask := func(i int) (wait, error) {
			return n.stream(b.Context(), n.url, n.assistant, fmt.Sprintf("Topic %d?", i%cachedTopics))
		}
		for i := range cachedTopics {
			if _, err := ask(i); err != nil {
				b.Fatal(err)
			}
		}
		firsts := make([][]time.Duration, openStreams)
		var all sync.WaitGroup
		var asked atomic.Int64
		began := time.Now()
		for i := range firsts {
			all.Go(func() {
				if c.flags != nil { // callers come one after the other over the time of one answer
					<-time.After(time.Duration(i) * 2 * time.Second / openStreams)
				}
				for range c.each {
					w, err := ask(int(asked.Add(1)))
					if err != nil {
						b.Error(err)
						return
					}
					if w.hit {
						firsts[i] = append(firsts[i], w.first)
					}
				}
			})
		}
		all.Wait()
		took := time.Since(began)
		d := slices.Sorted(slices.Values(slices.Concat(firsts...)))
		if len(d) == 0 {
			b.FailNow()
		}
		fmt.Fprintf(report, "| %s | %d | %d | %.0f | %s | %s | %s | %s |\n", c.name, asked.Load(), len(d), float64(asked.Load())/took.Seconds(),
			short(at(d, 0.5)), short(at(d, 0.95)), short(at(d, 0.99)), short(d[len(d)-1]))
	}
}

// missLatency asks the same upstream directly and through deja in turn, each
// time something new.
func missLatency(b *testing.B, report io.Writer) {
	fmt.Fprintf(report, "\n## What a miss costs over asking the model's server directly\n\n"+
		"The same server, asked directly and through deja in turn, each time something new: the differences hold the lookup in memory and Redis, the lease, the second hop, publishing to other nodes, and storing the answer.\n\n"+
		"| upstream | callers | | directly p50 | p99 | through deja p50 | p99 | added p50 | p99 | ratio p50 | p99 |\n|---|---:|---|---:|---:|---:|---:|---:|---:|---:|---:|\n")
	for _, c := range []struct {
		name           string
		steps          []llmtest.Step
		callers, pairs int
	}{
		{"answers at once", []llmtest.Step{llmtest.Text(words(40)...)}, 1, 1000},
		{"answers at once", []llmtest.Step{llmtest.Text(words(40)...)}, 8, 2000},
		{"first token after 300 ms", []llmtest.Step{llmtest.Wait(300 * time.Millisecond), llmtest.Text(words(40)...)}, 32, 640},
	} {
		n := newLatencyNode(b, nil, c.steps...)
		var mu sync.Mutex
		var waits [2][]wait // directly, through deja
		var asked atomic.Int64
		var all sync.WaitGroup
		for range c.callers {
			all.Go(func() {
				for {
					i := int(asked.Add(1))
					if i > c.pairs+2*c.callers {
						return
					}
					question := fmt.Sprintf("Number %d?", i)
					through := func(deja int) (wait, error) {
						if deja == 1 {
							return n.stream(b.Context(), n.url, n.assistant, question)
						}
						return n.stream(b.Context(), n.direct, "test-model", question)
					}
					for _, way := range []int{i % 2, 1 - i%2} {
						w, err := through(way)
						if err != nil {
							b.Error(err)
							return
						}
						if i > 2*c.callers { // the first open connections
							mu.Lock()
							waits[way] = append(waits[way], w)
							mu.Unlock()
						}
					}
				}
			})
		}
		all.Wait()
		if b.Failed() {
			b.FailNow()
		}
		for _, part := range []struct {
			name string
			of   func(wait) time.Duration
		}{
			{"first token", func(w wait) time.Duration { return w.first }},
			{"whole answer", func(w wait) time.Duration { return w.whole }},
		} {
			var sorted [2][]time.Duration
			for way := range waits {
				for _, w := range waits[way] {
					sorted[way] = append(sorted[way], part.of(w))
				}
				slices.Sort(sorted[way])
			}
			d50, d99, t50, t99 := at(sorted[0], 0.5), at(sorted[0], 0.99), at(sorted[1], 0.5), at(sorted[1], 0.99)
			fmt.Fprintf(report, "| %s | %d | %s | %s | %s | %s | %s | %s | %s | %.2f | %.2f |\n", c.name, c.callers, part.name,
				short(d50), short(d99), short(t50), short(t99), short(t50-d50), short(t99-d99), float64(t50)/float64(d50), float64(t99)/float64(d99))
		}
	}
}

// at gives a quantile of sorted durations.
func at(sorted []time.Duration, q float64) time.Duration {
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}

func short(d time.Duration) string {
	return fmt.Sprintf("%.2f ms", float64(d)/float64(time.Millisecond))
}
