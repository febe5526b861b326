package main

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/dejahq/deja/client"
	"github.com/dejahq/deja/internal/llm/llmtest"
	"github.com/dejahq/deja/internal/redistest"
)

// TestDrain: an open stream finishes after the signal; what does not finish
// in time gets a clean end, and its run does not stay in progress.
func TestDrain(t *testing.T) {
	t.Parallel()
	t.Run("finishes", func(t *testing.T) {
		t.Parallel()
		model, flags := scriptedModel(t)
		s, api := startNode(t, flags...)
		id := shop(t, api)
		rest := make(chan struct{})
		model.On(llmtest.Any, llmtest.Text("first, "), llmtest.Gate(rest), llmtest.Text("then the rest"))

		stream, err := api.Ask(t.Context(), id, "Slowly?")
		if err != nil {
			t.Fatal(err)
		}
		var stopped chan error
		for e, err := range stream.Events() {
			if err != nil {
				t.Fatal(err)
			}
			if e.Text == "first, " {
				stopped = make(chan error, 1)
				go func() { stopped <- s.stop() }()
				eventually(t, "new connections are refused", func() bool {
					resp, err := http.Get(s.url + "/v1/models")
					if err == nil {
						resp.Body.Close()
					}
					return err != nil || resp.StatusCode == http.StatusServiceUnavailable
				})
				close(rest)
			}
		}
		if got := stream.Answer().Text; got != "first, then the rest" {
			t.Errorf("the answer is %q", got)
		}
		if err := <-stopped; err != nil {
			t.Error(err)
		}
	})
	t.Run("is cut cleanly", func(t *testing.T) {
		t.Parallel()
		model, flags := scriptedModel(t)
		dir := t.TempDir()
		s, api := startNode(t, append(flags, "--drain=50ms", "--data-dir="+dir)...)
		id := shop(t, api)
		model.On(llmtest.Any, llmtest.Text("first, "), llmtest.Hang())
		thread, err := api.CreateThread(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := api.AddMessage(t.Context(), thread.ID, "Never?"); err != nil {
			t.Fatal(err)
		}
		stream, err := api.Run(t.Context(), thread.ID, id)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		var end error
		for e, err := range stream.Events() {
			if err != nil {
				end = err
				break
			}
			names = append(names, e.Name)
			if e.Text == "first, " {
				if err := s.stop(); err != nil {
					t.Error(err)
				}
			}
		}
		if failed := new(client.Error); !errors.As(end, &failed) && !strings.Contains(strings.Join(names, " "), "thread.run.failed") {
			t.Errorf("the stream ended with %v after %v", end, names)
		}
		again, _, err := openStore(context.WithoutCancel(t.Context()), configure(t, "--data-dir="+dir), s.node.log)
		if err != nil {
			t.Fatal(err)
		}
		defer again.Close()
		run, err := again.Run(t.Context(), thread.ID, stream.Answer().RunID)
		if err != nil || run.Status != "failed" {
			t.Errorf("the run: %+v, %v", run, err)
		}
	})
}

// TestSecretsStayOut: no secret that a node is given reaches its log, whatever
// goes wrong.
func TestSecretsStayOut(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t, redistest.WithPassword("hunter2-redis"))
	model := llmtest.NewServer(t)
	model.RequireKey("another than ours")
	var log lockedBuffer
	s, err := startServer(t.Context(), configure(t,
		"--redis-url="+redis.URL(), "--openai-base-url="+model.URL,
		"--openai-api-key=sk-hunter2-openai", "--api-keys=hunter2-client"), &log)
	if err != nil {
		t.Fatal(err)
	}
	api, err := client.New(client.Options{BaseURL: s.url, APIKey: "hunter2-client"})
	if err != nil {
		t.Fatal(err)
	}
	id := shop(t, api)
	stream, err := api.Ask(t.Context(), id, "Anybody there?")
	if err == nil {
		_, err = stream.Wait()
	}
	if err == nil {
		t.Error("the upstream took a wrong key")
	} else if strings.Contains(err.Error(), "hunter2") {
		t.Errorf("the error shows a secret: %v", err)
	}
	redis.Kill()
	_, _ = api.Assistant(t.Context(), id)
	_, _ = api.Health(t.Context())
	if err := s.stop(); err != nil {
		t.Error(err)
	}
	text := log.String()
	if !strings.Contains(text, "level=DEBUG") {
		t.Fatal("the log is not at debug level")
	}
	for line := range strings.Lines(text) {
		if strings.Contains(line, "hunter2") {
			t.Errorf("a secret in the log: %s", line)
		}
	}
}

// lockedBuffer is a buffer that many goroutines write to.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
