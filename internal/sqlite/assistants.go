package sqlite

import (
	"context"
	"database/sql"
	"errors"

	"github.com/dejahq/deja"
)

const assistantColumns = `id, created_at, version, data_version, name, description, instructions, model, tools, tool_resources,
	metadata, temperature, top_p, response_format, reasoning_effort, sharing, caching, fallbacks, sources`

const assistantRead = assistantColumns + ", EXISTS (SELECT 1 FROM marks WHERE marks.assistant_id = assistants.id)"

func scanAssistant(r scanner) (*deja.Assistant, error) {
	a := &deja.Assistant{}
	return a, r.Scan(&a.ID, timeColumn{&a.CreatedAt}, &a.Version, &a.DataVersion, &a.Name, &a.Description, &a.Instructions, &a.Model,
		jsonColumn{&a.Tools}, rawColumn{&a.ToolResources}, jsonColumn{&a.Metadata}, &a.Temperature, &a.TopP,
		rawColumn{&a.ResponseFormat}, &a.ReasoningEffort, &a.Sharing, jsonColumn{&a.Caching}, jsonColumn{&a.Fallbacks}, jsonColumn{&a.Sources}, &a.Dirty)
}

// CreateAssistant stores a new assistant, without sources.
func (s *Store) CreateAssistant(ctx context.Context, a *deja.Assistant) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.leave()
	err := s.docs.writer.transact(ctx, func(t *tx) error {
		_, err := t.exec("INSERT INTO assistants ("+assistantColumns+") VALUES (?, ?, 1, 1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL)",
			a.ID, timeColumn{&a.CreatedAt}, a.Name, a.Description, a.Instructions, a.Model,
			jsonColumn{a.Tools}, rawColumn{&a.ToolResources}, jsonColumn{a.Metadata}, a.Temperature, a.TopP,
			rawColumn{&a.ResponseFormat}, a.ReasoningEffort, a.Sharing, jsonColumn{a.Caching}, jsonColumn{a.Fallbacks})
		if taken(err) {
			return exists("an assistant", a.ID)
		}
		return err
	})
	if err != nil {
		return failure(err)
	}
	a.Version, a.DataVersion, a.Dirty = 1, 1, false
	return nil
}

const assistantByID = "SELECT " + assistantRead + " FROM assistants WHERE id = ?"

// Assistant reads an assistant.
func (s *Store) Assistant(ctx context.Context, id string) (*deja.Assistant, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.leave()
	return foundAssistant(s.docs.row(ctx, assistantByID, id), id)
}

func foundAssistant(r scanner, id string) (*deja.Assistant, error) {
	a, err := scanAssistant(r)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, notFound("assistant", id)
	}
	if err != nil {
		return nil, failure(err)
	}
	return a, nil
}

// Assistants lists assistants.
func (s *Store) Assistants(ctx context.Context, p deja.Page) (deja.Listing[deja.Assistant], error) {
	if err := s.enter(ctx); err != nil {
		return deja.Listing[deja.Assistant]{}, err
	}
	defer s.leave()
	l, err := readPage(ctx, s.docs, listing{table: "assistants", columns: assistantRead, key: "created_at, n", where: "true"}, p, scanAssistant)
	return l, failure(err)
}

// UpdateAssistant replaces an assistant of a version.
func (s *Store) UpdateAssistant(ctx context.Context, a *deja.Assistant) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.leave()
	err := s.docs.writer.transact(ctx, func(t *tx) error {
		n, err := t.exec(`UPDATE assistants SET version = version + 1, name = ?, description = ?, instructions = ?, model = ?, tools = ?,
			tool_resources = ?, metadata = ?, temperature = ?, top_p = ?, response_format = ?, reasoning_effort = ?, sharing = ?, caching = ?, fallbacks = ?
			WHERE id = ? AND version = ?`,
			a.Name, a.Description, a.Instructions, a.Model, jsonColumn{a.Tools}, rawColumn{&a.ToolResources}, jsonColumn{a.Metadata},
			a.Temperature, a.TopP, rawColumn{&a.ResponseFormat}, a.ReasoningEffort, a.Sharing, jsonColumn{a.Caching}, jsonColumn{a.Fallbacks}, a.ID, a.Version)
		if err == nil && n == 1 {
			return t.mark(a.ID)
		}
		if err != nil {
			return err
		}
		return t.whyNot("assistant", a.ID, "SELECT count(*) FROM assistants WHERE id = ?", a.ID)
	})
	if err != nil {
		return failure(err)
	}
	a.Version++
	a.Dirty = true
	return nil
}

// whyNot says why an update of one version of a thing changed nothing: count
// counts the things, whatever their version.
func (t *tx) whyNot(what, id, count string, args ...any) error {
	var n int
	if err := t.row(count, args...).Scan(&n); err != nil {
		return err
	}
	if n == 0 {
		return notFound(what, id)
	}
	return changed(what, id)
}

// DeleteAssistant deletes an assistant, its sources with it, and then the rows
// of these.
func (s *Store) DeleteAssistant(ctx context.Context, id string) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.leave()
	var tables []string
	err := s.docs.writer.transact(ctx, func(t *tx) (err error) {
		if tables, err = t.tablesOf("data_sources.assistant_id = ?", id); err != nil {
			return err
		}
		n, err := t.exec("DELETE FROM assistants WHERE id = ?", id)
		if err == nil && n == 0 {
			err = notFound("assistant", id)
		}
		if err == nil {
			err = t.mark(id)
		}
		return err
	})
	if err != nil {
		return failure(err)
	}
	s.dropDetached(ctx, tables)
	return nil
}
