package mongo

import (
	"context"
	"iter"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/dejahq/deja"
)

// A batch of rows is as large as one message to the server should be, and
// bounds what an import holds in memory.
const (
	batchRows  = 1000
	batchBytes = 4 << 20
)

// signEvery is how often a long import gives a sign of life.
const signEvery = time.Minute

// rows is the collection of a table's rows: {_id: row number from 1, field: value, ...}.
func (s *Store) rows(tableID string) collection {
	return collection{s, s.db.Collection("rows_" + tableID)}
}

// ImportRows is part of deja.Store.
func (s *Store) ImportRows(ctx context.Context, t deja.Table, rows iter.Seq2[deja.Row, error]) (int64, error) {
	ctx = deja.Writing(ctx)
	if err := s.gate.enter(); err != nil {
		return 0, err
	}
	defer s.gate.leave()
	if !deja.ValidID(deja.TablePrefix, t.ID) {
		return 0, deja.Errorf(deja.CodeInvalid, "'%.64s' cannot be the id of a table.", t.ID)
	}
	fields, err := fieldsOf(t)
	if err != nil {
		return 0, err
	}
	if err := s.beginImport(ctx, t.ID); err != nil {
		return 0, err
	}
	in := &rowImport{s: s, t: t, fields: fields, to: s.rows(t.ID), signed: time.Now()}
	finished := false
	defer func() {
		if !finished { // a panic of the sequence included
			in.undo(ctx)
		}
	}()
	for row, err := range rows {
		if err == nil {
			err = in.add(ctx, row)
		}
		if err != nil {
			return 0, err
		}
	}
	if err := in.flush(ctx); err != nil {
		return 0, err
	}
	alive, err := s.leftovers.update(ctx, bson.D{{Key: "_id", Value: t.ID}, {Key: "state", Value: importing}},
		bson.D{{Key: "$set", Value: bson.D{{Key: "state", Value: imported}, {Key: "since", Value: time.Now()}}}})
	if err != nil {
		in.unsure = true
		return 0, err
	}
	if !alive {
		return 0, deja.Errorf(deja.CodeConflict, "The rows of table '%.64s' were dropped while they were imported.", t.ID)
	}
	finished = true
	return in.n, nil
}

// beginImport enters a new table as a leftover, until it is attached.
func (s *Store) beginImport(ctx context.Context, tableID string) error {
	err := s.leftovers.insert(ctx, leftover{ID: tableID, Kind: leftTable, State: importing, Since: time.Now()})
	if driver.IsDuplicateKeyError(err) {
		return exists("table", tableID)
	}
	if err != nil {
		return err
	}
	// A table that was attached is no leftover any more, but has a source.
	taken, err := s.sources.latest().has(ctx, bson.D{{Key: "tables.id", Value: tableID}})
	if err != nil || taken {
		s.settle(ctx, []string{tableID})
	}
	if taken {
		return exists("table", tableID)
	}
	return err
}

// rowImport is one import under way.
type rowImport struct {
	s      *Store
	t      deja.Table
	fields []string
	to     collection
	n      int64 // rows so far
	batch  []any
	bytes  int
	signed time.Time // when the leftover was last touched
	unsure bool      // a write may still arrive
}

func (in *rowImport) add(ctx context.Context, row deja.Row) error {
	if len(row) != len(in.fields) {
		return deja.Errorf(deja.CodeInvalid, "Row %d has %d values for the %d columns of table %q.", in.n+1, len(row), len(in.fields), in.t.Name)
	}
	doc := make(bson.D, 1, len(row)+1)
	doc[0] = bson.E{Key: "_id", Value: in.n + 1}
	for i, v := range row {
		if !fits(v, in.t.Columns[i].Type) {
			return deja.Errorf(deja.CodeInvalid, "Row %d has a value in column %q that is not of type %s.", in.n+1, in.t.Columns[i].Name, in.t.Columns[i].Type)
		}
		if text, is := v.(string); is {
			in.bytes += len(text)
		}
		doc = append(doc, bson.E{Key: in.fields[i], Value: v})
		in.bytes += len(in.fields[i]) + 16
	}
	in.n++
	in.batch = append(in.batch, doc)
	if len(in.batch) == batchRows || in.bytes >= batchBytes {
		return in.flush(ctx)
	}
	return nil
}

func (in *rowImport) flush(ctx context.Context) error {
	if len(in.batch) == 0 {
		return nil
	}
	if time.Since(in.signed) > signEvery {
		if _, err := in.s.leftovers.update(ctx, byID(in.t.ID), set("since", time.Now())); err != nil {
			return err
		}
		in.signed = time.Now()
	}
	if _, err := in.to.insertMany(ctx, in.batch, true); err != nil {
		in.unsure = true
		return fail(ctx, err)
	}
	clear(in.batch)
	in.batch, in.bytes = in.batch[:0], 0
	return nil
}

// undo removes what was written. After a write whose end is not known the
// table stays a leftover, because that write could come after the removal.
func (in *rowImport) undo(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), removalTime)
	defer cancel()
	_, err := in.s.leftovers.update(ctx, byID(in.t.ID), set("state", leaving))
	if err == nil {
		err = in.to.drop(ctx)
	}
	if err == nil && !in.unsure {
		err = in.s.leftovers.deleteAll(ctx, byID(in.t.ID))
	}
	if err != nil {
		in.s.log.WarnContext(ctx, "rows of a failed import are left over", "table", in.t.ID, "error", err)
	}
}

// DropRows is part of deja.Store.
func (s *Store) DropRows(ctx context.Context, tableIDs ...string) error {
	ctx = deja.Writing(ctx)
	if err := s.gate.enter(); err != nil {
		return err
	}
	defer s.gate.leave()
	for _, id := range tableIDs {
		// Attached tables are not leftovers, and from here on this one cannot
		// be attached.
		there, err := s.leftovers.update(ctx, bson.D{{Key: "_id", Value: id}, {Key: "kind", Value: leftTable}}, set("state", leaving))
		if err == nil && there {
			err = s.sweepTable(ctx, id)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// fits reports whether v is null or has the form of a column's values.
func fits(v any, t deja.ColumnType) bool {
	switch v.(type) {
	case nil:
		return true
	case string:
		return t == deja.TypeString || t == deja.TypeDate || t == deja.TypeDateTime || t == deja.TypeTime
	case int64:
		return t == deja.TypeInteger || t == deja.TypeYear
	case float64:
		return t == deja.TypeNumber
	case bool:
		return t == deja.TypeBoolean
	}
	return false
}

// fieldsOf gives the field names of a table's columns. They are the columns'
// own, but for _id, which is the row's number.
func fieldsOf(t deja.Table) ([]string, error) {
	fields := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		if !validField(c.Field) {
			return nil, deja.Errorf(deja.CodeInvalid, "Column %q has no valid field name.", c.Name)
		}
		fields[i] = c.Field
		if c.Field == "_id" {
			fields[i] = "column _id"
		}
	}
	return fields, nil
}

func validField(name string) bool {
	for i := range len(name) {
		switch c := name[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '_':
		default:
			return false
		}
	}
	return name != ""
}
