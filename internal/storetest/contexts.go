package storetest

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"time"

	"github.com/dejahq/deja"
)

var contextTests = []storeTest{
	{"cancelled", func(t *testing.T, s deja.Store) {
		p := populate(t, s)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		for _, c := range append(p.calls(), creations()...) {
			err := c.do(ctx, s)
			if deja.ErrorCode(err) != deja.CodeCancelled || !errors.Is(err, context.Canceled) {
				t.Errorf("%s with a cancelled context: %v, want %s", c.method, err, deja.CodeCancelled)
			}
		}
		unchanged(t, s, p)
	}},
	{"late", func(t *testing.T, s deja.Store) {
		p := populate(t, s)
		ctx, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
		defer cancel()
		for _, c := range append(p.calls(), creations()...) {
			err := c.do(ctx, s)
			if deja.ErrorCode(err) != deja.CodeUnavailable || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s past its deadline: %v, want %s", c.method, err, deja.CodeUnavailable)
			}
		}
		unchanged(t, s, p)
	}},
	{"counts", func(t *testing.T, s deja.Store) {
		p := populate(t, s)
		outer, total := deja.CountQueries(t.Context())
		for _, c := range append(creations(), p.calls()...) {
			before := [2]int64{total.Reads.Load(), total.Writes.Load()}
			ctx, count := deja.CountQueries(outer)
			ok(t, c.do(ctx, s))
			reads, writes := count.Reads.Load(), count.Writes.Load()
			switch c.method {
			case "Assistant", "Thread", "Message", "Run":
				if reads != 1 || writes != 0 {
					t.Errorf("%s counts %d reads and %d writes, want 1, 0", c.method, reads, writes)
				}
			case "Ping": // asks in any way
			default:
				if c.writes && (writes == 0 || reads != 0) || !c.writes && (reads == 0 || writes != 0) {
					t.Errorf("%s counts %d reads and %d writes", c.method, reads, writes)
				}
			}
			if total.Reads.Load() != before[0]+reads || total.Writes.Load() != before[1]+writes {
				t.Errorf("%s is not in the counts of the outer context", c.method)
			}
		}
	}},
	{"counts of misses", func(t *testing.T, s deja.Store) {
		ctx, count := deja.CountQueries(t.Context())
		_, err := s.Assistant(ctx, "asst_none")
		wantCode(t, err, deja.CodeNotFound)
		same(t, "reads", count.Reads.Load(), int64(1)) // it was asked all the same
	}},
	{"ping and name", func(t *testing.T, s deja.Store) {
		ok(t, s.Ping(t.Context()))
		if name := s.Name(); name != "sqlite" && name != "mongodb" {
			t.Errorf("the store's name is %q", name)
		}
	}},
	{"close", func(t *testing.T, s deja.Store) {
		p := populate(t, s)
		ok(t, s.Close())
		ok(t, s.Close())
		for _, c := range append(p.calls(), creations()...) {
			if err := c.do(t.Context(), s); deja.ErrorCode(err) != deja.CodeUnavailable {
				t.Errorf("%s after Close: %v, want %s", c.method, err, deja.CodeUnavailable)
			}
		}
	}},
	{"close waits", func(t *testing.T, s deja.Store) {
		th := createThread(t, s)
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		closed := make(chan error, 1)
		overtaken := false
		_, err := s.ImportRows(ctx, numbersTable("n"), func(yield func(deja.Row, error) bool) {
			go func() { closed <- s.Close() }()
			for deja.ErrorCode(s.Ping(ctx)) != deja.CodeUnavailable { // until Close has begun
				runtime.Gosched()
			}
			for row := range numberRows(30_000) {
				if !yield(row, nil) {
					break
				}
			}
			select {
			case err := <-closed:
				overtaken = true
				closed <- err
			default:
			}
		})
		// Close may end the import, but not overtake it.
		if err != nil {
			wantCode(t, err, deja.CodeUnavailable)
		}
		if overtaken {
			t.Error("Close came back during an import")
		}
		ok(t, <-closed)
		_, err = s.Thread(t.Context(), th.ID)
		wantCode(t, err, deja.CodeUnavailable)
	}},
}

// unchanged checks that calls which failed changed nothing.
func unchanged(t *testing.T, s deja.Store, p populated) {
	t.Helper()
	a, err := s.Assistant(t.Context(), p.assistant)
	ok(t, err)
	th, err := s.Thread(t.Context(), p.thread)
	ok(t, err)
	m, err := s.Message(t.Context(), p.thread, p.message)
	ok(t, err)
	r, err := s.Run(t.Context(), p.thread, p.run)
	ok(t, err)
	if a.Version != 2 || th.Version != 1 || th.Seq != 1 || th.ActiveRun != p.run || m.Version != 1 || r.Version != 1 {
		t.Errorf("something changed: %+v\n%+v\n%+v\n%+v", a, th, m, r)
	}
	l, err := s.Assistants(t.Context(), deja.Page{Limit: 10})
	ok(t, err)
	same(t, "assistants", len(l.Data), 1)
}
