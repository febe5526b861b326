package sqlite

import (
	"context"
	"fmt"

	"github.com/dejahq/deja"
)

// docMigrations lead deja.db from one schema to the next: the first makes it.
// A step that was released is never changed; a new one is added behind it.
var docMigrations = []string{`
CREATE TABLE assistants (
	n                INTEGER PRIMARY KEY, -- orders those of one millisecond
	id               TEXT    NOT NULL UNIQUE,
	created_at       INTEGER NOT NULL,    -- times are milliseconds since 1970
	version          INTEGER NOT NULL,
	data_version     INTEGER NOT NULL,
	name             TEXT    NOT NULL,
	description      TEXT    NOT NULL,
	instructions     TEXT    NOT NULL,
	model            TEXT    NOT NULL,
	tools            TEXT,                -- JSON, as all that may be null
	tool_resources   TEXT,
	metadata         TEXT,
	temperature      REAL,
	top_p            REAL,
	response_format  TEXT,
	reasoning_effort TEXT    NOT NULL,
	sharing          TEXT    NOT NULL,
	caching          TEXT    NOT NULL,    -- JSON
	sources          TEXT                 -- the short form of data_sources, changed with it
) STRICT;
CREATE INDEX assistants_by_creation ON assistants (created_at);

CREATE TABLE data_sources (
	n            INTEGER PRIMARY KEY,     -- order of attachment
	id           TEXT    NOT NULL UNIQUE,
	assistant_id TEXT    NOT NULL REFERENCES assistants (id) ON DELETE CASCADE,
	name         TEXT    NOT NULL,
	filename     TEXT    NOT NULL,
	format       TEXT    NOT NULL,
	bytes        INTEGER NOT NULL,
	created_at   INTEGER NOT NULL,
	tables       TEXT    NOT NULL,        -- JSON
	UNIQUE (assistant_id, name)
) STRICT;

CREATE TABLE source_tables (              -- whose rows are in rows.db
	table_id  TEXT NOT NULL PRIMARY KEY,
	source_id TEXT NOT NULL REFERENCES data_sources (id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX source_tables_by_source ON source_tables (source_id);

CREATE TABLE threads (
	id             TEXT    NOT NULL PRIMARY KEY,
	created_at     INTEGER NOT NULL,
	version        INTEGER NOT NULL,
	metadata       TEXT,
	tool_resources TEXT,
	seq            INTEGER NOT NULL,
	active_run     TEXT    NOT NULL,
	active_until   INTEGER NOT NULL
) STRICT;

CREATE TABLE messages (
	thread_id    TEXT    NOT NULL REFERENCES threads (id) ON DELETE CASCADE,
	seq          INTEGER NOT NULL,
	id           TEXT    NOT NULL,
	created_at   INTEGER NOT NULL,
	version      INTEGER NOT NULL,
	role         TEXT    NOT NULL,
	content      TEXT,                    -- JSON
	assistant_id TEXT    NOT NULL,
	run_id       TEXT    NOT NULL,
	attachments  TEXT,
	metadata     TEXT,
	PRIMARY KEY (thread_id, seq),
	UNIQUE (thread_id, id)
) STRICT;
CREATE INDEX messages_by_run ON messages (thread_id, run_id, seq) WHERE run_id <> '';

CREATE TABLE runs (
	n          INTEGER PRIMARY KEY,
	id         TEXT    NOT NULL,
	thread_id  TEXT    NOT NULL REFERENCES threads (id) ON DELETE CASCADE,
	created_at INTEGER NOT NULL,
	version    INTEGER NOT NULL,
	status     TEXT    NOT NULL,
	seen_at    INTEGER NOT NULL,          -- wins over the body's
	body       TEXT    NOT NULL,          -- JSON, the whole run
	UNIQUE (thread_id, id)
) STRICT;
CREATE INDEX runs_by_creation ON runs (thread_id, created_at);
CREATE INDEX runs_unfinished ON runs (seen_at) WHERE status NOT IN ('cancelled', 'failed', 'completed', 'incomplete', 'expired');
`, `
CREATE TABLE day_shares (
	day                 TEXT    NOT NULL,
	node                TEXT    NOT NULL,
	seq                 INTEGER NOT NULL,
	requests            INTEGER NOT NULL,
	hits                INTEGER NOT NULL,
	misses              INTEGER NOT NULL,
	store_queries       INTEGER NOT NULL,
	queries_avoided     INTEGER NOT NULL,
	model_calls         INTEGER NOT NULL,
	model_calls_avoided INTEGER NOT NULL,
	tokens              INTEGER NOT NULL,
	tokens_avoided      INTEGER NOT NULL,
	money_spent         INTEGER NOT NULL, -- billionths
	money_saved         INTEGER NOT NULL,
	PRIMARY KEY (day, node)
) STRICT, WITHOUT ROWID;
`, `
CREATE TABLE marks (                      -- changes that nobody has confirmed, see deja.Store
	n            INTEGER PRIMARY KEY,
	assistant_id TEXT    NOT NULL UNIQUE, -- of one that may be deleted by now
	version      INTEGER NOT NULL,        -- 0: it is
	data_version INTEGER NOT NULL
) STRICT;
`, `
ALTER TABLE assistants ADD COLUMN fallbacks TEXT; -- JSON
`}

// rowMigrations do the same for rows.db, which has only tables that imports
// make.
var rowMigrations = []string{``}

// migrate brings a database to the newest schema, each step in a transaction.
func migrate(ctx context.Context, w *writer, path string, steps []string) error {
	return w.transact(ctx, func(t *tx) error {
		var version int
		if err := t.row("PRAGMA user_version").Scan(&version); err != nil {
			return err
		}
		if version > len(steps) {
			return deja.Errorf(deja.CodeUnsupported,
				"The database %s was written by a newer version of deja (its schema is %d, this version knows up to %d).", path, version, len(steps))
		}
		for _, step := range steps[version:] {
			version++
			if err := t.define(step + fmt.Sprintf(";PRAGMA user_version = %d", version)); err != nil {
				return fmt.Errorf("schema %d: %w", version, err)
			}
		}
		return nil
	})
}
