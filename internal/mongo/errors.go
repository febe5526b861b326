package mongo

import (
	"context"
	"errors"
	"fmt"

	driver "go.mongodb.org/mongo-driver/v2/mongo"
	xdriver "go.mongodb.org/mongo-driver/v2/x/mongo/driver"

	"github.com/dejahq/deja"
)

// Codes of the server that the store tells apart.
const (
	codeUnauthorized      = 13
	codeNamespaceNotFound = 26
	codeCursorNotFound    = 43
	codeQueryPlanKilled   = 175
	codeCursorKilled      = 237
	codeTooLarge          = 10334
)

// fail gives an error of the driver its code. A message is safe to show; the
// driver's own, which can name hosts, is the cause.
func fail(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if _, is := errors.AsType[*deja.Error](err); is {
		return err
	}
	switch ended := ctx.Err(); {
	case errors.Is(ended, context.Canceled):
		return deja.Wrap(deja.CodeCancelled, both(ended, err), "The request was cancelled.")
	case ended != nil:
		return deja.Wrap(deja.CodeUnavailable, both(ended, err), "MongoDB did not answer in time.")
	case errors.Is(err, driver.ErrClientDisconnected):
		return deja.Wrap(deja.CodeUnavailable, err, "The store is closed.")
	case driver.IsTimeout(err):
		// The server keeps the context's deadline too, and can be first.
		return deja.Wrap(deja.CodeUnavailable, both(context.DeadlineExceeded, err), "MongoDB did not answer in time.")
	case tooLarge(err):
		return deja.Wrap(deja.CodeTooLarge, err, "This is larger than MongoDB can store.")
	case answered(err):
		return deja.Wrap(deja.CodeInternal, err, "The store failed.")
	}
	return deja.Wrap(deja.CodeUnavailable, err, "MongoDB is not available.")
}

func both(a, b error) error {
	if errors.Is(b, a) {
		return b
	}
	return fmt.Errorf("%w: %w", a, b)
}

// answered reports whether err says that deja did something wrong: the server
// refused a command, or a document could not be encoded or decoded. What says
// that no primary could do its work now is something else: lost connections,
// elections, a majority that does not confirm, missing rights.
func answered(err error) bool {
	if server, is := errors.AsType[driver.ServerError](err); is {
		for _, label := range []string{"NetworkError", "RetryableWriteError", "TransientTransactionError", "NoWritesPerformed"} {
			if server.HasErrorLabel(label) {
				return false
			}
		}
		for _, code := range awayCodes {
			if server.HasErrorCode(code) {
				return false
			}
		}
		if w, is := errors.AsType[driver.WriteException](err); is && w.WriteConcernError != nil {
			return false
		}
		if w, is := errors.AsType[driver.BulkWriteException](err); is && w.WriteConcernError != nil {
			return false
		}
		return true
	}
	if _, is := errors.AsType[driver.MarshalError](err); is {
		return true
	}
	_, is := errors.AsType[*malformed](err)
	return is
}

// awayCodes are the server's words for "not me, not now": no primary,
// stepping down, shutting down, interrupted, a majority that did not confirm,
// and credentials or rights that are missing.
var awayCodes = []int{
	6, 7, 89, 9001, // host unreachable, not found, network timeout, socket
	11600, 11602, 91, 189, 10107, 13435, 13436, 10058, 134, // interrupted, stepping down, not primary, no majority read
	64, 79, 100, // write concern not met
	262,    // exceeded time limit
	13, 18, // unauthorized, authentication failed
}

func tooLarge(err error) bool {
	if errors.Is(err, xdriver.ErrDocumentTooLarge) {
		return true
	}
	return hasCode(err, codeTooLarge)
}

func hasCode(err error, code int) bool {
	server, is := errors.AsType[driver.ServerError](err)
	return is && server.HasErrorCode(code)
}

// malformed says that a stored document is not what this store writes.
type malformed struct{ err error }

func (m *malformed) Error() string { return "malformed document: " + m.err.Error() }
func (m *malformed) Unwrap() error { return m.err }

func noAssistant(id string) error {
	return deja.Errorf(deja.CodeNotFound, "No assistant found with id '%.64s'.", id)
}

func noSource(id string) error {
	return deja.Errorf(deja.CodeNotFound, "No data source found with id '%.64s'.", id)
}

func noTable(id string) error {
	return deja.Errorf(deja.CodeNotFound, "No table found with id '%.64s'.", id)
}

func noThread(id string) error {
	return deja.Errorf(deja.CodeNotFound, "No thread found with id '%.64s'.", id)
}

func noMessage(id string) error {
	return deja.Errorf(deja.CodeNotFound, "No message found with id '%.64s'.", id)
}

func noRun(id string) error {
	return deja.Errorf(deja.CodeNotFound, "No run found with id '%.64s'.", id)
}

// exists and changed make the two conflicts: what is a name such as "assistant".
func exists(what, id string) error {
	return deja.Errorf(deja.CodeConflict, "The %s '%.64s' exists already.", what, id)
}

func changed(what, id string) error {
	return deja.Errorf(deja.CodeConflict, "The %s '%.64s' changed since it was read.", what, id)
}
