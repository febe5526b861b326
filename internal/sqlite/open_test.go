package sqlite_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dejahq/deja"
	"github.com/dejahq/deja/internal/sqlite"
)

// holdEnv makes the test binary a process that holds the store in dirEnv until
// its standard input ends.
const holdEnv = "DEJA_SQLITE_TEST_HOLD"

func hold() {
	s, err := sqlite.Open(context.Background(), sqlite.Options{Dir: os.Getenv(dirEnv)})
	if err != nil {
		fmt.Println(deja.ErrorMessage(err))
		os.Exit(1)
	}
	fmt.Println("open")
	os.Stdin.Read(make([]byte, 1))
	if s.Close() != nil {
		os.Exit(1)
	}
	os.Exit(0)
}

func refused(t *testing.T, dir string, code deja.Code, parts ...string) {
	t.Helper()
	s, err := sqlite.Open(t.Context(), sqlite.Options{Dir: dir})
	if err == nil {
		s.Close()
		t.Fatal("the store was opened")
	}
	if deja.ErrorCode(err) != code {
		t.Errorf("error %q has code %s, want %s", err, deja.ErrorCode(err), code)
	}
	for _, part := range parts {
		if !strings.Contains(deja.ErrorMessage(err), part) {
			t.Errorf("message %q does not have %q", deja.ErrorMessage(err), part)
		}
	}
}

func TestOneProcessAtATime(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	refused(t, dir, deja.CodeUnavailable, dir, "in use", fmt.Sprint("pid ", os.Getpid()))
	if err := s.CreateThread(t.Context(), &deja.Thread{ID: "thread_x"}); err != nil {
		t.Errorf("after the second Open: %v", err)
	}

	child := exec.Command(os.Args[0], "-test.run=^$")
	child.Env = append(os.Environ(), dirEnv+"="+dir, holdEnv+"=1")
	out, err := child.Output()
	if err == nil || !strings.Contains(string(out), "in use") {
		t.Errorf("another process says %q, %v", out, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	// Now the other way round.
	child = exec.CommandContext(t.Context(), os.Args[0], "-test.run=^$")
	child.Env = append(os.Environ(), dirEnv+"="+dir, holdEnv+"=1")
	stdin, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := stdout.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	refused(t, dir, deja.CodeUnavailable, dir, fmt.Sprint("pid ", child.Process.Pid))
	stdin.Close()
	if err := child.Wait(); err != nil {
		t.Errorf("the other process: %v", err)
	}
	if _, err := open(t, dir).Thread(t.Context(), "thread_x"); err != nil {
		t.Errorf("after both: %v", err)
	}
}

func TestFolder(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"plain", "a b/c?d=1&_query_only=true#e%20é", "quote'\"`;--", strings.Repeat("deep/", 20)} {
		dir := filepath.Join(t.TempDir(), name)
		s := open(t, dir)
		if err := s.CreateThread(t.Context(), &deja.Thread{ID: "thread_x"}); err != nil {
			t.Fatal(err)
		}
		modes := map[string]fs.FileMode{".": 0o700, "deja.db": 0o600, "rows.db": 0o600, "deja.db-wal": 0o600, "lock": 0o600}
		for file, want := range modes {
			info, err := os.Stat(filepath.Join(dir, file))
			if err != nil {
				t.Fatal(err)
			}
			if info.Mode().Perm() != want {
				t.Errorf("%s has mode %v, want %v", file, info.Mode().Perm(), want)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		left, err := os.ReadDir(dir)
		if err != nil || len(left) != 3 { // deja.db, rows.db and lock, with nothing beside them
			t.Errorf("after Close the folder has %v, %v", left, err)
		}
		if _, err := open(t, dir).Thread(t.Context(), "thread_x"); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	refused(t, "", deja.CodeInvalid)
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	refused(t, file, deja.CodeUnavailable, file)
}

// edit runs SQL on a database of a store that is closed.
func edit(t *testing.T, file, query string) {
	t.Helper()
	db, err := sql.Open("sqlite", file)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), query); err != nil {
		t.Fatal(err)
	}
}

func TestNewerStoreIsRefused(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"deja.db", "rows.db"} {
		dir := t.TempDir()
		if err := open(t, dir).Close(); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(dir, name)
		version := schemaVersion(t, file)
		edit(t, file, "PRAGMA user_version = 1000")
		refused(t, dir, deja.CodeUnsupported, file, "newer", "1000")
		refused(t, dir, deja.CodeUnsupported) // and the folder is not left locked
		edit(t, file, fmt.Sprintf("PRAGMA user_version = %d", version))
		open(t, dir)
	}
}

func schemaVersion(t *testing.T, file string) (version int) {
	t.Helper()
	db, err := sql.Open("sqlite", file)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.QueryRowContext(t.Context(), "PRAGMA user_version").Scan(&version); err != nil {
		t.Fatal(err)
	}
	return version
}

func TestDamagedStoreIsRefused(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"deja.db", "rows.db"} {
		dir := t.TempDir()
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, bytes.Repeat([]byte("This is not a database. "), 400), 0o600); err != nil {
			t.Fatal(err)
		}
		refused(t, dir, deja.CodeUnavailable, file, "damaged")
	}
}

