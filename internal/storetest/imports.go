package storetest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/dejahq/deja"
)

var errSequence = errors.New("the file ends in the middle of a row")

var importTests = []storeTest{
	{"failing sequence", func(t *testing.T, s deja.Store) {
		const before = 5000 // rows, enough for batches to have been written
		table := numbersTable("broken")
		_, err := s.ImportRows(t.Context(), table, func(yield func(deja.Row, error) bool) {
			for row := range numberRows(before) {
				if !yield(row, nil) {
					return
				}
			}
			yield(nil, fmt.Errorf("line %d: %w", before, errSequence))
		})
		if !errors.Is(err, errSequence) {
			t.Fatalf("the sequence's error is lost: %v", err)
		}
		_, err = s.QueryRows(t.Context(), all(table))
		wantCode(t, err, deja.CodeNotFound)
		// Nothing is in the way of another try.
		n, err := s.ImportRows(t.Context(), table, numberRows(3))
		ok(t, err)
		same(t, "rows of the second try", n, int64(3))
		res, err := s.QueryRows(t.Context(), all(table))
		ok(t, err)
		same(t, "rows stored", res.Total, int64(3))
	}},
	{"sequence's own code", func(t *testing.T, s deja.Store) {
		_, err := s.ImportRows(t.Context(), numbersTable("large"), func(yield func(deja.Row, error) bool) {
			yield(nil, deja.Errorf(deja.CodeTooLarge, "The file has too many rows.").WithParam("file"))
		})
		wantCode(t, err, deja.CodeTooLarge)
		same(t, "message", deja.ErrorMessage(err), "The file has too many rows.")
	}},
	{"rows that do not fit", func(t *testing.T, s deja.Store) {
		table := citiesTable()
		good := cityRows()[0]
		bad := map[string]deja.Row{
			"too short": good[:3],
			"too long":  append(append(deja.Row{}, good...), "more"),
			"empty":     {},
			"nil":       nil,
		}
		wrong := []any{int64(1), "many", int64(1), int64(1), int64(1), 1.5, true, "2001", 1}
		for i, v := range wrong {
			r := append(deja.Row{}, good...)
			r[i] = v
			bad[fmt.Sprintf("%T for a %s", v, table.Columns[i].Type)] = r
		}
		for name, row := range bad {
			_, err := s.ImportRows(t.Context(), table, rowsOf([]deja.Row{good, row}))
			if deja.ErrorCode(err) != deja.CodeInvalid {
				t.Errorf("row %s: error %v, want %s", name, err, deja.CodeInvalid)
			}
			_, err = s.QueryRows(t.Context(), all(table))
			wantCode(t, err, deja.CodeNotFound)
		}
	}},
	{"cancelled on the way", func(t *testing.T, s deja.Store) {
		table := numbersTable("cancelled")
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		_, err := s.ImportRows(ctx, table, func(yield func(deja.Row, error) bool) {
			for i := int64(0); yield(deja.Row{i}, nil); i++ { // ends only when the store does
				if i == 5000 {
					cancel()
				}
			}
		})
		wantCode(t, err, deja.CodeCancelled)
		_, err = s.QueryRows(t.Context(), all(table))
		wantCode(t, err, deja.CodeNotFound)
	}},
	{"others go on meanwhile", func(t *testing.T, s deja.Store) {
		table, other := numbersTable("long"), numbersTable("short")
		a := createAssistant(t, s)
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		n, err := s.ImportRows(ctx, table, func(yield func(deja.Row, error) bool) {
			for i := range int64(6000) {
				// These would wait for ever if the import held a lock while
				// it waits for rows.
				switch i {
				case 1, 3000:
					if err := s.CreateThread(ctx, &deja.Thread{ID: deja.NewID(deja.ThreadPrefix), CreatedAt: sampleTime()}); err != nil {
						yield(nil, err)
						return
					}
				case 4500:
					if _, err := s.ImportRows(ctx, other, numberRows(10)); err != nil {
						yield(nil, err)
						return
					}
					if _, err := s.AttachSource(ctx, sampleSource(a.ID, "short", other)); err != nil {
						yield(nil, err)
						return
					}
				}
				if !yield(deja.Row{i}, nil) {
					return
				}
			}
		})
		ok(t, err)
		same(t, "rows", n, int64(6000))
		q := all(table)
		q.Sort, q.Limit = []deja.SortKey{{Column: 0, Desc: true}}, 1
		res, err := s.QueryRows(t.Context(), q)
		ok(t, err)
		same(t, "last row", res.Rows, []deja.Row{{int64(5999)}})
		same(t, "total", res.Total, int64(6000))
	}},
	{"rows are the store's own", func(t *testing.T, s deja.Store) {
		// A reader may use one slice for all of its rows.
		table := numbersTable("reused")
		_, err := s.ImportRows(t.Context(), table, func(yield func(deja.Row, error) bool) {
			row := make(deja.Row, 1)
			for i := range int64(100) {
				row[0] = i
				if !yield(row, nil) {
					return
				}
			}
		})
		ok(t, err)
		res, err := s.QueryRows(t.Context(), all(table))
		ok(t, err)
		for i, r := range res.Rows {
			same(t, "row", r, deja.Row{int64(i)})
		}
	}},
	{"table exists", func(t *testing.T, s deja.Store) {
		table := importRows(t, s, numbersTable("once"), []deja.Row{{int64(1)}})
		_, err := s.ImportRows(t.Context(), table, numberRows(10))
		wantCode(t, err, deja.CodeConflict)
		res, err := s.QueryRows(t.Context(), all(table))
		ok(t, err)
		same(t, "rows of the first", res.Rows, []deja.Row{{int64(1)}})
	}},
	{"drop", func(t *testing.T, s deja.Store) {
		one := importRows(t, s, numbersTable("one"), []deja.Row{{int64(1)}})
		two := importRows(t, s, numbersTable("two"), []deja.Row{{int64(2)}})
		three := importRows(t, s, numbersTable("three"), []deja.Row{{int64(3)}})
		ok(t, s.DropRows(t.Context(), one.ID, "tbl_never", two.ID))
		ok(t, s.DropRows(t.Context(), one.ID))
		ok(t, s.DropRows(t.Context()))
		for _, table := range []deja.Table{one, two} {
			_, err := s.QueryRows(t.Context(), all(table))
			wantCode(t, err, deja.CodeNotFound)
		}
		res, err := s.QueryRows(t.Context(), all(three))
		ok(t, err)
		same(t, "rows of the other table", res.Total, int64(1))
	}},
	{"many columns", func(t *testing.T, s deja.Store) {
		const columns = 300
		table := deja.Table{ID: deja.NewID(deja.TablePrefix), Name: "wide"}
		rows := make([]deja.Row, 50)
		for i := range columns {
			table.Columns = append(table.Columns, deja.Column{Name: numbered("column", i), Field: fmt.Sprintf("c%d", i), Type: deja.TypeInteger})
			for k := range rows {
				rows[k] = append(rows[k], int64(1000*k+i))
			}
		}
		table = importRows(t, s, table, rows)
		res, err := s.QueryRows(t.Context(), all(table))
		ok(t, err)
		same(t, "rows", res.Rows, rows)
	}},
}
