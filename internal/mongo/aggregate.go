package mongo

import (
	"context"
	"fmt"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/dejahq/deja"
)

// groups executes a query with groups or aggregates. In the pipeline, group
// columns are _id.k0, _id.k1, ..., and aggregates a0, a1, ...: names in the
// query are whatever the client likes.
func (q *rowQuery) groups(ctx context.Context) (*deja.QueryResult, error) {
	res := &deja.QueryResult{Columns: []string{}, Rows: []deja.Row{}}
	var keys, paths []string
	group := bson.D{{Key: "_id", Value: nil}}
	if len(q.GroupBy) > 0 {
		var id bson.D
		for i, c := range q.GroupBy {
			if err := q.check(c, len(q.fields)); err != nil {
				return nil, err
			}
			keys = append(keys, fmt.Sprintf("_id.k%d", i))
			id = append(id, bson.E{Key: fmt.Sprintf("k%d", i), Value: "$" + q.fields[c]})
			res.Columns = append(res.Columns, q.Table.Columns[c].Name)
		}
		group[0].Value = id
	}
	paths = append(paths, keys...)
	for i, a := range q.Aggregates {
		accumulator, err := q.accumulator(a)
		if err != nil {
			return nil, err
		}
		name := fmt.Sprintf("a%d", i)
		group = append(group, bson.E{Key: name, Value: accumulator})
		paths = append(paths, name)
		res.Columns = append(res.Columns, a.As)
	}
	order, err := q.order(paths, keys...)
	if err != nil {
		return nil, err
	}

	grouping := bson.D{{Key: "$group", Value: group}}
	q.empty = q.Limit == 0
	if q.Limit > 0 {
		pipeline := []bson.D{{{Key: "$match", Value: q.where}}, grouping}
		if len(q.GroupBy) > 0 {
			pipeline = append(pipeline, bson.D{{Key: "$sort", Value: order}}, bson.D{{Key: "$skip", Value: q.Offset}}, bson.D{{Key: "$limit", Value: q.Limit}})
		}
		docs, err := aggregate[bson.Raw](ctx, q.from, pipeline)
		if err != nil {
			return nil, err
		}
		if len(q.GroupBy) == 0 && len(docs) == 0 {
			// No rows make no group, but figures over no rows.
			q.empty = true
			docs = []bson.Raw{{5, 0, 0, 0, 0}}
		}
		for _, doc := range docs {
			row, err := q.groupRow(doc)
			if err != nil {
				return nil, fail(ctx, err)
			}
			res.Rows = append(res.Rows, row)
		}
	}
	if len(q.GroupBy) == 0 {
		res.Total = 1
		if q.Offset > 0 {
			res.Rows = res.Rows[:0]
		}
		return res, nil
	}
	res.Total, err = q.total(ctx, len(res.Rows), []bson.D{grouping})
	return res, err
}

// accumulator compiles an aggregate. MongoDB's own leave nulls out, but for
// counting.
func (q *rowQuery) accumulator(a deja.Aggregate) (bson.D, error) {
	if a.Func == "count" && a.Column == -1 {
		return bson.D{{Key: "$sum", Value: 1}}, nil
	}
	if err := q.check(a.Column, len(q.fields)); err != nil {
		return nil, err
	}
	field := "$" + q.fields[a.Column]
	switch a.Func {
	case "count":
		isNull := bson.D{{Key: "$eq", Value: bson.A{field, nil}}}
		return bson.D{{Key: "$sum", Value: bson.D{{Key: "$cond", Value: bson.A{isNull, 0, 1}}}}}, nil
	case "sum", "avg", "min", "max":
		return bson.D{{Key: "$" + a.Func, Value: field}}, nil
	}
	return nil, deja.Errorf(deja.CodeInvalid, "There is no aggregate %.20q.", a.Func)
}

// groupRow gives a group's values: its columns, then its aggregates.
func (q *rowQuery) groupRow(doc bson.Raw) (deja.Row, error) {
	row := make(deja.Row, 0, len(q.GroupBy)+len(q.Aggregates))
	for i, c := range q.GroupBy {
		v, err := value(doc.Lookup("_id", fmt.Sprintf("k%d", i)), q.Table.Columns[c].Type)
		if err != nil {
			return nil, err
		}
		row = append(row, v)
	}
	for i, a := range q.Aggregates {
		v, err := q.figure(doc.Lookup(fmt.Sprintf("a%d", i)), a)
		if err != nil {
			return nil, err
		}
		row = append(row, v)
	}
	return row, nil
}

// figure gives an aggregate in its form: counts and sums of nothing are 0,
// whether MongoDB says so or has no group to say it in.
func (q *rowQuery) figure(v bson.RawValue, a deja.Aggregate) (any, error) {
	t := deja.TypeInteger
	if a.Column >= 0 {
		t = q.Table.Columns[a.Column].Type
	}
	absent := v.Type == 0 || v.Type == bson.TypeNull
	switch a.Func {
	case "count":
		t = deja.TypeInteger
		if absent {
			return int64(0), nil
		}
	case "avg":
		t = deja.TypeNumber
	case "sum":
		switch {
		case absent && t == deja.TypeNumber:
			return 0.0, nil
		case absent:
			return int64(0), nil
		case t != deja.TypeNumber && v.Type == bson.TypeDouble:
			// Sums of integers become floating point where they do not fit.
			return nil, deja.Errorf(deja.CodeInvalid, "The sum %.64q is too large for an integer.", a.As)
		}
	}
	return value(v, t)
}
