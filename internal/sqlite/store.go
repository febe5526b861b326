// Package sqlite is the embedded store: deja.Store in a folder, on SQLite
// (pure Go), for one process at a time.
//
// The folder holds two databases. deja.db has assistants, data sources,
// threads, messages and runs; rows.db has the rows of data sources, a SQL
// table for each of their tables. They are apart so that the import of a large
// file and the queries of models neither hold up nor slow down the small reads
// and writes of a conversation, and so that creating and dropping row tables
// does not void the prepared statements of the other half. No transaction
// needs both: rows are written before the source that shows them, and dropped
// after it, so what a crash leaves between the two is rows that no source
// shows. Open removes them.
//
// Durability: both databases are in WAL mode with synchronous=FULL: a write
// that was acknowledged survives the kill of the process and a power cut (as
// far as the disk keeps what it was told to flush). That costs one flush for
// each write; NORMAL would save it and lose the last writes in a power cut,
// messages that had been paid for among them.
package sqlite

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"sync"

	"github.com/dejahq/deja"
)

// Options say where the store is.
type Options struct {
	// Dir is the folder of the store. It is made, for its owner only, when it
	// is not there. Required.
	Dir string

	// Logger is told what Open repaired and what could not be removed.
	// Default: nothing is logged.
	Logger *slog.Logger
}

// Store is a deja.Store on SQLite.
type Store struct {
	log  *slog.Logger
	lock *dirLock
	docs *database // deja.db
	rows *database // rows.db

	// attaching keeps DropRows from dropping rows between AttachSource's look
	// at them and its commit.
	attaching sync.Mutex

	mu      sync.Mutex
	closed  bool
	calls   sync.WaitGroup // calls under way
	closing sync.Once
	ended   error // what Close gives
}

var _ deja.Store = (*Store)(nil)

// Open opens the store in a folder, creates or upgrades its databases, and
// removes rows that an unfinished import left behind. It fails when another
// process (or another Store) has the folder, and when a newer version of deja
// wrote it.
func Open(ctx context.Context, o Options) (*Store, error) {
	if o.Dir == "" {
		return nil, deja.Errorf(deja.CodeInvalid, "The store needs a folder.")
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	dir, err := filepath.Abs(o.Dir)
	if err == nil {
		err = os.MkdirAll(dir, 0o700)
	}
	if err != nil {
		return nil, deja.Wrap(deja.CodeUnavailable, err, fmt.Sprintf("The store's folder %s cannot be made.", o.Dir))
	}
	lock, err := lockDir(dir)
	if err != nil {
		return nil, err
	}
	s := &Store{log: o.Logger, lock: lock}
	if err := s.open(ctx, dir); err != nil {
		return nil, errors.Join(err, s.release())
	}
	return s, nil
}

func (s *Store) open(ctx context.Context, dir string) error {
	cpus := runtime.GOMAXPROCS(0)
	var err error
	if s.docs, err = openDatabase(ctx, filepath.Join(dir, "deja.db"), docMigrations, max(4, 2*cpus)); err != nil {
		return err
	}
	// Queries of tables are work for a CPU: more at once would only make all
	// of them slower.
	if s.rows, err = openDatabase(ctx, filepath.Join(dir, "rows.db"), rowMigrations, max(2, cpus)); err != nil {
		return err
	}
	return s.dropOrphans(ctx)
}

// release closes what is open.
func (s *Store) release() error {
	var errs []error
	for _, d := range []*database{s.docs, s.rows} {
		if d != nil {
			errs = append(errs, d.close())
		}
	}
	return failure(errors.Join(append(errs, s.lock.release())...))
}

// Close waits for calls under way, refuses new ones, and frees the folder. It
// is idempotent.
func (s *Store) Close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.calls.Wait()
	s.closing.Do(func() { s.ended = s.release() })
	return s.ended
}

// enter begins a call; leave ends it.
func (s *Store) enter(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return deja.Errorf(deja.CodeUnavailable, "The store is closed.")
	}
	if err := ctx.Err(); err != nil {
		return failure(err)
	}
	s.calls.Add(1)
	return nil
}

func (s *Store) leave() { s.calls.Done() }

// Ping reports whether both databases answer.
func (s *Store) Ping(ctx context.Context) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.leave()
	for _, d := range []*database{s.docs, s.rows} {
		var n int
		if err := d.row(ctx, "SELECT count(*) FROM sqlite_schema WHERE name = ''").Scan(&n); err != nil {
			return failure(err)
		}
	}
	return nil
}

// Name is "sqlite".
func (s *Store) Name() string { return "sqlite" }
