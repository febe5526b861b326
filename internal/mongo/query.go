package mongo

import (
	"context"
	"fmt"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/dejahq/deja"
)

// QueryRows is part of deja.Store. The context's deadline is the server's
// limit, too.
func (s *Store) QueryRows(ctx context.Context, q deja.Query) (*deja.QueryResult, error) {
	if err := s.gate.enter(); err != nil {
		return nil, err
	}
	defer s.gate.leave()
	if !deja.ValidID(deja.TablePrefix, q.Table.ID) {
		return nil, noTable(q.Table.ID)
	}
	fields, err := fieldsOf(q.Table)
	if err != nil {
		return nil, err
	}
	where, err := filterOf(q.Where, fields)
	if err != nil {
		return nil, err
	}
	q.Offset, q.Limit = max(q.Offset, 0), max(q.Limit, 0)
	rq := rowQuery{Query: q, s: s, from: s.rows(q.Table.ID), fields: fields, where: where}
	var res *deja.QueryResult
	if len(q.GroupBy) > 0 || len(q.Aggregates) > 0 {
		res, err = rq.groups(ctx)
	} else {
		res, err = rq.rows(ctx)
	}
	// Rows never change, so a result is right unless its table was removed on
	// the way: then the query is killed, or finds nothing, or less when it
	// counts than before.
	if dropped(err) || err == nil && (rq.empty || res.Total == 0 || len(res.Rows) > 0 && res.Total < int64(q.Offset+len(res.Rows))) {
		if e := s.tableExists(ctx, q.Table.ID); e != nil {
			return nil, e
		}
	}
	if err != nil {
		return nil, err
	}
	return res, nil
}

// dropped reports whether a query was killed because its collection went.
func dropped(err error) bool {
	for _, code := range []int{codeQueryPlanKilled, codeCursorNotFound, codeCursorKilled, codeNamespaceNotFound} {
		if hasCode(err, code) {
			return true
		}
	}
	return false
}

// tableExists tells a table without rows from one that is not there.
func (s *Store) tableExists(ctx context.Context, id string) error {
	there, err := s.sources.has(ctx, bson.D{{Key: "tables.id", Value: id}})
	if err == nil && !there {
		there, err = s.leftovers.has(ctx, bson.D{{Key: "_id", Value: id}, {Key: "state", Value: imported}})
	}
	if err == nil && !there {
		return noTable(id)
	}
	return err
}

// rowQuery is a query under way.
type rowQuery struct {
	deja.Query
	s      *Store
	from   collection
	fields []string
	where  bson.D
	empty  bool // nothing was found, though the result is a row
}

func (q *rowQuery) rows(ctx context.Context) (*deja.QueryResult, error) {
	columns := q.Columns
	if len(columns) == 0 {
		for i := range q.Table.Columns {
			columns = append(columns, i)
		}
	}
	res := &deja.QueryResult{Columns: make([]string, len(columns)), Rows: []deja.Row{}}
	projection := bson.D{{Key: "_id", Value: 0}}
	for i, c := range columns {
		if err := q.check(c, len(q.fields)); err != nil {
			return nil, err
		}
		res.Columns[i] = q.Table.Columns[c].Name
		if !slices.Contains(columns[:i], c) {
			projection = append(projection, bson.E{Key: q.fields[c], Value: 1})
		}
	}
	order, err := q.order(q.fields, "_id")
	if err != nil {
		return nil, err
	}
	if q.Limit > 0 {
		docs, err := find[bson.Raw](ctx, q.from, q.where, options.Find().SetProjection(projection).SetSort(order).
			SetSkip(int64(q.Offset)).SetLimit(int64(q.Limit)).SetAllowDiskUse(true))
		if err != nil {
			return nil, err
		}
		for _, doc := range docs {
			row := make(deja.Row, len(columns))
			for i, c := range columns {
				if row[i], err = value(doc.Lookup(q.fields[c]), q.Table.Columns[c].Type); err != nil {
					return nil, fail(ctx, err)
				}
			}
			res.Rows = append(res.Rows, row)
		}
	}
	res.Total, err = q.total(ctx, len(res.Rows), nil)
	return res, err
}

// total counts what there is before offset and limit. The last page tells
// without asking.
func (q *rowQuery) total(ctx context.Context, found int, then []bson.D) (int64, error) {
	if found < q.Limit && (found > 0 || q.Offset == 0) {
		return int64(q.Offset + found), nil
	}
	pipeline := append([]bson.D{{{Key: "$match", Value: q.where}}}, then...)
	pipeline = append(pipeline, bson.D{{Key: "$group", Value: bson.D{{Key: "_id", Value: nil}, {Key: "n", Value: bson.D{{Key: "$sum", Value: 1}}}}}})
	counts, err := aggregate[struct {
		N int64 `bson:"n"`
	}](ctx, q.from, pipeline)
	if err != nil || len(counts) == 0 {
		return 0, err
	}
	return counts[0].N, nil
}

// order compiles the sort keys, of which each names one of the given fields;
// the fields of then break ties, in ascending order.
func (q *rowQuery) order(fields []string, then ...string) (bson.D, error) {
	var order bson.D
	add := func(field string, direction int) {
		if !slices.ContainsFunc(order, func(e bson.E) bool { return e.Key == field }) {
			order = append(order, bson.E{Key: field, Value: direction})
		}
	}
	for _, k := range q.Sort {
		if err := q.check(k.Column, len(fields)); err != nil {
			return nil, err
		}
		direction := 1
		if k.Desc {
			direction = -1
		}
		add(fields[k.Column], direction)
	}
	for _, field := range then {
		add(field, 1)
	}
	return order, nil
}

func (q *rowQuery) check(column, columns int) error {
	if column < 0 || column >= columns {
		return deja.Errorf(deja.CodeInvalid, "The query names a column that there is not.")
	}
	return nil
}

// value gives a stored value in the form of its column.
func value(v bson.RawValue, t deja.ColumnType) (any, error) {
	switch v.Type {
	case bson.TypeNull, 0:
		return nil, nil
	case bson.TypeString:
		return v.StringValue(), nil
	case bson.TypeBoolean:
		return v.Boolean(), nil
	}
	if t == deja.TypeNumber {
		if f, is := v.AsFloat64OK(); is {
			return f, nil
		}
	}
	if n, is := wholeNumber(v); is {
		return n, nil
	}
	return nil, &malformed{fmt.Errorf("a %s in a column of type %s", v.Type, t)}
}

func wholeNumber(v bson.RawValue) (int64, bool) {
	switch v.Type {
	case bson.TypeInt32:
		return int64(v.Int32()), true
	case bson.TypeInt64:
		return v.Int64(), true
	}
	return 0, false
}
