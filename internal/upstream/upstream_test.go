package upstream_test

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dejahq/deja"
	"github.com/dejahq/deja/internal/llm"
	"github.com/dejahq/deja/internal/llm/llmtest"
	"github.com/dejahq/deja/internal/upstream"
)

// pair is two scripted model servers, reached in memory, behind a Set.
type pair struct {
	*upstream.Set
	first, backup *llmtest.Server

	mu      sync.Mutex
	changes []string
}

func newPair(t *testing.T) *pair {
	t.Helper()
	p := &pair{first: llmtest.NewPipeServer(t), backup: llmtest.NewPipeServer(t)}
	client := func(s *llmtest.Server) *llm.Client {
		c, err := llm.New(llm.Options{
			BaseURL: s.URL, HTTPClient: s.HTTPClient(), MaxRetries: 1, FirstTokenTimeout: 5 * time.Second, IdleTimeout: 5 * time.Second,
		})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	var err error
	p.Set, err = upstream.New(upstream.Options{
		Default: client(p.first), Others: []upstream.Server{{Name: "backup", Model: client(p.backup)}}, Failures: 3,
		OnChange: func(server, from, to string) {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.changes = append(p.changes, server+" "+to)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func request(fallbacks ...deja.Fallback) *deja.ModelRequest {
	return &deja.ModelRequest{
		Model: "big", Messages: []deja.ChatMessage{{Role: deja.RoleUser, Content: deja.Text("Well?")}}, Fallbacks: fallbacks,
	}
}

func collect(stream iter.Seq2[deja.Delta, error]) (text, fallback string, err error) {
	var all strings.Builder
	for d, e := range stream {
		if e != nil {
			return all.String(), fallback, e
		}
		all.WriteString(d.Text)
		if d.Fallback != "" {
			fallback = d.Fallback
		}
	}
	return all.String(), fallback, nil
}

var backup = deja.Fallback{Upstream: "backup", Model: "small"}

// TestFallback: whatever a server fails with before its first token, the next
// one is asked, and says who it is; what is wrong with the request is not
// asked twice, and after the first token nobody else speaks.
func TestFallback(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		steps    []llmtest.Step
		text     string
		fallback string
		code     deja.Code
	}{
		"fine":             {[]llmtest.Step{llmtest.Text("first")}, "first", "", ""},
		"429":              {[]llmtest.Step{llmtest.RateLimited(time.Second)}, "backup", "backup/small", ""},
		"429 for an hour":  {[]llmtest.Step{llmtest.RateLimited(time.Hour)}, "backup", "backup/small", ""},
		"500":              {[]llmtest.Step{llmtest.Status(500, "boom")}, "backup", "backup/small", ""},
		"401":              {[]llmtest.Step{llmtest.Status(401, "who?")}, "backup", "backup/small", ""},
		"cut at once":      {[]llmtest.Step{llmtest.Cut()}, "backup", "backup/small", ""},
		"hangs":            {[]llmtest.Step{llmtest.Hang()}, "backup", "backup/small", ""},
		"a web page":       {[]llmtest.Step{llmtest.Reply(200, "text/html", "<p>hi")}, "backup", "backup/small", ""},
		"nonsense":         {[]llmtest.Step{llmtest.Raw("data: {\n\n")}, "backup", "backup/small", ""},
		"400":              {[]llmtest.Step{llmtest.Status(400, "bad temperature")}, "", "", deja.CodeInvalid},
		"413":              {[]llmtest.Step{llmtest.Status(413, "long")}, "", "", deja.CodeTooLarge},
		"cut after a word": {[]llmtest.Step{llmtest.Text("fir"), llmtest.Cut()}, "fir", "", deja.CodeUpstream},
		"hangs after one":  {[]llmtest.Step{llmtest.Text("fir"), llmtest.Hang()}, "fir", "", deja.CodeUpstream},
		"thinks, then cut": {[]llmtest.Step{llmtest.Reasoning("hm"), llmtest.Cut()}, "", "", deja.CodeUpstream},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := newPair(t)
				p.first.On(llmtest.Any, test.steps...)
				p.backup.On(llmtest.Any, llmtest.Text("backup"))
				text, fallback, err := collect(p.Stream(t.Context(), request(backup)))
				if text != test.text || fallback != test.fallback || deja.ErrorCode(err) != test.code {
					t.Errorf("%q by %q, %v; want %q by %q, %s", text, fallback, err, test.text, test.fallback, test.code)
				}
				if test.fallback == "" {
					if p.backup.Calls() != 0 {
						t.Error("the backup was asked")
					}
				} else if r := p.backup.LastRequest(); r.Model != "small" {
					t.Errorf("the backup was asked for %q", r.Model)
				}
			})
		})
	}
}

