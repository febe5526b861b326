package sqlite

import (
	"context"
	"errors"
	"fmt"

	modernc "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/dejahq/deja"
)

// failure gives every error a code and a message that may be shown.
func failure(err error) error {
	if err == nil {
		return nil
	}
	if _, is := errors.AsType[*deja.Error](err); is {
		return err
	}
	switch {
	case errors.Is(err, context.Canceled):
		return deja.Wrap(deja.CodeCancelled, err, "The request was cancelled.")
	case errors.Is(err, context.DeadlineExceeded):
		return deja.Wrap(deja.CodeUnavailable, err, "The store did not answer in time.")
	}
	switch resultCode(err) & 0xff {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return deja.Wrap(deja.CodeUnavailable, err, "The store is busy.")
	case sqlite3.SQLITE_FULL:
		return deja.Wrap(deja.CodeUnavailable, err, "The store has no space left.")
	case sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_PROTOCOL:
		return deja.Wrap(deja.CodeUnavailable, err, "The store cannot be read or written.")
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return deja.Wrap(deja.CodeUnavailable, err, "The store is damaged.")
	case sqlite3.SQLITE_TOOBIG:
		return deja.Wrap(deja.CodeTooLarge, err, "A value is too large for the store.")
	}
	return deja.Wrap(deja.CodeInternal, err, "The store failed.")
}

// resultCode gives SQLite's extended result code, 0 when err has none.
func resultCode(err error) int {
	if e, is := errors.AsType[*modernc.Error](err); is {
		return e.Code()
	}
	return 0
}

// taken reports whether err says that a unique value is there already.
func taken(err error) bool {
	switch resultCode(err) {
	case sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY:
		return true
	}
	return false
}

func notFound(what, id string) error {
	const longest = 100
	if len(id) > longest {
		id = id[:longest] + "..."
	}
	return deja.Errorf(deja.CodeNotFound, "No %s found with id '%s'.", what, id)
}

func exists(what, id string) error {
	return deja.Errorf(deja.CodeConflict, "There is %s with id '%s' already.", what, id)
}

func changed(what, id string) error {
	return deja.Errorf(deja.CodeConflict, "The %s with id '%s' was changed by somebody else meanwhile.", what, id)
}

func invalid(format string, args ...any) error {
	return deja.Errorf(deja.CodeInvalid, format, args...)
}

func invalidParam(param, format string, args ...any) error {
	return deja.Errorf(deja.CodeInvalid, "%s", fmt.Sprintf(format, args...)).WithParam(param)
}
