package mongo

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/dejahq/deja"
)

// operations are all calls that take several commands which change something.
var operations = []operation{
	{"append", func(t *testing.T, s *Store) (func(context.Context) error, func(*testing.T, *Store)) {
		th := newThread(t, s)
		if _, err := s.AppendMessages(t.Context(), th.ID, newMessage("first")); err != nil {
			t.Error(err)
		}
		ms := []*deja.Message{newMessage("a"), newMessage("b")}
		return func(ctx context.Context) error {
				_, err := s.AppendMessages(ctx, th.ID, ms...)
				return err
			}, func(t *testing.T, s *Store) {
				wantTexts(t, s, th.ID, "first", "a", "b")
			}
	}, ""},
	{"append, not again", func(t *testing.T, s *Store) (func(context.Context) error, func(*testing.T, *Store)) {
		// The caller of a failed append goes on with another message.
		th := newThread(t, s)
		failed, called := newMessage("failed"), false
		return func(ctx context.Context) error {
				m := newMessage("next")
				if !called {
					m, called = failed, true
				}
				_, err := s.AppendMessages(ctx, th.ID, m)
				return err
			}, func(t *testing.T, s *Store) {
				var texts []string
				for i, m := range listed(t, s, th.ID) {
					if m.Seq != int64(i+1) {
						t.Errorf("message %d has seq %d", i, m.Seq)
					}
					texts = append(texts, m.Text())
				}
				if got := strings.Join(texts, " "); got != "failed" && got != "next" && got != "failed next" {
					t.Errorf("the thread is %q", got)
				}
			}
	}, ""},
	{"create run", func(t *testing.T, s *Store) (func(context.Context) error, func(*testing.T, *Store)) {
		th := newThread(t, s)
		r := newRun(th.ID)
		return func(ctx context.Context) error {
				_, err := s.CreateRun(ctx, r, time.Now())
				return err
			}, func(t *testing.T, s *Store) {
				wantHolder(t, s, th.ID, r.ID)
				if _, err := s.Run(t.Context(), th.ID, r.ID); err != nil {
					t.Error(err)
				}
			}
	}, deja.CodeConflict},
	{"create run, not again", func(t *testing.T, s *Store) (func(context.Context) error, func(*testing.T, *Store)) {
		// Another run must not wait for one that was never stored.
		th := newThread(t, s)
		var last *deja.Run
		return func(ctx context.Context) error {
				last = newRun(th.ID)
				_, err := s.CreateRun(ctx, last, time.Now())
				return err
			}, func(t *testing.T, s *Store) {
				wantHolder(t, s, th.ID, last.ID)
			}
	}, ""},
	{"end run", func(t *testing.T, s *Store) (func(context.Context) error, func(*testing.T, *Store)) {
		th := newThread(t, s)
		r := newRun(th.ID)
		if _, err := s.CreateRun(t.Context(), r, time.Now()); err != nil {
			t.Error(err)
		}
		return func(ctx context.Context) error {
				r.Status = deja.RunCompleted
				return s.UpdateRun(ctx, r)
			}, func(t *testing.T, s *Store) {
				m := newMessage("after the run")
				m.ThreadID = th.ID
				if _, err := s.AddMessage(t.Context(), m, time.Now()); err != nil {
					t.Errorf("the next message: %v", err)
				}
				if err := s.Sweep(t.Context()); err != nil {
					t.Error(err)
				}
				wantHolder(t, s, th.ID, "")
				next := newRun(th.ID)
				if _, err := s.CreateRun(t.Context(), next, time.Now()); err != nil {
					t.Errorf("the next run: %v", err)
				}
				next.Status = deja.RunFailed
				if err := s.UpdateRun(t.Context(), next); err != nil {
					t.Error(err)
				}
			}
	}, deja.CodeConflict},
	{"delete thread", func(t *testing.T, s *Store) (func(context.Context) error, func(*testing.T, *Store)) {
		th := newThread(t, s)
		m, r := newMessage("a"), newRun(th.ID)
		if _, err := s.AppendMessages(t.Context(), th.ID, m); err != nil {
			t.Error(err)
		}
		if _, err := s.CreateRun(t.Context(), r, time.Now()); err != nil {
			t.Error(err)
		}
		return func(ctx context.Context) error { return s.DeleteThread(ctx, th.ID) },
			func(t *testing.T, s *Store) {
				_, err := s.Messages(t.Context(), th.ID, "", deja.Page{Limit: 1})
				wantNotFound(t, err)
				_, err = s.Thread(t.Context(), th.ID)
				wantNotFound(t, err)
			}
	}, deja.CodeNotFound},
	{"import", func(t *testing.T, s *Store) (func(context.Context) error, func(*testing.T, *Store)) {
		var table deja.Table
		return func(ctx context.Context) error {
				table = newTable()
				_, err := s.ImportRows(ctx, table, rowsUpTo(2*batchRows+1))
				return err
			}, func(t *testing.T, s *Store) {
				if n := countRows(t, s, table); n != 0 && n != 2*batchRows+1 {
					t.Errorf("%d rows", n)
				}
			}
	}, ""},
	{"attach", func(t *testing.T, s *Store) (func(context.Context) error, func(*testing.T, *Store)) {
		a := newAssistant(t, s)
		table := newTable()
		return func(ctx context.Context) error {
				table = newTable()
				if _, err := s.ImportRows(ctx, table, rowsUpTo(3)); err != nil {
					return err
				}
				_, err := s.AttachSource(ctx, newSource(a.ID, table))
				if err != nil && deja.ErrorCode(err) != deja.CodeConflict {
					// As every caller would, who does not know what came of it.
					err = errors.Join(err, s.DropRows(ctx, table.ID))
				}
				return err
			}, func(t *testing.T, s *Store) {
				sources, version, err := s.Sources(t.Context(), a.ID)
				if err != nil || len(sources) != 1 || version != 2 {
					t.Errorf("%d sources at version %d, %v", len(sources), version, err)
					return
				}
				if n := countRows(t, s, sources[0].Tables[0]); n != 3 {
					t.Errorf("the attached source has %d rows", n)
				}
			}
	}, deja.CodeConflict},
	{"attach, not again", func(t *testing.T, s *Store) (func(context.Context) error, func(*testing.T, *Store)) {
		a, called := newAssistant(t, s), false
		return func(ctx context.Context) error {
				if called {
					return nil
				}
				called = true
				table := newTable()
				if _, err := s.ImportRows(ctx, table, rowsUpTo(3)); err != nil {
					return err
				}
				_, err := s.AttachSource(ctx, newSource(a.ID, table))
				if err != nil {
					err = errors.Join(err, s.DropRows(ctx, table.ID))
				}
				return err
			}, func(t *testing.T, s *Store) {
				sources, _, err := s.Sources(t.Context(), a.ID)
				if err != nil {
					t.Error(err)
				}
				for _, src := range sources {
					if n := countRows(t, s, src.Tables[0]); n != 3 {
						t.Errorf("the attached source has %d rows", n)
					}
				}
			}
	}, ""},
	{"detach", func(t *testing.T, s *Store) (func(context.Context) error, func(*testing.T, *Store)) {
		a, src := withSource(t, s)
		return func(ctx context.Context) error {
				_, err := s.DetachSource(ctx, a.ID, src.ID)
				return err
			}, func(t *testing.T, s *Store) {
				sources, version, err := s.Sources(t.Context(), a.ID)
				if err != nil || len(sources) != 0 || version != 3 {
					t.Errorf("%d sources at version %d, %v", len(sources), version, err)
				}
				// All rows or no table, never a table without rows.
				if _, err := s.QueryRows(t.Context(), deja.Query{Table: src.Tables[0], Limit: 1}); err == nil && countRows(t, s, src.Tables[0]) != 3 {
					t.Error("the table is there without its rows")
				}
			}
	}, deja.CodeNotFound},
	{"source without tables", func(t *testing.T, s *Store) (func(context.Context) error, func(*testing.T, *Store)) {
		a := newAssistant(t, s)
		return func(ctx context.Context) error {
				src := newSource(a.ID)
				if _, err := s.AttachSource(ctx, src); err != nil {
					return err
				}
				_, err := s.DetachSource(ctx, a.ID, src.ID)
				return err
			}, func(t *testing.T, s *Store) {
				if _, _, err := s.Sources(t.Context(), a.ID); err != nil {
					t.Error(err)
				}
			}
	}, deja.CodeConflict},
	{"delete assistant", func(t *testing.T, s *Store) (func(context.Context) error, func(*testing.T, *Store)) {
		a, _ := withSource(t, s)
		return func(ctx context.Context) error { return s.DeleteAssistant(ctx, a.ID) },
			func(t *testing.T, s *Store) {
				_, err := s.Assistant(t.Context(), a.ID)
				wantNotFound(t, err)
			}
	}, deja.CodeNotFound},
}