func TestOpenWithACancelledContext(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := sqlite.Open(ctx, sqlite.Options{Dir: dir})
	if deja.ErrorCode(err) != deja.CodeCancelled || !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want %s", err, deja.CodeCancelled)
	}
	open(t, dir)
}

func table(id string) deja.Table {
	return deja.Table{ID: id, Name: id, Columns: []deja.Column{{Name: "n", Field: "n", Type: deja.TypeInteger}, {Name: "text", Field: "text", Type: deja.TypeString}}}
}

func rows(n int, text string) iter.Seq2[deja.Row, error] {
	return func(yield func(deja.Row, error) bool) {
		for i := range n {
			if !yield(deja.Row{int64(i), text}, nil) {
				return
			}
		}
	}
}

func importTable(t testing.TB, s *sqlite.Store, id string, n int, text string) deja.Table {
	t.Helper()
	tb := table(id)
	if _, err := s.ImportRows(t.Context(), tb, rows(n, text)); err != nil {
		t.Fatal(err)
	}
	return tb
}

func TestOpenRemovesOrphans(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	if err := s.CreateAssistant(t.Context(), &deja.Assistant{ID: "asst_x", Model: "m"}); err != nil {
		t.Fatal(err)
	}
	shown := importTable(t, s, "tbl_shown", 10, "x")
	if _, err := s.AttachSource(t.Context(), &deja.DataSource{ID: "src_x", AssistantID: "asst_x", Name: "x", Tables: []deja.Table{shown}}); err != nil {
		t.Fatal(err)
	}
	importTable(t, s, "tbl_never_attached", 10, "x")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	// An import that was cut off, and rows that somebody removed by hand.
	edit(t, filepath.Join(dir, "rows.db"), `CREATE TABLE "import_tbl_cut-off" (n INTEGER PRIMARY KEY)`)
	edit(t, filepath.Join(dir, "deja.db"), `INSERT INTO source_tables (table_id, source_id) VALUES ('tbl_lost', 'src_x')`)

	var log bytes.Buffer
	s, err := sqlite.Open(t.Context(), sqlite.Options{Dir: dir, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	res, err := s.QueryRows(t.Context(), deja.Query{Table: shown, Limit: 100})
	if err != nil || res.Total != 10 {
		t.Errorf("rows of the attached source: %v, %v", res, err)
	}
	if _, err := s.QueryRows(t.Context(), deja.Query{Table: table("tbl_never_attached"), Limit: 1}); deja.ErrorCode(err) != deja.CodeNotFound {
		t.Errorf("rows that were never attached: %v", err)
	}
	if err := s.DropRows(t.Context(), shown.ID); deja.ErrorCode(err) != deja.CodeConflict {
		t.Errorf("dropping rows of an attached source: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"tbl_never_attached", "tbl_cut-off", "level=ERROR msg=\"the rows of a data source are lost\" table=tbl_lost"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log does not have %q:\n%s", want, log.String())
		}
	}
	db, err := sql.Open("sqlite", filepath.Join(dir, "rows.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var names string
	if err := db.QueryRowContext(t.Context(), "SELECT group_concat(name) FROM sqlite_schema").Scan(&names); err != nil {
		t.Fatal(err)
	}
	if names != "rows_tbl_shown" {
		t.Errorf("tables left: %s", names)
	}
}
