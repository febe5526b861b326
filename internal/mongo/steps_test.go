package mongo

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/dejahq/deja"
	"github.com/dejahq/deja/internal/mongotest"
)

// operation is a call that takes several commands.
type operation struct {
	name string
	// prepare sets the stage and gives the call, which is made again until it
	// succeeds, and a check of what has to be true in the end. again says
	// whether an error of the second call means that the first had done it.
	prepare func(t *testing.T, s *Store) (call func(ctx context.Context) error, check func(t *testing.T, s *Store))
	again   deja.Code
}

// TestEveryStepCanFail lets every command of every call of several steps get
// lost, lose its answer, and arrive when all is over. The call fails or succeeds; made again it has
// succeeded, once; and Sweep leaves nothing behind.
func TestEveryStepCanFail(t *testing.T) {
	t.Parallel()
	var wg sync.WaitGroup // they wait for the driver more than they work
	for _, op := range operations {
		for _, meets := range []fate{getsLost, losesItsAnswer, arrivesLate} {
			wg.Go(func() {
				for n := 1; failAtStep(t, op, n, meets); n++ {
				}
			})
		}
	}
	wg.Wait()
}

// failAtStep reports whether there is a command number n.
func failAtStep(t *testing.T, op operation, n int, meets fate) bool {
	network := &faultyNet{}
	s, err := Open(t.Context(), Options{URI: deja.NewSecret(mongotest.Start(t)), dialer: network})
	if err != nil {
		t.Error(err)
		return false
	}
	defer s.Close()
	call, check := op.prepare(t, s)
	network.failAt(n, meets)
	err = call(t.Context())
	came := !network.pending()
	commands := network.commands()
	network.failAt(0, arrives)
	if err != nil {
		if !came {
			t.Errorf("%s, without a fault: %v", op.name, err)
			return false
		}
		if code := deja.ErrorCode(err); code != deja.CodeUnavailable {
			t.Errorf("%s: command %d of %v %v: %v, want %s", op.name, n, commands, meets, err, deja.CodeUnavailable)
		}
		if err := call(t.Context()); err != nil && deja.ErrorCode(err) != op.again {
			t.Errorf("%s: command %d of %v %v, then made again: %v", op.name, n, commands, meets, err)
		}
	}
	if err := network.deliver(); err != nil {
		t.Error(err)
	}
	check(t, s)
	if err := s.sweep(t.Context(), time.Now().Add(time.Hour)); err != nil {
		t.Error(err)
	}
	check(t, s)
	if left := garbage(t, s); len(left) > 0 {
		t.Errorf("%s: command %d of %v %v: left over: %v", op.name, n, commands, meets, left)
	}
	if t.Failed() {
		return false
	}
	return came
}

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
	{"delete assistant", func(t *testing.T, s *Store) (func(context.Context) error, func(*testing.T, *Store)) {
		a, _ := withSource(t, s)
		return func(ctx context.Context) error { return s.DeleteAssistant(ctx, a.ID) },
			func(t *testing.T, s *Store) {
				_, err := s.Assistant(t.Context(), a.ID)
				wantNotFound(t, err)
			}
	}, deja.CodeNotFound},
}

// garbage names what is in the database that nothing leads to.
func garbage(t *testing.T, s *Store) []string {
	t.Helper()
	ctx := t.Context()
	var left []string
	ids := func(c collection, filter bson.D) []string {
		docs, err := find[struct {
			ID string `bson:"_id"`
		}](ctx, c.latest(), filter, options.Find())
		if err != nil {
			t.Error(err)
		}
		var ids []string
		for _, d := range docs {
			ids = append(ids, d.ID)
		}
		return ids
	}
	add := func(what string, ids []string) {
		for _, id := range ids {
			left = append(left, what+" "+id)
		}
	}
	threads := ids(s.threads, bson.D{})
	strays := bson.D{{Key: "thread_id", Value: bson.D{{Key: "$nin", Value: threads}}}}
	add("message", ids(s.messages, strays))
	add("run", ids(s.runs, strays))
	add("leftover", ids(s.leftovers, bson.D{}))

	assistants, err := find[assistantDoc](ctx, s.assistants, bson.D{}, options.Find())
	if err != nil {
		t.Error(err)
	}
	var sources, tables []string
	for _, a := range assistants {
		for _, ref := range a.Sources {
			sources = append(sources, ref.ID)
		}
		of, err := s.tablesOf(ctx, a.ID, sources)
		if err != nil {
			t.Error(err)
		}
		tables = append(tables, of...)
	}
	add("source", ids(s.sources, bson.D{{Key: "_id", Value: bson.D{{Key: "$nin", Value: append(bson.A{}, toAny(sources)...)}}}}))
	names, err := s.db.ListCollectionNames(ctx, bson.D{})
	if err != nil {
		t.Error(err)
	}
	for _, name := range names {
		if id, is := strings.CutPrefix(name, "rows_"); is && !slices.Contains(tables, id) {
			left = append(left, name)
		}
	}
	return left
}

