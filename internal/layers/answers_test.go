package layers_test

import (
	"testing"
	"time"

	"github.com/dejahq/deja"
	"github.com/dejahq/deja/cache"
	"github.com/dejahq/deja/internal/layers"
	"github.com/dejahq/deja/internal/sqlite"
)

// An answer that nobody can cache is nobody's to wait for.
func TestAnAnswerThatCannotBeClaimed(t *testing.T) {
	t.Parallel()
	store, err := sqlite.Open(t.Context(), sqlite.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	engine, err := cache.Open(t.Context(), cache.Options{})
	if err != nil {
		t.Fatal(err)
	}
	l, err := layers.New(engine, store, layers.Options{AnswersKept: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	bad := layers.AnswerKey{AssistantID: childAssistant, Scope: "{}", Hash: "h"}
	if _, ok, lease := l.ClaimAnswer(t.Context(), bad, 0, false); ok || lease != nil {
		t.Errorf("a key that can't be: %t, %v", ok, lease)
	}
	good := layers.AnswerKey{AssistantID: childAssistant, Scope: childAssistant, Hash: "h"}
	_, _, first := l.ClaimAnswer(t.Context(), good, 0, false)
	_, _, second := l.ClaimAnswer(t.Context(), good, 0, false)
	if !first.Held() || second == nil || second.Held() {
		t.Errorf("claimed twice: %t, then %v", first.Held(), second)
	}
	if err := first.Store(t.Context(), &deja.Answer{}, 0); err != nil {
		t.Fatal(err)
	}
	if _, ok, _ := l.ClaimAnswer(t.Context(), good, 0, false); !ok {
		t.Error("the answer was not stored")
	}
	_ = engine.Close()
	if _, ok, lease := l.ClaimAnswer(t.Context(), layers.AnswerKey{AssistantID: childAssistant, Scope: childAssistant, Hash: "i"}, 0, false); ok || lease != nil {
		t.Errorf("after the end: %t, %v", ok, lease)
	}
}
