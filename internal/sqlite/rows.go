package sqlite

import (
	"context"
	"strings"

	"github.com/dejahq/deja"
)

// The names of row tables. A table has the second name until all of its rows
// are there, so that nobody ever sees a part of them.
const (
	rowsPrefix   = "rows_"
	importPrefix = "import_"
)

// fieldPrefix keeps the names of columns apart from "n", the row's number in
// its file, and from what means something to SQL.
const fieldPrefix = "f_"

// maxColumns is SQLite's own limit, less one for n.
const maxColumns = 1999

// tableName gives the quoted SQL name of a row table. The id is checked: it
// has nothing but letters, digits, '_' and '-'.
func tableName(prefix, id string) (string, bool) {
	return `"` + prefix + id + `"`, deja.ValidID(deja.TablePrefix, id)
}

// fieldName gives the quoted SQL name of a column.
func fieldName(c deja.Column) (string, error) {
	for i := range len(c.Field) {
		switch b := c.Field[i]; {
		case 'a' <= b && b <= 'z', 'A' <= b && b <= 'Z', '0' <= b && b <= '9', b == '_':
		default:
			return "", invalid("The field '%s' of column '%s' is not a safe name.", c.Field, c.Name)
		}
	}
	return `"` + fieldPrefix + c.Field + `"`, nil
}

// formOf gives the SQL type of a column. SQLite's INTEGER has all 64 bits;
// booleans are 0 and 1.
func formOf(t deja.ColumnType) string {
	switch t {
	case deja.TypeInteger, deja.TypeYear, deja.TypeBoolean:
		return "INTEGER"
	case deja.TypeNumber:
		return "REAL"
	}
	return "TEXT"
}

// imported reports whether the rows of a table are there.
func (s *Store) imported(ctx context.Context, tableID string) (bool, error) {
	return s.tableThere(ctx, rowsPrefix+tableID)
}

func (s *Store) tableThere(ctx context.Context, name string) (bool, error) {
	var n int
	err := s.rows.row(ctx, "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = ?", name).Scan(&n)
	return n > 0, err
}

// DropRows removes the rows of tables that no source shows.
func (s *Store) DropRows(ctx context.Context, tableIDs ...string) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.leave()
	ctx = deja.Writing(ctx)
	s.attaching.Lock()
	defer s.attaching.Unlock()
	for _, id := range tableIDs {
		var n int
		if err := s.docs.row(ctx, "SELECT count(*) FROM source_tables WHERE table_id = ?", id).Scan(&n); err != nil {
			return failure(err)
		}
		if n > 0 {
			return deja.Errorf(deja.CodeConflict, "The table '%s' belongs to a data source.", id)
		}
		if err := s.dropTable(ctx, rowsPrefix, id); err != nil {
			return failure(err)
		}
	}
	return nil
}

// dropDetached removes rows that no source shows any more. A failure harms
// nobody: Open tries again.
func (s *Store) dropDetached(ctx context.Context, tableIDs []string) {
	for _, id := range tableIDs {
		if err := s.dropTable(context.WithoutCancel(ctx), rowsPrefix, id); err != nil {
			s.log.Warn("rows of a removed data source stay until the next start", "table", id, "error", err)
		}
	}
}

// dropTable removes a row table, if it is there, and gives its space back to
// the system, in steps that let other imports write in between.
func (s *Store) dropTable(ctx context.Context, prefix, id string) error {
	name, valid := tableName(prefix, id)
	if !valid {
		return nil
	}
	if there, err := s.tableThere(deja.Writing(ctx), prefix+id); err != nil || !there {
		return err
	}
	err := s.rows.writer.transact(ctx, func(t *tx) error { return t.define("DROP TABLE IF EXISTS " + name) })
	for free := 1; free > 0 && err == nil; {
		err = s.rows.writer.transact(ctx, func(t *tx) error {
			if err := t.define("PRAGMA incremental_vacuum(2000)"); err != nil {
				return err
			}
			return t.row("PRAGMA freelist_count").Scan(&free)
		})
	}
	return err
}

// dropOrphans removes what imports left behind that were never finished or
// never attached, and what a deletion did not come to remove. Nobody else has
// the store, so there is none under way.
func (s *Store) dropOrphans(ctx context.Context) error {
	attached := map[string]bool{}
	err := s.docs.each(ctx, func(r scanner) error {
		var id string
		err := r.Scan(&id)
		attached[rowsPrefix+id] = true
		return err
	}, "SELECT table_id FROM source_tables")
	if err != nil {
		return failure(err)
	}
	var orphans []string
	err = s.rows.each(ctx, func(r scanner) error {
		var name string
		err := r.Scan(&name)
		if !attached[name] {
			orphans = append(orphans, name)
		}
		delete(attached, name)
		return err
	}, "SELECT name FROM sqlite_schema WHERE type = 'table'")
	if err != nil {
		return failure(err)
	}
	for _, name := range orphans {
		prefix, id, _ := strings.Cut(name, "_")
		if err := s.dropTable(ctx, prefix+"_", id); err != nil {
			return failure(err)
		}
		s.log.Info("removed rows that no data source shows", "table", id)
	}
	for name := range attached {
		s.log.Error("the rows of a data source are lost", "table", strings.TrimPrefix(name, rowsPrefix))
	}
	return nil
}
