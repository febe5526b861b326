package mongo

import (
	"context"
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
	// A deleted assistant's mark waits for who tells the caches.
	add("leftover", ids(s.leftovers, bson.D{{Key: "kind", Value: bson.D{{Key: "$ne", Value: leftMark}}}}))

	assistants, err := find[assistantDoc](ctx, s.assistants, bson.D{}, options.Find())
	if err != nil {
		t.Error(err)
	}
	var sources, tables []string
	for _, a := range assistants {
		for _, ref := range a.Sources {
			sources = append(sources, ref.ID)
		}
		of, _, err := s.tablesOf(ctx, a.ID, sources)
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