func toAny(ss []string) []any {
	var vs []any
	for _, s := range ss {
		vs = append(vs, s)
	}
	return vs
}

func newAssistant(t *testing.T, s *Store) *deja.Assistant {
	a := &deja.Assistant{ID: deja.NewID(deja.AssistantPrefix), CreatedAt: time.Now(), Model: "m"}
	if err := s.CreateAssistant(t.Context(), a); err != nil {
		t.Error(err)
	}
	return a
}

func newThread(t *testing.T, s *Store) *deja.Thread {
	th := &deja.Thread{ID: deja.NewID(deja.ThreadPrefix), CreatedAt: time.Now()}
	if err := s.CreateThread(t.Context(), th); err != nil {
		t.Error(err)
	}
	return th
}

func newMessage(text string) *deja.Message {
	return &deja.Message{ID: deja.NewID(deja.MessagePrefix), CreatedAt: time.Now(), Role: deja.RoleUser, Content: deja.Text(text)}
}

func newRun(threadID string) *deja.Run {
	now := time.Now()
	return &deja.Run{ID: deja.NewID(deja.RunPrefix), ThreadID: threadID, Status: deja.RunQueued, CreatedAt: now, ExpiresAt: now.Add(time.Hour)}
}

func newTable() deja.Table {
	return deja.Table{ID: deja.NewID(deja.TablePrefix), Name: "t", Columns: []deja.Column{{Name: "n", Field: "n", Type: deja.TypeInteger}}}
}

func newSource(assistantID string, tables ...deja.Table) *deja.DataSource {
	return &deja.DataSource{ID: deja.NewID(deja.SourcePrefix), AssistantID: assistantID, Name: "s", CreatedAt: time.Now(), Tables: tables}
}

func withSource(t *testing.T, s *Store) (*deja.Assistant, *deja.DataSource) {
	a, table := newAssistant(t, s), newTable()
	if _, err := s.ImportRows(t.Context(), table, rowsUpTo(3)); err != nil {
		t.Error(err)
	}
	src := newSource(a.ID, table)
	if _, err := s.AttachSource(t.Context(), src); err != nil {
		t.Error(err)
	}
	return a, src
}

func rowsUpTo(n int64) iter.Seq2[deja.Row, error] {
	return func(yield func(deja.Row, error) bool) {
		for i := range n {
			if !yield(deja.Row{i}, nil) {
				return
			}
		}
	}
}

// countRows gives the number of a table's rows, 0 when there is no such table.
func countRows(t *testing.T, s *Store, table deja.Table) int64 {
	t.Helper()
	res, err := s.QueryRows(t.Context(), deja.Query{Table: table, Limit: 1})
	if deja.ErrorCode(err) == deja.CodeNotFound {
		return 0
	}
	if err != nil {
		t.Error(err)
		return 0
	}
	return res.Total
}

func listed(t *testing.T, s *Store, threadID string) []deja.Message {
	t.Helper()
	l, err := s.Messages(t.Context(), threadID, "", deja.Page{Limit: 100, Asc: true})
	if err != nil {
		t.Error(err)
	}
	return l.Data
}

func wantTexts(t *testing.T, s *Store, threadID string, want ...string) {
	t.Helper()
	var got []string
	for i, m := range listed(t, s, threadID) {
		if m.Seq != int64(i+1) {
			t.Errorf("message %d has seq %d", i, m.Seq)
		}
		got = append(got, m.Text())
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("messages (-want +got):\n%s", d)
	}
	th, err := s.Thread(t.Context(), threadID)
	if err != nil || th.Seq != int64(len(want)) {
		t.Errorf("the thread is at %+v, %v", th, err)
	}
}

func wantHolder(t *testing.T, s *Store, threadID, runID string) {
	t.Helper()
	th, err := s.Thread(t.Context(), threadID)
	if err != nil || th.ActiveRun != runID {
		t.Errorf("the thread is held by %+v, %v, want %q", th, err, runID)
	}
}

func wantNotFound(t *testing.T, err error) {
	t.Helper()
	if deja.ErrorCode(err) != deja.CodeNotFound {
		t.Error(fmt.Errorf("%w, want %s", err, deja.CodeNotFound))
	}
}
