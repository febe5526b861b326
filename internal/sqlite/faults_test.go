package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dejahq/deja"
)

func opened(t *testing.T) (*Store, string) {
	t.Helper()
	dir := t.TempDir()
	s, err := Open(t.Context(), Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, dir
}

func pragma(t *testing.T, d *database, text string) {
	t.Helper()
	if _, err := d.writer.conn.ExecContext(t.Context(), "PRAGMA "+text); err != nil {
		t.Fatal(err)
	}
}

// A write that fails in its middle leaves nothing behind, and the next one
// goes well.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	s, _ := opened(t)
	ctx := t.Context()
	if err := s.CreateThread(ctx, &deja.Thread{ID: "thread_x"}); err != nil {
		t.Fatal(err)
	}
	pragma(t, s.docs, "max_page_count = 40")
	small := &deja.Message{ID: "msg_small", Role: deja.RoleUser, Content: deja.Text("small")}
	large := &deja.Message{ID: "msg_large", Role: deja.RoleUser, Content: deja.Text(strings.Repeat("large ", 100_000))}
	_, err := s.AppendMessages(ctx, "thread_x", small, large)
	if deja.ErrorCode(err) != deja.CodeUnavailable || deja.ErrorMessage(err) != "The store has no space left." {
		t.Errorf("on a full disk: %v", err)
	}
	if small.Seq != 0 || small.ThreadID != "" {
		t.Errorf("a message that was not stored has seq %d", small.Seq)
	}
	tc, err := s.ThreadContext(ctx, "thread_x", 10)
	if err != nil || tc.Seq != 0 || len(tc.Messages) != 0 {
		t.Errorf("after the failure: %+v, %v", tc, err)
	}
	if seq, err := s.AppendMessages(ctx, "thread_x", small); err != nil || seq != 1 {
		t.Errorf("after the failure: seq %d, %v", seq, err)
	}

	pragma(t, s.rows, "max_page_count = 40")
	_, err = s.ImportRows(ctx, numbers(), func(yield func(deja.Row, error) bool) {
		for yield(deja.Row{int64(1), strings.Repeat("x", 1000)}, nil) {
		}
	})
	if deja.ErrorCode(err) != deja.CodeUnavailable {
		t.Errorf("an import on a full disk: %v", err)
	}
	if _, err := s.QueryRows(ctx, deja.Query{Table: numbers(), Limit: 1}); deja.ErrorCode(err) != deja.CodeNotFound {
		t.Errorf("after the failed import: %v", err)
	}
	if n, err := s.ImportRows(ctx, numbers(), func(yield func(deja.Row, error) bool) { yield(deja.Row{int64(1), "x"}, nil) }); err != nil || n != 1 {
		t.Errorf("an import after the failed one: %d, %v", n, err)
	}
}

// Another program may have the database open, and even locked.
func TestLockedDatabase(t *testing.T) {
	t.Parallel()
	s, dir := opened(t)
	ctx := t.Context()
	pragma(t, s.docs, "busy_timeout = 20")
	db, err := sql.Open("sqlite", filepath.Join(dir, "deja.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	if _, err := db.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	err = s.CreateThread(ctx, &deja.Thread{ID: "thread_x"})
	if deja.ErrorCode(err) != deja.CodeUnavailable || deja.ErrorMessage(err) != "The store is busy." {
		t.Errorf("while another program writes: %v", err)
	}
	if _, err := s.Thread(ctx, "thread_x"); deja.ErrorCode(err) != deja.CodeNotFound {
		t.Errorf("a read while another program writes: %v", err)
	}
	if _, err := db.ExecContext(ctx, "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	if err := s.CreateThread(ctx, &deja.Thread{ID: "thread_x"}); err != nil {
		t.Errorf("after it: %v", err)
	}
}

// Who waits for the writer gives up with its context, and has written nothing.
func TestWaitingForTheWriter(t *testing.T) {
	t.Parallel()
	s, _ := opened(t)
	<-s.docs.writer.turn // somebody writes
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- s.CreateThread(ctx, &deja.Thread{ID: "thread_x"}) }()
	cancel()
	if err := <-done; deja.ErrorCode(err) != deja.CodeCancelled || !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled write: %v", err)
	}
	late, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if err := s.CreateThread(late, &deja.Thread{ID: "thread_x"}); deja.ErrorCode(err) != deja.CodeUnavailable {
		t.Errorf("a late write: %v", err)
	}
	s.docs.writer.turn <- struct{}{}
	if _, err := s.Thread(t.Context(), "thread_x"); deja.ErrorCode(err) != deja.CodeNotFound {
		t.Errorf("what was not written is there: %v", err)
	}
}

// A sequence that panics takes its table with it, and nothing else.
func TestPanicInAnImport(t *testing.T) {
	t.Parallel()
	s, _ := opened(t)
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was swallowed")
			}
		}()
		s.ImportRows(t.Context(), numbers(), func(yield func(deja.Row, error) bool) {
			for i := range int64(6000) {
				yield(deja.Row{i, "x"}, nil)
			}
			panic("a broken file reader")
		})
	}()
	if there, err := s.tableThere(t.Context(), importPrefix+numbers().ID); there || err != nil {
		t.Errorf("the unfinished table is there: %v, %v", there, err)
	}
	if n, err := s.ImportRows(t.Context(), numbers(), func(yield func(deja.Row, error) bool) { yield(deja.Row{int64(1), "x"}, nil) }); err != nil || n != 1 {
		t.Errorf("an import afterwards: %d, %v", n, err)
	}
}

// A migration that fails leaves the schema before it.
func TestFailedMigration(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.db")
	steps := []string{"CREATE TABLE a (x)", "CREATE TABLE b (x); INSERT INTO b VALUES (1); SELECT nonsense FROM nowhere"}
	if _, err := openDatabase(t.Context(), path, steps, 1); err == nil {
		t.Fatal("a migration that fails went through")
	}
	steps[1] = "CREATE TABLE b (x)"
	d, err := openDatabase(t.Context(), path, append(steps, "INSERT INTO b VALUES (2)"), 1)
	if err != nil {
		t.Fatal(err)
	}
	defer d.close()
	var version, values int
	if err := d.row(t.Context(), "PRAGMA user_version").Scan(&version); err != nil {
		t.Fatal(err)
	}
	if err := d.row(t.Context(), "SELECT sum(x) FROM b").Scan(&values); err != nil {
		t.Fatal(err)
	}
	if version != 3 || values != 2 {
		t.Errorf("version %d, values %d, want 3, 2", version, values)
	}
}

func TestSettings(t *testing.T) {
	t.Parallel()
	s, _ := opened(t)
	for _, d := range []*database{s.docs, s.rows} {
		for query, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "auto_vacuum": "2", "trusted_schema": "0", "busy_timeout": "5000"} {
			var got string
			if err := d.writer.conn.QueryRowContext(t.Context(), "PRAGMA "+query).Scan(&got); err != nil || got != want {
				t.Errorf("%s is %q, %v, want %q", query, got, err, want)
			}
		}
		if _, err := d.readers.ExecContext(t.Context(), "CREATE TABLE x (y)"); err == nil {
			t.Error("a reader wrote")
		}
	}
}
