package storetest

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/dejahq/deja"
)

var concurrencyTests = []storeTest{
	{"no edit is lost", func(t *testing.T, s deja.Store) {
		const writers, edits = 8, 10
		a, th := createAssistant(t, s), createThread(t, s)
		m := appendTexts(t, s, th.ID, "text")[0]
		add := func(tags *map[string]string, tag string) {
			if *tags == nil {
				*tags = map[string]string{}
			}
			(*tags)[tag] = "x"
		}
		together(t, writers, func(i int) error {
			for k := range edits {
				tag := fmt.Sprintf("%d-%d", i, k)
				if _, err := deja.EditAssistant(t.Context(), s, a.ID, func(a *deja.Assistant) error {
					add(&a.Metadata, tag)
					return nil
				}); err != nil {
					return err
				}
				if _, err := deja.EditThread(t.Context(), s, th.ID, func(th *deja.Thread) error {
					add(&th.Metadata, tag)
					return nil
				}); err != nil {
					return err
				}
				if _, err := deja.EditMessage(t.Context(), s, th.ID, m.ID, func(m *deja.Message) error {
					add(&m.Metadata, tag)
					return nil
				}); err != nil {
					return err
				}
			}
			return nil
		})
		gotA, err := s.Assistant(t.Context(), a.ID)
		ok(t, err)
		gotT, err := s.Thread(t.Context(), th.ID)
		ok(t, err)
		gotM, err := s.Message(t.Context(), th.ID, m.ID)
		ok(t, err)
		const all = writers * edits
		if len(gotA.Metadata) != all || len(gotT.Metadata) != all || len(gotM.Metadata) != all {
			t.Errorf("of %d acknowledged edits %d, %d and %d are there", all, len(gotA.Metadata), len(gotT.Metadata), len(gotM.Metadata))
		}
		if gotA.Version != all+1 || gotT.Version != all+1 || gotM.Version != all+1 {
			t.Errorf("versions %d, %d, %d, want %d", gotA.Version, gotT.Version, gotM.Version, all+1)
		}
	}},
	{"one winner of a version", func(t *testing.T, s deja.Store) {
		a := createAssistant(t, s)
		rounds(t, 30, func(i int, round int64) error {
			c := *a
			c.Version, c.Name = round+1, fmt.Sprintf("%d of round %d", i, round)
			return s.UpdateAssistant(t.Context(), &c)
		}, deja.CodeConflict)
		got, err := s.Assistant(t.Context(), a.ID)
		ok(t, err)
		same(t, "version", got.Version, int64(31))
	}},
	{"one creation of an id", func(t *testing.T, s deja.Store) {
		rounds(t, 10, func(i int, round int64) error {
			return s.CreateAssistant(t.Context(), &deja.Assistant{ID: fmt.Sprintf("asst_%d", round), CreatedAt: sampleTime(), Model: fmt.Sprint(i)})
		}, deja.CodeConflict)
		rounds(t, 10, func(_ int, round int64) error {
			return s.CreateThread(t.Context(), &deja.Thread{ID: fmt.Sprintf("thread_%d", round), CreatedAt: sampleTime()})
		}, deja.CodeConflict)
	}},
	{"one run claims a thread", func(t *testing.T, s deja.Store) {
		th := createThread(t, s)
		now := sampleTime()
		rounds(t, 20, func(_ int, _ int64) error {
			_, err := s.CreateRun(t.Context(), queuedRun(th.ID, now), now)
			return err
		}, deja.CodeActiveRun, func() {
			held, err := s.Thread(t.Context(), th.ID)
			ok(t, err)
			_, err = deja.EditRun(t.Context(), s, th.ID, held.ActiveRun, finish(deja.RunCompleted))
			ok(t, err)
		})
		l, err := s.Runs(t.Context(), th.ID, deja.Page{Limit: 100})
		ok(t, err)
		same(t, "runs stored", len(l.Data), 20)
	}},
	{"one end of a run", func(t *testing.T, s deja.Store) {
		th := createThread(t, s)
		r := createRun(t, s, th.ID, sampleTime())
		ends := []deja.RunStatus{deja.RunCompleted, deja.RunCancelled, deja.RunFailed, deja.RunExpired}
		var won atomic.Pointer[deja.RunStatus]
		together(t, 8, func(i int) error {
			end := ends[i%len(ends)]
			c := *r
			c.Status = end
			err := s.UpdateRun(t.Context(), &c)
			if err == nil && !won.CompareAndSwap(nil, &end) {
				return fmt.Errorf("two ends: %s and %s", *won.Load(), end)
			}
			if code := deja.ErrorCode(err); err != nil && code != deja.CodeConflict && code != deja.CodeInvalid {
				return err
			}
			return nil
		})
		got, err := s.Run(t.Context(), th.ID, r.ID)
		ok(t, err)
		if won.Load() == nil || got.Status != *won.Load() {
			t.Errorf("stored status %s, winner %v", got.Status, won.Load())
		}
	}},
	{"one source of a name", func(t *testing.T, s deja.Store) {
		a := createAssistant(t, s)
		rounds(t, 5, func(_ int, round int64) error {
			table := numbersTable("n")
			if _, err := s.ImportRows(t.Context(), table, numberRows(1)); err != nil {
				return err
			}
			_, err := s.AttachSource(t.Context(), sampleSource(a.ID, numbered("source", int(round)), table))
			return err
		}, deja.CodeConflict)
		sources, version, err := s.Sources(t.Context(), a.ID)
		ok(t, err)
		if len(sources) != 5 || version != 6 {
			t.Errorf("%d sources, data version %d, want 5, 6", len(sources), version)
		}
	}},
	{"no append is lost", func(t *testing.T, s deja.Store) {
		const writers, appends = 8, 15
		th := createThread(t, s)
		acked := make([][]deja.Message, writers)
		var seqs [writers]int64
		together(t, writers, func(i int) error {
			for k := range appends {
				pair := []*deja.Message{textMessage(fmt.Sprintf("%d-%d question", i, k)), textMessage("answer")}
				seq, err := s.AppendMessages(t.Context(), th.ID, pair...)
				if err != nil {
					return err
				}
				if seq < pair[1].Seq || pair[0].Seq >= pair[1].Seq || pair[0].Seq <= seqs[i] {
					return fmt.Errorf("append gave seq %d, messages %d and %d after %d", seq, pair[0].Seq, pair[1].Seq, seqs[i])
				}
				seqs[i] = pair[1].Seq
				acked[i] = append(acked[i], *pair[0], *pair[1])
				if k%3 == 0 { // a retry, while others append
					again := *pair[0]
					again.Seq = 0
					if _, err := s.AppendMessages(t.Context(), th.ID, &again); err != nil {
						return err
					}
					if again.Seq != pair[0].Seq {
						return fmt.Errorf("a retry moved message %d to %d", pair[0].Seq, again.Seq)
					}
				}
			}
			return nil
		})
		stored := listMessages(t, s, th.ID)
		const all = writers * appends * 2
		if len(stored) != all {
			t.Errorf("of %d acknowledged messages %d are there", all, len(stored))
		}
		for i, m := range stored {
			if m.Seq != int64(i+1) {
				t.Fatalf("message %d has seq %d: not contiguous", i, m.Seq)
			}
		}
		for _, m := range slices.Concat(acked...) {
			if stored[m.Seq-1].ID != m.ID {
				t.Errorf("message %s was acknowledged as %d", m.ID, m.Seq)
			}
		}
		got, err := s.Thread(t.Context(), th.ID)
		ok(t, err)
		same(t, "thread's seq", got.Seq, int64(all))
	}},
	{"one append of an id", func(t *testing.T, s deja.Store) {
		th := createThread(t, s)
		for round := range int64(15) {
			m := textMessage("same")
			together(t, 6, func(int) error {
				c := *m
				seq, err := s.AppendMessages(t.Context(), th.ID, &c)
				if err == nil && (c.Seq != round+1 || seq != round+1) {
					err = fmt.Errorf("seq %d, thread's %d, want %d", c.Seq, seq, round+1)
				}
				return err
			})
		}
		same(t, "messages", len(listMessages(t, s, th.ID)), 15)
	}},
	{"contexts are whole", func(t *testing.T, s deja.Store) {
		const appends = 40
		th := createThread(t, s)
		ctx, cancel := context.WithCancel(t.Context())
		together(t, 3, func(i int) error {
			if i == 0 {
				defer cancel()
				for k := range appends {
					if _, err := s.AppendMessages(t.Context(), th.ID, textMessage(numbered("q", k)), textMessage("a")); err != nil {
						return err
					}
				}
				return nil
			}
			for ctx.Err() == nil {
				tc, err := s.ThreadContext(t.Context(), th.ID, 6)
				if err != nil {
					return err
				}
				// The context ends with the message that its Seq names.
				if n := len(tc.Messages); n != min(6, int(tc.Seq)) || n > 0 && tc.Messages[n-1].Seq != tc.Seq || tc.Truncated != (tc.Seq > 6) {
					return fmt.Errorf("context of %d messages, seq %d, truncated %v", n, tc.Seq, tc.Truncated)
				}
			}
			return nil
		})
	}},
}

// rounds lets eight callers do the same at once, a number of times: one must
// succeed, the others fail with the code. after is called after each round.
func rounds(t *testing.T, n int64, do func(i int, round int64) error, code deja.Code, after ...func()) {
	t.Helper()
	for round := range n {
		var won atomic.Int64
		together(t, 8, func(i int) error {
			err := do(i, round)
			if err == nil {
				won.Add(1)
				return nil
			}
			if deja.ErrorCode(err) == code {
				return nil
			}
			return err
		})
		if won.Load() != 1 {
			t.Fatalf("round %d has %d winners", round, won.Load())
		}
		for _, f := range after {
			f()
		}
	}
}

// listMessages gives all messages of a thread, oldest first, page by page.
func listMessages(t testing.TB, s deja.Store, threadID string) []deja.Message {
	t.Helper()
	var ms []deja.Message
	p := deja.Page{Limit: 100, Asc: true}
	for {
		l, err := s.Messages(t.Context(), threadID, "", p)
		ok(t, err)
		ms = append(ms, l.Data...)
		if !l.HasMore {
			return ms
		}
		p.After = ms[len(ms)-1].ID
	}
}
