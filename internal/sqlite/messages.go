package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/dejahq/deja"
)

const messageColumns = "thread_id, seq, id, created_at, version, role, content, assistant_id, run_id, attachments, metadata"

func scanMessage(r scanner) (*deja.Message, error) {
	m := &deja.Message{}
	return m, r.Scan(&m.ThreadID, &m.Seq, &m.ID, timeColumn{&m.CreatedAt}, &m.Version, &m.Role, jsonColumn{&m.Content},
		&m.AssistantID, &m.RunID, rawColumn{&m.Attachments}, jsonColumn{&m.Metadata})
}

// AppendMessages appends messages, all of them or none.
func (s *Store) AppendMessages(ctx context.Context, threadID string, ms ...*deja.Message) (int64, error) {
	return s.append(ctx, threadID, func(*deja.Thread) error { return nil }, ms)
}

// AddMessage appends a message unless its thread is busy.
func (s *Store) AddMessage(ctx context.Context, m *deja.Message, now time.Time) (int64, error) {
	return s.append(ctx, m.ThreadID, func(t *deja.Thread) error { return t.Busy(now) }, []*deja.Message{m})
}

// append appends messages; may is asked once there is a new one among them.
func (s *Store) append(ctx context.Context, threadID string, may func(*deja.Thread) error, ms []*deja.Message) (int64, error) {
	if err := s.enter(ctx); err != nil {
		return 0, err
	}
	defer s.leave()
	type place struct{ seq, version int64 }
	places := make([]place, len(ms)) // given to the messages only once they are stored
	var seq int64
	err := s.docs.writer.transact(ctx, func(t *tx) error {
		th := &deja.Thread{ID: threadID}
		err := t.row("SELECT seq, active_run, active_until FROM threads WHERE id = ?", threadID).
			Scan(&seq, &th.ActiveRun, timeColumn{&th.ActiveUntil})
		if errors.Is(err, sql.ErrNoRows) {
			return notFound("thread", threadID)
		}
		if err != nil {
			return err
		}
		before := seq
		for i, m := range ms {
			p := &places[i]
			err := t.row("SELECT seq, version FROM messages WHERE thread_id = ? AND id = ?", threadID, m.ID).Scan(&p.seq, &p.version)
			if err == nil {
				continue // a retry
			}
			if !errors.Is(err, sql.ErrNoRows) {
				return err
			}
			if err := may(th); err != nil {
				return err
			}
			seq++
			*p = place{seq, 1}
			_, err = t.exec("INSERT INTO messages ("+messageColumns+") VALUES (?, ?, ?, ?, 1, ?, ?, ?, ?, ?, ?)",
				threadID, seq, m.ID, timeColumn{&m.CreatedAt}, m.Role, jsonColumn{m.Content}, m.AssistantID, m.RunID,
				rawColumn{&m.Attachments}, jsonColumn{m.Metadata})
			if err != nil {
				return err
			}
		}
		if seq == before {
			return nil
		}
		_, err = t.exec("UPDATE threads SET seq = ? WHERE id = ?", seq, threadID)
		return err
	})
	if err != nil {
		return 0, failure(err)
	}
	for i, m := range ms {
		m.ThreadID, m.Seq, m.Version = threadID, places[i].seq, places[i].version
	}
	return seq, nil
}

// Message reads a message.
func (s *Store) Message(ctx context.Context, threadID, id string) (*deja.Message, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.leave()
	m, err := scanMessage(s.docs.row(ctx, "SELECT "+messageColumns+" FROM messages WHERE thread_id = ? AND id = ?", threadID, id))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, notFound("message", id)
	}
	if err != nil {
		return nil, failure(err)
	}
	return m, nil
}

// Messages lists the messages of a thread.
func (s *Store) Messages(ctx context.Context, threadID, runID string, p deja.Page) (deja.Listing[deja.Message], error) {
	if err := s.enter(ctx); err != nil {
		return deja.Listing[deja.Message]{}, err
	}
	defer s.leave()
	l := listing{table: "messages", columns: messageColumns, key: "seq", where: "thread_id = ?", args: []any{threadID}}
	if runID != "" {
		l.where += " AND run_id = ? AND run_id <> ''" // the second so that messages_by_run is used
		l.args = append(l.args, runID)
	}
	return readThreadPage(ctx, s, threadID, l, p, scanMessage)
}

// readThreadPage reads a page of what is in a thread.
func readThreadPage[T any](ctx context.Context, s *Store, threadID string, l listing, p deja.Page, scan func(scanner) (*T, error)) (deja.Listing[T], error) {
	out, err := readPage(ctx, s.docs, l, p, scan)
	if len(out.Data) == 0 && (err == nil || deja.ErrorCode(err) == deja.CodeInvalid) {
		if missing := s.checkThread(ctx, threadID); missing != nil {
			err = missing
		}
	}
	return out, failure(err)
}

// UpdateMessage replaces the metadata of a message of a version.
func (s *Store) UpdateMessage(ctx context.Context, m *deja.Message) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.leave()
	err := s.docs.writer.transact(ctx, func(t *tx) error {
		n, err := t.exec("UPDATE messages SET version = version + 1, metadata = ? WHERE thread_id = ? AND id = ? AND version = ?",
			jsonColumn{m.Metadata}, m.ThreadID, m.ID, m.Version)
		if err != nil || n == 1 {
			return err
		}
		return t.whyNot("message", m.ID, "SELECT count(*) FROM messages WHERE thread_id = ? AND id = ?", m.ThreadID, m.ID)
	})
	if err != nil {
		return failure(err)
	}
	m.Version++
	return nil
}

// DeleteMessage deletes a message. Its Seq is not given out again.
func (s *Store) DeleteMessage(ctx context.Context, threadID, id string) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.leave()
	return failure(s.docs.writer.transact(ctx, func(t *tx) error {
		n, err := t.exec("DELETE FROM messages WHERE thread_id = ? AND id = ?", threadID, id)
		if err == nil && n == 0 {
			err = notFound("message", id)
		}
		return err
	}))
}
