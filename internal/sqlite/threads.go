package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"slices"

	"github.com/dejahq/deja"
)

const threadColumns = "id, created_at, version, metadata, tool_resources, seq, active_run, active_until"

func scanThread(r scanner) (*deja.Thread, error) {
	th := &deja.Thread{}
	return th, r.Scan(&th.ID, timeColumn{&th.CreatedAt}, &th.Version, jsonColumn{&th.Metadata}, rawColumn{&th.ToolResources},
		&th.Seq, &th.ActiveRun, timeColumn{&th.ActiveUntil})
}

const threadByID = "SELECT " + threadColumns + " FROM threads WHERE id = ?"

func foundThread(r scanner, id string) (*deja.Thread, error) {
	th, err := scanThread(r)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, notFound("thread", id)
	}
	if err != nil {
		return nil, failure(err)
	}
	return th, nil
}

// CreateThread stores a new thread, empty and free.
func (s *Store) CreateThread(ctx context.Context, th *deja.Thread) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.leave()
	err := s.docs.writer.transact(ctx, func(t *tx) error {
		free := deja.Thread{}.ActiveUntil
		_, err := t.exec("INSERT INTO threads ("+threadColumns+") VALUES (?, ?, 1, ?, ?, 0, '', ?)",
			th.ID, timeColumn{&th.CreatedAt}, jsonColumn{th.Metadata}, rawColumn{&th.ToolResources}, timeColumn{&free})
		if taken(err) {
			return exists("a thread", th.ID)
		}
		return err
	})
	if err != nil {
		return failure(err)
	}
	th.Version = 1
	return nil
}

// Thread reads a thread.
func (s *Store) Thread(ctx context.Context, id string) (*deja.Thread, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.leave()
	return foundThread(s.docs.row(ctx, threadByID, id), id)
}

const countThreads = "SELECT count(*) FROM threads WHERE id = ?"

// checkThread says whether an empty listing is one because there is no thread.
func (s *Store) checkThread(ctx context.Context, id string) error {
	var n int
	if err := s.docs.row(ctx, countThreads, id).Scan(&n); err != nil {
		return failure(err)
	}
	if n == 0 {
		return notFound("thread", id)
	}
	return nil
}

// UpdateThread replaces what callers keep in a thread of a version.
func (s *Store) UpdateThread(ctx context.Context, th *deja.Thread) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.leave()
	err := s.docs.writer.transact(ctx, func(t *tx) error {
		n, err := t.exec("UPDATE threads SET version = version + 1, metadata = ?, tool_resources = ? WHERE id = ? AND version = ?",
			jsonColumn{th.Metadata}, rawColumn{&th.ToolResources}, th.ID, th.Version)
		if err != nil || n == 1 {
			return err
		}
		return t.whyNot("thread", th.ID, countThreads, th.ID)
	})
	if err != nil {
		return failure(err)
	}
	th.Version++
	return nil
}

// DeleteThread deletes a thread, its messages and runs with it.
func (s *Store) DeleteThread(ctx context.Context, id string) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.leave()
	return failure(s.docs.writer.transact(ctx, func(t *tx) error {
		n, err := t.exec("DELETE FROM threads WHERE id = ?", id)
		if err == nil && n == 0 {
			err = notFound("thread", id)
		}
		return err
	}))
}

// ThreadContext reads the end of a thread. One query, so that the messages and
// the thread's Seq are of the same moment.
func (s *Store) ThreadContext(ctx context.Context, threadID string, limit int) (*deja.ThreadContext, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.leave()
	limit = max(limit, 0)
	tc := &deja.ThreadContext{ThreadID: threadID, Seq: -1}
	err := s.docs.each(ctx, func(r scanner) error {
		// Without messages there is one row, which has only the thread's half.
		m := deja.Message{ThreadID: threadID}
		var id, role, assistant, run sql.NullString
		var seq, created, version sql.NullInt64
		err := r.Scan(&tc.Seq, &seq, &id, &created, &version, &role, jsonColumn{&m.Content}, &assistant, &run,
			rawColumn{&m.Attachments}, jsonColumn{&m.Metadata})
		if err != nil || !id.Valid {
			return err
		}
		m.ID, m.Seq, m.CreatedAt, m.Version = id.String, seq.Int64, fromMillis(created.Int64), version.Int64
		m.Role, m.AssistantID, m.RunID = deja.Role(role.String), assistant.String, run.String
		tc.Messages = append(tc.Messages, m)
		return nil
	}, `SELECT t.seq, m.seq, m.id, m.created_at, m.version, m.role, m.content, m.assistant_id, m.run_id, m.attachments, m.metadata
		FROM threads t LEFT JOIN messages m ON m.thread_id = t.id WHERE t.id = ? ORDER BY m.seq DESC LIMIT ?`, threadID, limit+1)
	if err != nil {
		return nil, failure(err)
	}
	if tc.Seq < 0 {
		return nil, notFound("thread", threadID)
	}
	if tc.Truncated = len(tc.Messages) > limit; tc.Truncated {
		tc.Messages = tc.Messages[:limit]
	}
	slices.Reverse(tc.Messages)
	return tc, nil
}
