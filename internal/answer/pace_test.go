package answer

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/dejahq/deja"
)

// TestPacedReplay: a cached answer comes at the rate that is set, to questions
// and to runs; at once without one; and a reader that is slow by itself is not
// slowed further. Before each wait the reader is told, in time to pass on what it
// has.
func TestPacedReplay(t *testing.T) {
	t.Parallel()
	whole := &deja.Answer{Text: "abcde", Pieces: []deja.Piece{{Text: 1}, {Text: 1}, {Text: 1}, {Text: 1}, {Text: 1}}, FinishReason: deja.FinishStop}
	for name, test := range map[string]struct {
		rate float64
		slow time.Duration // what the reader takes for each piece
		took time.Duration
		idle int // how often it waits
	}{
		"at once":        {0, 0, 0, 0},
		"ten a second":   {10, 0, 400 * time.Millisecond, 4},
		"a slow reader":  {10, 300 * time.Millisecond, 1500 * time.Millisecond, 0},
		"one in a while": {0.5, 0, 8 * time.Second, 4},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := &flight{answer: whole}
				f.add(append(replay(whole), event{delta: final(whole)})...)
				f.end(nil)
				r := &Reply{Outcome: Hit, flight: f, leave: func() {}, rate: test.rate}
				began, text := time.Now(), ""
				var last time.Time // when the last piece was read
				idle := 0
				tell := func() error {
					if idle++; !time.Now().Equal(last) {
						t.Errorf("the reader is told %v after its last piece", time.Since(last))
					}
					return nil
				}
				for d, err := range r.Deltas(t.Context(), tell) {
					last = time.Now()
					if err != nil {
						t.Fatal(err)
					}
					if text += d.Text; d.Text != "" {
						time.Sleep(test.slow)
					}
				}
				if took := time.Since(began); text != "abcde" || took != test.took || idle != test.idle {
					t.Errorf("%q in %v, want %v; told %d times, want %d", text, took, test.took, idle, test.idle)
				}
				if _, err := r.Wait(t.Context()); err != nil || time.Since(began) != test.took {
					t.Errorf("the whole answer took %v more: %v", time.Since(began)-test.took, err)
				}

				run := &RunStream{feed: &feed[RunEvent]{}, rate: test.rate}
				for range 5 {
					run.feed.add(RunEvent{Name: "thread.message.delta"})
				}
				run.feed.add(RunEvent{Name: "thread.run.completed"})
				run.feed.end(nil)
				began, idle = time.Now(), 0
				for e, err := range run.Events(t.Context(), tell) {
					last = time.Now()
					if err != nil {
						t.Fatal(err)
					}
					if e.Name == "thread.message.delta" {
						time.Sleep(test.slow)
					}
				}
				if took := time.Since(began); took != test.took || idle != test.idle {
					t.Errorf("the run in %v, want %v; told %d times, want %d", took, test.took, idle, test.idle)
				}
			})
		})
	}
}

// TestReplayRate: the assistant's policy goes before the server's setting.
func TestReplayRate(t *testing.T) {
	t.Parallel()
	a := &Answerer{o: Options{ReplayRate: 20}}
	for _, test := range []struct {
		policy *float64
		want   float64
	}{{nil, 20}, {new(0.0), 0}, {new(5.0), 5}} {
		if got := a.replayRate(&deja.Assistant{Caching: deja.Caching{ReplayRate: test.policy}}); got != test.want {
			t.Errorf("%v: %v", test.policy, got)
		}
	}
}

// TestLifetime: what a fallback said does not outlast an outage by much.
func TestLifetime(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		ttl      time.Duration
		fallback string
		want     time.Duration
	}{
		{0, "", 0},
		{time.Hour, "", time.Hour},
		{0, "backup", fallbackTTL},
		{time.Hour, "backup", fallbackTTL},
		{time.Second, "backup", time.Second},
	} {
		p := &prepared{assistant: &deja.Assistant{Caching: deja.Caching{TTL: test.ttl}}}
		if got := lifetime(p, &deja.Answer{Fallback: test.fallback}); got != test.want {
			t.Errorf("%+v: %v", test, got)
		}
	}
}
