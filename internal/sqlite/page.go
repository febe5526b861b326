package sqlite

import (
	"context"
	"slices"
	"strings"

	"github.com/dejahq/deja"
)

// listing says what a page is taken from. Its texts are of this package.
type listing struct {
	table, columns string
	key            string // columns that order it, oldest first: unique, with an index
	where          string // which rows, with args for its parameters
	args           []any
}

// readPage reads a page. Cursors are looked up in the same query, so that
// theirs and the page's are one snapshot.
func readPage[T any](ctx context.Context, d *database, l listing, p deja.Page, scan func(scanner) (*T, error)) (deja.Listing[T], error) {
	var out deja.Listing[T]
	if p.Limit < 1 || p.Limit > 100 {
		return out, invalidParam("limit", "The limit is %d, and must be from 1 to 100.", p.Limit)
	}
	// Without After, the items nearest to Before are wanted: they are read
	// backwards, and turned.
	backwards := p.Before != "" && p.After == ""
	direction, follows, precedes := "DESC", "<", ">"
	if p.Asc {
		direction, follows, precedes = "ASC", ">", "<"
	}
	if backwards && p.Asc {
		direction = "DESC"
	} else if backwards {
		direction = "ASC"
	}
	var q strings.Builder
	args := slices.Clone(l.args)
	q.WriteString("SELECT " + l.columns + " FROM " + l.table + " WHERE " + l.where)
	cursor := func(relation, id string) {
		q.WriteString(" AND (" + l.key + ") " + relation + " (SELECT " + l.key + " FROM " + l.table + " WHERE " + l.where + " AND id = ?)")
		args = append(append(args, l.args...), id)
	}
	if p.After != "" {
		cursor(follows, p.After)
	}
	if p.Before != "" {
		cursor(precedes, p.Before)
	}
	q.WriteString(" ORDER BY " + strings.ReplaceAll(l.key, ",", " "+direction+",") + " " + direction + " LIMIT ?")
	args = append(args, p.Limit+1)
	err := d.each(ctx, func(r scanner) error {
		v, err := scan(r)
		if err == nil {
			out.Data = append(out.Data, *v)
		}
		return err
	}, q.String(), args...)
	if err != nil {
		return out, err
	}
	if len(out.Data) == 0 {
		return out, l.checkCursors(ctx, d, p)
	}
	if out.HasMore = len(out.Data) > p.Limit; out.HasMore {
		out.Data = out.Data[:p.Limit]
	}
	if backwards {
		slices.Reverse(out.Data)
	}
	return out, nil
}

// checkCursors says whether an empty page is one because a cursor is not in
// the listing.
func (l listing) checkCursors(ctx context.Context, d *database, p deja.Page) error {
	for _, cursor := range []struct{ param, id string }{{"after", p.After}, {"before", p.Before}} {
		if cursor.id == "" {
			continue
		}
		var n int
		err := d.row(ctx, "SELECT count(*) FROM "+l.table+" WHERE "+l.where+" AND id = ?", append(slices.Clone(l.args), cursor.id)...).Scan(&n)
		if err != nil {
			return err
		}
		if n == 0 {
			return invalidParam(cursor.param, "'%s' is not in the list.", cursor.id)
		}
	}
	return nil
}
