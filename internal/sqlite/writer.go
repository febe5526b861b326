package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"iter"

	"github.com/dejahq/deja"
)

// writer is the one connection of a database that writes.
type writer struct {
	db       *sql.DB
	conn     *sql.Conn
	prepared map[string]*sql.Stmt // of conn
	turn     chan struct{}        // holds one token; who has it may use the above. First come, first served.
}

func openWriter(ctx context.Context, db *sql.DB) (*writer, error) {
	db.SetMaxOpenConns(1)
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	w := &writer{db: db, conn: conn, prepared: map[string]*sql.Stmt{}, turn: make(chan struct{}, 1)}
	w.turn <- struct{}{}
	return w, nil
}

// transact runs f in a transaction, which is committed if f gives nil, and
// durable then. It waits for its turn as long as ctx allows; from there on ctx
// is not watched, so that a caller who is told "cancelled" knows that nothing
// was written.
func (w *writer) transact(ctx context.Context, f func(*tx) error) (err error) {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case <-w.turn:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { w.turn <- struct{}{} }()

	t := &tx{w: w, ctx: context.WithoutCancel(ctx)}
	if _, err := t.run("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	committed := false
	defer func() {
		// Also when f panics. SQLite rolls back by itself after some errors;
		// then this one fails, which changes nothing.
		if !committed {
			t.run("ROLLBACK")
		}
	}()
	if err := f(t); err != nil {
		return err
	}
	if _, err := t.run("COMMIT"); err != nil {
		return err
	}
	committed = true
	return nil
}

// close closes the statements first: the pool does not know those of a
// connection that is held, and SQLite writes the log back into the database
// only when a connection closes that has none left.
func (w *writer) close() error {
	var errs []error
	for _, stmt := range w.prepared {
		errs = append(errs, stmt.Close())
	}
	return errors.Join(append(errs, w.conn.Close(), w.db.Close())...)
}

// tx is a transaction that writes, under way.
type tx struct {
	w   *writer
	ctx context.Context
}

// exec runs a fixed statement, through a prepared one, and gives the number of
// rows that it changed.
func (t *tx) exec(query string, args ...any) (int64, error) {
	deja.CountWrite(t.ctx)
	return t.run(query, args...)
}

// row reads one row of a fixed query.
func (t *tx) row(query string, args ...any) scanner {
	deja.CountWrite(t.ctx) // it is a part of a write
	stmt, err := t.statement(query)
	if err != nil {
		return failed{err}
	}
	return stmt.QueryRowContext(t.ctx, args...)
}

// each reads the rows of a fixed query.
func (t *tx) each(scan func(scanner) error, query string, args ...any) error {
	deja.CountWrite(t.ctx) // it is a part of a write
	stmt, err := t.statement(query)
	if err != nil {
		return err
	}
	rows, err := stmt.QueryContext(t.ctx, args...)
	if err != nil {
		return err
	}
	return eachRow(rows, scan)
}

// define runs a statement once that is not worth preparing.
func (t *tx) define(query string) error {
	deja.CountWrite(t.ctx)
	_, err := t.w.conn.ExecContext(t.ctx, query)
	return err
}

func (t *tx) run(query string, args ...any) (int64, error) {
	stmt, err := t.statement(query)
	if err != nil {
		return 0, err
	}
	res, err := stmt.ExecContext(t.ctx, args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

func (t *tx) statement(query string) (*sql.Stmt, error) {
	if stmt, is := t.w.prepared[query]; is {
		return stmt, nil
	}
	stmt, err := t.w.conn.PrepareContext(t.ctx, query)
	if err != nil {
		return nil, err
	}
	t.w.prepared[query] = stmt
	return stmt, nil
}

// insertMany runs one statement, prepared for the occasion, with each of the
// arguments. It counts as one query.
func (t *tx) insertMany(query string, args iter.Seq[[]any]) error {
	deja.CountWrite(t.ctx)
	stmt, err := t.w.conn.PrepareContext(t.ctx, query)
	if err != nil {
		return err
	}
	defer stmt.Close()
	for values := range args {
		if _, err := stmt.ExecContext(t.ctx, values...); err != nil {
			return err
		}
	}
	return nil
}
