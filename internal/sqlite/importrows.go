package sqlite

import (
	"context"
	"fmt"
	"iter"
	"strings"

	"github.com/dejahq/deja"
)

// A batch is what an import holds in memory and writes in one transaction: at
// most this many values and about this many bytes.
const (
	batchValues = 10_000
	batchBytes  = 1 << 20
)

// ImportRows stores the rows of a new table, batch by batch. Between batches,
// and while it waits for rows, other imports write.
func (s *Store) ImportRows(ctx context.Context, table deja.Table, rows iter.Seq2[deja.Row, error]) (int64, error) {
	if err := s.enter(ctx); err != nil {
		return 0, err
	}
	defer s.leave()
	im, err := s.startImport(ctx, table)
	if err != nil {
		return 0, failure(err)
	}
	finished := false
	defer func() { // also when the sequence panics
		if !finished {
			im.abandon(ctx)
		}
	}()
	for row, err := range rows {
		if err == nil {
			err = ctx.Err()
		}
		if err == nil {
			err = im.add(ctx, row)
		}
		if err != nil {
			return 0, failure(err)
		}
	}
	if err := im.finish(ctx); err != nil {
		return 0, failure(err)
	}
	finished = true
	return im.count, nil
}

// rowImport is an import under way.
type rowImport struct {
	store  *Store
	table  deja.Table
	insert string
	batch  []any // values of the rows not written yet
	bytes  int
	count  int64 // rows taken
}

func (s *Store) startImport(ctx context.Context, table deja.Table) (*rowImport, error) {
	if !deja.ValidID(deja.TablePrefix, table.ID) {
		return nil, invalid("'%s' is not an id of a table.", table.ID)
	}
	if len(table.Columns) == 0 || len(table.Columns) > maxColumns {
		return nil, deja.Errorf(deja.CodeTooLarge, "The table '%s' has %d columns; it can have 1 to %d.", table.Name, len(table.Columns), maxColumns)
	}
	name, _ := tableName(importPrefix, table.ID)
	columns := []string{"n INTEGER PRIMARY KEY"}
	for _, c := range table.Columns {
		field, err := fieldName(c)
		if err != nil {
			return nil, err
		}
		columns = append(columns, field+" "+formOf(c.Type))
	}
	im := &rowImport{store: s, table: table}
	im.insert = "INSERT INTO " + name + " VALUES (NULL" + strings.Repeat(", ?", len(table.Columns)) + ")"
	create := "CREATE TABLE " + name + " (" + strings.Join(columns, ", ") + ") STRICT"
	return im, s.rows.writer.transact(ctx, func(t *tx) error {
		for _, prefix := range []string{rowsPrefix, importPrefix} {
			var n int
			if err := t.row("SELECT count(*) FROM sqlite_schema WHERE name = ?", prefix+table.ID).Scan(&n); err != nil {
				return err
			}
			if n > 0 {
				return exists("a table", table.ID)
			}
		}
		return t.define(create)
	})
}

// add takes a row, and writes a batch when there is enough for one.
func (im *rowImport) add(ctx context.Context, row deja.Row) error {
	columns := im.table.Columns
	if len(row) != len(columns) {
		return invalid("Row %d of table '%s' has %d values for %d columns.", im.count+1, im.table.Name, len(row), len(columns))
	}
	for i, v := range row {
		if !columns[i].Type.Holds(v) {
			return invalid("Row %d of table '%s' has a %T in column '%s', which is of type %s.", im.count+1, im.table.Name, v, columns[i].Name, columns[i].Type)
		}
		if text, is := v.(string); is {
			im.bytes += len(text)
		}
		im.batch = append(im.batch, v)
	}
	im.count++
	if len(im.batch) >= batchValues || im.bytes >= batchBytes {
		return im.write(ctx, nil)
	}
	return nil
}

// write writes the batch, and does last in the same transaction.
func (im *rowImport) write(ctx context.Context, last func(*tx) error) error {
	err := im.store.rows.writer.transact(ctx, func(t *tx) error {
		width := len(im.table.Columns)
		err := t.insertMany(im.insert, func(yield func([]any) bool) {
			for i := 0; i < len(im.batch); i += width {
				if !yield(im.batch[i : i+width]) {
					return
				}
			}
		})
		if err != nil || last == nil {
			return err
		}
		return last(t)
	})
	clear(im.batch)
	im.batch, im.bytes = im.batch[:0], 0
	return err
}

// finish writes the last batch and makes the table visible.
func (im *rowImport) finish(ctx context.Context) error {
	from, _ := tableName(importPrefix, im.table.ID)
	to, _ := tableName(rowsPrefix, im.table.ID)
	return im.write(ctx, func(t *tx) error { return t.define("ALTER TABLE " + from + " RENAME TO " + to) })
}

// abandon removes what was written.
func (im *rowImport) abandon(ctx context.Context) {
	if err := im.store.dropTable(context.WithoutCancel(ctx), importPrefix, im.table.ID); err != nil {
		im.store.log.Warn("rows of a failed import stay until the next start", "table", im.table.ID, "error", fmt.Sprint(err))
	}
}