// TestFallbackChain: fallbacks are asked in order, unknown servers are passed
// over, and when all fail the error is the first server's.
func TestFallbackChain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		p.first.On(llmtest.Any, llmtest.RateLimited(time.Hour))
		p.first.OnFunc(func(r *llmtest.Request) bool { return r.Model == "tiny" }, func(*llmtest.Request) []llmtest.Step {
			return []llmtest.Step{llmtest.Text("tiny")}
		})
		p.backup.On(llmtest.Any, llmtest.Status(404, "no such model"))
		chain := []deja.Fallback{{Upstream: "gone"}, backup, {Model: "tiny"}}
		text, fallback, err := collect(p.Stream(t.Context(), request(chain...)))
		if text != "tiny" || fallback != "default/tiny" || err != nil {
			t.Errorf("%q by %q, %v", text, fallback, err)
		}
		_, _, err = collect(p.Stream(t.Context(), request(chain[:2]...)))
		if e, ok := err.(*deja.Error); !ok || e.Code != deja.CodeRateLimited || e.RetryAfter != time.Hour {
			t.Errorf("all failed: %v", err)
		}
	})
}

// TestBreaker: a server that fails is left alone, then asked by one call only,
// and trusted again when that one gets its first token.
func TestBreaker(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		ask := func() error {
			_, _, err := collect(p.Stream(t.Context(), request()))
			return err
		}
		state := func() string { return p.Breakers()[upstream.Default] }
		p.first.On(llmtest.Any, llmtest.Status(400, "your fault"))
		for range 20 {
			_ = ask()
		}
		if state() != "closed" {
			t.Fatalf("requests that were wrong made it %s", state())
		}
		p.first.On(llmtest.Any, llmtest.Status(503, "down"))
		for range 3 {
			if err := ask(); deja.ErrorCode(err) != deja.CodeUpstream {
				t.Fatal(err)
			}
		}
		calls := p.first.Calls()
		err := ask()
		if e, ok := err.(*deja.Error); !ok || e.Code != deja.CodeUnavailable || e.RetryAfter <= 0 || e.RetryAfter > 10*time.Second {
			t.Fatalf("with the breaker open: %v", err)
		}
		if state() != "open" || p.first.Calls() != calls || p.Breakers()["backup"] != "closed" {
			t.Fatalf("%v, %d calls", p.Breakers(), p.first.Calls()-calls)
		}
		// With a fallback nobody waits.
		if text, by, err := collect(p.Stream(t.Context(), request(backup))); by != "backup/small" || err != nil {
			t.Errorf("with a fallback: %q by %q, %v", text, by, err)
		}

		// The probe fails: closed to everybody for as long again.
		time.Sleep(11 * time.Second)
		if err := ask(); deja.ErrorCode(err) != deja.CodeUpstream || state() != "open" {
			t.Fatalf("the probe: %v, then %s", err, state())
		}
		// A probe whose caller leaves says nothing.
		time.Sleep(11 * time.Second)
		p.first.On(llmtest.Any, llmtest.Hang())
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		_, _, err = collect(p.Stream(ctx, request()))
		cancel()
		if err == nil || state() != "half-open" {
			t.Fatalf("a probe that was left: %v, then %s", err, state())
		}
		// Only one call goes through at a time; its first token is enough.
		rest := make(chan struct{})
		p.first.On(llmtest.Any, llmtest.Gate(rest), llmtest.Text("up"), llmtest.Hang())
		calls = p.first.Calls()
		var probes sync.WaitGroup
		for range 5 {
			probes.Go(func() {
				for range p.Stream(t.Context(), request()) {
					return
				}
			})
		}
		synctest.Wait()
		if n := p.first.Calls() - calls; n != 1 {
			t.Errorf("%d probes", n)
		}
		close(rest)
		probes.Wait()
		if state() != "closed" {
			t.Errorf("after a good probe it is %s", state())
		}
		want := []string{"default open", "default half-open", "default open", "default half-open", "default closed"}
		p.mu.Lock()
		defer p.mu.Unlock()
		if !slices.Equal(p.changes, want) {
			t.Errorf("changes %v", p.changes)
		}
	})
}

// TestBreakerOpensOnShare: a server that breaks half of its answers off is
// left alone too, though others in between succeed.
func TestBreakerOpensOnShare(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		for i := range 12 {
			p.first.On(llmtest.Any, llmtest.Text("fine"))
			if i%2 == 0 {
				p.first.On(llmtest.Any, llmtest.Text("half"), llmtest.Cut())
			}
			_, _, _ = collect(p.Stream(t.Context(), request()))
		}
		if got := p.Breakers()[upstream.Default]; got != "open" {
			t.Errorf("it is %s", got)
		}
	})
}

func TestNames(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		if got := fmt.Sprint(p.Names(), " ", p.Name()); got != "[backup default] openai-compatible" {
			t.Error(got)
		}
		model := p.Set // a Set can stand for a server too
		for _, names := range [][]string{{"default"}, {"a", "a"}, {""}, {"A"}, {"a/b"}, {strings.Repeat("a", 33)}} {
			var others []upstream.Server
			for _, n := range names {
				others = append(others, upstream.Server{Name: n, Model: model})
			}
			if _, err := upstream.New(upstream.Options{Default: model, Others: others}); err == nil {
				t.Errorf("%q were taken", names)
			}
		}
		if _, err := upstream.New(upstream.Options{}); err == nil {
			t.Error("no default was taken")
		}
	})
}
