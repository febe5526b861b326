package mongo

import (
	"context"
	"errors"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/dejahq/deja"
	"github.com/dejahq/deja/internal/mongotest"
)

func openStore(t *testing.T, uri string) *Store {
	t.Helper()
	s, err := Open(t.Context(), Options{URI: deja.NewSecret(uri)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// age makes a leftover as old as Sweep wants it.
func age(t *testing.T, s *Store, id string) {
	t.Helper()
	if done, err := s.leftovers.update(t.Context(), byID(id), set("since", time.Now().Add(-2*sweepAge))); err != nil || !done {
		t.Fatalf("there is no leftover %s, %v", id, err)
	}
}

func sweep(t *testing.T, s *Store) {
	t.Helper()
	if err := s.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// TestSweepTakesWhatIsOld imports twice, and lets one of them grow old before
// it is attached.
func TestSweepTakesWhatIsOld(t *testing.T) {
	t.Parallel()
	uri := mongotest.Start(t)
	s := openStore(t, uri)
	a, old, young := newAssistant(t, s), newTable(), newTable()
	for _, table := range []deja.Table{old, young} {
		if _, err := s.ImportRows(t.Context(), table, rowsUpTo(3)); err != nil {
			t.Fatal(err)
		}
	}
	age(t, s, old.ID)
	openStore(t, uri) // which sweeps
	if n := countRows(t, s, old); n != 0 {
		t.Errorf("%d rows of an import of two hours ago are left", n)
	}
	_, err := s.AttachSource(t.Context(), newSource(a.ID, old))
	wantNotFound(t, err)
	_, err = s.AttachSource(t.Context(), newSource(a.ID, young))
	if err != nil {
		t.Error(err)
	}
	if n := countRows(t, s, young); n != 3 {
		t.Errorf("%d rows of the attached source", n)
	}
	if left := garbage(t, s); len(left) > 0 {
		t.Errorf("left over: %v", left)
	}
}

// TestSweepLeavesTheAttached makes an attachment whose node died before it
// said that all is well.
func TestSweepLeavesTheAttached(t *testing.T) {
	t.Parallel()
	s := openStore(t, mongotest.Start(t))
	_, src := withSource(t, s)
	table := src.Tables[0]
	if err := s.leftovers.insert(t.Context(), leftover{ID: table.ID, Kind: leftTable, State: imported, Since: time.Now()}); err != nil {
		t.Fatal(err)
	}
	age(t, s, table.ID)
	if err := s.DropRows(t.Context(), table.ID); err != nil {
		t.Fatal(err)
	}
	if n := countRows(t, s, table); n != 3 {
		t.Fatalf("DropRows left %d rows of an attached source", n)
	}
	if err := s.leftovers.insert(t.Context(), leftover{ID: table.ID, Kind: leftTable, State: imported, Since: time.Now()}); err != nil {
		t.Fatal(err)
	}
	age(t, s, table.ID)
	sweep(t, s)
	if n := countRows(t, s, table); n != 3 {
		t.Errorf("Sweep left %d rows of an attached source", n)
	}
	if left := garbage(t, s); len(left) > 0 {
		t.Errorf("left over: %v", left)
	}
}

// TestSweepDuringAnImport sweeps while a slow import goes on: one that gives
// signs of life is left alone, one that does not fails.
func TestSweepDuringAnImport(t *testing.T) {
	t.Parallel()
	s := openStore(t, mongotest.Start(t))
	for _, dead := range []bool{false, true} {
		table := newTable()
		_, err := s.ImportRows(t.Context(), table, func(yield func(deja.Row, error) bool) {
			for row := range rowsUpTo(batchRows) {
				yield(row, nil)
			}
			if dead {
				age(t, s, table.ID)
			}
			sweep(t, s)
			yield(deja.Row{int64(batchRows)}, nil)
		})
		want := int64(batchRows + 1)
		if dead {
			want = 0
		}
		if n := countRows(t, s, table); n != want || (err != nil) != dead {
			t.Errorf("dead: %v: %d rows, %v", dead, n, err)
		}
	}
}

// TestSweepLooksAgain has a list of leftovers that is out of date.
func TestSweepLooksAgain(t *testing.T) {
	t.Parallel()
	s := openStore(t, mongotest.Start(t))
	table := newTable()
	if _, err := s.ImportRows(t.Context(), table, rowsUpTo(3)); err != nil {
		t.Fatal(err)
	}
	var listed leftover
	if _, err := s.leftovers.one(t.Context(), byID(table.ID), nil, &listed); err != nil {
		t.Fatal(err)
	}
	listed.Since = listed.Since.Add(-2 * sweepAge)
	if err := s.sweepOne(t.Context(), listed); err != nil {
		t.Fatal(err)
	}
	if n := countRows(t, s, table); n != 3 {
		t.Errorf("%d rows are left of an import that gave a sign of life", n)
	}
}

// TestAttachDuringAnImport attaches a table that is not complete.
func TestAttachDuringAnImport(t *testing.T) {
	t.Parallel()
	s := openStore(t, mongotest.Start(t))
	a, table := newAssistant(t, s), newTable()
	_, err := s.ImportRows(t.Context(), table, func(yield func(deja.Row, error) bool) {
		_, err := s.AttachSource(t.Context(), newSource(a.ID, table))
		wantNotFound(t, err)
		_, err = s.QueryRows(t.Context(), deja.Query{Table: table, Limit: 1})
		wantNotFound(t, err)
		yield(deja.Row{int64(1)}, nil)
	})
	if err != nil {
		t.Error(err)
	}
}

// TestSweepTakesStragglers writes to a thread that has just been deleted, as
// a node would that had looked at it before.
func TestSweepTakesStragglers(t *testing.T) {
	t.Parallel()
	s := openStore(t, mongotest.Start(t))
	for _, again := range []bool{false, true} {
		th := newThread(t, s)
		if err := s.DeleteThread(t.Context(), th.ID); err != nil {
			t.Fatal(err)
		}
		if again {
			if err := s.CreateThread(t.Context(), &deja.Thread{ID: th.ID, CreatedAt: time.Now()}); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.messages.insert(t.Context(), newMessageDoc(th.ID, newMessage("late"), 1)); err != nil {
			t.Fatal(err)
		}
		r := newRun(th.ID)
		if err := s.runs.insert(t.Context(), &runDoc{ID: r.ID, ThreadID: th.ID, Version: 1, Order: bson.NewObjectID(), State: stateOf(r)}); err != nil {
			t.Fatal(err)
		}
		age(t, s, th.ID)
		sweep(t, s)
		if left := garbage(t, s); len(left) > 0 {
			t.Errorf("created again: %v: left over: %v", again, left)
		}
		has, err := s.runs.has(t.Context(), byID(r.ID))
		if err != nil || has != again {
			t.Errorf("created again: %v: the run is there: %v, %v", again, has, err)
		}
	}
}

// TestPanicOfASequence sees that an import cleans up after a reader that panics.
func TestPanicOfASequence(t *testing.T) {
	t.Parallel()
	s := openStore(t, mongotest.Start(t))
	table := newTable()
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic is swallowed")
			}
		}()
		s.ImportRows(t.Context(), table, func(yield func(deja.Row, error) bool) {
			for row := range rowsUpTo(batchRows + 1) {
				yield(row, nil)
			}
			panic("the reader's fault")
		})
	}()
	if left := garbage(t, s); len(left) > 0 {
		t.Errorf("left over: %v", left)
	}
}

// TestImportsKeepLittleInMemory feeds rows that are large, and looks at what
// an import holds.
func TestImportsKeepLittleInMemory(t *testing.T) {
	t.Parallel()
	s := openStore(t, mongotest.Start(t))
	table := deja.Table{ID: deja.NewID(deja.TablePrefix), Columns: []deja.Column{{Name: "x", Field: "x", Type: deja.TypeString}}}
	if err := s.beginImport(t.Context(), table.ID); err != nil {
		t.Fatal(err)
	}
	in := &rowImport{s: s, t: table, fields: []string{"x"}, to: s.rows(table.ID), signed: time.Now()}
	large := string(make([]byte, 300<<10))
	most := 0
	for range 40 {
		if err := in.add(t.Context(), deja.Row{large}); err != nil {
			t.Fatal(err)
		}
		most = max(most, len(in.batch))
	}
	if most*len(large) > batchBytes {
		t.Errorf("%d rows of %d bytes are held", most, len(large))
	}
	in.undo(t.Context())
}

// TestCloseWaits closes a store while an import is under way.
func TestCloseWaits(t *testing.T) {
	t.Parallel()
	uri := mongotest.Start(t)
	s, other := openStore(t, uri), openStore(t, uri)
	table := newTable()
	closed := make(chan error, 1)
	_, err := s.ImportRows(t.Context(), table, func(yield func(deja.Row, error) bool) {
		go func() { closed <- s.Close() }()
		<-s.gate.closing
		if err := s.Ping(t.Context()); deja.ErrorCode(err) != deja.CodeUnavailable {
			t.Errorf("a call after Close: %v", err)
		}
		for row := range rowsUpTo(2 * batchRows) {
			yield(row, nil)
		}
		select {
		case err := <-closed:
			t.Errorf("Close did not wait, %v", err)
		default:
		}
	})
	if err != nil {
		t.Error(err)
	}
	if err := errors.Join(<-closed, s.Close()); err != nil {
		t.Error(err)
	}
	if n := countRows(t, other, table); n != 2*batchRows {
		t.Errorf("%d rows", n)
	}
	if err := s.Watch(context.Background(), func(Change) {}); deja.ErrorCode(err) != deja.CodeUnavailable {
		t.Errorf("Watch after Close: %v", err)
	}
}
