package sqlite

import (
	"context"

	"github.com/dejahq/deja"
)

// mark notes, in the transaction that changes an assistant, that the caches
// have to hear of it. Each mark is a new row, so the latest change is last.
func (t *tx) mark(assistantID string) error {
	_, err := t.exec(`INSERT OR REPLACE INTO marks (assistant_id, version, data_version)
		SELECT ?1, coalesce(max(version), 0), coalesce(max(data_version), 0) FROM assistants WHERE id = ?1`, assistantID)
	return err
}

// Marks gives changes that nobody has confirmed.
func (s *Store) Marks(ctx context.Context, limit int) ([]deja.Mark, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.leave()
	var marks []deja.Mark
	err := s.docs.each(ctx, func(r scanner) error {
		var m deja.Mark
		err := r.Scan(&m.AssistantID, &m.Version, &m.DataVersion)
		marks = append(marks, m)
		return err
	}, "SELECT assistant_id, version, data_version FROM marks ORDER BY n LIMIT ?", limit)
	return marks, failure(err)
}

// ClearMark confirms a change.
func (s *Store) ClearMark(ctx context.Context, m deja.Mark) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.leave()
	return failure(s.docs.writer.transact(ctx, func(t *tx) error {
		_, err := t.exec("DELETE FROM marks WHERE assistant_id = ? AND version = ?", m.AssistantID, m.Version)
		return err
	}))
}
