package sqlite

import (
	"context"
	"slices"

	"github.com/dejahq/deja"
)

// AttachSource lists a source, and raises the versions of its assistant.
func (s *Store) AttachSource(ctx context.Context, src *deja.DataSource) (*deja.Assistant, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.leave()
	s.attaching.Lock()
	defer s.attaching.Unlock()
	for _, table := range src.Tables {
		if there, err := s.imported(deja.Writing(ctx), table.ID); err != nil {
			return nil, failure(err)
		} else if !there {
			return nil, notFound("table", table.ID)
		}
	}
	var a *deja.Assistant
	err := s.docs.writer.transact(ctx, func(t *tx) (err error) {
		if a, err = foundAssistant(t.row(assistantByID, src.AssistantID), src.AssistantID); err != nil {
			return err
		}
		if slices.ContainsFunc(a.Sources, func(r deja.SourceRef) bool { return r.Name == src.Name }) {
			return deja.Errorf(deja.CodeConflict, "The assistant '%s' has a data source with the name '%s' already.", a.ID, src.Name).WithParam("name")
		}
		if err := t.insertSource(src); err != nil {
			return err
		}
		ref := src.Ref()
		ref.CreatedAt = kept(ref.CreatedAt)
		return t.setSources(a, append(a.Sources, ref))
	})
	if err != nil {
		return nil, failure(err)
	}
	return a, nil
}

func (t *tx) insertSource(src *deja.DataSource) error {
	_, err := t.exec("INSERT INTO data_sources (id, assistant_id, name, filename, format, bytes, created_at, tables) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
		src.ID, src.AssistantID, src.Name, src.Filename, src.Format, src.Bytes, timeColumn{&src.CreatedAt}, jsonColumn{append([]deja.Table{}, src.Tables...)}) // no tables are [], not null
	if taken(err) {
		return exists("a data source", src.ID)
	}
	if err != nil {
		return err
	}
	for _, table := range src.Tables {
		_, err := t.exec("INSERT INTO source_tables (table_id, source_id) VALUES (?, ?)", table.ID, src.ID)
		if taken(err) {
			return deja.Errorf(deja.CodeConflict, "The table '%s' belongs to another data source already.", table.ID)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// setSources lists the sources of an assistant anew, as a change of its data.
func (t *tx) setSources(a *deja.Assistant, refs []deja.SourceRef) error {
	a.Sources = refs
	a.Version++
	a.DataVersion++
	_, err := t.exec("UPDATE assistants SET version = ?, data_version = ?, sources = ? WHERE id = ?", a.Version, a.DataVersion, jsonColumn{a.Sources}, a.ID)
	if err != nil {
		return err
	}
	a.Dirty = true
	return t.mark(a.ID)
}

// DetachSource removes a source, and then its rows.
func (s *Store) DetachSource(ctx context.Context, assistantID, sourceID string) (*deja.Assistant, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.leave()
	var a *deja.Assistant
	var tables []string
	err := s.docs.writer.transact(ctx, func(t *tx) (err error) {
		if a, err = foundAssistant(t.row(assistantByID, assistantID), assistantID); err != nil {
			return err
		}
		if tables, err = t.tablesOf("data_sources.id = ?", sourceID); err != nil {
			return err
		}
		n, err := t.exec("DELETE FROM data_sources WHERE id = ? AND assistant_id = ?", sourceID, assistantID)
		if err != nil {
			return err
		}
		if n == 0 {
			return notFound("data source", sourceID)
		}
		return t.setSources(a, slices.DeleteFunc(a.Sources, func(r deja.SourceRef) bool { return r.ID == sourceID }))
	})
	if err != nil {
		return nil, failure(err)
	}
	s.dropDetached(ctx, tables)
	return a, nil
}

// tablesOf gives the tables of some sources.
func (t *tx) tablesOf(which string, arg any) ([]string, error) {
	var ids []string
	err := t.each(func(r scanner) error {
		var id string
		err := r.Scan(&id)
		ids = append(ids, id)
		return err
	}, "SELECT table_id FROM source_tables JOIN data_sources ON data_sources.id = source_id WHERE "+which, arg)
	return ids, err
}

// Sources gives the sources of an assistant. One query, so that the version
// and the sources are of the same moment.
func (s *Store) Sources(ctx context.Context, assistantID string) ([]deja.DataSource, int64, error) {
	if err := s.enter(ctx); err != nil {
		return nil, 0, err
	}
	defer s.leave()
	var sources []deja.DataSource
	var version int64
	err := s.docs.each(ctx, func(r scanner) error {
		src := deja.DataSource{AssistantID: assistantID}
		err := r.Scan(&version, &src.ID, &src.Name, &src.Filename, &src.Format, &src.Bytes, timeColumn{&src.CreatedAt}, jsonColumn{&src.Tables})
		if err == nil && src.ID != "" {
			sources = append(sources, src)
		}
		return err
	}, `SELECT data_version, coalesce(d.id, ''), coalesce(d.name, ''), coalesce(filename, ''), coalesce(format, ''), coalesce(bytes, 0),
			coalesce(d.created_at, 0), tables
		FROM assistants a LEFT JOIN data_sources d ON d.assistant_id = a.id WHERE a.id = ? ORDER BY d.n`, assistantID)
	if err != nil {
		return nil, 0, failure(err)
	}
	if version == 0 {
		return nil, 0, notFound("assistant", assistantID)
	}
	return sources, version, nil
}
