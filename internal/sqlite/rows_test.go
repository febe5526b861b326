package sqlite_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/dejahq/deja"
)

// A query ends with its context, also one that has found its first row and
// looks for the second, and one that sorts, groups or counts.
func TestQueryEndsWithItsContext(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	const n = 4000
	tb := importTable(t, s, "tbl_x", n, strings.Repeat("Zürich ", 150))
	slow := deja.Condition{Op: deja.OpContains, Column: 1, Value: "not there"}
	first := deja.Condition{Op: deja.OpEq, Column: 0, Value: int64(0)}
	firstOrSlow := deja.Condition{Op: deja.OpOr, Children: []deja.Condition{first, slow}}
	for name, q := range map[string]deja.Query{
		"first row, then none": {Where: &firstOrSlow, Limit: 10},
		"sort":                 {Where: &firstOrSlow, Sort: []deja.SortKey{{Column: 1}}, Limit: 10},
		"group":                {Where: &firstOrSlow, GroupBy: []int{0}, Limit: 10},
		"figure":               {Where: &slow, Aggregates: []deja.Aggregate{{Func: "count", Column: -1}}, Limit: 10},
		"count":                {Where: &firstOrSlow, Limit: 1},
	} {
		q.Table = tb
		began := time.Now()
		if _, err := s.QueryRows(t.Context(), q); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		whole := time.Since(began)
		// A busy machine may be late; it is not late every time.
		cut := whole
		for try := 0; try < 5 && cut > whole/2; try++ {
			ctx, cancel := context.WithTimeout(t.Context(), whole/20)
			began = time.Now()
			_, err := s.QueryRows(ctx, q)
			cut = time.Since(began)
			cancel()
			if deja.ErrorCode(err) != deja.CodeUnavailable || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s: %v, want %s", name, err, deja.CodeUnavailable)
			}
		}
		if cut > whole/2 {
			t.Errorf("%s took %v of %v although its time was %v", name, cut, whole, whole/20)
		}
	}
	// The connections are fit for the next query.
	res, err := s.QueryRows(t.Context(), deja.Query{Table: tb, Where: &first, Limit: 10})
	if err != nil || res.Total != 1 {
		t.Errorf("afterwards: %v, %v", res, err)
	}
}

// An import holds some of its rows in memory, not all.
func TestImportIsBoundedInMemory(t *testing.T) {
	s := open(t, t.TempDir())
	const rows, size = 12_000, 2000 // 24 MB
	const bound = 8 << 20
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before, most := heap(), uint64(0)
	_, err := s.ImportRows(t.Context(), table("tbl_x"), func(yield func(deja.Row, error) bool) {
		for i := range rows {
			if i%1777 == 0 {
				most = max(most, heap())
			}
			if !yield(deja.Row{int64(i), strings.Repeat("x", size)}, nil) {
				return
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if most > before+bound {
		t.Errorf("the heap grew from %d to %d KiB during an import of %d KiB", before>>10, most>>10, rows*size>>10)
	}
}

// Dropping rows gives the disk its space back.
func TestDroppedRowsFreeTheirSpace(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	importTable(t, s, "tbl_a", 4000, strings.Repeat("a", 500))
	importTable(t, s, "tbl_b", 100, "b")
	importTable(t, s, "tbl_c", 4000, strings.Repeat("c", 500))
	if err := s.DropRows(t.Context(), "tbl_a", "tbl_c"); err != nil {
		t.Fatal(err)
	}
	res, err := s.QueryRows(t.Context(), deja.Query{Table: table("tbl_b"), Limit: 1000})
	if err != nil || res.Total != 100 || len(res.Rows) != 100 || res.Rows[99][0] != int64(99) {
		t.Errorf("the table between: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"rows.db", "rows.db-wal"} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err == nil && info.Size() > 100<<10 {
			t.Errorf("%s has %d KiB after its large tables were dropped", name, info.Size()>>10)
		}
	}
}
