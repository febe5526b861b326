package modelsim_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/dejahq/deja"
	"github.com/dejahq/deja/internal/llm"
	"github.com/dejahq/deja/internal/modelsim"
)

func start(t *testing.T, o modelsim.Options) (*modelsim.Server, *llm.Client) {
	t.Helper()
	s, err := modelsim.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	c, err := llm.New(llm.Options{BaseURL: s.URL(), MaxRetries: -1})
	if err != nil {
		t.Fatal(err)
	}
	return s, c
}

// ask gives the whole answer, its pieces, and what was charged for it.
func ask(ctx context.Context, c *llm.Client, question string) (string, int, deja.Usage, error) {
	var text strings.Builder
	var usage deja.Usage
	pieces := 0
	for d, err := range c.Stream(ctx, &deja.ModelRequest{Model: "any", Messages: []deja.ChatMessage{
		{Role: deja.RoleSystem, Content: deja.Text("Be brief.")},
		{Role: deja.RoleUser, Content: deja.Text(question)},
	}}) {
		if err != nil {
			return text.String(), pieces, usage, err
		}
		if d.Text != "" {
			pieces++
		}
		text.WriteString(d.Text)
		if d.Usage != nil {
			usage = *d.Usage
		}
	}
	return text.String(), pieces, usage, nil
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	s, c := start(t, modelsim.Options{Size: func(q string) (int, int) { return 100, len(q) }})
	first, pieces, usage, err := ask(t.Context(), c, "seventeen letters")
	if err != nil || len(strings.Fields(first)) != 17 || pieces != 3 || usage.PromptTokens != 100 || usage.CompletionTokens != 17 {
		t.Errorf("%q in %d pieces, %+v, %v", first, pieces, usage, err)
	}
	if again, _, _, _ := ask(t.Context(), c, "seventeen letters"); again != first {
		t.Errorf("the same question: %q", again)
	}
	if other, _, _, _ := ask(t.Context(), c, "SEVENTEEN letters"); other == first {
		t.Error("another question has the same answer")
	}
	if _, _, _, err := ask(t.Context(), c, ""); err != nil {
		t.Errorf("an answer of no tokens: %v", err)
	}
	if prompt, answer := s.Tokens(); s.Calls() != 4 || prompt != 400 || answer != 3*17 {
		t.Errorf("%d calls, %d and %d tokens", s.Calls(), prompt, answer)
	}
}

func TestTakesItsTime(t *testing.T) {
	t.Parallel()
	_, c := start(t, modelsim.Options{Latency: 20 * time.Millisecond, TokensPerSecond: 400, Size: func(string) (int, int) { return 1, 24 }})
	began := time.Now()
	if _, _, _, err := ask(t.Context(), c, "How long?"); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took < 80*time.Millisecond {
		t.Errorf("20 ms and 24 tokens at 400 per second took %s", took)
	}
}

// An answer that nobody waits for ends, and is charged to nobody.
func TestLeaving(t *testing.T) {
	t.Parallel()
	s, c := start(t, modelsim.Options{Latency: time.Hour})
	ctx, cancel := context.WithCancel(t.Context())
	asked := make(chan error, 1)
	go func() {
		_, _, _, err := ask(ctx, c, "When?")
		asked <- err
	}()
	for s.Calls() == 0 && t.Context().Err() == nil {
		select {
		case err := <-asked:
			t.Fatal(err)
		case <-time.After(time.Millisecond):
		}
	}
	cancel()
	if err := <-asked; err == nil {
		t.Error("it was answered")
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if prompt, _ := s.Tokens(); prompt != 0 {
		t.Errorf("%d tokens", prompt)
	}
}

func TestRefuses(t *testing.T) {
	t.Parallel()
	for _, o := range []modelsim.Options{{Latency: -1}, {TokensPerSecond: -1}, {Latency: 2 * time.Hour}} {
		if s, err := modelsim.Start(o); err == nil {
			s.Close()
			t.Errorf("%+v is taken", o)
		}
	}
	s, _ := start(t, modelsim.Options{})
	for _, body := range []string{"", "{", "{}", `{"messages":[{"role":"user","content":"x"}]}`} {
		resp, err := http.Post(s.URL()+"/chat/completions", "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %d", body, resp.StatusCode)
		}
	}
	resp, err := http.Post(s.URL()+"/chat/completions", "application/json", strings.NewReader(`{"stream":true,"messages":[{"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]}]}`))
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatal(fmt.Sprint(resp, err))
	}
	resp.Body.Close()
}
