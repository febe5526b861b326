package price

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dejahq/deja"
)

const cheap, dear = `{"models": [{"model": "m", "prompt": 1, "completion": 1}]}`, `{"models": [{"model": "m", "prompt": 2, "completion": 2}]}`

// journal is a log that can be read while it is written.
type journal struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.String()
}

func (j *journal) Reset() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.b.Reset()
}

// A file that changes is read again; one that is broken or away changes
// nothing, and is complained about once.
func TestRunReadsAgain(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "prices.json")
	write := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(cheap)
	synctest.Test(t, func(t *testing.T) {
		log := new(journal)
		b, err := Open(path, slog.New(slog.NewTextHandler(log, nil)))
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go b.Run(ctx)
		costs := func() Money {
			time.Sleep(3 * Every)
			synctest.Wait()
			m, _ := b.Cost(deja.Usage{PromptTokens: 1_000_000}, "m")
			return m
		}
		if got := costs(); got != Unit || log.String() != "" {
			t.Errorf("%s; %s", got, log)
		}
		write(dear)
		if got := costs(); got != 2*Unit {
			t.Errorf("after a change: %s", got)
		}
		log.Reset()
		write(`{"models": [`)
		if got := costs(); got != 2*Unit || strings.Count(log.String(), "WARN") != 1 {
			t.Errorf("with a broken file: %s; %s", got, log)
		}
		log.Reset()
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if got := costs(); got != 2*Unit || strings.Count(log.String(), "WARN") != 1 {
			t.Errorf("without a file: %s; %s", got, log)
		}
		write(cheap)
		if got := costs(); got != Unit {
			t.Errorf("when it is back: %s", got)
		}
	})
}

func TestOpen(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, err := Open(filepath.Join(dir, "none.json"), nil); err == nil {
		t.Error("a file that is not there is opened")
	}
	large := filepath.Join(dir, "large.json")
	if err := os.WriteFile(large, bytes.Repeat([]byte(" "), maxFile+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(large, nil); err == nil || !strings.Contains(err.Error(), "1 MiB") {
		t.Error(err)
	}
	// Without a file, nothing has a price but what is free.
	b, err := Open("", nil)
	if err != nil {
		t.Fatal(err)
	}
	b.Run(t.Context())
	for _, b := range []*Book{b, nil} {
		if _, ok := b.Cost(deja.Usage{PromptTokens: 1}, "m"); ok {
			t.Error("an unknown model has a price")
		}
		if c, ok := b.Cost(deja.Usage{PromptTokens: 1}, "m", Local); !ok || c != 0 {
			t.Errorf("the built-in model: %s, %v", c, ok)
		}
	}
}

// The first name with a price counts.
func TestNames(t *testing.T) {
	t.Parallel()
	b := Fixed(New("", Model{Name: "a", Prompt: 1e6}, Model{Name: "b", Prompt: 2e6}))
	u := deja.Usage{PromptTokens: 1_000_000}
	for _, c := range []struct {
		names []string
		want  Money
		known bool
	}{
		{[]string{"a", "b"}, Unit, true},
		{[]string{"b", "a"}, 2 * Unit, true},
		{[]string{"new", "b"}, 2 * Unit, true},
		{[]string{"", "new"}, 0, false},
		{nil, 0, false},
	} {
		if got, known := b.Cost(u, c.names...); got != c.want || known != c.known {
			t.Errorf("%q: %s, %v", c.names, got, known)
		}
	}
}
