package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"

	modernc "modernc.org/sqlite"

	"github.com/dejahq/deja"
)

// database is one SQLite file: a pool of connections that read and one that
// writes. Readers never wait for the writer nor it for them (WAL).
type database struct {
	readers  *sql.DB
	prepared sync.Map // text of a query -> *sql.Stmt of readers
	writer   *writer
}

// openDatabase opens or creates a database file and brings it to the newest
// schema.
func openDatabase(ctx context.Context, path string, steps []string, readers int) (_ *database, err error) {
	// SQLite gives its own files the mode of the database.
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err == nil {
		err = file.Close()
	}
	if err != nil {
		return nil, deja.Wrap(deja.CodeUnavailable, err, fmt.Sprintf("The database %s cannot be opened.", path))
	}
	defer func() {
		if err != nil && deja.ErrorCode(err) == deja.CodeInternal {
			f := failure(err)
			err = deja.Wrap(deja.ErrorCode(f), err, fmt.Sprintf("The database %s cannot be opened. %s", path, deja.ErrorMessage(f)))
		}
	}()
	drv := &modernc.Driver{}
	if err := registerTextFunctions(drv); err != nil {
		return nil, err
	}
	w, err := openWriter(ctx, sql.OpenDB(connector{drv, dsn(path, "_auto_vacuum=incremental", "_journal_mode=wal", "_synchronous=full")}))
	if err != nil {
		return nil, err
	}
	if err := migrate(ctx, w, path, steps); err != nil {
		return nil, errors.Join(err, w.close())
	}
	pool := sql.OpenDB(connector{drv, dsn(path, "_query_only=true")})
	pool.SetMaxOpenConns(readers)
	pool.SetMaxIdleConns(readers)
	if err := pool.PingContext(ctx); err != nil {
		return nil, errors.Join(err, pool.Close(), w.close())
	}
	return &database{readers: pool, writer: w}, nil
}

// dsn names a database file with its settings. A writer waits for a lock only
// when somebody looks into the file with another program.
func dsn(path string, settings ...string) string {
	path = filepath.ToSlash(path)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path // C:/...
	}
	settings = append(settings, "_busy_timeout=5000", "_foreign_keys=on", "_dqs=0", "_defensive=1",
		"_pragma=trusted_schema(0)", "_pragma=journal_size_limit(67108864)")
	return (&url.URL{Scheme: "file", Path: path, RawQuery: strings.Join(settings, "&")}).String()
}

// connector opens connections with a driver of our own, on which our functions
// are, and no others.
type connector struct {
	driver *modernc.Driver
	dsn    string
}

func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return c.driver.Open(c.dsn)
}

func (c connector) Driver() driver.Driver { return c.driver }

// row reads one row of a fixed query, through a prepared statement.
//
// The context's end is not watched meanwhile: such a query takes some
// microseconds, about as many as the watching.
func (d *database) row(ctx context.Context, query string, args ...any) scanner {
	deja.CountRead(ctx)
	stmt, err := d.statement(query)
	if err != nil {
		return failed{err}
	}
	return stmt.QueryRowContext(context.WithoutCancel(ctx), args...)
}

// each reads the rows of a fixed query, a limited number of them, the way row
// does.
func (d *database) each(ctx context.Context, scan func(scanner) error, query string, args ...any) error {
	deja.CountRead(ctx)
	stmt, err := d.statement(query)
	if err != nil {
		return err
	}
	rows, err := stmt.QueryContext(context.WithoutCancel(ctx), args...)
	if err != nil {
		return err
	}
	return eachRow(rows, scan)
}

func eachRow(rows *sql.Rows, scan func(scanner) error) error {
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// statement prepares a query once. Queries are texts of this package, with
// nothing of a caller's in them, so they are few.
func (d *database) statement(query string) (*sql.Stmt, error) {
	if stmt, is := d.prepared.Load(query); is {
		return stmt.(*sql.Stmt), nil
	}
	stmt, err := d.readers.Prepare(query)
	if err != nil {
		return nil, err
	}
	if other, is := d.prepared.LoadOrStore(query, stmt); is {
		return other.(*sql.Stmt), stmt.Close()
	}
	return stmt, nil
}

func (d *database) close() error {
	return errors.Join(d.readers.Close(), d.writer.close())
}

// scanner is a row: *sql.Row or *sql.Rows.
type scanner interface{ Scan(dest ...any) error }

// failed is a row that could not be asked for.
type failed struct{ err error }

func (f failed) Scan(...any) error { return f.err }
