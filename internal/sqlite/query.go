package sqlite

import (
	"context"
	"strings"

	sqlite3 "modernc.org/sqlite/lib"

	"github.com/dejahq/deja"
)

// QueryRows runs a query as SQL. It ends when ctx does, wherever it is.
func (s *Store) QueryRows(ctx context.Context, q deja.Query) (*deja.QueryResult, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.leave()
	if !deja.ValidID(deja.TablePrefix, q.Table.ID) {
		return nil, notFound("table", q.Table.ID)
	}
	c, err := compile(&q)
	if err != nil {
		return nil, err
	}
	res := &deja.QueryResult{Columns: c.names(), Rows: []deja.Row{}}
	if err := s.readRows(ctx, c, res); err != nil {
		return nil, s.queryFailure(ctx, q.Table.ID, err)
	}
	// A page that is not full ends the result, so the total is known.
	n := len(res.Rows)
	if n < q.Limit && (n > 0 || q.Offset <= 0) {
		res.Total = int64(max(q.Offset, 0) + n)
		return res, nil
	}
	if res.Total, err = s.countRows(ctx, c); err != nil {
		return nil, s.queryFailure(ctx, q.Table.ID, err)
	}
	return res, nil
}

func (s *Store) readRows(ctx context.Context, c *compiled, res *deja.QueryResult) error {
	deja.CountRead(ctx)
	rows, err := s.rows.readers.QueryContext(ctx, c.page, c.pageArgs...)
	if err != nil {
		return err
	}
	return eachRow(rows, func(r scanner) error {
		row, err := c.read(r)
		if err == nil {
			res.Rows = append(res.Rows, row)
		}
		return err
	})
}

func (s *Store) countRows(ctx context.Context, c *compiled) (n int64, err error) {
	deja.CountRead(ctx)
	err = s.rows.readers.QueryRowContext(ctx, c.total, c.totalArgs...).Scan(&n)
	return n, err
}

// queryFailure says what a failed query means: SQLite has no code of its own
// for a table that is not there, nor for a sum that is too large.
func (s *Store) queryFailure(ctx context.Context, tableID string, err error) error {
	if resultCode(err) == sqlite3.SQLITE_ERROR {
		if strings.Contains(err.Error(), "integer overflow") {
			return errSum(err)
		}
		if there, e := s.imported(ctx, tableID); e == nil && !there {
			return notFound("table", tableID)
		}
	}
	return failure(err)
}

func errSum(cause error) error {
	return deja.Wrap(deja.CodeInvalid, cause, "A sum is too large for its type.")
}
