package mongo

import (
	"context"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/dejahq/deja"
)

// maxPage is the largest Limit of a deja.Page.
const maxPage = 100

// listing is a collection, or what matches a filter in it, in the ascending
// order of keys, which nobody shares.
type listing[D, T any] struct {
	in      collection
	filter  bson.D
	keys    []string
	locate  func(id string) bson.D // finds a cursor's document; nil: by _id
	convert func(*D) *T
}

// list gives one page.
func list[D, T any](ctx context.Context, l listing[D, T], p deja.Page) (deja.Listing[T], error) {
	var page deja.Listing[T]
	if p.Limit < 1 || p.Limit > maxPage {
		return page, deja.Errorf(deja.CodeInvalid, "The limit must be between 1 and %d.", maxPage).WithParam("limit")
	}
	var conditions bson.A
	if len(l.filter) > 0 {
		conditions = append(conditions, l.filter)
	}
	for _, cursor := range []struct {
		id, param string
		above     bool
	}{
		{p.After, "after", p.Asc},
		{p.Before, "before", !p.Asc},
	} {
		if cursor.id == "" {
			continue
		}
		at, err := l.position(ctx, cursor.id)
		if err != nil {
			return page, err
		}
		if at == nil {
			return page, deja.Errorf(deja.CodeInvalid, "There is no '%.64s' in this listing.", cursor.id).WithParam(cursor.param)
		}
		conditions = append(conditions, l.beyond(at, cursor.above))
	}

	// Before alone asks for the items nearest to it, so it reads backwards.
	backwards := p.Before != "" && p.After == ""
	direction := -1
	if p.Asc != backwards {
		direction = 1
	}
	var order bson.D
	for _, k := range l.keys {
		order = append(order, bson.E{Key: k, Value: direction})
	}
	filter := bson.D{}
	if len(conditions) > 0 {
		filter = bson.D{{Key: "$and", Value: conditions}}
	}
	docs, err := find[D](ctx, l.in, filter, options.Find().SetSort(order).SetLimit(int64(p.Limit)+1))
	if err != nil {
		return page, err
	}
	if len(docs) > p.Limit {
		docs, page.HasMore = docs[:p.Limit], true
	}
	if backwards {
		slices.Reverse(docs)
	}
	page.Data = make([]T, len(docs))
	for i := range docs {
		page.Data[i] = *l.convert(&docs[i])
	}
	return page, nil
}

// position gives the keys of a cursor's document, nil when it is not listed.
func (l listing[D, T]) position(ctx context.Context, id string) ([]bson.RawValue, error) {
	where := byID(id)
	if l.locate != nil {
		where = l.locate(id)
	}
	var projection bson.D
	for _, k := range l.keys {
		projection = append(projection, bson.E{Key: k, Value: 1})
	}
	var doc bson.Raw
	found, err := l.in.one(ctx, append(where, l.filter...), projection, &doc)
	if err != nil || !found {
		return nil, err
	}
	at := make([]bson.RawValue, len(l.keys))
	for i, k := range l.keys {
		at[i] = doc.Lookup(k)
	}
	return at, nil
}

// beyond matches what comes after a position in ascending order, or before it.
func (l listing[D, T]) beyond(at []bson.RawValue, above bool) bson.D {
	op := "$lt"
	if above {
		op = "$gt"
	}
	var cases bson.A
	for i := range l.keys {
		var c bson.D
		for k := range i {
			c = append(c, bson.E{Key: l.keys[k], Value: at[k]})
		}
		cases = append(cases, append(c, bson.E{Key: l.keys[i], Value: bson.D{{Key: op, Value: at[i]}}}))
	}
	return bson.D{{Key: "$or", Value: cases}}
}
